//! The eleven packages that the project was asked to stand on: which crate uses each.
//!
//! To use one is to name it in the manifest and in the code; a line in the manifest alone is a promise.

use super::Finding;
use super::rust_text::{code_only, lines_with_word};
use crate::metadata::Member;
use crate::workspace::SourceFile;

/// The package, the name it has as a dependency, and what brings it when it is missing.
const ELEVEN: [(&str, &str, &str); 11] = [
    ("tokio", "tokio", "every runtime"),
    ("socket2", "socket2", "every socket"),
    ("pnet", "pnet_packet", "raw frames: Ethernet, ARP and ND in sys"),
    ("nix", "nix", "system calls in sys"),
    ("hyper", "hyper", "the statistics page"),
    ("serde", "serde", "the native configuration"),
    ("toml", "toml", "the native configuration"),
    ("clap", "clap", "every command line"),
    ("tracing", "tracing", "what the daemons say about themselves"),
    (
        "dashmap",
        "dashmap",
        "the registry of live connections behind `show sess`",
    ),
    ("signal-hook", "signal-hook", "signals in ops"),
];

pub(super) fn check(graph: &[Member], rust: &[SourceFile]) -> Finding {
    let users = ELEVEN.map(|(_, package, _)| users(graph, rust, package));
    let used = users.iter().filter(|users| !users.is_empty()).count();
    let lines = ELEVEN
        .iter()
        .zip(&users)
        .map(|((name, _, brings), users)| match users.as_slice() {
            [] => format!("{name:<12} not yet: comes with {brings}"),
            some => format!("{name:<12} {}", some.join(" ")),
        });
    Finding {
        notes: lines.collect(),
        ..Finding::new(format!("{used} of {} packages in use", ELEVEN.len()), Vec::new())
    }
}

/// Without the prefix that all our names share.
fn users<'a>(graph: &'a [Member], rust: &[SourceFile], package: &str) -> Vec<&'a str> {
    let word = package.replace('-', "_");
    let named = graph.iter().filter(|member| member.direct.contains(package));
    let names = named.map(|member| member.name.trim_start_matches("tandem-"));
    names
        .filter(|name| {
            rust.iter()
                .any(|file| is_source_of(file, name) && mentions(file, &word))
        })
        .collect()
}

fn is_source_of(file: &SourceFile, name: &str) -> bool {
    file.path.starts_with(&format!("crates/{name}/src/")) || file.path.starts_with(&format!("{name}/src/"))
}

fn mentions(file: &SourceFile, word: &str) -> bool {
    file.text.contains(word) && !lines_with_word(&code_only(&file.text), word).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_and_missing_ones_promised() {
        let direct = ["pnet_packet", "hyper", "nix"].map(str::to_owned).into();
        let sys = Member {
            name: "tandem-sys".to_owned(),
            direct,
            ..Member::default()
        };
        let source = |path: &str, text: &str| SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let rust = [
            source("crates/sys/src/raw.rs", "use pnet_packet::arp; // hyper"),
            source("crates/ops/src/x.rs", "use nix::unistd;"),
        ];
        let finding = check(&[sys], &rust);
        assert_eq!(finding.summary, "1 of 11 packages in use");
        assert!(
            finding.notes.contains(&"pnet         sys".to_owned()),
            "{:?}",
            finding.notes
        );
        assert!(
            finding
                .notes
                .contains(&"hyper        not yet: comes with the statistics page".to_owned())
        );
    }
}
