//! Lines for the person or the script that reads along.

use std::io::{self, Write};

/// Writes a line to stdout. A reader that has gone away does not fail the tests.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The same, indented below the test it belongs to.
pub(crate) fn say_below(text: &str) {
    for line in text.lines() {
        // A skip is looked for at the start of its line.
        if line.starts_with("SKIP ") {
            say(line)
        } else {
            say(&format!("    {line}"))
        }
    }
}
