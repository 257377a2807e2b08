//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine; only a failure waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is there, and gives up with the words of what was awaited.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
