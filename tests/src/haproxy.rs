//! The installed HAProxy as a process, to be compared with.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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
        match Haproxy::begin(config, &[]) {
            Ok(haproxy) => Some(haproxy.answering(socket)),
            Err(error) => {
                let mut out = io::stderr().lock();
                writeln!(out, "SKIP comparison with HAProxy: {error}").expect("standard error is open");
                None
            }
        }
    }

    /// Starts it with more arguments, and waits for nothing. An error is that it is not installed.
    pub fn begin(config: &str, arguments: &[&str]) -> io::Result<Haproxy> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tandem-haproxy-{}-{}.cfg",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, config).expect("the temporary folder is writable");
        let mut command = Command::new("haproxy");
        command.args(["-db", "-q", "-f"]).arg(&file).args(arguments);
        match command.stdin(Stdio::null()).spawn() {
            Ok(child) => Ok(Haproxy { child, file }),
            Err(error) => {
                std::fs::remove_file(&file).ok();
                Err(error)
            }
        }
    }

    /// Waits until its stats socket answers: its file is there before anybody listens on it.
    #[track_caller]
    pub fn answering(mut self, socket: &Path) -> Haproxy {
        until("HAProxy", || {
            assert!(
                !self.has_ended(),
                "{}",
                std::fs::read_to_string(&self.file).unwrap_or_default()
            );
            UnixStream::connect(socket).ok()
        });
        self
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id"))
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.file).ok();
    }
}
