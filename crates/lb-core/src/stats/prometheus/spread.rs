//! The histograms of each server, which HAProxy has not: `tandem_server_*`.

use super::exposition::{Exposition, Family};
use super::names::Type;
use crate::stats::histogram::{Distribution, Measure, Unit};

/// The distributions of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpread {
    pub proxy: String,
    pub server: String,
    /// In the order of [`Measure::ALL`].
    pub of: [Distribution; Measure::ALL.len()],
    /// How long the sessions that are open have lasted so far, as [`Measure::Age`].
    pub open: Distribution,
}

struct Histogram {
    name: &'static str,
    about: &'static str,
    /// What is measured, and the direction that tells two of one family apart.
    parts: &'static [(Measure, Option<&'static str>)],
}

const OPEN: &str = "tandem_server_open_session_age_seconds";

const HISTOGRAMS: [Histogram; 4] = [
    Histogram {
        name: "tandem_server_queue_time_seconds",
        about: "how long sessions waited for a place on the server",
        parts: &[(Measure::QueueTime, None)],
    },
    Histogram {
        name: "tandem_server_connect_time_seconds",
        about: "how long it took to connect to the server",
        parts: &[(Measure::ConnectTime, None)],
    },
    Histogram {
        name: "tandem_server_session_age_seconds",
        about: "how long sessions had lasted when they ended",
        parts: &[(Measure::Age, None)],
    },
    Histogram {
        name: "tandem_server_session_bytes",
        about: "how much sessions had carried when they ended, from the client (in) and to it (out)",
        parts: &[(Measure::BytesIn, Some("in")), (Measure::BytesOut, Some("out"))],
    },
];

pub(super) fn write(out: &mut Exposition<'_>, spreads: &[ServerSpread]) {
    if spreads.is_empty() {
        return;
    }
    if let Some(mut family) = out.family(
        OPEN,
        "how long the sessions that are open now have lasted",
        Type::GaugeHistogram,
    ) {
        for spread in spreads {
            spread.write(&mut family, Measure::Age, None, &spread.open);
        }
    }
    for histogram in &HISTOGRAMS {
        let Some(mut family) = out.family(histogram.name, histogram.about, Type::Histogram) else {
            continue;
        };
        for spread in spreads {
            for (measure, direction) in histogram.parts {
                spread.write(&mut family, *measure, *direction, &spread.of[measure.place()]);
            }
        }
    }
}

impl ServerSpread {
    fn write(&self, family: &mut Family<'_>, measure: Measure, direction: Option<&str>, counted: &Distribution) {
        let mut labels = vec![("proxy", self.proxy.as_str()), ("server", self.server.as_str())];
        labels.extend(direction.map(|word| ("direction", word)));
        let bounds = measure.bounds().iter().map(|bound| amount(*bound, measure));
        let mut so_far = 0;
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counted.counts) {
            so_far += count;
            let with_bound: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            family.part("_bucket", &with_bound, &so_far.to_string());
        }
        let [sum, count] = family.sums;
        family.part(sum, &labels, &amount(counted.sum, measure));
        family.part(count, &labels, &so_far.to_string());
    }
}

/// Seconds or bytes as the shortest decimal number with a point: the label must be the same in every scrape and format.
fn amount(n: u64, of: Measure) -> String {
    let (whole, rest) = match of.unit() {
        Unit::Bytes => (n, 0),
        Unit::Microseconds => (n / 1_000_000, n % 1_000_000),
    };
    let digits = format!("{rest:06}");
    let shortest = digits.trim_end_matches('0');
    format!("{whole}.{}", if shortest.is_empty() { "0" } else { shortest })
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Names};
    use super::*;

    #[test]
    fn amounts_as_labels() {
        for (n, of, text) in [
            (250, Measure::ConnectTime, "0.00025"),
            (1_000_000, Measure::Age, "1.0"),
            (2_500_000, Measure::Age, "2.5"),
            (0, Measure::QueueTime, "0.0"),
            (65_536, Measure::BytesIn, "65536.0"),
        ] {
            assert_eq!(amount(n, of), text);
        }
    }

    #[test]
    fn buckets_add_up() {
        let mut of = [Distribution::default(); Measure::ALL.len()];
        for micros in [100, 300, 300, 99_000_000] {
            of[Measure::ConnectTime.place()].add(Measure::ConnectTime, micros);
        }
        let mut open = Distribution::default();
        open.add(Measure::Age, 2_000_000);
        let spreads = [ServerSpread {
            proxy: "be".to_owned(),
            server: "a".to_owned(),
            of,
            open,
        }];
        let names = Names::default();
        let mut out = Exposition::new(Format::OpenMetrics, &names);
        write(&mut out, &spreads);
        let text = out.finish();
        for line in [
            "# TYPE tandem_server_connect_time_seconds histogram",
            "# UNIT tandem_server_connect_time_seconds seconds",
            "tandem_server_connect_time_seconds_bucket{proxy=\"be\",server=\"a\",le=\"0.00025\"} 1",
            "tandem_server_connect_time_seconds_bucket{proxy=\"be\",server=\"a\",le=\"0.0005\"} 3",
            "tandem_server_connect_time_seconds_bucket{proxy=\"be\",server=\"a\",le=\"10.0\"} 3",
            "tandem_server_connect_time_seconds_bucket{proxy=\"be\",server=\"a\",le=\"+Inf\"} 4",
            "tandem_server_connect_time_seconds_sum{proxy=\"be\",server=\"a\"} 99.0007",
            "tandem_server_connect_time_seconds_count{proxy=\"be\",server=\"a\"} 4",
            "# TYPE tandem_server_open_session_age_seconds gaugehistogram",
            "tandem_server_open_session_age_seconds_bucket{proxy=\"be\",server=\"a\",le=\"1.0\"} 0",
            "tandem_server_open_session_age_seconds_bucket{proxy=\"be\",server=\"a\",le=\"5.0\"} 1",
            "tandem_server_open_session_age_seconds_gsum{proxy=\"be\",server=\"a\"} 2.0",
            "tandem_server_open_session_age_seconds_gcount{proxy=\"be\",server=\"a\"} 1",
            "tandem_server_session_bytes_bucket{proxy=\"be\",server=\"a\",direction=\"out\",le=\"+Inf\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
