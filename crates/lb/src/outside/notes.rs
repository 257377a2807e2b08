//! Questions and their answers, and how they look on the way from one process to another.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::wire::{nonsense, put, put_number, take, take_byte, take_number, take_words};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    File(PathBuf),
    Folder(PathBuf),
    Name(String),
}

#[derive(Debug)]
pub(super) enum Answer {
    File(io::Result<Vec<u8>>),
    Folder(io::Result<Option<Vec<PathBuf>>>),
    Name(Result<IpAddr, String>),
}

#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<Question, Answer>);

impl Notes {
    /// Keeps an answer, and gives it.
    pub(super) fn keep(&mut self, question: Question, answer: Answer) -> Answer {
        let given = answer.again();
        self.0.insert(question, answer);
        given
    }

    pub(super) fn recall(&self, question: &Question) -> io::Result<Answer> {
        let known = self.0.get(question).map(Answer::again);
        known.ok_or_else(|| io::Error::other("it was not there when the configuration was read"))
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        put_number(to, self.0.len() as u64)?;
        for (question, answer) in &self.0 {
            let (kind, text) = match question {
                Question::File(path) => (b'f', path.as_os_str().as_bytes()),
                Question::Folder(path) => (b'd', path.as_os_str().as_bytes()),
                Question::Name(name) => (b'n', name.as_bytes()),
            };
            to.write_all(&[kind])?;
            put(to, text)?;
            answer.write(to)?;
        }
        to.flush()
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Notes> {
        let mut notes = Notes::default();
        for _ in 0..take_number(from)? {
            let (question, answer) = match take_byte(from)? {
                b'f' => (Question::File(take_path(from)?), Answer::read_file(from)?),
                b'd' => (Question::Folder(take_path(from)?), Answer::read_folder(from)?),
                b'n' => (Question::Name(take_words(from)?), Answer::read_name(from)?),
                _ => return Err(nonsense()),
            };
            notes.0.insert(question, answer);
        }
        Ok(notes)
    }
}

impl Answer {
    fn again(&self) -> Answer {
        match self {
            Answer::File(Ok(content)) => Answer::File(Ok(content.clone())),
            Answer::File(Err(why)) => Answer::File(Err(same(why))),
            Answer::Folder(Ok(files)) => Answer::Folder(Ok(files.clone())),
            Answer::Folder(Err(why)) => Answer::Folder(Err(same(why))),
            Answer::Name(address) => Answer::Name(address.clone()),
        }
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Answer::File(Ok(content)) => put_good(to, content),
            Answer::Folder(Ok(None)) => to.write_all(b"-"),
            Answer::Folder(Ok(Some(files))) => {
                to.write_all(b"+")?;
                put_number(to, files.len() as u64)?;
                files.iter().try_for_each(|file| put(to, file.as_os_str().as_bytes()))
            }
            Answer::File(Err(why)) | Answer::Folder(Err(why)) => {
                to.write_all(b"!")?;
                put_number(to, why.raw_os_error().map_or(0, |n| u64::from(n.unsigned_abs())))?;
                put(to, why.to_string().as_bytes())
            }
            Answer::Name(Ok(address)) => put_good(to, address.to_string().as_bytes()),
            Answer::Name(Err(why)) => {
                to.write_all(b"!")?;
                put(to, why.as_bytes())
            }
        }
    }

    fn read_file(from: &mut impl Read) -> io::Result<Answer> {
        Ok(Answer::File(match take_byte(from)? {
            b'+' => Ok(take(from)?),
            b'!' => Err(take_why(from)?),
            _ => return Err(nonsense()),
        }))
    }

    fn read_folder(from: &mut impl Read) -> io::Result<Answer> {
        Ok(Answer::Folder(match take_byte(from)? {
            b'-' => Ok(None),
            b'+' => {
                let count = take_number(from)?;
                Ok(Some((0..count).map(|_| take_path(from)).collect::<io::Result<_>>()?))
            }
            b'!' => Err(take_why(from)?),
            _ => return Err(nonsense()),
        }))
    }

    fn read_name(from: &mut impl Read) -> io::Result<Answer> {
        Ok(Answer::Name(match take_byte(from)? {
            b'+' => Ok(take_words(from)?.parse().map_err(|_| nonsense())?),
            b'!' => Err(take_words(from)?),
            _ => return Err(nonsense()),
        }))
    }
}

/// An error is no value that can be copied; what people and programs see of it is.
fn same(why: &io::Error) -> io::Error {
    match why.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(why.kind(), why.to_string()),
    }
}

fn put_good(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(b"+")?;
    put(to, bytes)
}

fn take_why(from: &mut impl Read) -> io::Result<io::Error> {
    let number = take_number(from)?;
    let text = take_words(from)?;
    Ok(match i32::try_from(number) {
        Ok(number) if number > 0 => io::Error::from_raw_os_error(number),
        _ => io::Error::other(text),
    })
}

fn take_path(from: &mut impl Read) -> io::Result<PathBuf> {
    Ok(OsString::from_vec(take(from)?).into())
}
