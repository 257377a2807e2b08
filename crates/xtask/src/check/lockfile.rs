//! Everybody must be able to build: each package comes from the public registry, none from a mirror or a git address.

use super::Finding;
use crate::workspace::SourceFile;

const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Of the workspace, and of the fuzz programs, which have their own.
pub(super) fn check(lockfiles: &[SourceFile]) -> Finding {
    let sources = || lockfiles.iter().flat_map(sources);
    let wrong = sources().filter(|(_, source)| source.trim_matches('"') != PUBLIC);
    Finding::new(
        format!("{} packages, all from the public registry", sources().count()),
        wrong
            .map(|(path, source)| format!("{path}: {source} is not the public registry"))
            .collect(),
    )
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
        assert_eq!(check(&lock(PUBLIC)).wrong, [""; 0]);
        for other in ["registry+http://10.0.0.1/index", "git+https://example.org/a?rev=1#1"] {
            assert_eq!(
                check(&lock(other)).wrong,
                [format!("Cargo.lock: \"{other}\" is not the public registry")]
            );
        }
    }
}
