//! Telling the processes before this one to end (`-sf`, `-st`).

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::args::Args;

/// To be called when this process serves. Who is gone already needs no telling.
pub(crate) fn signal_predecessors(args: &Args) {
    let finish = args.finish.iter().map(|pid| (*pid, Signal::SIGUSR1));
    let terminate = args.terminate.iter().map(|pid| (*pid, Signal::SIGTERM));
    for (pid, signal) in finish.chain(terminate) {
        // 0 and below would be groups of processes.
        let Some(pid) = i32::try_from(pid).ok().filter(|&pid| pid > 0) else {
            continue;
        };
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => tracing::warn!(%error, "cannot tell process {pid} to end"),
        }
    }
}
