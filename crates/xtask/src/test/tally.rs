//! Counts tests from what harnesses print, and picks the lines that a person wants to see go by.

use std::ops::AddAssign;

/// How a kind says what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    Nothing,
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; …` for each binary, `SKIP what why` inside a test that passes.
    Libtest,
    /// `3 passed, 0 failed, 1 skipped` as the last line.
    Summary,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Counts) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

#[derive(Debug)]
pub(super) struct Tally {
    counting: Counting,
    pub(super) counts: Counts,
    /// Skips of the binary that runs now: libtest will count them as passed.
    skips: usize,
    binary: String,
}

impl Tally {
    pub(super) fn of(counting: Counting) -> Tally {
        Tally {
            counting,
            counts: Counts::default(),
            skips: 0,
            binary: String::new(),
        }
    }

    /// Takes a line in; gives back what is worth showing.
    pub(super) fn line(&mut self, line: &str) -> Option<String> {
        match self.counting {
            Counting::Nothing => worth_in_build(line),
            Counting::Libtest => self.libtest(line),
            Counting::Summary => self.summary(line),
        }
    }

    fn libtest(&mut self, line: &str) -> Option<String> {
        if let Some(name) = running(line) {
            name.clone_into(&mut self.binary);
            return None;
        }
        if let Some(skip) = skip(line) {
            self.skips += 1;
            return Some(skip.to_owned());
        }
        if let Some(mut counts) = libtest_result(line) {
            let skips = std::mem::take(&mut self.skips).min(counts.passed);
            counts.passed -= skips;
            counts.skipped += skips;
            self.counts += counts;
            let Counts {
                passed,
                failed,
                skipped,
            } = counts;
            let binary = &self.binary;
            let quiet = passed + failed + skipped == 0;
            return (!quiet).then(|| format!("{passed:4} passed, {failed} failed, {skipped} skipped  {binary}"));
        }
        let failed = line.starts_with("test ") && line.ends_with("FAILED") && !line.starts_with("test result");
        (failed || line.starts_with("error")).then(|| line.to_owned())
    }

    fn summary(&mut self, line: &str) -> Option<String> {
        match summary(line) {
            Some(counts) => {
                self.counts += counts;
                None
            }
            None => (!is_cargos(line)).then(|| line.to_owned()),
        }
    }
}

fn worth_in_build(line: &str) -> Option<String> {
    let shown = ["error", "warning", "    Finished"]
        .iter()
        .any(|start| line.starts_with(start));
    shown.then(|| line.trim_start().to_owned())
}

/// What cargo says before the harness speaks.
fn is_cargos(line: &str) -> bool {
    ["   Compiling ", "    Finished ", "     Running ", "    Blocking "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// `     Running unittests src/lib.rs (target/debug/deps/tandem_ops-cbf58b4f37e34783)`, `   Doc-tests tandem_ops`
pub(super) fn running(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(krate) = line.strip_prefix("Doc-tests ") {
        return Some(krate);
    }
    let path = line.strip_prefix("Running ")?.split_once('(')?.1.strip_suffix(')')?;
    let file = path.rsplit('/').next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _)| name))
}

/// libtest may have begun the line with the test's name.
fn skip(line: &str) -> Option<&str> {
    let at = line.find("SKIP ")?;
    let before = &line[..at];
    (before.is_empty() || before.ends_with("... ")).then(|| &line[at..])
}

pub(super) fn libtest_result(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    counted(rest.split("; "), ["passed", "failed", "ignored"])
}

pub(super) fn summary(line: &str) -> Option<Counts> {
    let parts = line.split(", ");
    (parts.clone().count() == 3).then(|| counted(parts, ["passed", "failed", "skipped"]))?
}

fn counted<'a>(mut parts: impl Iterator<Item = &'a str>, words: [&str; 3]) -> Option<Counts> {
    let mut next = |word: &str| {
        let (number, found) = parts.next()?.split_once(' ')?;
        (found == word).then(|| number.parse::<usize>().ok())?
    };
    Some(Counts {
        passed: next(words[0])?,
        failed: next(words[1])?,
        skipped: next(words[2])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, skipped: usize) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn libtest_binaries_add_up() {
        let mut tally = Tally::of(Counting::Libtest);
        let mut shown = Vec::new();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/tandem_ops-cbf58b4f37e34783)",
            "test a ... ok",
            "test b ... FAILED",
            "test c ... SKIP haproxy: not installed",
            "ok",
            "SKIP nft: no permission",
            "test result: FAILED. 29 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            "   Doc-tests tandem_ops",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "     Running tests/x.rs (target/debug/deps/x-1)",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            shown.extend(tally.line(line));
        }
        assert_eq!(tally.counts, counts(30, 1, 4));
        assert_eq!(
            shown,
            [
                "test b ... FAILED",
                "SKIP haproxy: not installed",
                "SKIP nft: no permission",
                "  27 passed, 1 failed, 4 skipped  tandem_ops",
                "   3 passed, 0 failed, 0 skipped  x",
            ]
        );
    }

    #[test]
    fn a_harness_of_its_own_counts_itself() {
        let mut tally = Tally::of(Counting::Summary);
        assert_eq!(
            tally.line("SKIP netem: not in this kernel").as_deref(),
            Some("SKIP netem: not in this kernel")
        );
        assert_eq!(
            tally.line("     Running tests/netns.rs (target/debug/deps/netns-1)"),
            None
        );
        assert_eq!(tally.line("12 passed, 1 failed, 2 skipped"), None);
        assert_eq!(tally.counts, counts(12, 1, 2));
        assert!(tally.line("1 passed, 2 failed, 3 skipped, and more").is_some());
        assert_eq!(tally.counts, counts(12, 1, 2));
    }

    #[test]
    fn a_build_counts_nothing() {
        let mut tally = Tally::of(Counting::Nothing);
        assert_eq!(tally.line("   Compiling a v1"), None);
        assert!(tally.line("error[E0308]: mismatched types").is_some());
        assert_eq!(tally.counts, Counts::default());
    }
}
