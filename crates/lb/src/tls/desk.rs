//! Files that an operator changes while they are used: in a transaction for each file, which holds when it is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_text::base64;
use tandem_tls::certificate::{Fault, chain};
use tandem_tls::{Certificate, Piece, Pieces, Trust};
use thiserror::Error;

use super::bequest::is_same;
use super::lists::Listed;
use super::now;
use super::shelf::Shelf;
use super::vault::{LoadError, Loaded, Vault};

/// The files that can be changed so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Certificate,
    Authorities,
    Revoked,
}

/// What waits to be committed.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// What an authority says of a certificate is among it only when it was put there: otherwise that goes on which is
    /// stapled when it is committed.
    open: BTreeMap<(Kind, PathBuf), Pieces>,
    /// Made here, and not used by anybody so far.
    pub(super) spare: BTreeMap<(Kind, PathBuf), Pieces>,
    /// What was committed for files that are used, and what was in force before the first time.
    committed: BTreeMap<(Kind, PathBuf), Committed<Pieces>>,
    /// Lists whose lines were changed.
    pub(super) listed: BTreeMap<PathBuf, Listed>,
    /// What authorities say of certificates, in place of what stood beside these.
    pub(super) responses: BTreeMap<PathBuf, Committed<Vec<u8>>>,
    /// Keys for tickets, in place of those in their files.
    pub(super) keys: BTreeMap<PathBuf, Committed<Vec<u8>>>,
}

#[derive(Debug)]
pub(super) struct Committed<T> {
    pub(super) before: T,
    pub(super) now: T,
}

/// What became of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Set {
    /// The file whose transaction it is in.
    pub(crate) file: PathBuf,
    /// Whether that begins with it.
    pub(crate) is_first: bool,
}

#[derive(Debug, Error)]
pub(crate) enum DeskError {
    #[error("no such file")]
    Unknown,
    #[error("it exists already")]
    Exists,
    #[error("No ongoing transaction!")]
    NoTransaction,
    #[error("in use, can't be deleted!")]
    InUse,
    #[error("Error reading OCSP response in base64 format")]
    NoBase64,
    #[error("it has a transaction")]
    Ongoing,
    #[error("The transaction must contain at least a certificate and a private key!")]
    Incomplete,
    #[error("inconsistencies between private key and certificate loaded '{}'.", .0.display())]
    Inconsistent(PathBuf),
    #[error("{0}")]
    Bad(String),
}

impl DeskError {
    /// All that is wrong with what was to be put in force.
    pub(super) fn of_load(errors: Vec<LoadError>) -> DeskError {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        DeskError::Bad(lines.join("\n"))
    }
}

impl<T> Committed<T> {
    /// What was in force before the first of several. `is_same` tells whether that is still in force which is known: if not,
    /// something else was read since.
    pub(super) fn after(
        known: Option<Committed<T>>,
        before: T,
        now: T,
        is_same: impl Fn(&T, &T) -> bool,
    ) -> Committed<T> {
        let known = known.filter(|known| is_same(&known.now, &before));
        let before = known.map_or(before, |known| known.before);
        Committed { before, now }
    }
}

impl Kind {
    /// Whether this is what such a file holds; an error says what is wrong.
    fn judge(self, file: &Path, pieces: &Pieces) -> Result<(), DeskError> {
        let bad = |why: &dyn ToString| DeskError::Bad(why.to_string());
        match self {
            Kind::Certificate => match Certificate::of(file, pieces) {
                Ok(_) => Ok(()),
                Err(why) => Err(match why.why {
                    Fault::NoCertificate | Fault::NoKey(_) => DeskError::Incomplete,
                    Fault::OtherKey => DeskError::Inconsistent(file.to_owned()),
                    _ => bad(&why),
                }),
            },
            Kind::Authorities => {
                let files = [(file.to_owned(), pieces.pem.clone())];
                Trust::new(&files).map(drop).map_err(|why| bad(&why))
            }
            Kind::Revoked => Trust::lists(file, &pieces.pem).map(drop).map_err(|why| bad(&why)),
        }
    }
}

impl Desk {
    /// Puts another content aside for a file, or for one of those beside a certificate. What a transaction lacks may come
    /// later.
    pub(crate) fn set(&mut self, vault: &Vault, kind: Kind, file: &Path, payload: &[u8]) -> Result<Set, DeskError> {
        let shelf = &vault.now().shelf;
        let (file, piece) = self.meant(shelf, kind, file).ok_or(DeskError::Unknown)?;
        let bad = |why: &dyn ToString| DeskError::Bad(why.to_string());
        let key = (kind, file.clone());
        let is_first = !self.open.contains_key(&key);
        let pieces = match kind {
            Kind::Certificate => {
                let fresh = || Pieces {
                    ocsp: None,
                    ..self.closed(shelf, &key).unwrap_or_default()
                };
                let before = self.open.get(&key).cloned().unwrap_or_else(fresh);
                let content = match piece {
                    Piece::Ocsp => decoded(payload).ok_or(DeskError::NoBase64)?,
                    _ => payload.to_vec(),
                };
                before.with(piece, &file, &content, now()).map_err(|why| bad(&why))?
            }
            Kind::Authorities | Kind::Revoked => Pieces::plain(payload),
        };
        match kind.judge(&file, &pieces) {
            Ok(()) | Err(DeskError::Incomplete | DeskError::Inconsistent(_)) => {}
            Err(why) => return Err(why),
        }
        self.open.insert(key, pieces);
        Ok(Set { file, is_first })
    }

    /// The file of this name, or the certificate that it is beside.
    fn meant(&self, shelf: &Shelf, kind: Kind, file: &Path) -> Option<(PathBuf, Piece)> {
        let is_known = |file: &Path| shelf.has(kind, file) || self.spare.contains_key(&(kind, file.to_owned()));
        if is_known(file) {
            return Some((file.to_owned(), Piece::Pem));
        }
        let (file, piece) = Piece::of(file).filter(|_| kind == Kind::Certificate)?;
        is_known(&file).then_some((file, piece))
    }

    /// What a file holds, whatever waits.
    fn closed(&self, shelf: &Shelf, key: &(Kind, PathBuf)) -> Option<Pieces> {
        let used = shelf.content(key.0, &key.1);
        used.or_else(|| self.spare.get(key).cloned())
    }

    /// What it would hold if it was committed now.
    fn opened(&self, shelf: &Shelf, key: &(Kind, PathBuf)) -> Option<Pieces> {
        let pieces = self.open.get(key)?.clone();
        let first = |pieces: &Pieces| chain(&pieces.pem).into_iter().next();
        let closed = || {
            let closed = self.closed(shelf, key)?;
            closed.ocsp.is_some().then_some(())?;
            (first(&closed) == first(&pieces)).then_some(closed.ocsp).flatten()
        };
        let ocsp = pieces.ocsp.clone().or_else(closed);
        Some(Pieces { ocsp, ..pieces })
    }

    /// Puts it in force for all who use the file.
    pub(crate) fn commit(&mut self, vault: &Vault, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let key = (kind, file.to_owned());
        let now = vault.now();
        let pieces = self.opened(&now.shelf, &key).ok_or(DeskError::NoTransaction)?;
        kind.judge(file, &pieces)?;
        match now.shelf.content(kind, file) {
            None => drop(self.spare.insert(key.clone(), pieces)),
            Some(before) => {
                let shelf = now.shelf.with(kind, file, pieces.clone());
                vault.replace(now.with(shelf).map_err(DeskError::of_load)?);
                self.note_response(file, &before, &pieces);
                let known = self.committed.remove(&key);
                self.committed
                    .insert(key.clone(), Committed::after(known, before, pieces, is_same));
            }
        }
        self.open.remove(&key);
        Ok(())
    }

    /// What came of the process before, and is whole.
    pub(super) fn put(&mut self, vault: &Vault, kind: Kind, file: &Path, pieces: Pieces) -> Result<(), DeskError> {
        self.open.insert((kind, file.to_owned()), pieces);
        let done = self.commit(vault, kind, file);
        if done.is_err() {
            self.open.remove(&(kind, file.to_owned()));
        }
        done
    }

    /// Goes on with a transaction of the process before.
    pub(super) fn reopen(&mut self, vault: &Vault, kind: Kind, file: &Path, pieces: Pieces) -> Result<(), DeskError> {
        self.meant(&vault.now().shelf, kind, file).ok_or(DeskError::Unknown)?;
        self.open.insert((kind, file.to_owned()), pieces);
        Ok(())
    }

    /// Files that are used, with what they held and what is in force instead.
    pub(super) fn in_force(&self, kind: Kind) -> impl Iterator<Item = (&Path, &Pieces, &Pieces)> {
        let files = self.committed.iter().filter(move |((one, _), _)| *one == kind);
        files.map(|((_, file), committed)| (file.as_path(), &committed.before, &committed.now))
    }

    /// Those that nobody uses.
    pub(super) fn spare(&self, kind: Kind) -> impl Iterator<Item = (&Path, &Pieces)> {
        of_kind(&self.spare, kind)
    }

    /// Those that wait to be committed.
    pub(super) fn open(&self, kind: Kind) -> impl Iterator<Item = (&Path, &Pieces)> {
        of_kind(&self.open, kind)
    }

    pub(crate) fn abort(&mut self, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let found = self.open.remove(&(kind, file.to_owned()));
        found.map(drop).ok_or(DeskError::NoTransaction)
    }

    /// An empty file, to be filled.
    pub(crate) fn create(&mut self, vault: &Vault, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let key = (kind, file.to_owned());
        if vault.now().shelf.has(kind, file) || self.spare.contains_key(&key) {
            return Err(DeskError::Exists);
        }
        self.spare.insert(key, Pieces::default());
        Ok(())
    }

    /// Forgets a file that nobody uses.
    pub(crate) fn delete(&mut self, vault: &Vault, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let key = (kind, file.to_owned());
        if vault.now().shelf.has(kind, file) {
            return Err(DeskError::InUse);
        }
        if self.open.contains_key(&key) {
            return Err(DeskError::Ongoing);
        }
        self.spare.remove(&key).map(drop).ok_or(DeskError::Unknown)
    }

    /// Those with a transaction, and those that there are.
    pub(crate) fn list(&self, loaded: &Loaded, kind: Kind) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let of = |files: &BTreeMap<(Kind, PathBuf), Pieces>| {
            let files = files.keys().filter(|(one, _)| *one == kind);
            files.map(|(_, file)| file.clone()).collect::<Vec<_>>()
        };
        let mut known = loaded.shelf.list(kind);
        known.extend(of(&self.spare));
        known.sort();
        (of(&self.open), known)
    }

    /// What is in a file, or with `*` before it in its transaction; and whether it is used.
    pub(crate) fn content(&self, loaded: &Loaded, kind: Kind, file: &str) -> Option<(Pieces, bool)> {
        if let Some(file) = file.strip_prefix('*') {
            return Some((self.opened(&loaded.shelf, &(kind, file.into()))?, false));
        }
        let used = loaded.shelf.content(kind, Path::new(file)).map(|pieces| (pieces, true));
        used.or_else(|| Some((self.spare.get(&(kind, file.into()))?.clone(), false)))
    }
}

/// In lines, as programs write it.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .copied()
        .collect();
    base64::decode(&text, false)
}

fn of_kind(files: &BTreeMap<(Kind, PathBuf), Pieces>, kind: Kind) -> impl Iterator<Item = (&Path, &Pieces)> {
    let files = files.iter().filter(move |((one, _), _)| *one == kind);
    files.map(|((_, file), pieces)| (file.as_path(), pieces))
}

impl Shelf {
    fn has(&self, kind: Kind, file: &Path) -> bool {
        self.content(kind, file).is_some()
    }

    pub(super) fn content(&self, kind: Kind, file: &Path) -> Option<Pieces> {
        match kind {
            Kind::Certificate => self.certificates.get(file).cloned(),
            Kind::Authorities => self.authorities.get(file).map(|pem| Pieces::plain(pem)),
            Kind::Revoked => self.revoked.get(file).map(|pem| Pieces::plain(pem)),
        }
    }

    fn list(&self, kind: Kind) -> Vec<PathBuf> {
        match kind {
            Kind::Certificate => self.certificates.keys().cloned().collect(),
            Kind::Authorities => self.authorities.keys().cloned().collect(),
            Kind::Revoked => self.revoked.keys().cloned().collect(),
        }
    }

    pub(super) fn with(self: &Arc<Shelf>, kind: Kind, file: &Path, pieces: Pieces) -> Shelf {
        let mut shelf = Shelf::clone(self);
        let file = file.to_owned();
        match kind {
            Kind::Certificate => drop(shelf.certificates.insert(file, pieces)),
            Kind::Authorities => drop(shelf.authorities.insert(file, pieces.pem)),
            Kind::Revoked => drop(shelf.revoked.insert(file, pieces.pem)),
        }
        shelf
    }
}
