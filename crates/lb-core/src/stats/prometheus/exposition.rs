//! The text itself: families with their head, samples with their labels, in both formats.
//!
//! OpenMetrics 1.0 differs where it is stricter: a counter's family has no `_total` and its sample always does, a unit is
//! said, the whole ends with `# EOF`.

use std::fmt::Write;

use super::names::Type;

/// How metrics are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, version 0.0.4.
    #[default]
    Text,
    OpenMetrics,
}

/// Which metrics somebody wants (`?metrics=a,b` or `?metrics=-a,-b`, as HAProxy 3.0 reads it).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    only: Vec<String>,
    without: Vec<String>,
}

impl Names {
    /// Adds one value of the parameter, which may name several.
    pub fn add(&mut self, list: &str) {
        for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.strip_prefix('-') {
                Some(name) => self.without.push(name.to_owned()),
                None => self.only.push(name.to_owned()),
            }
        }
    }

    fn wants(&self, name: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|other| other == name);
        !is_in(&self.without) && (self.only.is_empty() || is_in(&self.only))
    }
}

/// A text that grows by families.
pub(super) struct Exposition<'a> {
    out: String,
    format: Format,
    names: &'a Names,
}

/// One family, to which samples are added.
pub(super) struct Family<'t> {
    out: &'t mut String,
    sample: String,
    /// A counter that is not a number must not be written.
    counts_strictly: bool,
    /// How the names of a histogram's sum and count end.
    pub(super) sums: [&'static str; 2],
}

impl<'a> Exposition<'a> {
    pub(super) fn new(format: Format, names: &'a Names) -> Exposition<'a> {
        Exposition {
            out: String::new(),
            format,
            names,
        }
    }

    /// Begins a family; `None` when nobody wants it.
    pub(super) fn family(&mut self, name: &str, about: &str, of: Type) -> Option<Family<'_>> {
        if !self.names.wants(name) {
            return None;
        }
        let (family, sample) = match self.format {
            Format::Text => (name, name.to_owned()),
            Format::OpenMetrics => spelled(name, of),
        };
        // Writing into a string cannot fail.
        let _ = writeln!(self.out, "# HELP {family} {about}");
        let _ = writeln!(self.out, "# TYPE {family} {}", of.word(self.format));
        let unit = ["seconds", "bytes"].into_iter().find(|unit| is_in(family, unit));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            let _ = writeln!(self.out, "# UNIT {family} {unit}");
        }
        Some(Family {
            out: &mut self.out,
            sample,
            counts_strictly: (of, self.format) == (Type::Counter, Format::OpenMetrics),
            sums: match (of, self.format) {
                (Type::GaugeHistogram, Format::OpenMetrics) => ["_gsum", "_gcount"],
                _ => ["_sum", "_count"],
            },
        })
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

impl Family<'_> {
    pub(super) fn line(&mut self, labels: &[(&str, &str)], value: &str) {
        // OpenMetrics has no counter that is not a number.
        if self.counts_strictly && value == "NaN" {
            return;
        }
        line(self.out, &self.sample, labels, value);
    }

    /// A sample whose name ends like this: `_bucket`, and one of the [`sums`](Family::sums).
    pub(super) fn part(&mut self, ending: &str, labels: &[(&str, &str)], value: &str) {
        line(self.out, &format!("{}{ending}", self.sample), labels, value);
    }
}

/// The family and the sample of a metric in OpenMetrics.
fn spelled(name: &str, of: Type) -> (&str, String) {
    match of {
        Type::Counter => {
            let family = name.strip_suffix("_total").unwrap_or(name);
            (family, format!("{family}_total"))
        }
        Type::Info => (name.strip_suffix("_info").unwrap_or(name), name.to_owned()),
        Type::Gauge | Type::Histogram | Type::GaugeHistogram => (name, name.to_owned()),
    }
}

/// Whether the family's name ends with the unit.
fn is_in(family: &str, unit: &str) -> bool {
    family.strip_suffix(unit).is_some_and(|start| start.ends_with('_'))
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: &str) {
    out.push_str(name);
    for (place, (label, text)) in labels.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(out, "{label}=\"{text}\"");
    }
    out.push_str(if labels.is_empty() { " " } else { "} " });
    out.push_str(value);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_are_wanted() {
        let names = |lists: &[&str]| {
            let mut names = Names::default();
            lists.iter().for_each(|list| names.add(list));
            names
        };
        for (lists, a, b) in [
            (&[][..], true, true),
            (&["a"], true, false),
            (&["a, b"], true, true),
            (&["a", "b"], true, true),
            (&["-a"], false, true),
            (&["a,-a"], false, false),
            (&[","], true, true),
        ] {
            let names = names(lists);
            assert_eq!((names.wants("a"), names.wants("b")), (a, b), "{lists:?}");
        }
    }

    #[test]
    fn openmetrics_spells_otherwise() {
        let names = Names::default();
        let written = |format| {
            let mut text = Exposition::new(format, &names);
            for (name, of) in [
                ("down_seconds_total", Type::Counter),
                ("failures", Type::Counter),
                ("build_info", Type::Info),
            ] {
                if let Some(mut family) = text.family(name, "about", of) {
                    family.line(&[("a", "x\"\\\n")], "1");
                }
            }
            text.finish()
        };
        assert_eq!(
            written(Format::OpenMetrics),
            "# HELP down_seconds about\n# TYPE down_seconds counter\n# UNIT down_seconds seconds\n\
             down_seconds_total{a=\"x\\\"\\\\\\n\"} 1\n\
             # HELP failures about\n# TYPE failures counter\nfailures_total{a=\"x\\\"\\\\\\n\"} 1\n\
             # HELP build about\n# TYPE build info\nbuild_info{a=\"x\\\"\\\\\\n\"} 1\n# EOF\n"
        );
        assert_eq!(
            written(Format::Text),
            "# HELP down_seconds_total about\n# TYPE down_seconds_total counter\ndown_seconds_total{a=\"x\\\"\\\\\\n\"} 1\n\
             # HELP failures about\n# TYPE failures counter\nfailures{a=\"x\\\"\\\\\\n\"} 1\n\
             # HELP build_info about\n# TYPE build_info gauge\nbuild_info{a=\"x\\\"\\\\\\n\"} 1\n"
        );
    }
}
