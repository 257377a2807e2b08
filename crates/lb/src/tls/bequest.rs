//! What operators have changed of the files of TLS, for a successor: it reads the files as they are on the disk.

use std::path::Path;

use tandem_lb_core::snapshot::{FileKind, FileStage, FileState};

use super::desk::{Desk, DeskError, Kind};
use super::vault::Vault;

const KINDS: [(Kind, FileKind); 3] = [
    (Kind::Certificate, FileKind::Certificate),
    (Kind::Authorities, FileKind::Authorities),
    (Kind::Revoked, FileKind::Revoked),
];

impl Desk {
    /// In the order in which a successor is to follow them.
    pub(crate) fn states(&self, vault: &Vault) -> Vec<FileState> {
        let mut states = Vec::new();
        let now = vault.now();
        for (ours, kind) in KINDS {
            let of = |path: &Path, stage, content: &[u8]| FileState {
                kind,
                path: path.to_owned(),
                stage,
                content: content.to_vec(),
            };
            for (path, before, pem) in self.in_force(ours) {
                // A reload since has read another.
                if now.shelf.content(ours, path).is_some_and(|now| now == *pem) {
                    let before = before.to_vec();
                    states.push(of(path, FileStage::Used { before }, pem));
                }
            }
            states.extend(self.spare(ours).map(|(path, pem)| of(path, FileStage::Spare, pem)));
            states.extend(self.open(ours).map(|(path, pem)| of(path, FileStage::Open, pem)));
        }
        states
    }

    /// Goes on from what was changed in the process before.
    pub(crate) fn resume(&mut self, vault: &Vault, states: &[FileState]) {
        for state in states {
            let path = &state.path;
            match self.follow(vault, state) {
                Ok(true) => {}
                Ok(false) => tracing::info!("{}: the file says something else now and counts", path.display()),
                Err(why) => tracing::warn!("{}: what was changed by order is gone: {why}", path.display()),
            }
        }
    }

    /// False when the file has changed since.
    fn follow(&mut self, vault: &Vault, state: &FileState) -> Result<bool, DeskError> {
        let FileState { path, content, .. } = state;
        let found = KINDS.iter().find(|(_, kind)| *kind == state.kind);
        let Some((kind, _)) = found.copied() else {
            return Ok(false);
        };
        match &state.stage {
            FileStage::Used { before } => {
                let read = vault.now().shelf.content(kind, path);
                if read.as_ref() != Some(before) {
                    // Somebody may have written it there meanwhile.
                    return Ok(read.as_ref() == Some(content));
                }
                self.set(vault, kind, path, content)?;
                self.commit(vault, kind, path)?;
            }
            FileStage::Spare if vault.now().shelf.content(kind, path).is_some() => return Ok(false),
            FileStage::Spare => {
                self.create(vault, kind, path)?;
                if !content.is_empty() {
                    self.set(vault, kind, path, content)?;
                    self.commit(vault, kind, path)?;
                }
            }
            FileStage::Open => drop(self.set(vault, kind, path, content)?),
        }
        Ok(true)
    }
}
