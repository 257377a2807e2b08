//! A descriptor of this crate in the event loop, for those who read it themselves and only want to be woken.
//!
//! Whoever must not miss anything reads until there is nothing left, whether the loop has noticed it or not, and then
//! says so.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::alive::Held;
use crate::file_watch::Notes;
use crate::hops::HopSocket;
use crate::raw::{EchoSocket, PacketSocket, VrrpReceiver};
use crate::timer::Timer;

/// Something whose descriptor is its own and the same for as long as it lives.
pub trait Steady: AsRawFd + sealed::Sealed {}

impl Steady for Held {}
impl Steady for EchoSocket {}
impl Steady for HopSocket {}
impl Steady for VrrpReceiver {}
impl Steady for PacketSocket {}
impl Steady for Timer {}
impl Steady for Arc<Timer> {}
impl Steady for Notes {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Held {}
    impl Sealed for super::EchoSocket {}
    impl Sealed for super::HopSocket {}
    impl Sealed for super::VrrpReceiver {}
    impl Sealed for super::PacketSocket {}
    impl Sealed for super::Timer {}
    impl Sealed for super::Arc<super::Timer> {}
    impl Sealed for super::Notes {}
}

#[derive(Debug)]
pub struct Readable<T: Steady>(AsyncFd<T>);

impl<T: Steady> Readable<T> {
    /// Needs a tokio runtime with I/O.
    pub fn new(inner: T) -> io::Result<Self> {
        // SAFETY: the trait is sealed, and all who have it own their descriptor and never replace or close it.
        #[allow(unsafe_code)]
        let registered = unsafe { AsyncFd::register_with_interest(inner, Interest::READABLE) };
        Ok(Self(registered?))
    }

    pub fn inner(&self) -> &T {
        self.0.get_ref()
    }

    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// Ready from when the event loop has seen something to read until [`Self::found_empty`].
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx).map_ok(drop)
    }

    /// There was nothing left to read. To be called on the runtime's thread and without waiting since: the event loop,
    /// which runs there too, cannot have seen anything newer.
    pub fn found_empty(&self) {
        let empty = |_: &T| -> io::Result<()> { Err(ErrorKind::WouldBlock.into()) };
        // It does nothing but pass that error back.
        self.0.try_io(Interest::READABLE, empty).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn wakes_when_there_is_something_and_sleeps_when_there_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let timer = Readable::new(Timer::new().expect("timers exist")).expect("inside a runtime");
            for _ in 0..2 {
                timer.inner().arm(Duration::from_millis(1)).expect("any duration");
                std::future::poll_fn(|cx| timer.poll_readable(cx))
                    .await
                    .expect("the loop works");
                assert!(timer.inner().clear().expect("it expired"));
                timer.found_empty();
                let again = std::future::poll_fn(|cx| timer.poll_readable(cx));
                assert!(tokio::time::timeout(Duration::from_millis(20), again).await.is_err());
            }
        });
    }
}
