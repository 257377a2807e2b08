//! Lists of certificates that an operator adds lines to and takes lines from, while they are used.

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
        let spare = (Kind::Certificate, file.clone());
        let mut shelf = Shelf::clone(&now.shelf);
        match (shelf.certificates.get(&file), self.spare.get(&spare)) {
            (Some(_), _) => {}
            (None, None) => return Err(ListError::NoCertificate(file)),
            (None, Some(pem)) if pem.is_empty() => return Err(ListError::Empty(file)),
            (None, Some(pem)) => shelf = now.shelf.with(Kind::Certificate, &file, pem),
        }
        if found.is_folder {
            if file.parent() != Some(list) {
                let folder = list.to_owned();
                return Err(ListError::Elsewhere { folder, file });
            }
            if found.lines.iter().any(|known| known.certificate == file) {
                return Err(ListError::There);
            }
        }
        shelf
            .take_line(&line, &tls, &Outside::Here)
            .map_err(|why| ListError::Bad(why.to_string()))?;
        if let Some(list) = shelf.lists.get_mut(list) {
            list.lines.push(line);
        }
        vault.replace(now.with(shelf)?);
        self.spare.remove(&spare);
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
        let (found, _) = now.list(list)?;
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
        let mut shelf = Shelf::clone(&now.shelf);
        if let Some(list) = shelf.lists.get_mut(list) {
            list.lines.remove(place);
        }
        let mut loaded = now.with(shelf)?;
        if !loaded.uses(file) {
            let mut shelf = Shelf::clone(&loaded.shelf);
            if let Some(pieces) = shelf.certificates.remove(file) {
                self.spare.insert((Kind::Certificate, file.to_owned()), pieces.whole());
            }
            loaded.shelf = Arc::new(shelf);
        }
        vault.replace(loaded);
        Ok(())
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
            .filter(|(_, tls)| tls.certificates.iter().any(|shown| shown.path() == path));
        let (_, tls) = doors.next().ok_or_else(missing)?;
        Ok((found, tls.clone()))
    }

    /// The listeners, one on each line, that show this line to those whom no other fits.
    fn shows_first(&self, list: &Path, place: usize) -> String {
        let shows = |tls: &Termination| tls.certificates.first().is_some_and(|shown| shown.path() == list);
        self.doors()
            .filter(|(_, tls)| place == 0 && !tls.strict_sni && shows(tls))
            .map(|(origin, _)| format!("\t- {origin}\n"))
            .collect()
    }
}
