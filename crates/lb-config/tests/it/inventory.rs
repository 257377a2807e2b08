//! Every sample fetch and every converter of HAProxy 2.6 is known here: it works, or it is refused with a reason.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

use tandem_lb_config::unsupported_docs;

use crate::{complaints, read};

const LIST: &str = include_str!("inventory.txt");

fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').expect("a kind and a name"))
}

/// What is said of a line that has nothing but this.
fn said(kind: &str, name: &str) -> Vec<String> {
    let before = if kind == "fetch" { "" } else { "str(a)," };
    let text = format!("frontend f\n bind :1\n tcp-request content set-var(txn.a) {before}{name}\n");
    complaints(&read(&text))
}

#[test]
fn nothing_of_haproxys_is_unknown() {
    let refused: Vec<_> = unsupported_docs()
        .filter(|doc| doc.place == "fetch" || doc.place == "converter")
        .collect();
    let mut missing = Vec::new();
    let mut refusals = 0;
    for (kind, name) in listed() {
        let said = said(kind, name);
        let is_refused = said.iter().any(|line| line.contains("error[LB0002]"));
        let reason = refused.iter().find(|doc| {
            let is_it = match doc.words.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == doc.words,
            };
            doc.place == kind && is_it
        });
        refusals += usize::from(is_refused);
        if said.iter().any(|line| line.contains("error[LB0001]")) {
            missing.push(format!("{kind} {name} is unknown"));
        } else if is_refused != reason.is_some() {
            missing.push(format!(
                "{kind} {name}: {said:?}, and on the page {:?}",
                reason.map(|doc| doc.why)
            ));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    // Whoever adds one takes it off here.
    assert_eq!(refusals, REFUSED, "so many of HAProxy's are refused");
}

/// Nearly all of them are about HTTP.
const REFUSED: usize = 184;

#[test]
fn no_reason_is_that_it_is_not_done() {
    for doc in unsupported_docs().filter(|doc| doc.place == "fetch" || doc.place == "converter") {
        assert!(
            !doc.why.contains("yet") && !doc.why.contains("leave it out"),
            "{}: {}",
            doc.words,
            doc.why
        );
    }
}

/// The list is what the installed HAProxy has.
#[test]
fn the_list_is_haproxys() {
    let output = Command::new("haproxy")
        .args(["-dKall", "-q", "-c", "-f", "/dev/null"])
        .output();
    let Ok(output) = output else {
        return skip("there is none");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut kind = None;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        kind = match line {
            "# List of registered sample converter functions:" => Some("converter"),
            "# List of registered sample fetch functions:" => Some("fetch"),
            other if other.starts_with("# List") => None,
            _ => kind,
        };
        let entry = match kind {
            Some("converter") => Some(line),
            Some(_) => line
                .strip_prefix('[')
                .and_then(|line| line.split_once("] "))
                .map(|(_, entry)| entry),
            None => None,
        };
        let name = entry.and_then(|entry| entry.split(['(', ':']).next());
        let name = name.filter(|name| !name.is_empty() && !name.starts_with('#'));
        found.extend(kind.zip(name));
    }
    if found.is_empty() || !is_2_6() {
        return skip("the list is that of 2.6.12, and another is installed");
    }
    let known: BTreeSet<_> = listed().collect();
    let odd: Vec<_> = known.symmetric_difference(&found).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

fn skip(why: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "SKIP comparison with HAProxy's list: {why}").expect("standard error is open");
}

fn is_2_6() -> bool {
    let output = Command::new("haproxy").arg("-v").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("version 2.6.12"))
}
