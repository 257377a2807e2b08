//! A named pipe that somebody may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Group, User, chown, mkfifo};
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
        let made = match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => true,
            Err(nix::errno::Errno::EEXIST) if is_pipe(path)? => false,
            Err(errno) => return Err(errno.into()),
        };
        if made {
            give(path, fifo.owner.as_ref())?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)?;
        Ok(Pipe {
            path: path.clone(),
            file,
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
            std::fs::remove_file(&self.path).ok();
        }
    }
}

fn is_pipe(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.file_type().is_fifo())
}

fn give(path: &Path, owner: Option<&config::User>) -> io::Result<()> {
    let Some(owner) = owner else { return Ok(()) };
    let Some(user) = User::from_name(&owner.name)? else {
        return Err(io::Error::other(format!("there is no user '{}'", owner.name)));
    };
    let group = match &owner.group {
        Some(name) => Group::from_name(name)?.map(|group| group.gid),
        None => Some(user.gid),
    };
    Ok(chown(path, Some(user.uid), group)?)
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
        std::fs::write(&path, "x").expect("writable");
        let fifo = Fifo {
            path: path.clone(),
            owner: None,
        };
        assert!(Pipe::open(&fifo).is_err());
        std::fs::remove_file(&path).expect("ours");
    }
}
