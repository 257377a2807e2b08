//! One script, as its user.

use std::io::{Error, ErrorKind};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid};
use tandem_sys::process::end_with_us;
use tandem_vrrp::safety;
use tokio::process::{Child, Command};

pub(crate) struct Job {
    pub(crate) words: Vec<String>,
    pub(crate) user: String,
    pub(crate) group: Option<String>,
}

impl Job {
    /// A file that only a shell understands gets one.
    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        let (uid, gid) = self.identity()?;
        let word = self.words.first().context("an empty command")?;
        let program = safety::program(word).with_context(|| format!("there is no program {word}"))?;
        if uid.is_root()
            && let Some(why) = safety::why_not(&program)
        {
            bail!("root does not run it: {why}");
        }
        let arguments = &self.words[1..];
        let mut command = Command::new(&program);
        match self.prepared(command.args(arguments), uid, gid).spawn() {
            Err(error) if error.raw_os_error() == Some(Errno::ENOEXEC as i32) => {
                let mut shell = Command::new("/bin/sh");
                Ok(self.prepared(shell.arg(&program).args(arguments), uid, gid).spawn()?)
            }
            outcome => Ok(outcome?),
        }
    }

    fn identity(&self) -> anyhow::Result<(Uid, Gid)> {
        let unknown = |what: String| Error::new(ErrorKind::NotFound, format!("there is no {what}"));
        let user = User::from_name(&self.user)?.ok_or_else(|| unknown(format!("user '{}'", self.user)))?;
        let gid = match &self.group {
            Some(name) => {
                let group = Group::from_name(name)?;
                group.ok_or_else(|| unknown(format!("group '{name}'")))?.gid
            }
            None => user.gid,
        };
        Ok((user.uid, gid))
    }

    fn prepared<'a>(&self, command: &'a mut Command, uid: Uid, gid: Gid) -> &'a mut Command {
        safety::apart(command);
        // Killed, we could not end it.
        end_with_us(command.as_std_mut());
        let other_group = self.group.is_some() && gid != getegid();
        if uid != geteuid() || other_group {
            // The library gives up all other groups, then sets the group, then the user.
            command.gid(gid.as_raw()).uid(uid.as_raw());
        }
        command
    }
}
