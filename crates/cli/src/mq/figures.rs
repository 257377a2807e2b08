//! The summary: how many, how fast, and how long one took.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::proof::Verdict;
use crate::say::say;

/// How long each took, in microseconds, in no order.
#[derive(Debug, Default)]
pub(super) struct Times(Vec<u64>);

impl Times {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn add(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    /// So much of all took no longer, in milliseconds; in thousandths.
    fn at(sorted: &[u64], thousandths: usize) -> f64 {
        let place = (sorted.len() * thousandths).div_ceil(1000).clamp(1, sorted.len()) - 1;
        sorted[place] as f64 / 1000.0
    }

    /// The median, 99 and 99.9 of a hundred, and the longest.
    fn figures(mut self) -> Option<[(&'static str, f64); 4]> {
        self.0.sort_unstable();
        let sorted = &self.0[..];
        let at = |thousandths| Times::at(sorted, thousandths);
        (!sorted.is_empty()).then(|| {
            [
                ("p50", at(500)),
                ("p99", at(990)),
                ("p99.9", at(999)),
                ("max", at(1000)),
            ]
        })
    }
}

/// What came of a run.
pub(super) struct Summary {
    /// Such as `sent`.
    pub(super) what: &'static str,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    /// What the times are of, such as `confirmed after`.
    pub(super) of: &'static str,
    pub(super) times: Times,
    pub(super) verdict: Option<Verdict>,
    /// How many there should have been.
    pub(super) wanted: u64,
}

impl Summary {
    pub(super) fn tell(self, as_json: bool, silent: bool) -> anyhow::Result<ExitCode> {
        let is_good = self.verdict.is_none_or(|verdict| verdict.is_good());
        match (as_json, silent) {
            (true, _) => say(&format!("{}\n", serde_json::to_string_pretty(&self.json())?))?,
            (false, true) => {}
            (false, false) => say(&self.text())?,
        }
        Ok(ExitCode::from(u8::from(!is_good)))
    }

    fn rate(&self, of: u64) -> f64 {
        of as f64 / self.time.as_secs_f64().max(1e-6)
    }

    fn text(self) -> String {
        let (messages, what) = (self.messages, self.what);
        let mebibytes = self.rate(self.bytes) / f64::from(1 << 20);
        let rate = self.rate(messages);
        let seconds = self.time.as_secs_f64();
        let mut text = format!("{messages} messages {what} in {seconds:.2} s: {rate:.0}/s, {mebibytes:.2} MiB/s\n");
        if messages < self.wanted {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{} were wanted", self.wanted);
        }
        if let Some(figures) = self.times.figures() {
            let list: Vec<String> = figures
                .iter()
                .map(|(name, millis)| format!("{name} {millis:.2} ms"))
                .collect();
            let _ = writeln!(text, "{}: {}", self.of, list.join(", "));
        }
        if let Some(verdict) = self.verdict {
            let Verdict {
                missing,
                duplicated,
                redelivered,
                damaged,
                unmarked,
                unproven,
            } = verdict;
            let word = if verdict.is_good() { "all is well" } else { "NOT WELL" };
            let _ = writeln!(
                text,
                "verified: {word}: {missing} missing, {duplicated} twice, {damaged} damaged; {redelivered} again and said so, \
                 {unmarked} from others"
            );
            if unproven > 0 {
                let _ = writeln!(text, "{unproven} have come that there was no room to remember");
            }
        }
        text
    }

    fn json(self) -> Value {
        let verified = self.verdict.map(|verdict| {
            json!({
                "good": verdict.is_good(),
                "missing": verdict.missing,
                "duplicated": verdict.duplicated,
                "redelivered": verdict.redelivered,
                "damaged": verdict.damaged,
                "unmarked": verdict.unmarked,
                "unproven": verdict.unproven,
            })
        });
        let mut all = json!({
            "messages": self.messages,
            "wanted": self.wanted,
            "bytes": self.bytes,
            "seconds": self.time.as_secs_f64(),
            "messages_per_second": self.rate(self.messages),
            "bytes_per_second": self.rate(self.bytes),
            "verified": verified,
        });
        let latency = self.times.figures().map(|figures| figures.into_iter().collect());
        all["latency_ms"] = latency.map_or(Value::Null, |map: std::collections::BTreeMap<_, _>| json!(map));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(count: u64, verdict: Option<Verdict>) -> Summary {
        let mut times = Times::default();
        (1..=count).for_each(|millis| times.push(Duration::from_millis(millis)));
        Summary {
            what: "sent",
            messages: count,
            bytes: count << 20,
            time: Duration::from_secs(10),
            of: "confirmed after",
            times,
            verdict,
            wanted: 1000,
        }
    }

    #[test]
    fn figures_are_of_all_that_was_timed() {
        assert_eq!(
            summary(1000, Some(Verdict::default())).text(),
            "1000 messages sent in 10.00 s: 100/s, 100.00 MiB/s\n\
             confirmed after: p50 500.00 ms, p99 990.00 ms, p99.9 999.00 ms, max 1000.00 ms\n\
             verified: all is well: 0 missing, 0 twice, 0 damaged; 0 again and said so, 0 from others\n"
        );
        assert_eq!(
            summary(0, None).text(),
            "0 messages sent in 10.00 s: 0/s, 0.00 MiB/s\n1000 were wanted\n"
        );
        let json = summary(3, None).json();
        assert_eq!(
            (&json["latency_ms"]["p50"], &json["messages"]),
            (&json!(2.0), &json!(3))
        );
        assert_eq!(
            (&summary(0, None).json()["latency_ms"], &json["verified"]),
            (&Value::Null, &Value::Null)
        );
    }
}
