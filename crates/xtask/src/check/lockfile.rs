//! Everybody must be able to build: each package comes from the public registry, none from a mirror or a git address.

use super::Finding;

const PUBLIC: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(lockfile: &str) -> Finding {
    let sources = || lockfile.lines().filter_map(|line| line.strip_prefix("source = "));
    let wrong = sources().filter(|source| source.trim_matches('"') != PUBLIC);
    Finding::new(
        format!("{} packages, all from the public registry", sources().count()),
        wrong
            .map(|source| format!("Cargo.lock: {source} is not the public registry"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_and_a_git_address_are_named() {
        let lock = |source: &str| format!("[[package]]\nname = \"a\"\nsource = \"{source}\"\n");
        assert_eq!(check(&lock(PUBLIC)).wrong, [""; 0]);
        for other in ["registry+http://10.0.0.1/index", "git+https://example.org/a?rev=1#1"] {
            assert_eq!(
                check(&lock(other)).wrong,
                [format!("Cargo.lock: \"{other}\" is not the public registry")]
            );
        }
    }
}
