//! The installed HAProxy as a process, to be compared with.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::Pid;

use crate::until;

/// A running HAProxy; killed when dropped.
pub struct Haproxy {
    child: Child,
    file: PathBuf,
}

impl Haproxy {
    /// Starts it and waits until its stats socket, which the configuration names, answers. `None`, and a word about it,
    /// where it is not installed.
    #[track_caller]
    pub fn start(config: &str, socket: &Path) -> Option<Haproxy> {
        let file = socket.with_extension("haproxy.cfg");
        std::fs::write(&file, config).expect("the temporary folder is writable");
        let command = Command::new("haproxy")
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn();
        let child = match command {
            Ok(child) => child,
            Err(error) => {
                std::fs::remove_file(&file).ok();
                let mut out = std::io::stderr().lock();
                writeln!(out, "SKIP comparison with HAProxy: {error}").expect("standard error is open");
                return None;
            }
        };
        let mut haproxy = Haproxy { child, file };
        until("HAProxy", || {
            assert_eq!(haproxy.child.try_wait().ok().flatten(), None, "{config}");
            UnixStream::connect(socket).ok()
        });
        Some(haproxy)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id"))
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.file).ok();
    }
}
