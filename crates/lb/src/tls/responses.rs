//! What authorities say of certificates at present (OCSP): those that are stapled, and others in their place by order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tandem_lb_core::snapshot::{FileKind, FileStage, FileState};
use tandem_tls::Pieces;
use tandem_tls::certificate::chain;
use tandem_tls::x509::{About, Status, StatusError};
use thiserror::Error;

use super::desk::{Committed, Desk, DeskError, Kind};
use super::shelf::Shelf;
use super::vault::{Loaded, Vault};

#[derive(Debug, Error)]
pub(crate) enum ResponseError {
    #[error(transparent)]
    Bad(#[from] StatusError),
    #[error("OCSP single response: Certificate ID does not match any certificate or issuer")]
    Nobodys,
    #[error("{0}")]
    Unusable(String),
}

impl Loaded {
    /// Certificates that authorities are asked about, each with what is stapled. As in HAProxy, those that have a file
    /// `.ocsp`, which may be empty.
    pub(crate) fn responses(&self) -> BTreeMap<Vec<u8>, (About, Option<Status>)> {
        let certificates = self.shelf.certificates.values().filter(|pieces| pieces.ocsp.is_some());
        let of = |pieces: &Pieces| {
            let about = pieces.about()?;
            Some((about.der.clone(), (about, pieces.status().and_then(Result::ok))))
        };
        certificates.filter_map(of).collect()
    }
}

impl Desk {
    /// Has a response stapled from now on to the certificates that it is about; which files these are.
    pub(crate) fn respond(
        &mut self,
        vault: &Vault,
        response: &[u8],
        now: Duration,
    ) -> Result<Vec<PathBuf>, ResponseError> {
        let status = Status::of(response)?;
        status.judge(now)?;
        let loaded = vault.now();
        let files = loaded.shelf.certificates.iter();
        let files = files.filter(|(_, pieces)| pieces.ocsp.is_some() && pieces.is_what(&status.about));
        let files: Vec<PathBuf> = files.map(|(file, _)| file.clone()).collect();
        if files.is_empty() {
            return Err(ResponseError::Nobodys);
        }
        self.staple(vault, &files, response)
            .map_err(|why| ResponseError::Unusable(why.to_string()))?;
        Ok(files)
    }

    /// What was committed with a certificate: a successor takes it for one that was replaced by itself.
    pub(super) fn note_response(&mut self, file: &Path, before: &Pieces, now: &Pieces) {
        let is_the_same = chain(&before.pem).first() == chain(&now.pem).first();
        let before = before.ocsp.clone().filter(|_| is_the_same).unwrap_or_default();
        match &now.ocsp {
            Some(response) if *response != before => {
                let known = self.responses.remove(file);
                let committed = Committed::after(known, before, response.clone(), Vec::eq);
                self.responses.insert(file.to_owned(), committed);
            }
            _ => {}
        }
    }

    pub(super) fn staple(&mut self, vault: &Vault, files: &[PathBuf], response: &[u8]) -> Result<(), DeskError> {
        let loaded = vault.now();
        let mut shelf = Shelf::clone(&loaded.shelf);
        for file in files {
            if let Some(pieces) = shelf.certificates.get_mut(file) {
                pieces.ocsp = Some(response.to_vec());
            }
        }
        vault.replace(loaded.with(shelf).map_err(DeskError::of_load)?);
        for file in files {
            let before = loaded.shelf.response(file);
            let known = self.responses.remove(file);
            let committed = Committed::after(known, before, response.to_vec(), Vec::eq);
            self.responses.insert(file.clone(), committed);
        }
        Ok(())
    }

    /// Those that are stapled by order still, and not by a file that was read since.
    pub(super) fn response_states(&self, vault: &Vault) -> Vec<FileState> {
        let now = vault.now();
        let in_force = self
            .responses
            .iter()
            .filter(|(file, said)| now.shelf.response(file) == said.now);
        in_force
            .map(|(path, said)| FileState {
                kind: FileKind::Response,
                path: path.clone(),
                stage: FileStage::Used {
                    before: said.before.clone(),
                },
                content: said.now.clone(),
            })
            .collect()
    }

    /// Goes on with one of the process before; false when the file has changed since.
    pub(super) fn resume_response(
        &mut self,
        vault: &Vault,
        path: &Path,
        before: &[u8],
        content: &[u8],
    ) -> Result<bool, DeskError> {
        let spare = self.spare.get(&(Kind::Certificate, path.to_owned()));
        if spare.is_some_and(|pieces| pieces.ocsp.as_deref() == Some(content)) {
            // It has come with the certificate, which a list will use that comes next.
            return Ok(true);
        }
        let read = vault.now().shelf.response(path);
        if read != before {
            return Ok(read == content);
        }
        if !vault.now().shelf.certificates.contains_key(path) {
            return Ok(false);
        }
        self.staple(vault, &[path.to_owned()], content)?;
        Ok(true)
    }
}

impl Shelf {
    /// What is said of the certificate in this file; nothing is said by an empty file, too.
    fn response(&self, file: &Path) -> Vec<u8> {
        let pieces = self.certificates.get(file);
        pieces.and_then(|pieces| pieces.ocsp.clone()).unwrap_or_default()
    }
}
