//! Entering the ground that hosts stand on: a user namespace (unless we are root), and process, mount, network, UTS and
//! IPC namespaces below it.
//!
//! Three forks make it: the first process enters the namespaces, its child is process 1 of the new process namespace, and
//! the grandchild goes on as the program. Each is tied to the one before, and when process 1 of a process namespace dies the
//! kernel kills all others in it. So everything ends together, also after SIGKILL.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sched::CloneFlags;
use nix::unistd::{ForkResult, Gid, Uid};

use crate::capabilities::{self, Capability};
use crate::process::{self, Minder, Tie};

/// Proof that this process runs inside namespaces of its own.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    unprivileged: bool,
}

/// Why the namespaces could not be entered. The caller is where it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Ground {
    /// A folder in memory that all hosts share; gone with the namespaces.
    pub const SHARED: &str = "/run/lab";

    /// Returns in a new process inside the namespaces. The process that called waits for that one and then exits with its
    /// status; it returns only if the namespaces are refused. Call it first thing in `main`: there may be only one thread.
    pub fn enter() -> Result<Self, Refusal> {
        let privileged = capabilities::holds(Capability::SysAdmin).map_err(|e| Refusal::at("read capabilities", e))?;
        Self::enter_as(if privileged { Rights::All } else { Rights::OfOneUser })
    }

    /// The same for programs of somebody else: whoever is root here is nobody in particular there, so that nothing in the
    /// namespaces has a right on this machine that an ordinary user lacks.
    pub fn enter_unprivileged() -> Result<Self, Refusal> {
        let is_root = nix::unistd::geteuid().is_root();
        Self::enter_as(if is_root { Rights::OfNobody } else { Rights::OfOneUser })
    }

    fn enter_as(rights: Rights) -> Result<Self, Refusal> {
        let (answer, report) = io::pipe().map_err(|e| Refusal::at("make a pipe", e))?;
        let minder = Minder::new().map_err(|e| Refusal::at("take over the signals", e))?;
        let tie = Tie::to_this_process().map_err(|e| Refusal::at("open the own process descriptor", e))?;
        match process::fork().map_err(|e| Refusal::at("fork", e))? {
            ForkResult::Child => {
                drop(answer);
                Ok(Descent { minder, report, rights }.run(&tie))
            }
            ForkResult::Parent { child } => {
                drop(report);
                let refusal = match heard(answer) {
                    Ok(()) => match minder.mind(child) {
                        Ok(code) => std::process::exit(code),
                        Err(error) => Refusal::at("wait for the child", error),
                    },
                    Err(refusal) => refusal,
                };
                // Its own children ended before it, or end with it.
                let _ = nix::sys::wait::waitpid(child, None);
                Err(refusal)
            }
        }
    }

    /// Inside a user namespace: real-time priority, locked memory and larger socket buffers are refused here.
    pub fn is_unprivileged(&self) -> bool {
        self.unprivileged
    }
}

impl Refusal {
    fn at(step: &str, error: io::Error) -> Self {
        Self(format!("cannot {step}: {error}"))
    }
}

/// What the programs in the namespaces may do to what is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// Root's: no user namespace is needed.
    All,
    OfOneUser,
    OfNobody,
}

const READY: &str = "ready";

fn heard(mut answer: impl Read) -> Result<(), Refusal> {
    let mut text = String::new();
    answer
        .read_to_string(&mut text)
        .map_err(|e| Refusal::at("read the child's report", e))?;
    match text.as_str() {
        READY => Ok(()),
        "" => Err(Refusal("the process that entered the namespaces died there".into())),
        _ => Err(Refusal(text)),
    }
}

/// What each process on the way down hands to the next.
struct Descent {
    minder: Minder,
    report: io::PipeWriter,
    rights: Rights,
}

impl Descent {
    fn run(self, tie: &Tie) -> Ground {
        let unprivileged = self.rights != Rights::All;
        let first = self.or_die(|descent| {
            tie.fasten()
                .map_err(|e| Refusal::at("tie the child to its parent", e))?;
            if descent.rights == Rights::OfNobody {
                become_nobody().map_err(|e| Refusal::at("give up the rights of root", e))?;
            }
            unshare_all(unprivileged)?;
            // A change of credentials undoes the tie.
            tie.fasten().map_err(|e| Refusal::at("tie the child to its parent", e))
        });
        let init = first.fork().or_die(|_| furnish());
        let Self { minder, mut report, .. } = init.fork();
        drop(minder);
        if report.write_all(READY.as_bytes()).is_err() {
            std::process::exit(1);
        }
        Ground { unprivileged }
    }

    /// Goes on in the child; the parent minds it and ends with its status.
    fn fork(self) -> Self {
        let tie = Tie::to_this_process();
        let mut next = self.or_die(|_| Ok(()));
        let outcome = tie.and_then(|tie| match process::fork()? {
            ForkResult::Child => tie.fasten().map(|()| None),
            ForkResult::Parent { child } => Ok(Some(child)),
        });
        match outcome {
            Ok(None) => next,
            Ok(Some(child)) => {
                drop(next.report);
                std::process::exit(next.minder.mind(child).unwrap_or(1))
            }
            Err(error) => next.die(&Refusal::at("fork inside the namespaces", error)),
        }
    }

    fn or_die(mut self, step: impl FnOnce(&Self) -> Result<(), Refusal>) -> Self {
        match step(&self) {
            Ok(()) => self,
            Err(refusal) => self.die(&refusal),
        }
    }

    fn die(&mut self, refusal: &Refusal) -> ! {
        // Nobody is left to hear that the report failed.
        let _ = self.report.write_all(refusal.0.as_bytes());
        std::process::exit(1)
    }
}

/// For good: a user who owns nothing.
fn become_nobody() -> io::Result<()> {
    const NOBODY: u32 = 65534;
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)?;
    // A change of credentials gives the process's own /proc to root, and the maps of its ids are to be written there.
    nix::sys::prctl::set_dumpable(true)?;
    Ok(())
}

fn unshare_all(with_user: bool) -> Result<(), Refusal> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let mut flags = CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    if with_user {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    nix::sched::unshare(flags).map_err(|errno| Refusal::at("unshare the namespaces", why(errno)))?;
    if !with_user {
        return Ok(());
    }
    // user_namespaces(7): without privilege one id may be mapped, and the group only after setgroups is denied.
    let write =
        |path: &str, text: String| std::fs::write(path, text).map_err(|e| Refusal::at(&format!("write {path}"), e));
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// unshare(2) reports limits and bans with numbers that mean something else to most readers.
fn why(errno: Errno) -> io::Error {
    let text = match errno {
        Errno::ENOSPC | Errno::EUSERS => "the limit in /proc/sys/user/max_user_namespaces is reached",
        Errno::EPERM => "this system does not let this user make namespaces",
        other => return other.into(),
    };
    io::Error::other(format!("{text} ({})", errno.desc()))
}

/// Gives the namespaces a /proc, /sys and /run that speak of them and not of the machine.
fn furnish() -> Result<(), Refusal> {
    nix::mount::mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(|e| Refusal::at("make the mounts private", e.into()))?;
    mount_fresh("proc", "/proc", "").map_err(|e| Refusal::at("mount a fresh /proc", e))?;
    mount_fresh("sysfs", "/sys", "").map_err(|e| Refusal::at("mount a fresh /sys", e))?;
    mount_fresh("tmpfs", "/run", "mode=755,size=256m").map_err(|e| Refusal::at("mount a tmpfs on /run", e))?;
    std::fs::create_dir(Ground::SHARED)
        .and_then(|()| std::fs::set_permissions(Ground::SHARED, Permissions::from_mode(0o1777)))
        .map_err(|e| Refusal::at("make the shared folder", e))
}

pub(super) fn mount_fresh(kind: &str, on: &str, options: &str) -> io::Result<()> {
    let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    // Scripts that tests write live on the tmpfs.
    flags.set(MsFlags::MS_NOEXEC, kind != "tmpfs");
    nix::mount::mount(Some("lab"), Path::new(on), Some(kind), flags, Some(options))?;
    Ok(())
}
