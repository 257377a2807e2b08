//! Waiting for what is about to come, so that no test depends on how fast a machine is.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

const LONG: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// The first answer.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "it did not come to {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Until it holds.
pub fn wait(what: &str, holds: impl Fn() -> Result<bool>) -> Result<()> {
    until(what, || Ok(holds()?.then_some(())))
}
