//! Every kind of diagnostic is explained, and its example shows it.

use tandem_text::keepalived::{BAD_TEXT, NO_FILE};
use tandem_text::{Code, Explained};
use tandem_vrrp_config::code::EXPLAINED;

use crate::read;

fn says(text: &str, code: Code) -> bool {
    read(text).diagnostics.iter().any(|said| said.code == code)
}

fn shows(explained: &Explained) {
    let Explained { code, wrong, right, .. } = *explained;
    assert!(says(wrong, code), "{code}: {wrong}");
    assert!(!says(right, code), "{code}: {right}");
    assert!(read(right).plan.is_some(), "{code}: {right}");
}

#[test]
fn the_examples_are_wrong_and_right() {
    EXPLAINED.iter().for_each(shows);
    let of_text = tandem_text::EXPLAINED.iter();
    of_text
        .filter(|explained| [BAD_TEXT, NO_FILE].contains(&explained.code))
        .for_each(shows);
}

/// The codes as they are defined: no diagnostic can be made without one of them.
#[test]
fn every_code_is_explained_once() {
    let defined = include_str!("../../src/code.rs").split("Code(\"").skip(1);
    let defined: Vec<&str> = defined.filter_map(|rest| rest.split('"').next()).collect();
    let explained: Vec<&str> = EXPLAINED.iter().map(|explained| explained.code.0).collect();
    assert_eq!(explained, defined);
}
