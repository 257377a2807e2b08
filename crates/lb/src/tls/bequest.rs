//! What operators have changed of the files of TLS, for a successor: it reads the files as they are on the disk.

use std::path::{Path, PathBuf};

use tandem_lb_config::ListLine;
use tandem_lb_core::snapshot::{FileKind, FileStage, FileState};

use super::desk::{Desk, DeskError, Kind};
use super::lists::Listed;
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
        // What only a list uses that an order has changed is not in any file that a successor reads.
        for (path, _) in self.lists_in_force(vault) {
            for line in now.shelf.lists.get(path).iter().flat_map(|list| &list.lines) {
                if let Some(pieces) = now.shelf.certificates.get(&line.certificate) {
                    states.push(FileState {
                        kind: FileKind::Certificate,
                        path: line.certificate.clone(),
                        stage: FileStage::Spare,
                        content: pieces.clone().whole(),
                    });
                }
            }
        }
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
        states.extend(self.lists_in_force(vault).map(|(path, listed)| FileState {
            kind: FileKind::List,
            path: path.clone(),
            stage: FileStage::Used {
                before: text(&listed.before),
            },
            content: text(&listed.now),
        }));
        states
    }

    /// Those that were changed by order, and not read again since.
    fn lists_in_force(&self, vault: &Vault) -> impl Iterator<Item = (&PathBuf, &Listed)> {
        let now = vault.now();
        let is_in_force = move |path: &PathBuf, listed: &Listed| {
            let list = now.shelf.lists.get(path);
            list.is_some_and(|list| list.lines == listed.now)
        };
        self.listed
            .iter()
            .filter(move |(path, listed)| is_in_force(path, listed))
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
        if let (FileKind::List, FileStage::Used { before }) = (state.kind, &state.stage) {
            let followed = self.resume_lines(vault, path, &lines(before), lines(content));
            return followed.map_err(|why| DeskError::Bad(why.to_string()));
        }
        let found = KINDS.iter().find(|(_, kind)| *kind == state.kind);
        let Some((kind, _)) = found.copied() else {
            return Ok(false);
        };
        match &state.stage {
            FileStage::Used { before } => {
                let read = vault.now().shelf.content(kind, path);
                if read.as_ref() != Some(before) {
                    // Somebody may have written it there meanwhile.
                    return Ok(read.as_ref().or(self.spare.get(&(kind, path.clone()))) == Some(content));
                }
                self.set(vault, kind, path, content)?;
                self.commit(vault, kind, path)?;
            }
            FileStage::Spare if self.spare.contains_key(&(kind, path.clone())) => {}
            FileStage::Spare if vault.now().shelf.content(kind, path).is_some() => {
                return Ok(vault.now().shelf.content(kind, path).as_ref() == Some(content));
            }
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

fn text(lines: &[ListLine]) -> Vec<u8> {
    let lines = lines.iter().map(|line| format!("{} {line}\n", line.number));
    lines.collect::<String>().into_bytes()
}

fn lines(text: &[u8]) -> Vec<ListLine> {
    let line = |line: &str| {
        let (number, text) = line.split_once(' ')?;
        ListLine::read(text, number.parse().ok()?).ok().flatten()
    };
    String::from_utf8_lossy(text).lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers() {
        let all = b"1 /etc/a.pem [alpn h2] a.example !b.example\n7 b.pem\n";
        assert_eq!(lines(all).iter().map(|line| line.number).collect::<Vec<_>>(), [1, 7]);
        assert_eq!(text(&lines(all)), all);
    }
}
