//! The proof that what was sent came: each message has its producer's run, a number, and a checksum of its body.
//!
//! A number takes one bit, in pages: ten million of a run are 1.25 MB. What numbers from the wire can take has an end.

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
    /// How many pages these have.
    pages: usize,
    damaged: u64,
    unmarked: u64,
    unproven: u64,
}

#[derive(Debug, Default)]
struct Run {
    of: u64,
    seen: Numbers,
    again: u64,
    redelivered: u64,
}

/// A page of numbers.
const PAGE: u64 = 4096;
/// All runs together have no more pages: 64 MiB.
const MOST_PAGES: usize = 1 << 17;

/// Which numbers have come.
#[derive(Debug, Default)]
struct Numbers(BTreeMap<u64, Box<[u64; PAGE as usize / 64]>>);

impl Numbers {
    /// False when it was there already.
    fn insert(&mut self, number: u64) -> bool {
        let page = self.0.entry(number / PAGE).or_insert_with(|| Box::new([0; _]));
        let (word, bit) = ((number % PAGE / 64) as usize, 1 << (number % 64));
        let is_new = page[word] & bit == 0;
        page[word] |= bit;
        is_new
    }

    /// Whether it takes a page more.
    fn is_off(&self, number: u64) -> bool {
        !self.0.contains_key(&(number / PAGE))
    }

    fn count(&self) -> u64 {
        let words = self.0.values().flat_map(|page| page.iter());
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    /// How many of these were there already.
    fn add(&mut self, other: Numbers) -> u64 {
        let mut both = 0;
        for (number, page) in other.0 {
            let own = self.0.entry(number).or_insert_with(|| Box::new([0; _]));
            for (own, theirs) in own.iter_mut().zip(page.iter()) {
                both += u64::from((*own & theirs).count_ones());
                *own |= theirs;
            }
        }
        both
    }
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
    /// There was no room to remember that they have come.
    pub(super) unproven: u64,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.missing == 0 && self.duplicated == 0 && self.damaged == 0 && self.unproven == 0
    }
}

impl Proof {
    pub(super) fn take(&mut self, frame: &Frame) {
        let number = |name| frame.header(name)?.parse::<u64>().ok();
        let (Some(run), Some(at), Some(of)) = (frame.header(RUN), number(NUMBER), number(OF)) else {
            self.unmarked += 1;
            return;
        };
        if frame.header(CHECKSUM) != Some(&checksum(&frame.body)) || at >= of {
            self.damaged += 1;
            return;
        }
        if self.runs.get(run).is_none_or(|known| known.seen.is_off(at)) {
            if self.pages >= MOST_PAGES {
                self.unproven += 1;
                return;
            }
            self.pages += 1;
        }
        let known = self.runs.entry(run.to_owned()).or_default();
        known.of = known.of.max(of);
        match (known.seen.insert(at), frame.header("redelivered")) {
            (true, _) => {}
            (false, Some("true")) => known.redelivered += 1,
            (false, _) => known.again += 1,
        }
    }

    /// What one thread has seen, and what another.
    pub(super) fn add(&mut self, other: Proof) {
        self.damaged += other.damaged;
        self.unmarked += other.unmarked;
        self.unproven += other.unproven;
        for (name, run) in other.runs {
            let known = self.runs.entry(name).or_default();
            known.of = known.of.max(run.of);
            known.again += run.again;
            known.redelivered += run.redelivered;
            known.again += known.seen.add(run.seen);
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let mut verdict = Verdict {
            damaged: self.damaged,
            unmarked: self.unmarked,
            unproven: self.unproven,
            ..Verdict::default()
        };
        for run in self.runs.values() {
            // Anybody may write how many there are.
            let missing = run.of.saturating_sub(run.seen.count());
            verdict.missing = verdict.missing.saturating_add(missing);
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
            unproven: 0,
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

    /// Whoever sends numbers without an order, or runs without an end, gets no memory without an end.
    #[test]
    fn a_million_of_a_run_and_numbers_from_anywhere_take_little() {
        let mut numbers = Numbers::default();
        assert!((0..1_000_000).rev().all(|number| numbers.insert(number)));
        assert_eq!((numbers.count(), numbers.0.len()), (1_000_000, 245));
        assert!(!numbers.insert(999_999));

        let mut proof = Proof::default();
        let far = |number: u64| marked(Frame::new(Command::Message).body("x"), "far", number * PAGE, u64::MAX);
        (0..MOST_PAGES as u64 + 3).for_each(|number| proof.take(&far(number)));
        proof.take(&frame("a", 1));
        // What has its page is still known.
        proof.take(&far(0));
        let found = proof.verdict();
        assert_eq!((found.unproven, found.duplicated, proof.runs.len()), (4, 1, 1));
        assert!(!Verdict { missing: 0, ..found }.is_good());
    }
}
