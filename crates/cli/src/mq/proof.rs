//! The proof that what was sent came: each message has its producer's run, a number, and a checksum of its body.

use std::collections::BTreeMap;

use tandem_mq_wire::stomp::Frame;

const RUN: &str = "tandem-run";
const NUMBER: &str = "tandem-number";
const OF: &str = "tandem-of";
const CHECKSUM: &str = "tandem-checksum";

/// FNV-1a of 64 bits: enough to see what became of a body by mistake.
fn checksum(body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// With what [`Proof`] looks for.
pub(super) fn marked(frame: Frame, run: &str, number: u64, of: u64) -> Frame {
    let sum = checksum(&frame.body);
    frame
        .with(RUN, run)
        .with(NUMBER, number.to_string())
        .with(OF, of.to_string())
        .with(CHECKSUM, sum)
}

/// What has come of each run.
#[derive(Debug, Default)]
pub(super) struct Proof {
    runs: BTreeMap<String, Run>,
    damaged: u64,
    unmarked: u64,
}

#[derive(Debug, Default)]
struct Run {
    of: u64,
    seen: Vec<bool>,
    again: u64,
    redelivered: u64,
}

/// What a proof has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) missing: u64,
    pub(super) duplicated: u64,
    /// Came twice, and the second time said so.
    pub(super) redelivered: u64,
    pub(super) damaged: u64,
    /// Without a number: from another program.
    pub(super) unmarked: u64,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.missing == 0 && self.duplicated == 0 && self.damaged == 0
    }
}

/// Nobody sends more with one producer, and a number from the wire takes no more memory than this.
const MOST: u64 = 1 << 28;

impl Proof {
    pub(super) fn take(&mut self, frame: &Frame) {
        let number = |name| frame.header(name)?.parse::<u64>().ok();
        let (Some(run), Some(at), Some(of)) = (frame.header(RUN), number(NUMBER), number(OF)) else {
            self.unmarked += 1;
            return;
        };
        if frame.header(CHECKSUM) != Some(&checksum(&frame.body)) || at >= of || of > MOST {
            self.damaged += 1;
            return;
        }
        let known = self.runs.entry(run.to_owned()).or_default();
        known.of = known.of.max(of);
        let at = at as usize;
        if known.seen.len() <= at {
            known.seen.resize(at + 1, false);
        }
        match (
            std::mem::replace(&mut known.seen[at], true),
            frame.header("redelivered"),
        ) {
            (false, _) => {}
            (true, Some("true")) => known.redelivered += 1,
            (true, _) => known.again += 1,
        }
    }

    /// What one thread has seen, and what another.
    pub(super) fn add(&mut self, other: Proof) {
        self.damaged += other.damaged;
        self.unmarked += other.unmarked;
        for (name, run) in other.runs {
            let known = self.runs.entry(name).or_default();
            known.of = known.of.max(run.of);
            known.again += run.again;
            known.redelivered += run.redelivered;
            let longest = known.seen.len().max(run.seen.len());
            known.seen.resize(longest, false);
            for (own, theirs) in known.seen.iter_mut().zip(run.seen) {
                known.again += u64::from(*own && theirs);
                *own |= theirs;
            }
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let mut verdict = Verdict {
            damaged: self.damaged,
            unmarked: self.unmarked,
            ..Verdict::default()
        };
        for run in self.runs.values() {
            let seen = run.seen.iter().filter(|seen| **seen).count() as u64;
            verdict.missing += run.of - seen;
            verdict.duplicated += run.again;
            verdict.redelivered += run.redelivered;
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use tandem_mq_wire::stomp::Command;

    use super::*;

    fn frame(run: &str, number: u64) -> Frame {
        marked(Frame::new(Command::Message).body(format!("{number}")), run, number, 4)
    }

    #[test]
    fn what_is_missing_damaged_or_there_twice_is_found() {
        let (mut one, mut other) = (Proof::default(), Proof::default());
        for number in [0, 1] {
            one.take(&frame("a", number));
            other.take(&frame("b", number));
        }
        other.take(&frame("a", 3));
        other.take(&frame("a", 1));
        other.take(&frame("b", 1).with("redelivered", "true"));
        one.take(&frame("b", 2).body("changed"));
        one.take(&Frame::new(Command::Message));
        one.take(&frame("b", 4));
        one.add(other);
        let found = one.verdict();
        let expect = Verdict {
            missing: 3,
            duplicated: 1,
            redelivered: 1,
            damaged: 2,
            unmarked: 1,
        };
        assert_eq!(found, expect);
        assert!(!found.is_good());
    }

    #[test]
    fn all_of_it_once_is_good() {
        let mut proof = Proof::default();
        (0..4).rev().for_each(|number| proof.take(&frame("a", number)));
        assert_eq!(proof.verdict(), Verdict::default());
        assert!(proof.verdict().is_good());
    }
}
