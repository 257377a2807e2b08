//! The packet filter, by way of the program `nft`: it is where nf_tables is, speaks for its version of the kernel, and
//! nothing of it is linked. A script is one transaction: all of it or nothing.

use std::io::ErrorKind;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// The kernel may have much to do, but not that much.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Error)]
pub enum NftError {
    #[error("the program nft is not installed (package nftables)")]
    Missing,
    #[error("cannot run nft: {0}")]
    Io(#[from] std::io::Error),
    #[error("nft says nothing for {} s", PATIENCE.as_secs())]
    Silent,
    #[error("nft: {0}")]
    Refused(String),
}

/// Loads a script.
pub async fn load(script: &str) -> Result<(), NftError> {
    run(&["-f", "-"], script).await.map(drop)
}

/// What nft says of something, as JSON.
pub async fn list(what: &[&str]) -> Result<Vec<u8>, NftError> {
    let all: Vec<&str> = ["-j"].iter().chain(what).copied().collect();
    run(&all, "").await
}

async fn run(args: &[&str], input: &str) -> Result<Vec<u8>, NftError> {
    let mut command = Command::new("nft");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    // Whoever does not wait any more does not want it either.
    let mut child = match command.stderr(Stdio::piped()).kill_on_drop(true).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(NftError::Missing),
        started => started?,
    };
    let talk = async move {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that has ended does not read; its status says more.
            stdin.write_all(input.as_bytes()).await.ok();
        }
        child.wait_with_output().await
    };
    let output = timeout(PATIENCE, talk).await.map_err(|_| NftError::Silent)??;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(NftError::Refused(said.lines().next().unwrap_or("it failed").to_owned()))
}
