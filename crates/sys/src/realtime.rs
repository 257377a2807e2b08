//! Being on time whatever else runs here: a real-time priority for a thread, and memory that is never paged out.
//!
//! Both are refused to ordinary users and inside user namespaces; the caller says so and goes on.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::capabilities::{Capability, holds};

/// The calling thread, and no other, runs before all ordinary ones (SCHED_RR). What it forks is ordinary again.
#[allow(unsafe_code)]
pub fn prioritise_this_thread(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: i32::from(priority),
    };
    const THIS_THREAD: libc::pid_t = 0;
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the kernel reads one sched_param, which lives until the call returns.
    if unsafe { libc::sched_setscheduler(THIS_THREAD, policy, &raw const parameters) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The calling thread gives way to others, or they to it (-20), where it has no real-time priority.
pub fn nice_this_thread(nice: i8) -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, nice.into())?)
}

/// A thread that works for so long at real-time priority without a pause is sent SIGXCPU, which ends the process.
pub fn limit_real_time(most: std::time::Duration) -> io::Result<()> {
    let limit = getrlimit(Resource::Rttime);
    let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Ok(setrlimit(
        Resource::Rttime,
        Rlimit {
            current: Some(most),
            maximum: limit.maximum,
        },
    )?)
}

/// Locks the program's code and data now, and what it will touch later when it touches it: thread stacks and heaps that are
/// reserved and never used cost nothing. To be called before threads start.
pub fn lock_memory() -> io::Result<()> {
    if !may_lock_any_amount()? {
        // A lock that fits today would make an allocation fail tomorrow.
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "RLIMIT_MEMLOCK is limited and CAP_IPC_LOCK is missing",
        ));
    }
    mlockall(MlockAllFlags::CURRENT)?;
    Ok(mlockall(MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?)
}

/// The capability counts only in the first user namespace, whose map is the identity over all ids (user_namespaces(7)).
fn may_lock_any_amount() -> io::Result<bool> {
    if getrlimit(Resource::Memlock).current.is_none() {
        return Ok(true);
    }
    let map = std::fs::read_to_string("/proc/self/uid_map")?;
    let first = map.split_whitespace().eq(["0", "0", "4294967295"]);
    Ok(first && holds(Capability::IpcLock)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_thread_may_give_way() {
        let nicer = std::thread::spawn(|| nice_this_thread(19)).join();
        nicer.expect("the thread does not panic").expect("everybody may");
    }

    /// Either it works or the refusal is the one that callers explain; a silent third would be a bug.
    #[test]
    fn permitted_or_refused() {
        let priority = std::thread::spawn(|| prioritise_this_thread(10))
            .join()
            .expect("the thread does not panic");
        if let Err(error) = priority {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        let impossible = prioritise_this_thread(100).expect_err("priorities end at 99");
        assert_eq!(impossible.kind(), io::ErrorKind::InvalidInput);
    }
}
