//! The installed HAProxy with a configuration of ours, on loopback.

use std::io::Write;
use std::process::Command;

use tandem_tests::Haproxy;

/// The first line of `haproxy -v`, or nothing when it is not installed.
pub fn version() -> Option<String> {
    let out = Command::new("haproxy").arg("-v").output().ok()?;
    Some(String::from_utf8_lossy(&out.stdout).lines().next()?.to_owned())
}

pub fn say(line: &str) {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Runs until dropped.
pub fn start(text: &str) -> Haproxy {
    Haproxy::begin(text, &[]).expect("HAProxy starts")
}
