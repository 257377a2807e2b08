//! What the configuration is made of and lies outside of this process: files, folders, and what names stand for.
//!
//! A process that has changed its root directory or its user does not see all of it any more. So whoever reads asks an
//! [`Outside`]: the machine, or the notes of another process that read the same.

mod links;
mod notes;
pub(crate) mod wire;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

pub(crate) use notes::Notes;
use notes::{Answer, Question};
use tandem_lb_config::HostName;
use tandem_ops::disk::Disk;

#[derive(Debug)]
pub(crate) enum Outside {
    /// The machine itself.
    Here,
    /// The machine itself, for somebody else: its answers are kept, and links of that user are not followed.
    Noting {
        notes: RefCell<Notes>,
        stranger: Option<u32>,
    },
    /// What somebody else was answered.
    Noted(Notes),
}

impl Outside {
    pub(crate) fn noting(stranger: Option<u32>) -> Outside {
        Outside::Noting {
            notes: RefCell::default(),
            stranger,
        }
    }

    /// Everything that was asked, and the answers.
    pub(crate) fn notes(self) -> Notes {
        match self {
            Outside::Here => Notes::default(),
            Outside::Noting { notes, .. } => notes.into_inner(),
            Outside::Noted(notes) => notes,
        }
    }

    pub(crate) fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        let read = || match self.stranger() {
            Some(stranger) => links::read(file, stranger),
            None => Disk::for_lists().read_file(file),
        };
        match self.ask(Question::File(file.to_owned()), || Answer::File(read()))? {
            Answer::File(content) => content,
            _ => Err(foreign()),
        }
    }

    /// The files of a folder in the order of their names; `None` when it is no folder.
    pub(crate) fn folder(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        let files = || match self.stranger().map(|stranger| links::followed(path, stranger)) {
            Some(Err(why)) if why.kind() == io::ErrorKind::PermissionDenied => Err(why),
            _ => files_of(path),
        };
        match self.ask(Question::Folder(path.to_owned()), || Answer::Folder(files()))? {
            Answer::Folder(files) => files,
            _ => Err(foreign()),
        }
    }

    /// The first address of a name, as in HAProxy.
    pub(crate) fn resolve(&self, name: &str) -> Result<IpAddr, String> {
        self.look_up(&HostName::from(name))
    }

    /// The same, of the family that is wanted.
    pub(crate) fn look_up(&self, name: &HostName) -> Result<IpAddr, String> {
        let answer = self.ask(Question::Name(name.to_string()), || Answer::Name(resolve(name)));
        match answer.map_err(|why| why.to_string())? {
            Answer::Name(address) => address,
            _ => Err(foreign().to_string()),
        }
    }

    fn stranger(&self) -> Option<u32> {
        match self {
            Outside::Noting { stranger, .. } => *stranger,
            Outside::Here | Outside::Noted(_) => None,
        }
    }

    fn ask(&self, question: Question, machine: impl FnOnce() -> Answer) -> io::Result<Answer> {
        match self {
            Outside::Here => Ok(machine()),
            Outside::Noting { notes, .. } => Ok(notes.borrow_mut().keep(question, machine())),
            Outside::Noted(notes) => notes.recall(&question),
        }
    }
}

fn foreign() -> io::Error {
    io::Error::other("what was noted answers something else")
}

fn files_of(path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    if !path.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(Some(files))
}

fn resolve(name: &HostName) -> Result<IpAddr, String> {
    let found = (name.bare(), 0).to_socket_addrs().map_err(|e| e.to_string())?;
    found
        .map(|a| a.ip())
        .find(|ip| name.takes(*ip))
        .ok_or_else(|| "it has no address".to_owned())
}

#[cfg(test)]
mod tests;
