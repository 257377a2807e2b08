//! A timer that is precise to the microsecond and can be waited for beside sockets.
//!
//! The runtime's own timers round to milliseconds; at ten milliseconds between adverts that is a tenth of everything.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// Readable from when it expires until it is armed again or cleared.
#[derive(Debug)]
pub struct Timer {
    descriptor: TimerFd,
}

impl Timer {
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self {
            descriptor: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
        })
    }

    /// Expires once, after this; what was armed before is forgotten.
    pub fn arm(&self, after: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let after = TimeSpec::from(after.max(Duration::from_nanos(1)));
        Ok(self
            .descriptor
            .set(Expiration::OneShot(after), TimerSetTimeFlags::empty())?)
    }

    pub fn disarm(&self) -> io::Result<()> {
        Ok(self.descriptor.unset()?)
    }

    /// Makes it unreadable again; says whether it had expired.
    pub fn clear(&self) -> io::Result<bool> {
        let mut count = [0; size_of::<u64>()];
        match nix::unistd::read(&self.descriptor, &mut count) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn readable_within(timer: &Timer, millis: u16) -> bool {
        let mut fds = [PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(millis)).expect("the descriptor is open") == 1
    }

    #[test]
    fn expires_once_and_is_cleared() {
        let timer = Timer::new().expect("timers exist");
        assert!(!timer.clear().expect("readable later only"));
        timer.arm(Duration::ZERO).expect("any duration");
        assert!(readable_within(&timer, 10_000));
        assert!(timer.clear().expect("expired"));
        assert!(!timer.clear().expect("once"));
    }

    #[test]
    fn arming_again_moves_it_and_disarming_ends_it() {
        let timer = Timer::new().expect("timers exist");
        timer.arm(Duration::from_nanos(1)).expect("any duration");
        timer.arm(Duration::from_secs(3600)).expect("any duration");
        assert!(!readable_within(&timer, 20));
        timer.arm(Duration::from_millis(1)).expect("any duration");
        timer.disarm().expect("always possible");
        assert!(!readable_within(&timer, 20));
    }
}
