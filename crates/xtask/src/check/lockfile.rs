//! Everybody must be able to build: each package comes from the public registry, none from a mirror or a git address; and
//! the fuzz programs, which have lock files of their own that no build of the workspace brings up to date, know what our
//! packages need.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::metadata::Member;
use crate::workspace::SourceFile;

const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Of the workspace, and of the fuzz programs, which have their own.
pub(super) fn check(lockfiles: &[SourceFile], members: &[Member]) -> Finding {
    let sources = || lockfiles.iter().flat_map(sources);
    let wrong = sources().filter(|(_, source)| source.trim_matches('"') != PUBLIC);
    let private = wrong.map(|(path, source)| format!("{path}: {source} is not the public registry"));
    let old = lockfiles.iter().flat_map(|lockfile| missing(lockfile, members));
    Finding::new(
        format!("{} packages, all from the public registry", sources().count()),
        private.chain(old).collect(),
    )
}

/// What a member needs and this file does not say that it does.
fn missing(lockfile: &SourceFile, members: &[Member]) -> impl Iterator<Item = String> {
    let known = dependencies(&lockfile.text);
    let of_member = |member: &Member| {
        let known = known.get(member.name.as_str())?;
        let missing = member.direct.iter().find(|name| !known.contains(name.as_str()))?;
        let manifest = lockfile.path.replace("Cargo.lock", "Cargo.toml");
        Some(format!(
            "{}: {} needs {missing}: cargo metadata --manifest-path {manifest}",
            lockfile.path, member.name
        ))
    };
    members.iter().filter_map(of_member).collect::<Vec<_>>().into_iter()
}

/// The names of what each package depends on.
fn dependencies(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut of = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("name = ") {
            of = name.trim_matches('"');
            all.entry(of).or_default();
        } else if let Some(dependency) = line.strip_prefix(" \"") {
            // `"name",` or, where there are several, `"name version",`
            let name = dependency.trim_end_matches(['"', ',']).split(' ').next();
            all.entry(of).or_default().extend(name);
        }
    }
    all
}

fn sources(lockfile: &SourceFile) -> impl Iterator<Item = (&str, &str)> {
    let lines = lockfile.text.lines();
    lines
        .filter_map(|line| line.strip_prefix("source = "))
        .map(|source| (lockfile.path.as_str(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_and_a_git_address_are_named() {
        let lock = |source: &str| {
            [SourceFile {
                path: "Cargo.lock".to_owned(),
                text: format!("[[package]]\nname = \"a\"\nsource = \"{source}\"\n"),
            }]
        };
        assert_eq!(check(&lock(PUBLIC), &[]).wrong, [""; 0]);
        for other in ["registry+http://10.0.0.1/index", "git+https://example.org/a?rev=1#1"] {
            assert_eq!(
                check(&lock(other), &[]).wrong,
                [format!("Cargo.lock: \"{other}\" is not the public registry")]
            );
        }
    }
    #[test]
    fn what_a_lock_file_has_not_heard_of_is_named() {
        let lock = SourceFile {
            path: "fuzz/Cargo.lock".to_owned(),
            text: "[[package]]\nname = \"a\"\ndependencies = [\n \"b\",\n \"c 1.0.0\",\n]\n".to_owned(),
        };
        let member = |direct: &[&str]| {
            [Member {
                name: "a".to_owned(),
                direct: direct.iter().map(|name| (*name).to_owned()).collect(),
                ..Member::default()
            }]
        };
        let wrong = |direct: &[&str]| check(std::slice::from_ref(&lock), &member(direct)).wrong;
        assert_eq!(wrong(&["b", "c"]), [""; 0]);
        assert_eq!(
            wrong(&["b", "d"]),
            ["fuzz/Cargo.lock: a needs d: cargo metadata --manifest-path fuzz/Cargo.toml"]
        );
    }
}
