//! Processes that end with the one that needs them.
//!
//! A test or a demo that is killed with SIGKILL cannot clean up. So the kernel does it: a child is tied to its parent, and a
//! parent minds exactly one child and passes on what it is told.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::{ForkResult, Pid};

/// The signals a minder passes on to its child; SIGCHLD is for the minder itself.
const PASSED_ON: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Forks a process that has only one thread; refuses any other, because locks that other threads hold would stay held for
/// ever in the child.
pub fn fork() -> io::Result<ForkResult> {
    if thread_count()? != 1 {
        return Err(io::Error::other("this process already has more than one thread"));
    }
    // SAFETY: there is one thread (checked above), so the child inherits no lock held by a thread that it does not have.
    #[allow(unsafe_code)]
    let result = unsafe { nix::unistd::fork() };
    Ok(result?)
}

fn thread_count() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// The bond of a child to its parent: when the parent dies, for whatever reason, the child is killed.
pub struct Tie {
    parent: OwnedFd,
}

impl Tie {
    /// Made by the parent before it forks.
    pub fn to_this_process() -> io::Result<Self> {
        let parent = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())?;
        Ok(Self { parent })
    }

    /// Fastened by the child. The kernel forgets it when credentials change, so fasten it again after that.
    pub fn fasten(&self) -> io::Result<()> {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above: its descriptor knows, even across process namespaces.
        if ended(&self.parent, Duration::ZERO)? {
            return Err(io::Error::other("the parent process is already gone"));
        }
        Ok(())
    }
}

fn ended(pidfd: &OwnedFd, within: Duration) -> io::Result<bool> {
    use std::os::fd::AsFd;
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    Ok(nix::poll::poll(&mut fds, timeout)? == 1)
}

/// Waits until the child has ended, but no longer than `within`; says whether it has. The child is not reaped.
pub fn ends_within(child: &Child, within: Duration) -> io::Result<bool> {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) else {
        return Err(io::Error::other("a child with an impossible process number"));
    };
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
    ended(&pidfd, within)
}

/// Sends a signal to a whole process group; a group that is gone is not an error.
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(leader).map_err(io::Error::other)?;
    match nix::sys::signal::killpg(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether any process of the group is left, be it one that has ended and waits for its parent to notice.
pub fn group_exists(leader: u32) -> io::Result<bool> {
    let pid = i32::try_from(leader).map_err(io::Error::other)?;
    match nix::sys::signal::killpg(Pid::from_raw(pid), None) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Sends a signal to one process; a process that is gone is not an error.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    match nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// A parent that does nothing but mind one child. It is made before the fork, so that no signal falls in between; the child,
/// and a parent that will not mind after all, drop it and so take their signals back.
pub struct Minder {
    signals: SignalFd,
    before: SigSet,
}

impl Minder {
    pub fn new() -> io::Result<Self> {
        let mut mask = SigSet::from_iter(PASSED_ON);
        mask.add(Signal::SIGCHLD);
        let before = mask.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals, before })
    }

    /// Passes signals on, reaps whatever ends, and returns the exit code of `child` once that ends.
    pub fn mind(&self, child: Pid) -> io::Result<i32> {
        loop {
            if let Some(code) = reap(child)? {
                return Ok(code);
            }
            let Some(info) = self.signals.read_signal()? else {
                continue;
            };
            // What the terminal sends (a positive code) the child has received itself.
            if info.ssi_code > 0 {
                continue;
            }
            let signal = i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|number| Signal::try_from(number).ok());
            if let Some(signal) = signal.filter(|signal| PASSED_ON.contains(signal)) {
                match nix::sys::signal::kill(child, signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }
}

impl Drop for Minder {
    fn drop(&mut self) {
        // The mask was in force before, so the kernel takes it again.
        let _ = self.before.thread_set_mask();
    }
}

fn reap(child: Pid) -> io::Result<Option<i32>> {
    loop {
        let status = match nix::sys::wait::waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(status) => status,
            Err(Errno::ECHILD) => return Err(io::Error::other("the child is gone without a status")),
            Err(errno) => return Err(errno.into()),
        };
        match status {
            WaitStatus::Exited(pid, code) if pid == child => return Ok(Some(code)),
            // As a shell says it.
            WaitStatus::Signaled(pid, signal, _) if pid == child => return Ok(Some(128 + signal as i32)),
            WaitStatus::StillAlive => return Ok(None),
            _ => {}
        }
    }
}

/// What this starts is asked to end (SIGTERM) when the thread that started it is gone, however that went. Whoever is run
/// as another user keeps this only from here on: the kernel forgets it when a process changes its user.
#[allow(unsafe_code)]
pub fn end_with_us(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let us = rustix::process::getpid();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
        // Who is gone already will not be missed: nothing would end it.
        if rustix::process::getppid() != Some(us) {
            return Err(io::Error::from(Errno::ESRCH));
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes two system calls and touches no memory of others.
    unsafe { command.pre_exec(ask) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_two_threads_does_not_fork() {
        std::thread::scope(|scope| {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || ended.recv());
            assert!(fork().is_err());
            drop(end);
        });
    }

    #[test]
    fn a_dropped_minder_gives_the_signals_back() -> io::Result<()> {
        let before = SigSet::thread_get_mask()?;
        let minder = Minder::new()?;
        assert!(SigSet::thread_get_mask()?.contains(Signal::SIGTERM));
        drop(minder);
        assert_eq!(SigSet::thread_get_mask()?, before);
        Ok(())
    }
}
