//! Lists of certificates that an operator adds lines to and takes lines from, while they are used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_lb_config::{BadLine, ListLine, Termination};
use thiserror::Error;

use super::desk::{Desk, Kind};
use super::shelf::{List, Shelf};
use super::vault::{LoadError, Loaded, Vault};
use crate::outside::Outside;

/// Why a list stays as it is, in HAProxy's words.
#[derive(Debug, Error)]
pub(crate) enum ListError {
    #[error("crt-list '{0}' does not exist!")]
    NoList(String),
    #[error("parsing [CLI:1]: {0}")]
    Syntax(BadLine),
    #[error("{0}")]
    Value(BadLine),
    #[error("certificate '{}' does not exist!", .0.display())]
    NoCertificate(PathBuf),
    #[error("certificate '{}' is empty!", .0.display())]
    Empty(PathBuf),
    #[error(
        "'{}' is a directory, certificate path '{}' must contain the directory path", .folder.display(), .file.display()
    )]
    Elsewhere { folder: PathBuf, file: PathBuf },
    #[error("file already exists in this directory!")]
    There,
    #[error("certificate '{}' can't be found in crt-list '{list}'!", .file.display())]
    NotListed { file: PathBuf, list: String },
    #[error(
        "found the certificate '{}' in several entries, please specify a line number preceded by colons ({lines})!",
        .file.display()
    )]
    Several { file: PathBuf, lines: String },
    #[error(
        "found a certificate '{}' but the line number is incorrect, please specify a correct line number preceded by \
         colons ({lines})!", .file.display()
    )]
    OtherLine { file: PathBuf, lines: String },
    #[error(
        "certificate '{}' cannot be deleted, it is used as default certificate by the following frontends:\n{places}",
        .file.display()
    )]
    First { file: PathBuf, places: String },
    #[error("{0}")]
    Bad(String),
}

/// What a list was before the first order, and what the last one has made of it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) before: Vec<ListLine>,
    pub(super) now: Vec<ListLine>,
}

impl From<Vec<LoadError>> for ListError {
    fn from(errors: Vec<LoadError>) -> ListError {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        ListError::Bad(lines.join("\n"))
    }
}

impl Desk {
    /// Puts a line at the end of a list; answers which certificate it is for.
    pub(crate) fn add_line(&mut self, vault: &Vault, list: &Path, text: &str) -> Result<PathBuf, ListError> {
        let now = vault.now();
        let (found, tls) = now.list(list)?;
        let number = found.lines.last().map_or(0, |line| line.number) + 1;
        let line = match ListLine::read(text, number) {
            Ok(Some(line)) => tls.placed(line),
            Ok(None) => return Err(ListError::NoCertificate(PathBuf::new())),
            Err(why @ BadLine::BadValue(..)) => return Err(ListError::Value(why)),
            Err(why) => return Err(ListError::Syntax(why)),
        };
        let file = line.certificate.clone();
        self.is_filled(&now.shelf, &file)?;
        if found.is_folder {
            if file.parent() != Some(list) {
                let folder = list.to_owned();
                return Err(ListError::Elsewhere { folder, file });
            }
            if found.lines.iter().any(|known| known.certificate == file) {
                return Err(ListError::There);
            }
        }
        let mut lines = found.lines.clone();
        lines.push(line);
        self.put_lines(vault, list, &tls, lines)?;
        Ok(file)
    }

    /// Takes a line out of a list. What was shown by it is kept for those who may want it again.
    pub(crate) fn delete_line(
        &mut self,
        vault: &Vault,
        list: &Path,
        file: &Path,
        number: Option<u32>,
    ) -> Result<(), ListError> {
        let now = vault.now();
        let (found, tls) = now.list(list)?;
        let is_known =
            now.shelf.certificates.contains_key(file) || self.spare.contains_key(&(Kind::Certificate, file.to_owned()));
        if !is_known {
            return Err(ListError::NoCertificate(file.to_owned()));
        }
        let place = place(found, list, file, number)?;
        let places = now.shows_first(list, place);
        if !places.is_empty() {
            let file = file.to_owned();
            return Err(ListError::First { file, places });
        }
        let mut lines = found.lines.clone();
        lines.remove(place);
        self.put_lines(vault, list, &tls, lines)
    }

    /// Goes on with the lines of the process before; false when the list says something else now than it did there.
    pub(super) fn resume_lines(
        &mut self,
        vault: &Vault,
        list: &Path,
        before: &[ListLine],
        lines: Vec<ListLine>,
    ) -> Result<bool, ListError> {
        let now = vault.now();
        let (found, tls) = now.list(list)?;
        if found.lines != before {
            return Ok(found.lines == lines);
        }
        self.put_lines(vault, list, &tls, lines)?;
        Ok(true)
    }

    /// Gives a list these lines, whose certificates are used already or were made here. Those that are used no more are kept
    /// for those who may want them again.
    fn put_lines(
        &mut self,
        vault: &Vault,
        list: &Path,
        tls: &Termination,
        lines: Vec<ListLine>,
    ) -> Result<(), ListError> {
        let now = vault.now();
        let mut shelf = Shelf::clone(&now.shelf);
        let spare = |file: &Path| (Kind::Certificate, file.to_owned());
        for line in &lines {
            let file = &line.certificate;
            self.is_filled(&shelf, file)?;
            if let Some(pieces) = self
                .spare
                .get(&spare(file))
                .filter(|_| !shelf.certificates.contains_key(file))
            {
                shelf = Arc::new(shelf).with(Kind::Certificate, file, pieces.clone());
            }
            // What the others believe was read with them.
            if !now
                .shelf
                .lists
                .get(list)
                .is_some_and(|known| known.lines.contains(line))
            {
                let taken = shelf.take_line(line, tls, &Outside::Here);
                taken.map_err(|why| ListError::Bad(why.to_string()))?;
            }
        }
        let before = match shelf.lists.get_mut(list) {
            Some(list) => std::mem::replace(&mut list.lines, lines.clone()),
            None => return Err(ListError::NoList(list.display().to_string())),
        };
        let mut loaded = now.with(shelf)?;
        let files = |lines: &[ListLine]| {
            lines
                .iter()
                .map(|line| line.certificate.clone())
                .collect::<BTreeSet<_>>()
        };
        let (old, new) = (files(&before), files(&lines));
        new.iter().for_each(|file| drop(self.spare.remove(&spare(file))));
        for file in old
            .difference(&new)
            .filter(|file| !loaded.uses(file))
            .cloned()
            .collect::<Vec<_>>()
        {
            let taken;
            (loaded, taken) = loaded.without(&file);
            self.spare.extend(taken.map(|pieces| (spare(&file), pieces)));
        }
        vault.replace(loaded);
        let known = self.listed.remove(list).filter(|known| known.now == before);
        let before = known.map_or(before, |known| known.before);
        self.listed.insert(list.to_owned(), Listed { before, now: lines });
        Ok(())
    }
}

impl Desk {
    /// Whether there is such a certificate, used or made here.
    fn is_filled(&self, shelf: &Shelf, file: &Path) -> Result<(), ListError> {
        if shelf.certificates.contains_key(file) {
            return Ok(());
        }
        match self.spare.get(&(Kind::Certificate, file.to_owned())) {
            None => Err(ListError::NoCertificate(file.to_owned())),
            Some(pieces) if pieces.pem.is_empty() => Err(ListError::Empty(file.to_owned())),
            Some(_) => Ok(()),
        }
    }
}

/// Where the line is that is meant.
fn place(list: &List, path: &Path, file: &Path, number: Option<u32>) -> Result<usize, ListError> {
    let meant = |(_, line): &(usize, &ListLine)| line.certificate == file;
    let all: Vec<(usize, &ListLine)> = list.lines.iter().enumerate().filter(meant).collect();
    let exact = number.map(|number| all.iter().find(|(_, line)| line.number == number));
    let lines = || {
        let numbers: Vec<String> = all.iter().map(|(_, line)| line.number.to_string()).collect();
        numbers.join(", ")
    };
    let file = file.to_owned();
    match (exact, all.as_slice()) {
        (_, []) => Err(ListError::NotListed {
            file,
            list: path.display().to_string(),
        }),
        (Some(Some((place, _))), _) | (None, [(place, _)]) => Ok(*place),
        (Some(None), _) => Err(ListError::OtherLine { file, lines: lines() }),
        (None, _) => Err(ListError::Several { file, lines: lines() }),
    }
}

impl Loaded {
    /// A list, and the words of a listener that goes by it.
    fn list(&self, path: &Path) -> Result<(&List, Arc<Termination>), ListError> {
        let missing = || ListError::NoList(path.display().to_string());
        let found = self.shelf.lists.get(path).ok_or_else(missing)?;
        let mut doors = self
            .doors()
            .filter(|door| door.tls.certificates.iter().any(|shown| shown.path() == path));
        let door = doors.next().ok_or_else(missing)?;
        Ok((found, door.tls.clone()))
    }

    /// The listeners, one on each line, that show this line to those whom no other fits.
    fn shows_first(&self, list: &Path, place: usize) -> String {
        let shows = |tls: &Termination| tls.certificates.first().is_some_and(|shown| shown.path() == list);
        self.doors()
            .filter(|door| place == 0 && !door.tls.strict_sni && shows(door.tls))
            .map(|door| format!("\t- {}\n", door.origin))
            .collect()
    }
}
