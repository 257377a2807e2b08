//! Clippy reads the nearest `clippy.toml`; so each pure crate has a link to the pure one, and forbids `unsafe` by itself.

use std::fs;
use std::path::Path;

use super::Finding;
use super::arrows::is_pure;
use crate::metadata::Member;
use crate::workspace::SourceFile;

const PURE: &str = "../clippy-pure.toml";

pub(super) fn check(root: &Path, graph: &[Member], rust: &[SourceFile]) -> Finding {
    let mut wrong: Vec<String> = ["clippy.toml", "crates/clippy-pure.toml"]
        .iter()
        .flat_map(|path| without_reason(root, path))
        .collect();
    let pure: Vec<&str> = graph
        .iter()
        .filter(|member| is_pure(&member.name))
        .filter_map(|member| member.name.strip_prefix("tandem-"))
        .collect();
    for name in &pure {
        let link = format!("crates/{name}/clippy.toml");
        if fs::read_link(root.join(&link)).ok().as_deref() != Some(Path::new(PURE)) {
            wrong.push(format!("{link}: must be a link: ln -sfn {PURE} {link}"));
        }
        let library = format!("crates/{name}/src/lib.rs");
        let text = rust.iter().find(|f| f.path == library).map_or("", |f| &f.text);
        if !text.contains("#![forbid(unsafe_code)]") {
            wrong.push(format!("{library}: a pure crate says #![forbid(unsafe_code)]"));
        }
    }
    Finding::new(format!("{} pure crates under the pure bans", pure.len()), wrong)
}

/// A ban that does not say why is obeyed until it is in the way.
fn without_reason(root: &Path, path: &str) -> Vec<String> {
    let Ok(text) = fs::read_to_string(root.join(path)) else {
        return vec![format!("{path}: is missing")];
    };
    let bans = text.lines().enumerate().filter(|(_, line)| line.contains("path = "));
    let silent = bans.filter(|(_, line)| !line.contains("reason = \""));
    silent
        .map(|(n, _)| format!("{path}:{}: a ban without a reason", n + 1))
        .collect()
}
