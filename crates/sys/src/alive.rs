//! Another process, for as long as it lives.
//!
//! A number may be another process's as soon as the first one has ended, so it is looked up once and held.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::readable::Readable;

/// Its end can be waited for in one event loop.
#[derive(Debug)]
pub struct Alive(Readable<Held>);

/// The descriptor of a process, which can be read when that has ended.
#[derive(Debug)]
pub struct Held(OwnedFd);

impl Alive {
    /// The process that has this number now.
    pub fn process(number: i32) -> io::Result<Alive> {
        let pid = (number > 0).then(|| Pid::from_raw(number)).flatten();
        let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no process of this host"))?;
        let held = Held(pidfd_open(pid, PidfdFlags::NONBLOCK)?);
        Ok(Alive(Readable::new(held)?))
    }

    pub async fn ended(&self) -> io::Result<()> {
        poll_fn(|cx| self.0.poll_readable(cx)).await
    }
}

impl AsRawFd for Held {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn it_ends_when_the_process_does() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .spawn()
            .expect("cat is everywhere");
        let alive = Alive::process(child.id().cast_signed()).expect("it runs");
        assert!(timeout(Duration::from_millis(50), alive.ended()).await.is_err());
        drop(child.stdin.take());
        let ended = timeout(Duration::from_secs(20), alive.ended()).await;
        assert!(ended.is_ok_and(|ended| ended.is_ok()));
        child.wait().expect("it is our child");
    }

    #[tokio::test]
    async fn numbers_that_are_nobodys() {
        for number in [0, -1, i32::MAX] {
            assert!(Alive::process(number).is_err(), "{number}");
        }
    }
}
