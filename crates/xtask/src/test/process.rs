//! Runs a program within a time, with all that it starts: it gets a process group, and the group is killed when the time
//! is up or somebody presses Ctrl-C.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::left_behind::Mark;

/// How often deadlines and Ctrl-C are looked at while a program is silent.
const TICK: Duration = Duration::from_millis(50);
/// What a program gets to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// How long lines may still come after the program has ended: something it left behind may hold the pipe open.
const LEFTOVER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Exited(ExitStatus),
    OverBudget,
    Interrupted,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(status) => write!(f, "{status}"),
            Ending::OverBudget => f.write_str("killed: over its budget"),
            Ending::Interrupted => f.write_str("stopped on request"),
        }
    }
}

/// Ctrl-C, remembered: a process group of its own does not hear the terminal's.
#[derive(Clone, Debug)]
pub(super) struct Interruption(Arc<AtomicBool>);

impl Interruption {
    pub(super) fn listen() -> Result<Interruption> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot catch signals")?;
        }
        Ok(Interruption(flag))
    }

    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `command`; each line of its output goes to `log` and to `each`.
pub(super) fn run(
    mut command: Command,
    budget: Duration,
    log: &Path,
    interruption: &Interruption,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<Ending> {
    let name = shown(&command);
    let mut log = File::create(log).with_context(|| log.display().to_string())?;
    let (output, writer) = io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mark = Mark::of(&command);
    let child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    // The command holds the writing ends; the pipe would never end with them.
    drop(command);
    let mut group = Group {
        child,
        ended: None,
        mark,
    };
    let lines = lines(output);
    let deadline = Instant::now() + budget;
    let (mut closed, mut ended_at) = (false, None);
    loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => {
                writeln!(log, "{line}")?;
                each(&line)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                closed = true;
                thread::sleep(TICK);
            }
        }
        if let Some(status) = group.ended()? {
            let ended_at = *ended_at.get_or_insert_with(Instant::now);
            if closed || ended_at.elapsed() >= LEFTOVER {
                return Ok(Ending::Exited(status));
            }
        } else if interruption.happened() {
            return Ok(Ending::Interrupted);
        } else if Instant::now() >= deadline {
            return Ok(Ending::OverBudget);
        }
    }
}

/// As one would type it.
pub(super) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn lines(output: PipeReader) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                return;
            }
            line.clear();
        }
    });
    receiver
}

/// A child and all of its group, with a mark also all that it has started; none outlives this.
struct Group {
    child: Child,
    ended: Option<ExitStatus>,
    mark: Option<Mark>,
}

impl Group {
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// False when nobody is left to hear it; no signal only asks.
    fn signal(&self, signal: Option<Signal>) -> bool {
        i32::try_from(self.child.id()).is_ok_and(|id| killpg(Pid::from_raw(id), signal) != Err(Errno::ESRCH))
    }

    fn end(&mut self) {
        if !self.signal(Some(Signal::SIGTERM)) {
            return;
        }
        let until = Instant::now() + GRACE;
        // Reaping the leader first: a zombie counts as a member of its group.
        while Instant::now() < until {
            self.ended().ok();
            if !self.signal(None) {
                return;
            }
            thread::sleep(TICK);
        }
        self.signal(Some(Signal::SIGKILL));
        self.child.wait().ok();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        if let Some(mark) = &self.mark {
            mark.end_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::left_behind;
    use super::*;

    fn shell(script: &str, budget: Duration) -> (Ending, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        left_behind::mark(&mut command);
        run_it(command, script.len(), budget)
    }

    fn run_it(command: Command, number: usize, budget: Duration) -> (Ending, Vec<String>) {
        let unheard = Interruption(Arc::new(AtomicBool::new(false)));
        let log = std::env::temp_dir().join(format!("xtask-{}-{number}.log", std::process::id()));
        let mut seen = Vec::new();
        let ending = run(command, budget, &log, &unheard, |line| {
            seen.push(line.to_owned());
            Ok(())
        });
        std::fs::remove_file(log).expect("it was written");
        (ending.expect("sh exists"), seen)
    }

    #[test]
    fn both_streams_in_order_and_the_status() {
        let (ending, seen) = shell("echo a; echo b >&2; echo c; exit 3", Duration::from_secs(60));
        let Ending::Exited(status) = ending else {
            panic!("{ending}")
        };
        assert_eq!(
            (status.code(), seen),
            (Some(3), vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
        );
    }

    #[test]
    fn a_family_over_its_budget_is_killed() {
        let (ending, seen) = shell("sleep 1000 & echo $!; wait", Duration::from_secs(2));
        assert_eq!(ending, Ending::OverBudget);
        is_gone(&seen[0]);
    }

    #[test]
    fn a_daemon_is_ended_with_its_run() {
        for (script, budget) in [
            ("setsid sleep 1000 & echo $!; wait", Duration::from_secs(2)),
            (
                "setsid sleep 1000 > /dev/null 2>&1 & echo $!; exit 0",
                Duration::from_secs(60),
            ),
        ] {
            let (_, seen) = shell(script, budget);
            is_gone(&seen[0]);
        }
    }

    #[test]
    fn a_server_that_a_build_has_started_stays() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sleep 1000 > /dev/null 2>&1 & echo $!; exit 0"]);
        let (_, seen) = run_it(command, 0, Duration::from_secs(60));
        let server = Pid::from_raw(seen[0].parse().expect("a process id"));
        assert_eq!(nix::sys::signal::kill(server, Signal::SIGKILL), Ok(()), "it lived on");
        is_gone(&seen[0]);
    }

    #[track_caller]
    fn is_gone(process: &str) {
        let grandchild: i32 = process.parse().expect("a process id");
        let until = Instant::now() + Duration::from_secs(5);
        let is_gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
            stat.map_or(true, |text| text.contains(") Z "))
        };
        while !is_gone() {
            assert!(Instant::now() < until, "process {grandchild} lives on");
            thread::sleep(TICK);
        }
    }

    #[test]
    fn what_a_program_leaves_behind_is_not_waited_for() {
        let start = Instant::now();
        let (ending, _) = shell("sleep 1000 & exit 0", Duration::from_secs(60));
        assert!(matches!(ending, Ending::Exited(status) if status.success()));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "--locked"]);
        assert_eq!(shown(&command), "cargo test --locked");
    }
}
