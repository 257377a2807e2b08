//! The files that TLS needs, as they were when they were read: certificates, authorities, and what those have revoked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tandem_lb_config::{Authorities, Trust};
use tandem_tls::{CertificateError, Pieces};
use thiserror::Error;

/// Contents by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) certificates: BTreeMap<PathBuf, Pieces>,
    /// Folders of certificates or authorities, and their files in the order of their names.
    folders: BTreeMap<PathBuf, Vec<PathBuf>>,
    pub(crate) authorities: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) revoked: BTreeMap<PathBuf, Vec<u8>>,
}

#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{}: cannot be read: {why}", .file.display())]
    Unreadable { file: PathBuf, why: io::Error },
    #[error("{}: there is no file in this folder", .0.display())]
    Empty(PathBuf),
}

impl Shelf {
    pub(crate) fn take_certificates(&mut self, path: &Path) -> Result<(), ReadError> {
        for file in self.files(path, &["key", "ocsp", "issuer", "sctl"])? {
            if let Entry::Vacant(place) = self.certificates.entry(file) {
                let pieces = Pieces::read(place.key())?;
                place.insert(pieces);
            }
        }
        Ok(())
    }

    pub(crate) fn take_trust(&mut self, trust: &Trust) -> Result<(), ReadError> {
        if let Authorities::Path(path) = &trust.authorities {
            for file in self.files(path, &[])? {
                if !self.authorities.contains_key(&file) {
                    self.authorities.insert(file.clone(), read(&file)?);
                }
            }
        }
        if let Some(file) = &trust.revoked
            && !self.revoked.contains_key(file)
        {
            self.revoked.insert(file.clone(), read(file)?);
        }
        Ok(())
    }

    /// The file, or those of the folder but for some endings.
    fn files(&mut self, path: &Path, but_not: &[&str]) -> Result<Vec<PathBuf>, ReadError> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let unreadable = |why| ReadError::Unreadable {
            file: path.to_owned(),
            why,
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let is_other = |ending: &&str| file.extension().is_some_and(|extension| extension == *ending);
            let is_hidden = file
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if file.is_file() && !is_hidden && !but_not.iter().any(is_other) {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(ReadError::Empty(path.to_owned()));
        }
        self.folders.insert(path.to_owned(), files.clone());
        Ok(files)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        let certificates = self.certificates.keys();
        certificates.chain(self.authorities.keys()).chain(self.revoked.keys())
    }

    pub(crate) fn knows(&self, file: &Path) -> bool {
        self.all().any(|known| known == file)
    }

    /// Whether another has the same in this file.
    pub(crate) fn holds_same(&self, other: &Shelf, file: &Path) -> bool {
        self.certificates.get(file) == other.certificates.get(file)
            && self.authorities.get(file) == other.authorities.get(file)
            && self.revoked.get(file) == other.revoked.get(file)
    }

    /// The files that a path stood for when it was read.
    pub(crate) fn meant(&self, path: &Path) -> Vec<PathBuf> {
        self.folders.get(path).cloned().unwrap_or_else(|| vec![path.to_owned()])
    }
}

fn read(file: &Path) -> Result<Vec<u8>, ReadError> {
    fs::read(file).map_err(|why| ReadError::Unreadable {
        file: file.to_owned(),
        why,
    })
}
