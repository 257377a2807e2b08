//! The namespaces of one host: network, mounts (an own /run and /sys) and host name.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;

use nix::mount::MsFlags;
use nix::sched::CloneFlags;

use super::ground::{Ground, mount_fresh};

/// Alive as long as this value, or a process or socket in it, is.
#[derive(Debug)]
pub struct Namespaces {
    net: OwnedFd,
    mounts: OwnedFd,
    names: OwnedFd,
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
            })
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

    /// Makes the program start in this host, in a process group of its own.
    pub fn prepare(&self, command: &mut Command) -> io::Result<()> {
        let (net, mounts, names) = (self.net.try_clone()?, self.mounts.try_clone()?, self.names.try_clone()?);
        // Entering a mount namespace moves the working directory to its root.
        let folder = match command.get_current_dir() {
            Some(folder) => folder.to_path_buf(),
            None => std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        };
        let folder = CString::new(folder.as_os_str().as_bytes()).map_err(io::Error::other)?;
        command.process_group(0);
        let enter = move || {
            nix::sched::setns(&net, CloneFlags::CLONE_NEWNET)?;
            nix::sched::setns(&names, CloneFlags::CLONE_NEWUTS)?;
            nix::sched::setns(&mounts, CloneFlags::CLONE_NEWNS)?;
            nix::unistd::chdir(folder.as_c_str())?;
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes four system calls and touches nothing but its own captures; it
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
        let mine = File::from(self.net.try_clone()?).metadata()?.ino();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
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

/// An own /run, so that two hosts may run the same daemon, with the shared folder still in it; and a /sys of this network.
fn furnish() -> io::Result<()> {
    let shared = File::open(Ground::SHARED)?;
    nix::mount::mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    mount_fresh("sysfs", "/sys", "")?;
    mount_fresh("tmpfs", "/run", "mode=755,size=64m")?;
    std::fs::create_dir(Ground::SHARED)?;
    let source = format!("/proc/thread-self/fd/{}", shared.as_raw_fd());
    nix::mount::mount(
        Some(source.as_str()),
        Ground::SHARED,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )?;
    Ok(())
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
