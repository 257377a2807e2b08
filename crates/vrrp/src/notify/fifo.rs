//! A named pipe that somebody may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Group, Uid, User, fchown, mkfifo};
use rustix::fs::{XattrFlags, fsetxattr};
use tandem_vrrp_config::{self as config, Fifo};

use crate::logs::Log;

#[derive(Debug)]
pub(super) struct Pipe {
    path: PathBuf,
    file: File,
    /// By us, who take it away in the end.
    made: bool,
}

impl Pipe {
    /// Makes the pipe if it is not there. It is opened both ways, so that writing works while nobody reads.
    pub(super) fn open(fifo: &Fifo) -> io::Result<Pipe> {
        let path = &fifo.path;
        let owner = fifo.owner.as_ref().map(Owner::find).transpose()?;
        let made = match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(errno.into()),
        };
        let opened = both_ways(path).and_then(|file| match &owner {
            Some(owner) if made => owner.take(&file).map(|()| file),
            _ => Ok(file),
        });
        if made && opened.is_err() {
            // The next one would take what is left here for somebody's own.
            fs::remove_file(path).ok();
        }
        Ok(Pipe {
            path: path.clone(),
            file: opened?,
            made,
        })
    }

    /// Never waits: a reader that is behind by a whole pipe loses lines.
    pub(super) fn write(&self, line: &str, log: &Log) {
        if let Err(error) = (&self.file).write_all(line.as_bytes()) {
            log.warning(&format!(
                "the pipe {} takes no more lines: {error}",
                self.path.display()
            ));
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if self.made {
            // Somebody else may have taken it away.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Whom the pipe is for.
#[derive(Debug)]
struct Owner {
    user: Uid,
    group: Option<Gid>,
}

impl Owner {
    fn find(named: &config::User) -> io::Result<Owner> {
        let unknown = |what, name: &str| io::Error::other(format!("there is no {what} '{name}'"));
        let user = User::from_name(&named.name)?.ok_or_else(|| unknown("user", &named.name))?;
        let group = match &named.group {
            Some(name) => Some(Group::from_name(name)?.ok_or_else(|| unknown("group", name))?.gid),
            None => Some(user.gid),
        };
        Ok(Owner { user: user.uid, group })
    }

    /// Root that may not give files away, as under the systemd unit, stays the owner and lets the user in.
    fn take(&self, pipe: &File) -> io::Result<()> {
        match fchown(pipe, Some(self.user), self.group) {
            Err(Errno::EPERM) => Ok(fsetxattr(
                pipe,
                c"system.posix_acl_access",
                &list_with(self.user),
                XattrFlags::empty(),
            )?),
            given => Ok(given?),
        }
    }
}

fn both_ways(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file is there that is no pipe",
        ));
    }
    Ok(file)
}

/// An access control list as the kernel has it (acl(5), `linux/posix_acl_xattr.h`): the owner and this user read and
/// write, nobody else does anything.
fn list_with(user: Uid) -> Vec<u8> {
    const VERSION: u32 = 2;
    const NOBODY: u32 = u32::MAX;
    const READ_WRITE: u16 = 6;
    let [owner, named, group, most, others] = [1_u16, 2, 4, 0x10, 0x20];
    let entries = [
        (owner, READ_WRITE, NOBODY),
        (named, READ_WRITE, user.as_raw()),
        (group, 0, NOBODY),
        (most, READ_WRITE, NOBODY),
        (others, 0, NOBODY),
    ];
    let mut list = VERSION.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn lines_wait_for_a_reader_and_too_many_are_lost() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-fifo-{}", std::process::id()));
        let fifo = Fifo {
            path: path.clone(),
            owner: None,
        };
        let pipe = Pipe::open(&fifo).expect("the temporary folder is writable");
        let log = Log::default();
        pipe.write("INSTANCE \"VI_1\" MASTER 150\n", &log);
        Pipe::open(&fifo).expect("it is there already").write("second\n", &log);
        let mut lines = BufReader::new(File::open(&path).expect("it is there")).lines();
        let mut next = || lines.next().expect("written").expect("readable");
        assert_eq!([next(), next()], ["INSTANCE \"VI_1\" MASTER 150", "second"]);
        // More than a pipe holds: this returns.
        (0..20_000).for_each(|_| pipe.write("more\n", &log));
        assert!(path.exists(), "the second found it there");
        drop(pipe);
        assert!(!path.exists(), "the first made it");
    }

    #[test]
    fn another_file_is_not_written_to() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-no-fifo-{}", std::process::id()));
        fs::write(&path, "x").expect("writable");
        let fifo = Fifo {
            path: path.clone(),
            owner: None,
        };
        assert!(Pipe::open(&fifo).is_err());
        fs::remove_file(&path).expect("ours");
    }

    fn for_somebody(path: &Path, name: &str, group: Option<&str>) -> Fifo {
        Fifo {
            path: path.to_owned(),
            owner: Some(config::User {
                name: name.into(),
                group: group.map(Into::into),
            }),
        }
    }

    #[test]
    fn nothing_is_left_that_could_not_be_given_away() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-fifo-owner-{}", std::process::id()));
        for (name, group) in [("nobody-of-this-name", None), ("root", Some("no-group-of-this-name"))] {
            assert!(Pipe::open(&for_somebody(&path, name, group)).is_err(), "{name}");
            assert!(!path.exists(), "{name}");
        }
    }

    /// Given away or shared, after what we may; also by root without its powers, as under the unit.
    #[test]
    fn its_user_may_read_it_and_who_was_killed_left_one_that_goes_on() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-fifo-left-{}", std::process::id()));
        let fifo = for_somebody(&path, "nobody", None);
        let left = match Pipe::open(&fifo) {
            Ok(pipe) => pipe,
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                writeln!(
                    io::stdout().lock(),
                    "SKIP the temporary folder knows no access control lists"
                )
                .ok();
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let again = Pipe::open(&fifo).expect("it is there already");
        again.write("line\n", &Log::default());
        let mut lines = BufReader::new(&left.file).lines();
        assert_eq!(lines.next().expect("written").expect("readable"), "line");
        drop(left);
        assert!(!path.exists(), "the first made it");
    }
}
