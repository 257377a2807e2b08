//! The files that TLS needs, as they were when they were read: certificates, authorities, and what those have revoked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};

use tandem_lb_config::{Authorities, BadLine, Clients, ListLine, Shown, Termination, Trust};
use tandem_tls::{CertificateError, Pieces, certificate};
use thiserror::Error;

use crate::outside::Outside;

/// Contents by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) certificates: BTreeMap<PathBuf, Pieces>,
    /// Folders of certificates or authorities, and their files in the order of their names.
    folders: BTreeMap<PathBuf, Vec<PathBuf>>,
    pub(crate) authorities: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) revoked: BTreeMap<PathBuf, Vec<u8>>,
    /// Keys for session tickets.
    pub(crate) keys: BTreeMap<PathBuf, Vec<u8>>,
    /// Folders and lists of certificates for listeners. An operator adds lines to them and takes some away.
    pub(crate) lists: BTreeMap<PathBuf, List>,
}

/// Certificates for listeners, each with what goes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) lines: Vec<ListLine>,
    pub(crate) is_folder: bool,
}

#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("{}: cannot be read: {why}", .file.display())]
    Unreadable { file: PathBuf, why: io::Error },
    #[error("{}: there is no file in this folder", .0.display())]
    Empty(PathBuf),
    #[error("parsing [{}:{line}]: {why}", .file.display())]
    Line { file: PathBuf, line: u32, why: BadLine },
    #[error("parsing [{}:{line}]: {}: a list names files and no folders", .list.display(), .folder.display())]
    Folder { list: PathBuf, line: u32, folder: PathBuf },
}

impl Shelf {
    /// All that a listener shows and believes.
    pub(crate) fn take_all(&mut self, tls: &Termination, outside: &Outside) -> Result<(), ReadError> {
        for shown in &tls.certificates {
            match shown {
                Shown::Path(path) => self.take_certificates(path, outside)?,
                Shown::List(path) => self.take_list(path, tls, outside)?,
            }
            if let (Shown::Path(path), Some(files)) = (shown, self.folders.get(shown.path())) {
                let lines = files.iter().map(|file| ListLine::plain(file.clone(), 0)).collect();
                self.lists
                    .entry(path.clone())
                    .or_insert(List { lines, is_folder: true });
            }
        }
        if let Some(file) = &tls.ticket_keys {
            self.keys.insert(file.clone(), read(file, outside)?);
        }
        self.take_clients(&tls.clients, outside)
    }

    /// With what orders have made of it between two moments.
    pub(crate) fn overruled(&self, before: &Shelf, after: &Shelf) -> Shelf {
        let mut all = self.clone();
        overrule(&mut all.certificates, &before.certificates, &after.certificates);
        overrule(&mut all.authorities, &before.authorities, &after.authorities);
        overrule(&mut all.revoked, &before.revoked, &after.revoked);
        overrule(&mut all.keys, &before.keys, &after.keys);
        overrule(&mut all.lists, &before.lists, &after.lists);
        all
    }

    fn take_list(&mut self, path: &Path, tls: &Termination, outside: &Outside) -> Result<(), ReadError> {
        if !self.lists.contains_key(path) {
            let text = String::from_utf8_lossy(&read(path, outside)?).into_owned();
            let lines = tls.lines(&text).map_err(|(line, why)| ReadError::Line {
                file: path.to_owned(),
                line,
                why,
            })?;
            self.lists.insert(
                path.to_owned(),
                List {
                    lines,
                    is_folder: false,
                },
            );
        }
        for line in self.lists.get(path).cloned().unwrap_or_default().lines {
            if matches!(outside.folder(&line.certificate), Ok(Some(_))) {
                return Err(ReadError::Folder {
                    list: path.to_owned(),
                    line: line.number,
                    folder: line.certificate,
                });
            }
            self.take_certificates(&line.certificate, outside)?;
            self.take_line(&line, tls, outside)?;
        }
        Ok(())
    }

    /// What a line of a list believes. What makes no sense is found when it is made.
    pub(crate) fn take_line(&mut self, line: &ListLine, tls: &Termination, outside: &Outside) -> Result<(), ReadError> {
        match tls.of_line(line) {
            Ok((_, clients)) => self.take_clients(&clients, outside),
            Err(_) => Ok(()),
        }
    }

    fn take_clients(&mut self, clients: &Clients, outside: &Outside) -> Result<(), ReadError> {
        let (Clients::Asked(trust) | Clients::Known(trust)) = clients else {
            return Ok(());
        };
        self.take_trust(&trust.trust, outside)?;
        trust
            .hidden
            .iter()
            .try_for_each(|path| self.take_authorities(path, outside))
    }

    pub(crate) fn take_certificates(&mut self, path: &Path, outside: &Outside) -> Result<(), ReadError> {
        for file in self.files(path, outside, &["key", "ocsp", "issuer", "sctl"])? {
            if let Entry::Vacant(place) = self.certificates.entry(file) {
                let pieces = Pieces::read(place.key(), |file| outside.read(file))?;
                let timestamps = certificate::beside(place.key(), ".sctl");
                if outside.read(&timestamps).is_ok() {
                    tracing::warn!(
                        "{}: timestamps of logs (SCT) are shown to nobody here",
                        timestamps.display()
                    );
                }
                place.insert(pieces);
            }
        }
        Ok(())
    }

    pub(crate) fn take_trust(&mut self, trust: &Trust, outside: &Outside) -> Result<(), ReadError> {
        if let Authorities::Path(path) = &trust.authorities {
            self.take_authorities(path, outside)?;
        }
        if let Some(file) = &trust.revoked
            && !self.revoked.contains_key(file)
        {
            self.revoked.insert(file.clone(), read(file, outside)?);
        }
        Ok(())
    }

    fn take_authorities(&mut self, path: &Path, outside: &Outside) -> Result<(), ReadError> {
        for file in self.files(path, outside, &[])? {
            if !self.authorities.contains_key(&file) {
                self.authorities.insert(file.clone(), read(&file, outside)?);
            }
        }
        Ok(())
    }

    /// The file, or those of the folder but for some endings.
    fn files(&mut self, path: &Path, outside: &Outside, but_not: &[&str]) -> Result<Vec<PathBuf>, ReadError> {
        let listed = outside.folder(path).map_err(|why| ReadError::Unreadable {
            file: path.to_owned(),
            why,
        })?;
        let Some(mut files) = listed else {
            return Ok(vec![path.to_owned()]);
        };
        files.retain(|file| {
            let is_other = |ending: &&str| file.extension().is_some_and(|extension| extension == *ending);
            let is_hidden = file
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            !is_hidden && !but_not.iter().any(is_other)
        });
        if files.is_empty() {
            return Err(ReadError::Empty(path.to_owned()));
        }
        self.folders.insert(path.to_owned(), files.clone());
        Ok(files)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &PathBuf> {
        let certificates = self.certificates.keys();
        let others = self
            .authorities
            .keys()
            .chain(self.revoked.keys())
            .chain(self.keys.keys());
        certificates.chain(others).chain(self.lists.keys())
    }

    pub(crate) fn knows(&self, file: &Path) -> bool {
        self.all().any(|known| known == file)
    }

    /// Whether another has the same in this file.
    pub(crate) fn holds_same(&self, other: &Shelf, file: &Path) -> bool {
        self.certificates.get(file) == other.certificates.get(file)
            && self.authorities.get(file) == other.authorities.get(file)
            && self.revoked.get(file) == other.revoked.get(file)
            && self.keys.get(file) == other.keys.get(file)
            && self.lists.get(file) == other.lists.get(file)
    }

    /// The files that a path stood for when it was read.
    pub(crate) fn meant(&self, path: &Path) -> Vec<PathBuf> {
        self.folders.get(path).cloned().unwrap_or_else(|| vec![path.to_owned()])
    }
}

/// What has become another between two moments.
fn overrule<V: Clone + PartialEq>(
    all: &mut BTreeMap<PathBuf, V>,
    before: &BTreeMap<PathBuf, V>,
    after: &BTreeMap<PathBuf, V>,
) {
    let other = after
        .iter()
        .filter(|(file, content)| before.get(*file) != Some(*content));
    all.extend(other.map(|(file, content)| (file.clone(), content.clone())));
}

fn read(file: &Path, outside: &Outside) -> Result<Vec<u8>, ReadError> {
    outside.read(file).map_err(|why| ReadError::Unreadable {
        file: file.to_owned(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(keys: &[(&str, &str)]) -> Shelf {
        let keys = keys
            .iter()
            .map(|(file, text)| (PathBuf::from(file), text.as_bytes().to_vec()));
        Shelf {
            keys: keys.collect(),
            ..Shelf::default()
        }
    }

    #[test]
    fn only_what_orders_have_changed_meanwhile_overrules_what_was_read() {
        let before = shelf(&[
            ("kept", "1"),
            ("edited", "1"),
            ("replaced", "1"),
            ("both", "1"),
            ("deleted", "1"),
        ]);
        let read = shelf(&[
            ("kept", "1"),
            ("edited", "2"),
            ("replaced", "1"),
            ("both", "2"),
            ("deleted", "1"),
            ("new", "1"),
        ]);
        let after = shelf(&[
            ("kept", "1"),
            ("edited", "1"),
            ("replaced", "3"),
            ("both", "3"),
            ("added", "3"),
        ]);
        let expect = shelf(&[
            ("kept", "1"),
            ("edited", "2"),
            ("replaced", "3"),
            ("both", "3"),
            ("deleted", "1"),
            ("new", "1"),
            ("added", "3"),
        ]);
        assert_eq!(read.overruled(&before, &after), expect);
    }
}
