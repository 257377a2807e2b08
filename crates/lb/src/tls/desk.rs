//! Files that an operator changes while they are used: in a transaction for each file, which holds when it is committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tandem_tls::certificate::chain;
use tandem_tls::{Certificate, Pieces, Trust};
use thiserror::Error;

use super::lists::Listed;
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
    open: BTreeMap<(Kind, PathBuf), Vec<u8>>,
    /// Made here, and not used by anybody so far.
    pub(super) spare: BTreeMap<(Kind, PathBuf), Vec<u8>>,
    /// What was committed for files that are used, and what was in force before the first time.
    committed: BTreeMap<(Kind, PathBuf), Committed>,
    /// Lists whose lines were changed.
    pub(super) listed: BTreeMap<PathBuf, Listed>,
    /// What authorities say of certificates, in place of what stood beside these.
    pub(super) responses: BTreeMap<PathBuf, Committed>,
}

#[derive(Debug)]
pub(super) struct Committed {
    pub(super) before: Vec<u8>,
    pub(super) now: Vec<u8>,
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

impl Committed {
    /// What was in force before the first of several.
    pub(super) fn after(known: Option<Committed>, before: Vec<u8>, now: Vec<u8>) -> Committed {
        let known = known.filter(|known| known.now == before);
        let before = known.map_or(before, |known| known.before);
        Committed { before, now }
    }
}

impl Kind {
    /// Whether this is what such a file holds; an error says what is wrong.
    fn judge(self, shelf: &Shelf, file: &Path, pem: &[u8]) -> Result<(), DeskError> {
        let bad = |why: &dyn ToString| DeskError::Bad(why.to_string());
        match self {
            Kind::Certificate => Certificate::of(file, &shelf.pieces(file, pem))
                .map(drop)
                .map_err(|why| bad(&why)),
            Kind::Authorities => {
                let files = [(file.to_owned(), pem.to_vec())];
                Trust::new(&files).map(drop).map_err(|why| bad(&why))
            }
            Kind::Revoked => Trust::lists(file, pem).map(drop).map_err(|why| bad(&why)),
        }
    }
}

impl Desk {
    /// Puts another content aside for a file; whether that is the first in its transaction.
    pub(crate) fn set(&mut self, vault: &Vault, kind: Kind, file: &Path, pem: &[u8]) -> Result<bool, DeskError> {
        let key = (kind, file.to_owned());
        if !vault.now().shelf.has(kind, file) && !self.spare.contains_key(&key) {
            return Err(DeskError::Unknown);
        }
        kind.judge(&vault.now().shelf, file, pem)?;
        Ok(self.open.insert(key, pem.to_vec()).is_none())
    }

    /// Puts it in force for all who use the file.
    pub(crate) fn commit(&mut self, vault: &Vault, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let key = (kind, file.to_owned());
        let pem = self.open.get(&key).cloned().ok_or(DeskError::NoTransaction)?;
        let now = vault.now();
        if now.shelf.has(kind, file) {
            let shelf = now.shelf.with(kind, file, &pem);
            let loaded = now.with(shelf).map_err(DeskError::of_load)?;
            vault.replace(loaded);
            self.note_committed(&key, now.shelf.content(kind, file).unwrap_or_default(), pem);
        } else {
            self.spare.insert(key.clone(), pem);
        }
        self.open.remove(&key);
        Ok(())
    }

    fn note_committed(&mut self, key: &(Kind, PathBuf), before: Vec<u8>, now: Vec<u8>) {
        let known = self.committed.remove(key);
        self.committed.insert(key.clone(), Committed::after(known, before, now));
    }

    /// Files that are used, with what they held and what is in force instead.
    pub(super) fn in_force(&self, kind: Kind) -> impl Iterator<Item = (&Path, &[u8], &Vec<u8>)> {
        let files = self.committed.iter().filter(move |((one, _), _)| *one == kind);
        files.map(|((_, file), committed)| (file.as_path(), &*committed.before, &committed.now))
    }

    /// Those that nobody uses.
    pub(super) fn spare(&self, kind: Kind) -> impl Iterator<Item = (&Path, &[u8])> {
        of_kind(&self.spare, kind)
    }

    /// Those that wait to be committed.
    pub(super) fn open(&self, kind: Kind) -> impl Iterator<Item = (&Path, &[u8])> {
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
        self.spare.insert(key, Vec::new());
        Ok(())
    }

    /// Forgets a file that nobody uses.
    pub(crate) fn delete(&mut self, vault: &Vault, kind: Kind, file: &Path) -> Result<(), DeskError> {
        let key = (kind, file.to_owned());
        if vault.now().shelf.has(kind, file) {
            return Err(DeskError::InUse);
        }
        self.spare.remove(&key).map(drop).ok_or(DeskError::Unknown)
    }

    /// Those with a transaction, and those that there are.
    pub(crate) fn list(&self, loaded: &Loaded, kind: Kind) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let of = |files: &BTreeMap<(Kind, PathBuf), Vec<u8>>| {
            let files = files.keys().filter(|(one, _)| *one == kind);
            files.map(|(_, file)| file.clone()).collect::<Vec<_>>()
        };
        let mut known = loaded.shelf.list(kind);
        known.extend(of(&self.spare));
        known.sort();
        (of(&self.open), known)
    }

    /// What is in a file, or with `*` before it in its transaction; and whether it is used.
    pub(crate) fn content(&self, loaded: &Loaded, kind: Kind, file: &str) -> Option<(Vec<u8>, bool)> {
        if let Some(file) = file.strip_prefix('*') {
            return Some((self.open.get(&(kind, file.into()))?.clone(), false));
        }
        let used = loaded.shelf.content(kind, Path::new(file)).map(|pem| (pem, true));
        used.or_else(|| Some((self.spare.get(&(kind, file.into()))?.clone(), false)))
    }
}

fn of_kind(files: &BTreeMap<(Kind, PathBuf), Vec<u8>>, kind: Kind) -> impl Iterator<Item = (&Path, &[u8])> {
    let files = files.iter().filter(move |((one, _), _)| *one == kind);
    files.map(|((_, file), pem)| (file.as_path(), &**pem))
}

impl Shelf {
    fn has(&self, kind: Kind, file: &Path) -> bool {
        self.content(kind, file).is_some()
    }

    pub(super) fn content(&self, kind: Kind, file: &Path) -> Option<Vec<u8>> {
        match kind {
            Kind::Certificate => Some(self.certificates.get(file)?.pem.clone()),
            Kind::Authorities => self.authorities.get(file).cloned(),
            Kind::Revoked => self.revoked.get(file).cloned(),
        }
    }

    fn list(&self, kind: Kind) -> Vec<PathBuf> {
        match kind {
            Kind::Certificate => self.certificates.keys().cloned().collect(),
            Kind::Authorities => self.authorities.keys().cloned().collect(),
            Kind::Revoked => self.revoked.keys().cloned().collect(),
        }
    }

    /// With what the files beside it hold. But what an authority has said of one certificate is of no use to another.
    fn pieces(&self, file: &Path, pem: &[u8]) -> Pieces {
        let before = self.certificates.get(file).cloned().unwrap_or_default();
        let is_the_same = chain(pem).first() == chain(&before.pem).first();
        Pieces {
            pem: pem.to_vec(),
            key: before.key,
            ocsp: before.ocsp.filter(|_| is_the_same),
            issuer: before.issuer,
        }
    }

    pub(super) fn with(self: &Arc<Shelf>, kind: Kind, file: &Path, pem: &[u8]) -> Shelf {
        let mut shelf = Shelf::clone(self);
        let file = file.to_owned();
        match kind {
            Kind::Certificate => {
                let pieces = shelf.pieces(&file, pem);
                shelf.certificates.insert(file, pieces);
            }
            Kind::Authorities => drop(shelf.authorities.insert(file, pem.to_vec())),
            Kind::Revoked => drop(shelf.revoked.insert(file, pem.to_vec())),
        }
        shelf
    }
}
