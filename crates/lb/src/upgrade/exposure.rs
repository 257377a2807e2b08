//! Who else has our listeners: everybody who asked for them, until it is gone.
//!
//! Whether somebody accepts from them beside us decides how this process leaves them. A process that asked and then could
//! not start has them no more, so it is followed: it has them for as long as it lives, or holds the line on which it
//! asked. HAProxy hangs up at once and goes into the background only after it told us to end; ours keeps the line, through
//! the background too.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use tandem_sys::alive::Alive;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// What it told us before it ended is heard a little later.
const LAST_WORD: Duration = Duration::from_secs(2);

/// For so long it is believed to live when that cannot be seen from here.
const UNSEEN: Duration = Duration::from_secs(60);

/// So many have them at a time; nobody needs more than two.
const MOST: usize = 32;

/// Copies are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposure(Rc<Cell<usize>>);

impl Exposure {
    /// Somebody has them beside us.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.get() > 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.get() >= MOST
    }

    /// They were passed on this line.
    pub(super) fn to(&self, line: UnixStream) {
        let holder = line.peer_cred().ok().and_then(|peer| peer.pid());
        let holder = holder.map(Alive::process);
        let count = self.0.clone();
        count.set(count.get() + 1);
        tokio::task::spawn_local(async move {
            hung_up(line).await;
            gone(holder).await;
            count.set(count.get() - 1);
        });
    }
}

/// Words that nobody waits for may still come.
async fn hung_up(mut line: UnixStream) {
    let mut words = [0; 64];
    while let Ok(1..) = line.read(&mut words).await {}
}

async fn gone(holder: Option<io::Result<Alive>>) {
    match holder {
        Some(Ok(alive)) if alive.ended().await.is_ok() => sleep(LAST_WORD).await,
        // It had ended before it could be held on to.
        Some(Err(error)) if error.raw_os_error() == Some(Errno::ESRCH as i32) => sleep(LAST_WORD).await,
        _ => sleep(UNSEEN).await,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "local")]
    async fn shared_for_as_long_as_whoever_asked_lives() {
        let exposure = Exposure::default();
        assert!(!exposure.is_shared());
        // The other end of the pair is this process's own.
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        exposure.to(ours);
        drop(theirs);
        sleep(Duration::from_millis(50)).await;
        assert!(exposure.is_shared());
    }

    #[tokio::test(flavor = "local")]
    async fn who_has_ended_is_forgotten() {
        let mut child = Command::new("true").spawn().expect("true is everywhere");
        let number = child.id().cast_signed();
        let living = Alive::process(number);
        child.wait().expect("it is ours");
        for holder in [living, Alive::process(number)] {
            let soon = timeout(UNSEEN / 2, gone(Some(holder))).await;
            assert!(soon.is_ok());
        }
    }
}
