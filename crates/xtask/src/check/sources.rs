//! Rules on the words of the source: where `unsafe` may stand, that no test is silenced without a reason.

use super::Finding;
use super::rust_text::{code_only, lines_with_word};
use crate::workspace::SourceFile;

/// The crate whose purpose it is to call the kernel.
const UNSAFE: &str = "crates/sys/";

pub(super) fn check(files: &[SourceFile]) -> Finding {
    let mut wrong = Vec::new();
    let mut inside = 0;
    for file in files {
        let code = code_only(&file.text);
        let found = lines_with_word(&code, "unsafe");
        if file.path.starts_with(UNSAFE) {
            inside += found.len();
        } else {
            wrong.extend(
                found
                    .iter()
                    .map(|n| format!("{}:{n}: unsafe outside {UNSAFE}", file.path)),
            );
        }
        wrong.extend(ignored(&code).map(|n| format!("{}:{n}: #[ignore] without a reason", file.path)));
    }
    Finding::new(
        format!("{} files; {inside} lines with unsafe, all in {UNSAFE}", files.len()),
        wrong,
    )
}

fn ignored(code: &str) -> impl Iterator<Item = usize> {
    let bare = |line: &str| {
        line.chars()
            .filter(|c| !c.is_whitespace())
            .collect::<String>()
            .contains("#[ignore]")
    };
    code.lines()
        .enumerate()
        .filter(move |(_, line)| bare(line))
        .map(|(n, _)| n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, text: &str) -> Vec<String> {
        check(&[SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
        .wrong
    }

    #[test]
    fn unsafe_has_one_home() {
        let text = "//! unsafe\n#![forbid(unsafe_code)]\nfn f() { unsafe { g() } }\n";
        assert_eq!(
            wrong("crates/lb/src/a.rs", text),
            ["crates/lb/src/a.rs:3: unsafe outside crates/sys/"]
        );
        assert_eq!(wrong("crates/sys/src/a.rs", text), [""; 0]);
        assert_eq!(wrong("crates/systems/src/a.rs", text).len(), 1);
    }

    #[test]
    fn ignoring_needs_a_reason() {
        assert_eq!(
            wrong("a.rs", "#[test]\n#[ignore]\nfn f() {}"),
            ["a.rs:2: #[ignore] without a reason"]
        );
        assert_eq!(
            wrong("a.rs", "#[ignore = \"needs a mainframe\"]\n// #[ignore]\n"),
            [""; 0]
        );
    }
}
