//! Standard output as it goes, line by line.

use std::io::Write;

use anyhow::Context;

/// A reader that went away (`| head`) is no reason to panic, but is a reason to stop.
pub fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}
