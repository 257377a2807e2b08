//! Documents that people follow: links lead somewhere, headings that are linked to exist, the README names the commands.

use std::path::Path;

use super::Finding;
use crate::workspace::SourceFile;

/// What a newcomer must find in the README.
const COMMANDS: [&str; 3] = ["cargo demo", "cargo xtask test", "cargo xtask check"];

pub(super) fn check(root: &Path, documents: &[SourceFile]) -> Finding {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents {
        for link in links(&document.text) {
            count += 1;
            wrong.extend(broken(root, documents, document, link));
        }
    }
    let readme = documents.iter().find(|d| d.path == "README.md").map_or("", |d| &d.text);
    let missing = COMMANDS.iter().filter(|command| !readme.contains(*command));
    wrong.extend(missing.map(|command| format!("README.md: does not name `{command}`")));
    Finding::new(format!("{count} links in {} documents", documents.len()), wrong)
}

fn broken(root: &Path, documents: &[SourceFile], from: &SourceFile, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link
        .split_once('#')
        .map_or((link, None), |(path, heading)| (path, Some(heading)));
    let folder = from.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target = if path.is_empty() {
        from.path.clone()
    } else {
        joined(folder, path)
    };
    if !root.join(&target).exists() {
        return Some(format!("{}: {link} leads nowhere", from.path));
    }
    let heading = heading?;
    let document = documents.iter().find(|d| d.path == target)?;
    (!headings(&document.text).any(|h| h == heading)).then(|| format!("{}: {target} has no #{heading}", from.path))
}

/// `docs/adr` and `../topology.svg` make `docs/topology.svg`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// What stands in `](…)` outside of code.
fn links(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| {
        let outside_code = line.split('`').step_by(2);
        outside_code
            .flat_map(|part| part.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
    })
}

/// The anchors that a renderer makes of headings.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_')
            .collect()
    })
}

fn prose(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n```").step_by(2).flat_map(str::lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_outside_code() {
        let text = "[a](b.md) and ![c](d/e.svg)\n`[x](y)`\n```\n[no](no)\n```\n[f](#g)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "d/e.svg", "#g"]);
    }

    #[test]
    fn paths_are_relative_to_the_document() {
        assert_eq!(joined("docs/adr", "../topology.svg"), "docs/topology.svg");
        assert_eq!(joined("", "docs/a.md"), "docs/a.md");
    }

    #[test]
    fn anchors() {
        let text = "# What `does` not work, yet\n## A b\n";
        assert_eq!(headings(text).collect::<Vec<_>>(), ["what-does-not-work-yet", "a-b"]);
    }

    #[test]
    fn broken_links_are_named() {
        let document = |path: &str, text: &str| SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let readme = document(
            "README.md",
            "# T\n[a](gone.md) [b](#t) [c](#u) [d](https://example.org)\n`cargo demo`",
        );
        let wrong = check(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").as_path(), &[readme]).wrong;
        assert_eq!(
            wrong,
            [
                "README.md: gone.md leads nowhere",
                "README.md: README.md has no #u",
                "README.md: does not name `cargo xtask test`",
                "README.md: does not name `cargo xtask check`",
            ]
        );
    }
}
