//! Running a program: by ourselves when it runs as who we are, else by the launcher.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Group, User, getegid, geteuid};
use tandem_sys::process::{end_with_us, signal_group};
use tandem_vrrp::safety;
use tokio::process::{Child, Command};

use crate::launcher::{Ending, Launched, Launcher};

/// A command, and who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) words: Vec<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) bond: Bond,
}

/// Whether what we run ourselves outlives us when we are killed and end nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// A check says something to us only.
    Ours,
    /// Whoever is told something does what it does about it, and ends by itself.
    ItsOwn,
}

/// A program at work, in a process group of its own. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) enum Run {
    Own(Tree),
    Launched(Launched),
}

impl Runner {
    /// Starts the command without waiting for it. A file that only a shell understands gets one.
    pub(crate) fn start(&self, launcher: &Launcher) -> io::Result<Run> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty command"));
        };
        let asked = match self.other_user()? {
            Some(other) => Some(other.to_owned()),
            None if launcher.is_freer() => Some(own_name()?),
            None => None,
        };
        if let Some(user) = asked {
            let words = self.words.iter().map(|word| word.to_string()).collect();
            // Which is ours when nobody is named.
            let group = self.user.as_ref().and(self.group.as_deref()).map(str::to_owned);
            return launcher.run(words, user, group).map(Run::Launched);
        }
        if launcher.is_careful()
            && let Some(why) = unsafe_for_root(program)
        {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let mut command = Command::new(&**program);
        command.args(arguments.iter().map(|word| &**word));
        match self.prepared(&mut command).spawn() {
            Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(self.words.iter().map(|word| &**word));
                self.prepared(&mut shell).spawn()
            }
            outcome => outcome,
        }
        .map(|child| Run::Own(Tree(child)))
    }

    fn prepared<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let command = safety::apart(command).kill_on_drop(true);
        if self.bond == Bond::Ours {
            // Between fork and exec, so the standard library cannot take `posix_spawn` for it: a fork of this process, which is
            // small, for each check.
            end_with_us(command.as_std_mut());
        }
        command
    }

    /// Nobody when it is who we are.
    fn other_user(&self) -> io::Result<Option<&str>> {
        let Some(name) = self.user.as_deref() else {
            return Ok(None);
        };
        let is_us = is_us(name, self.group.as_deref())?;
        Ok((!is_us).then_some(name))
    }
}

/// Whether who runs as this user, and in this group if one is named, is who we are.
pub(crate) fn is_us(user: &str, group: Option<&str>) -> io::Result<bool> {
    let unknown = |what: String| io::Error::new(io::ErrorKind::NotFound, format!("there is no {what}"));
    let found = User::from_name(user)?.ok_or_else(|| unknown(format!("user '{user}'")))?;
    let Some(group) = group else {
        return Ok(found.uid == geteuid());
    };
    let gid = Group::from_name(group)?
        .ok_or_else(|| unknown(format!("group '{group}'")))?
        .gid;
    Ok((found.uid, gid) == (geteuid(), getegid()))
}

fn own_name() -> io::Result<String> {
    let own = User::from_uid(geteuid())?;
    own.map(|user| user.name)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "who we are has no name"))
}

/// `enable_script_security`: what others could change, root does not run.
pub(crate) fn unsafe_for_root(word: &str) -> Option<String> {
    let program = safety::program(word).filter(|_| geteuid().is_root())?;
    safety::why_not(&program).map(|why| format!("root does not run it: {why}"))
}

/// Dropped before it has ended, it takes along what it has started.
#[derive(Debug)]
pub(crate) struct Tree(Child);

impl Drop for Tree {
    fn drop(&mut self) {
        if let Some(leader) = self.0.id() {
            // The leader itself is killed in any case.
            signal_group(leader, Signal::SIGKILL).ok();
        }
    }
}

impl Run {
    pub(crate) async fn wait(&mut self) -> Ending {
        match self {
            Run::Own(Tree(child)) => child
                .wait()
                .await
                .map_or_else(|e| Ending::Refused(e.to_string()), ending),
            Run::Launched(launched) => launched.wait().await,
        }
    }

    /// The whole process group, to end or to be ended.
    pub(crate) fn kill(&self, hard: bool) -> io::Result<()> {
        match self {
            Run::Launched(launched) => {
                launched.kill(hard);
                Ok(())
            }
            Run::Own(Tree(child)) => {
                let signal = if hard { Signal::SIGKILL } else { Signal::SIGTERM };
                child.id().map_or(Ok(()), |leader| signal_group(leader, signal))
            }
        }
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Status(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Refused("it ended in no known way".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use tokio::runtime::Builder;

    use super::*;
    use crate::args::Args;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_group_makes_a_difference() {
        let own = User::from_uid(geteuid())
            .ok()
            .flatten()
            .expect("whoever runs tests has a name")
            .name;
        let group = Group::from_gid(getegid()).ok().flatten().expect("and a group").name;
        let other = if group == "daemon" { "bin" } else { "daemon" };
        assert_eq!(is_us(&own, None).ok(), Some(true));
        assert_eq!(is_us(&own, Some(&group)).ok(), Some(true));
        assert_eq!(is_us(&own, Some(other)).ok(), Some(false));
        assert!(is_us("no-such-user", None).is_err());
        assert!(is_us(&own, Some("no-such-group")).is_err());
    }

    #[test]
    fn what_others_could_change_root_does_not_run() {
        let path = std::env::temp_dir().join(format!("tandem-runner-{}", std::process::id()));
        fs::write(&path, "#!/bin/sh\n").expect("the temporary folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("ours");
        let why = unsafe_for_root(&path.to_string_lossy());
        fs::remove_file(&path).expect("ours");
        assert_eq!(why.is_some(), geteuid().is_root());
        assert_eq!(unsafe_for_root("no-such-program-at-all"), None);
    }

    fn is_alive(pid: u32) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// The kernel tells a child of the end of the thread that started it, as of that of the whole process.
    #[test]
    fn a_check_ends_with_us_and_whoever_was_told_something_does_not() {
        let [check, told] = std::thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let launcher = Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed"));
                [Bond::Ours, Bond::ItsOwn].map(|bond| {
                    let runner = Runner {
                        words: ["/bin/sleep", "600"].map(Arc::from).to_vec(),
                        user: None,
                        group: None,
                        bond,
                    };
                    let Ok(Run::Own(tree)) = runner.start(&launcher) else {
                        panic!("it runs as who we are");
                    };
                    // Goes along, or it would be ended here.
                    tree
                })
            })
        })
        .join()
        .expect("both are started");
        let pid = |tree: &Tree| tree.0.id().expect("nobody waits for it");
        let over = Instant::now() + PATIENCE;
        while is_alive(pid(&check)) {
            assert!(Instant::now() < over, "{check:?} lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(is_alive(pid(&told)), "nobody was to end {told:?}");
    }
}
