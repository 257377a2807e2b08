//! May we use and pass on every dependency? Reads the SPDX expressions of `cargo metadata`.

use std::collections::BTreeSet;

use super::Finding;
use crate::metadata::Package;

/// Licences that ask for no more than a notice, and why each is here.
const ALLOWED: [(&str, &str); 9] = [
    ("MIT", "ours"),
    ("Apache-2.0", "ours"),
    ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 that asks for less"),
    ("BSD-2-Clause", "a notice in the documentation"),
    ("BSD-3-Clause", "a notice in the documentation, no endorsement"),
    ("BSL-1.0", "asks nothing of binaries"),
    ("ISC", "MIT in fewer words"),
    ("Unicode-3.0", "a notice; the tables of Unicode"),
    ("Zlib", "do not claim to have written it"),
];

pub(super) fn check(packages: &[Package]) -> Finding {
    let mut wrong = Vec::new();
    let mut notes = Vec::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        match package.license.as_deref().map(needed) {
            None => wrong.push(format!("{name}: names no licence")),
            Some(None) => wrong.push(format!(
                "{name}: {:?} is not allowed",
                package.license.as_deref().unwrap_or("")
            )),
            Some(Some(licences)) => notes.extend(note(&name, &licences)),
        }
    }
    Finding {
        notes,
        ..Finding::new(format!("{} packages", packages.len()), wrong)
    }
}

/// Said about a package that cannot be had under our own licences.
fn note(name: &str, licences: &BTreeSet<&'static str>) -> Option<String> {
    let others: Vec<String> = ALLOWED
        .iter()
        .filter(|(licence, why)| licences.contains(licence) && *why != "ours")
        .map(|(licence, why)| format!("{licence}: {why}"))
        .collect();
    (!others.is_empty()).then(|| format!("{name}: {}", others.join("; ")))
}

/// The licences under which we take it, ours first where there is a choice; `None` when there is no way.
fn needed(expression: &str) -> Option<BTreeSet<&'static str>> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    let chosen = parser.either();
    if parser.words.is_empty() { chosen } else { None }
}

struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn either(&mut self) -> Option<BTreeSet<&'static str>> {
        let mut best = self.both();
        while self.takes("OR") {
            best = better(best, self.both());
        }
        best
    }

    fn both(&mut self) -> Option<BTreeSet<&'static str>> {
        let mut all = self.one();
        while self.takes("AND") {
            let more = self.one();
            all = all.zip(more).map(|(a, b)| a.union(&b).copied().collect());
        }
        all
    }

    fn one(&mut self) -> Option<BTreeSet<&'static str>> {
        if self.takes("(") {
            let inner = self.either();
            return if self.takes(")") { inner } else { None };
        }
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        let mut name = (*first).to_owned();
        if self.takes("WITH") {
            let (exception, rest) = self.words.split_first()?;
            self.words = rest;
            name = format!("{name} WITH {exception}");
        }
        let allowed = ALLOWED.iter().find(|(licence, _)| *licence == name)?;
        Some(BTreeSet::from([allowed.0]))
    }
}

/// The way that asks least: fewest licences that are not ours.
fn better(a: Option<BTreeSet<&'static str>>, b: Option<BTreeSet<&'static str>>) -> Option<BTreeSet<&'static str>> {
    let foreign = |set: &BTreeSet<&'static str>| set.iter().filter(|l| !["MIT", "Apache-2.0"].contains(l)).count();
    match (a, b) {
        (Some(a), Some(b)) => Some(if foreign(&b) < foreign(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for (expression, taken) in [
            ("MIT", Some(vec!["MIT"])),
            ("MIT/Apache-2.0", Some(vec!["MIT"])),
            ("Unlicense OR MIT", Some(vec!["MIT"])),
            ("BSD-2-Clause OR Apache-2.0 OR MIT", Some(vec!["Apache-2.0"])),
            ("MIT OR Apache-2.0 OR LGPL-2.1-or-later", Some(vec!["MIT"])),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Some(vec!["MIT", "Unicode-3.0"])),
            (
                "Apache-2.0 WITH LLVM-exception",
                Some(vec!["Apache-2.0 WITH LLVM-exception"]),
            ),
            ("GPL-3.0-only", None),
            ("MIT AND GPL-2.0-or-later", None),
            ("Apache-2.0 WITH something-else", None),
            ("(MIT OR Zlib", None),
            ("MIT MIT", None),
            ("", None),
        ] {
            let found = needed(expression).map(|set| set.into_iter().collect::<Vec<_>>());
            assert_eq!(found, taken, "{expression}");
        }
    }

    #[test]
    fn only_other_licences_are_noted() {
        assert_eq!(note("a 1", &BTreeSet::from(["MIT"])), None);
        let text = note("a 1", &BTreeSet::from(["MIT", "Zlib"])).expect("Zlib is not ours");
        assert_eq!(text, "a 1: Zlib: do not claim to have written it");
    }
}
