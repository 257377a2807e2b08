//! A program that runs in a host, and ends with this value.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_sys::netns::Namespaces;
use tandem_sys::process;

use crate::error::{Doing, LabError, Missing};
use crate::output::Output;

#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    output: Arc<Output>,
}

impl Running {
    pub(crate) fn start(network: &Namespaces, command: &mut Command) -> Result<Self, LabError> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match network.start(command) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Missing::new(name, "the program is not installed").into());
            }
            outcome => outcome.doing(|| format!("start {name}"))?,
        };
        let output = Arc::new(Output::default());
        if let Some(stream) = child.stdout.take() {
            output.follow(stream);
        }
        if let Some(stream) = child.stderr.take() {
            output.follow(stream);
        }
        Ok(Self { name, child, output })
    }

    /// The program's process, which leads a process group of its own.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it calls itself: another number where the host has its processes for itself.
    pub fn own_pid(&self) -> Result<u32, LabError> {
        let read = || format!("read the state of {}", self.name);
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).doing(read)?;
        // proc_pid_status(5): the number in each namespace, the innermost last.
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let last = numbers.and_then(|numbers| numbers.split_whitespace().last()?.parse().ok());
        Ok(last.unwrap_or_else(|| self.pid()))
    }

    /// To the process alone.
    pub fn signal(&self, signal: Signal) -> Result<(), LabError> {
        process::signal(self.pid(), signal).doing(|| format!("send {signal} to {}", self.name))
    }

    /// SIGKILL to the whole process group at once; returns when all of it is gone.
    pub fn kill(&mut self) -> Result<ExitStatus, LabError> {
        const WITHIN: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + WITHIN;
        process::signal_group(self.pid(), Signal::SIGKILL).doing(|| format!("kill {}", self.name))?;
        let status = self.child.wait().doing(|| format!("wait for {}", self.name))?;
        while process::group_exists(self.pid()).doing(|| format!("look for the group of {}", self.name))? {
            if Instant::now() > deadline {
                return Err(self.too_late(format!("the end of all processes of {}", self.name), WITHIN));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(status)
    }

    /// SIGTERM to the process, and its end.
    pub fn stop(&mut self, within: Duration) -> Result<ExitStatus, LabError> {
        self.signal(Signal::SIGTERM)?;
        self.wait(within)
    }

    /// The end of the program, by itself.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, LabError> {
        let ended = process::ends_within(&self.child, within).doing(|| format!("watch {}", self.name))?;
        if !ended {
            return Err(self.too_late(format!("the end of {}", self.name), within));
        }
        self.child.wait().doing(|| format!("wait for {}", self.name))
    }

    pub fn is_running(&mut self) -> Result<bool, LabError> {
        Ok(self
            .child
            .try_wait()
            .doing(|| format!("ask for the end of {}", self.name))?
            .is_none())
    }

    /// The next line with these words on stdout or stderr, after the one that the last call found.
    pub fn wait_for_line(&self, words: &str, within: Duration) -> Result<String, LabError> {
        let awaited = || self.too_late(format!("a line with `{words}` from {}", self.name), within);
        self.output.wait_for(words, within).ok_or_else(awaited)
    }

    /// The end of the program, by itself, and what it wrote until then.
    pub fn finish(&mut self, within: Duration) -> Result<(ExitStatus, String), LabError> {
        let status = self.wait(within)?;
        let open = || self.too_late(format!("the end of what {} writes", self.name), within);
        Ok((status, self.output.text_when_closed(within).ok_or_else(open)?))
    }

    /// What is kept of stdout and stderr: the newest MiB.
    pub fn output(&self) -> String {
        self.output.text()
    }

    fn too_late(&self, awaited: String, within: Duration) -> LabError {
        LabError::TooLate {
            awaited,
            within,
            seen: format!("; it wrote:\n{}", self.output()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A value that is dropped cannot report; the process namespace ends what this misses.
        if self.is_running().unwrap_or(false) {
            let _ = self.kill();
        }
    }
}
