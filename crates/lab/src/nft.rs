//! Packet filters, in the words of `nft`, for one network.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use tandem_sys::netns::Namespaces;

use crate::error::{Doing, LabError, Missing};

/// Loads a script; all of it or nothing.
pub(crate) fn load(network: &Namespaces, script: &str) -> Result<(), LabError> {
    let mut command = Command::new("nft");
    command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut nft = match network.start(&mut command) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Missing::new("nft", "the program is not installed").into());
        }
        outcome => outcome.doing(|| "start nft".into())?,
    };
    if let Some(mut stdin) = nft.stdin.take() {
        // If nft ended early its own words say more than a broken pipe.
        let _ = stdin.write_all(script.as_bytes());
    }
    let output = nft.wait_with_output().doing(|| "wait for nft".into())?;
    if output.status.success() {
        return Ok(());
    }
    Err(LabError::Nft(format!(
        "{}in\n{script}",
        String::from_utf8_lossy(&output.stderr)
    )))
}
