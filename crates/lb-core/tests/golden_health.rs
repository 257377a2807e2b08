//! Every log line and every status word that HAProxy showed over three scripts, shown again by our backend in virtual time.

#[path = "golden/health_script.rs"]
mod health_script;

use health_script::{Sight, difference, parse};

#[test]
fn same_words_and_lines_as_haproxy() {
    let cases = parse(include_str!("golden/health.txt"));
    let differences: Vec<String> = cases
        .iter()
        .filter_map(|case| difference(&case.name, &case.seen, &case.ours()))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The recording is worth something only while it is whole.
#[test]
fn recording_is_whole() {
    let cases = parse(include_str!("golden/health.txt"));
    assert_eq!(cases.len(), 3);
    let seen = |is: fn(&Sight) -> bool| cases.iter().flat_map(|c| &c.seen).filter(|s| is(&s.sight)).count();
    let lines = seen(|s| matches!(s, Sight::Line { .. }));
    let words = seen(|s| matches!(s, Sight::Words(_)));
    assert!(
        lines >= 100 && words >= 100,
        "only {lines} lines and {words} rows of words"
    );
}
