//! Keys for session tickets: those of their files, and others in their place by order. The last but one makes tickets, so
//! that each is known to all before anybody uses it.

use std::path::{Path, PathBuf};

use tandem_lb_config::Termination;
use tandem_lb_core::snapshot::{FileKind, FileStage, FileState};
use tandem_text::base64;
use thiserror::Error;

use super::desk::{Committed, Desk, DeskError};
use super::shelf::Shelf;
use super::vault::{Loaded, Vault};

/// So many of a file's keys count, the last ones.
const COUNT: usize = 3;

/// In HAProxy's words, behind the name of the command.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("unable to locate referenced filename")]
    NoFile,
    #[error("received invalid base64 encoded TLS key.")]
    NoBase64,
    #[error("received a key of wrong size.")]
    Size,
    #[error("{0}")]
    Unusable(DeskError),
}

/// The files that listeners name, as HAProxy numbers them: the last that was named comes first.
pub(super) fn numbered<'a>(doors: impl Iterator<Item = &'a Termination>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    for file in doors.filter_map(|tls| tls.ticket_keys.as_ref()) {
        if !files.contains(file) {
            files.push(file.clone());
        }
    }
    files.reverse();
    files
}

impl Loaded {
    /// Files with keys for tickets, in the order of their numbers.
    pub(crate) fn ticket_keys(&self) -> impl Iterator<Item = (usize, &Path)> {
        self.keys.iter().map(PathBuf::as_path).enumerate()
    }

    /// By its name, or by `#` and its number.
    pub(crate) fn ticket_keys_called(&self, name: &str) -> Option<(usize, &Path)> {
        let number = name.strip_prefix('#').map(|number| number.parse().ok());
        self.ticket_keys().find(|(own, file)| match number {
            None => *file == Path::new(name),
            Some(number) => number == Some(*own),
        })
    }
}

impl Shelf {
    /// Those that count, as they are written.
    pub(crate) fn ticket_keys(&self, file: &Path) -> Vec<&str> {
        let text = self.keys.get(file).and_then(|text| str::from_utf8(text).ok());
        let lines = text.unwrap_or_default().lines().map(str::trim);
        let mut keys: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        keys.split_off(keys.len().saturating_sub(COUNT))
    }
}

impl Desk {
    /// Gives a file's users another key; the oldest is forgotten.
    pub(crate) fn rotate(&mut self, vault: &Vault, name: &str, key: &str) -> Result<PathBuf, KeyError> {
        let now = vault.now();
        let (_, file) = now.ticket_keys_called(name).ok_or(KeyError::NoFile)?;
        let decoded = base64::decode(key.as_bytes(), false).ok_or(KeyError::NoBase64)?;
        let mut keys = now.shelf.ticket_keys(file);
        let length = |key: &&str| base64::decode(key.as_bytes(), false).map(|key| key.len());
        if keys.first().and_then(length) != Some(decoded.len()) {
            return Err(KeyError::Size);
        }
        keys.remove(0);
        keys.push(key);
        let text = keys.iter().map(|key| format!("{key}\n")).collect::<String>();
        self.put_keys(vault, file, text.into_bytes())
            .map_err(KeyError::Unusable)?;
        Ok(file.to_owned())
    }

    fn put_keys(&mut self, vault: &Vault, file: &Path, text: Vec<u8>) -> Result<(), DeskError> {
        let loaded = vault.now();
        let before = loaded.shelf.keys.get(file).cloned().unwrap_or_default();
        let with = loaded.with_keys(file, text.clone());
        vault.replace(with.map_err(|why| DeskError::Bad(why.to_string()))?);
        let known = self.keys.remove(file);
        self.keys
            .insert(file.to_owned(), Committed::after(known, before, text, Vec::eq));
        Ok(())
    }

    /// Those that an order gave, and no file that was read since.
    pub(super) fn key_states(&self, vault: &Vault) -> Vec<FileState> {
        let now = vault.now();
        let in_force = self.keys.iter();
        let in_force = in_force.filter(|(file, given)| now.shelf.keys.get(*file) == Some(&given.now));
        let state = |(file, given): (&PathBuf, &Committed<Vec<u8>>)| FileState {
            kind: FileKind::TicketKeys,
            path: file.clone(),
            stage: FileStage::Used {
                before: given.before.clone(),
            },
            content: given.now.clone(),
        };
        in_force.map(state).collect()
    }

    /// Goes on with those of the process before; false when the file has changed since.
    pub(super) fn resume_keys(
        &mut self,
        vault: &Vault,
        file: &Path,
        before: &[u8],
        keys: &[u8],
    ) -> Result<bool, DeskError> {
        let now = vault.now();
        match now.shelf.keys.get(file) {
            None => Ok(false),
            Some(read) if read != before => Ok(read == keys),
            Some(_) => self.put_keys(vault, file, keys.to_vec()).map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::NamedText;

    use super::*;
    use crate::outside::Outside;

    #[test]
    fn another_key_makes_no_other_listener() {
        let folder = std::env::temp_dir().join(format!("tandem-rotated-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let [shown, file] = ["a.pem", "keys"].map(|name| folder.join(name));
        let key = |byte: u8| String::from_utf8(base64::encode(&[byte; 48], false)).expect("letters");
        let pem = include_str!("../../../../tests/corpus/configs/files/broker.pem");
        std::fs::write(&shown, pem).expect("writable");
        std::fs::write(&file, [1, 2, 3].map(|byte| key(byte) + "\n").concat()).expect("writable");
        let words = format!("ssl crt {} tls-ticket-keys {}", shown.display(), file.display());
        let text = format!("frontend f\n bind 127.0.0.1:1 {words}\n");
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let tls = plan.frontends[0].binds[0].tls.clone().expect("it has TLS");
        let (vault, mut desk) = (Vault::default(), Desk::default());
        let read = |before: &Loaded| Loaded::read(&plan, before, &Outside::Here);
        vault.replace(read(&Loaded::default()).expect("all is there"));
        let made = || vault.listener(&plan.frontends[0].name, 1, &tls).expect("it is there");
        let first = made();
        desk.rotate(&vault, "#0", &key(4)).expect("it is one");
        assert_eq!(vault.now().shelf.ticket_keys(&file), [key(2), key(3), key(4)]);
        assert!(std::sync::Arc::ptr_eq(&first, &made()));
        // The file is the newer word.
        vault.replace(read(&vault.now()).expect("all is there"));
        assert_eq!(vault.now().shelf.ticket_keys(&file), [key(1), key(2), key(3)]);
        assert!(std::sync::Arc::ptr_eq(&first, &made()));
        std::fs::write(&file, "nonsense").expect("writable");
        assert!(read(&vault.now()).is_err());
        std::fs::remove_dir_all(folder).ok();
    }
}
