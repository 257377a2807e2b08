//! ActiveMQ's `activemq.xml` and `jetty.xml` and Artemis's `broker.xml` as the TOML of `tandem-mq`, with a receipt: what
//! became of each element, each setting and each option of an address.
//!
//! Tables say what becomes of what (`tables`), one row for each name, so that a feature that comes later is one row that
//! changes. What has no row is dropped and says so; nothing is silent. Nothing here opens a file, a socket or another
//! document: what a file names besides comes in by [`World`].
#![forbid(unsafe_code)]

pub mod code;
mod draft;
mod ledger;
mod placeholder;
mod row;
mod secrets;
mod settle;
mod tables;
mod takes;
mod unit;
mod uri;
mod walk;
mod work;
mod write;
mod xml;

use std::net::IpAddr;
use std::sync::Arc;

use tandem_text::{Converted, Diagnostic, Receipt, SourceMap, Span, Verdict};

use ledger::Ledger;
use xml::{Element, Mistake};

/// What the files ask the machine for on which they are converted.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What `${name}` stands for.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The address of a host's name.
    pub address: &'a dyn Fn(&str) -> Option<IpAddr>,
    /// A password as a user's `password-hash`.
    pub hash: &'a dyn Fn(&str) -> Option<String>,
}

/// A file as it came.
#[derive(Clone, Debug)]
pub struct File {
    pub name: Arc<str>,
    pub bytes: Vec<u8>,
}

/// A file that cannot be read at all.
#[derive(Clone, Debug)]
pub struct Refused {
    pub diagnostic: Diagnostic,
    pub sources: SourceMap,
}

/// Nothing of a balancer's or a router's file begins with a bracket of XML.
pub fn is_brokers(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.trim_ascii_start().starts_with(b"<")
}

/// Reads the files as those of one broker.
pub fn convert(files: &[File], world: World<'_>) -> Result<Converted, Box<Refused>> {
    let mut sources = SourceMap::default();
    let mut read: Vec<(Arc<str>, Element)> = Vec::new();
    let mut known = Vec::new();
    for file in files {
        // Complaints show lines, and lines have passwords.
        let shown = secrets::without_secrets(&String::from_utf8_lossy(&file.bytes));
        let id = sources.add(Arc::clone(&file.name), shown);
        known.push((id, Arc::clone(&file.name)));
        let mistake = match xml::read(&file.bytes) {
            Ok(root) => match read.iter().any(|(_, known)| holds_a_broker(known)) && holds_a_broker(&root) {
                false => {
                    read.push((Arc::clone(&file.name), root));
                    continue;
                }
                true => Mistake {
                    line: root.line,
                    column: 1,
                    what: "this is another broker's file".to_owned(),
                    help: "convert each broker's files by themselves",
                },
            },
            Err(mistake) => mistake,
        };
        let at = sources.source(id).map_or(0, |source| source.line(mistake.line).0);
        let at = at + mistake.column.saturating_sub(1);
        let diagnostic = Diagnostic::error(code::SYNTAX, Span::new(id, at, at + 1), mistake.what).help(mistake.help);
        return Err(Box::new(Refused { diagnostic, sources }));
    }
    let is_artemis = read.iter().any(|(_, root)| is_of_artemis(root));
    let mut ledger = Ledger::default();
    let mut draft = walk::walk(&read, is_artemis, world, &mut ledger);
    settle::settle(&mut draft, is_artemis, &mut ledger);
    let receipts = ledger.receipts();
    let is_complete = !receipts.iter().any(|receipt| receipt.fate.word() == "dropped");
    let listens_nowhere = draft.listeners.iter().all(|listener| listener.off.is_some());
    let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
    Ok(Converted {
        toml: format!("{}{}", Receipt::left_out(&receipts), write::text(&draft, &names)),
        diagnostics: ledger.diagnostics(&sources, &known, listens_nowhere),
        receipts,
        verdict: if is_complete {
            Verdict::Same
        } else {
            Verdict::Incomplete
        },
        sources,
    })
}

/// `<beans>` may have one in it, `<configuration>` has a `<core>`.
fn holds_a_broker(root: &Element) -> bool {
    let is_one = |element: &Element| matches!(element.name.as_str(), "broker" | "core") && !is_bootstrap(element);
    is_one(root) || root.children.iter().any(is_one)
}

fn is_of_artemis(root: &Element) -> bool {
    matches!(root.name.as_str(), "configuration" | "core") || is_bootstrap(root)
}

/// Artemis's `bootstrap.xml` has a `<broker>` of another kind.
fn is_bootstrap(root: &Element) -> bool {
    let marks = ["server", "web", "jaas-security"];
    root.name == "broker" && root.children.iter().any(|child| marks.contains(&child.name.as_str()))
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
