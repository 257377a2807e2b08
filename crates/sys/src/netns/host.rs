//! The namespaces of one host: network, mounts (an own /run and /sys) and host name.
//!
//! A host for somebody else's programs has its processes for itself, too, and can only read this machine's files.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use nix::mount::MsFlags;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigHandler, Signal};

use super::files;
use super::ground::{Ground, mount_fresh};
use crate::capabilities::{self, Capability};

/// With these a program could change what is mounted in its host, enter other namespaces and act through processes that may.
const OUTWARD: [Capability; 2] = [Capability::SysAdmin, Capability::SysPtrace];

/// Alive as long as this value, or a process or socket in it, is.
#[derive(Debug)]
pub struct Namespaces {
    net: OwnedFd,
    mounts: OwnedFd,
    names: OwnedFd,
    processes: Option<Processes>,
}

/// The processes of a host that sees no others.
#[derive(Debug)]
struct Processes {
    of: OwnedFd,
    /// Process 1: all others end with it.
    first: Child,
}

impl Namespaces {
    /// Makes a host with this name. The ground proves that it will vanish with us.
    pub fn new(_ground: &Ground, name: &str) -> io::Result<Self> {
        on_fresh_thread(|| {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
            nix::unistd::sethostname(name)?;
            furnish()?;
            Ok(Self {
                net: own("net")?,
                mounts: own("mnt")?,
                names: own("uts")?,
                processes: None,
            })
        })?
    }

    /// A host for programs of somebody else: they see only each other, and of this machine its files, which they can read and
    /// nothing else. What they change in /tmp and in the host's own /run is gone with it.
    pub fn apart(_ground: &Ground, name: &str) -> io::Result<Self> {
        on_fresh_thread(|| {
            nix::sched::unshare(
                CloneFlags::CLONE_NEWNET
                    | CloneFlags::CLONE_NEWNS
                    | CloneFlags::CLONE_NEWUTS
                    | CloneFlags::CLONE_NEWPID,
            )?;
            nix::unistd::sethostname(name)?;
            furnish_apart()?;
            let (net, mounts, names) = (own("net")?, own("mnt")?, own("uts")?);
            let first = first_process()?;
            // /proc is the host's from here on, and this thread is not in it.
            let of = File::open("/proc/1/ns/pid")?.into();
            Ok(Self {
                net,
                mounts,
                names,
                processes: Some(Processes { of, first }),
            })
        })?
    }

    /// Starts the program in this host, in a process group of its own.
    pub fn start(&self, command: &mut Command) -> io::Result<Child> {
        self.prepare(command)?;
        let Some(own) = &self.processes else {
            return command.spawn();
        };
        // This thread stays among its own processes; only its children are born among others.
        let here = File::open("/proc/thread-self/ns/pid")?;
        nix::sched::setns(&own.of, CloneFlags::CLONE_NEWPID)?;
        let child = command.spawn();
        nix::sched::setns(&here, CloneFlags::CLONE_NEWPID)?;
        child
    }

    /// Whoever is started here finds this file in the place of that.
    pub fn put_over(&self, path: &Path, file: &Path) -> io::Result<()> {
        on_fresh_thread(|| {
            // Nobody enters other mounts who shares a root with somebody.
            nix::sched::unshare(CloneFlags::CLONE_FS)?;
            nix::sched::setns(&self.mounts, CloneFlags::CLONE_NEWNS)?;
            nix::mount::mount(Some(file), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
            Ok(())
        })?
    }

    /// Runs a closure in the host's network and under its name, and waits for it. Threads and sockets that it makes stay
    /// there. Its files are those of the caller.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_fresh_thread(|| {
            self.enter_network()?;
            Ok(work())
        })?
    }

    /// As [`Self::inside`], but does not wait.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        let here = Self {
            net: self.net.try_clone()?,
            mounts: self.mounts.try_clone()?,
            names: self.names.try_clone()?,
            processes: None,
        };
        std::thread::Builder::new().spawn(move || {
            here.enter_network()?;
            drop(here);
            Ok(work())
        })
    }

    fn enter_network(&self) -> io::Result<()> {
        nix::sched::setns(&self.net, CloneFlags::CLONE_NEWNET)?;
        nix::sched::setns(&self.names, CloneFlags::CLONE_NEWUTS)?;
        Ok(())
    }

    /// Makes the program start here, but for the processes that it sees.
    fn prepare(&self, command: &mut Command) -> io::Result<()> {
        let (net, mounts, names) = (self.net.try_clone()?, self.mounts.try_clone()?, self.names.try_clone()?);
        // Entering a mount namespace moves the working directory to its root.
        let folder = match command.get_current_dir() {
            Some(folder) => folder.to_path_buf(),
            // Ours may be where a host that is apart sees nothing, or where its user may not be.
            None if self.processes.is_some() => PathBuf::from("/"),
            None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        };
        let folder = CString::new(folder.as_os_str().as_bytes()).map_err(io::Error::other)?;
        command.process_group(0);
        let is_apart = self.processes.is_some();
        let enter = move || {
            nix::sched::setns(&net, CloneFlags::CLONE_NEWNET)?;
            nix::sched::setns(&names, CloneFlags::CLONE_NEWUTS)?;
            nix::sched::setns(&mounts, CloneFlags::CLONE_NEWNS)?;
            nix::unistd::chdir(folder.as_c_str())?;
            if is_apart {
                capabilities::forgo(&OUTWARD)?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes some system calls and touches nothing but its own captures; it
        // neither allocates nor takes a lock.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(enter);
        }
        Ok(())
    }

    /// The descriptor of the network namespace, for netlink messages that move an interface there.
    pub fn network(&self) -> i32 {
        self.net.as_raw_fd()
    }

    /// The processes whose network is this host's.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        let first = self.processes.as_ref().map(|own| own.first.id());
        let mine = File::from(self.net.try_clone()?).metadata()?.ino();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if Some(pid) == first {
                continue;
            }
            // A process may end while we look.
            if std::fs::metadata(entry.path().join("ns/net")).is_ok_and(|net| net.ino() == mine) {
                found.push(pid);
            }
        }
        Ok(found)
    }
}

fn own(kind: &str) -> io::Result<OwnedFd> {
    Ok(File::open(format!("/proc/thread-self/ns/{kind}"))?.into())
}

impl Drop for Processes {
    fn drop(&mut self) {
        // It is gone at the latest when the ground is.
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

/// An own /run, so that two hosts may run the same daemon, with the shared folder still in it; and a /sys of this network.
fn furnish() -> io::Result<()> {
    let shared = File::open(Ground::SHARED)?;
    make_private()?;
    mount_fresh("sysfs", "/sys", "")?;
    mount_fresh("tmpfs", "/run", "mode=755,size=64m")?;
    share(&shared, "")
}

/// The same for a host whose files are to be read and for nothing else.
fn furnish_apart() -> io::Result<()> {
    let shared = File::open(Ground::SHARED)?;
    make_private()?;
    files::set_apart(&shared)
}

fn make_private() -> io::Result<()> {
    let all = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    nix::mount::mount(None::<&str>, "/", None::<&str>, all, None::<&str>)?;
    Ok(())
}

/// The folder that all hosts share, below this root.
pub(super) fn share(shared: &File, root: &str) -> io::Result<()> {
    let at = format!("{root}{}", Ground::SHARED);
    std::fs::create_dir(&at)?;
    let source = format!("/proc/thread-self/fd/{}", shared.as_raw_fd());
    let mount = |source: Option<&str>, flags| nix::mount::mount(source, at.as_str(), None::<&str>, flags, None::<&str>);
    mount(Some(&source), MsFlags::MS_BIND)?;
    // It may have been locked with the others.
    let writable = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(None, writable)?;
    Ok(())
}

/// Process 1 of a process namespace that this thread has made, with a /proc of it.
fn first_process() -> io::Result<Child> {
    let mut command = Command::new("sleep");
    command.arg("infinity").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = || {
        // Those who lost their parent are its children, and nobody asks how they ended.
        // SAFETY: no handler is installed.
        #[allow(unsafe_code)]
        unsafe {
            nix::sys::signal::signal(Signal::SIGCHLD, SigHandler::SigIgn)?;
        }
        mount_fresh("proc", "/proc", "")?;
        capabilities::forgo(&OUTWARD)
    };
    // SAFETY: between fork and exec the closure makes some system calls; it neither allocates nor takes a lock.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(begin);
    }
    command.spawn()
}

/// A thread cannot leave a namespace that it made, so each visit has a thread of its own.
fn on_fresh_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
