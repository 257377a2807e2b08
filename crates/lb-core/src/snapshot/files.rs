//! A file of TLS that operators have changed over the socket: it has the key of a certificate, so it goes to a successor and
//! into no file.

use std::path::PathBuf;

use super::text::{Line, Writer};
use crate::hex;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    pub kind: FileKind,
    pub path: PathBuf,
    pub stage: FileStage,
    /// What a file and those beside it hold may stand here in one.
    pub content: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Certificate,
    Authorities,
    Revoked,
    /// A list of certificates: lines, each behind its number.
    List,
    /// What an authority says of the certificate in the file of this name (OCSP).
    Response,
    /// Keys for session tickets.
    TicketKeys,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileStage {
    /// In force instead of what the file held when it was read; where it holds something else now, that is the newer word.
    Used { before: Vec<u8> },
    /// Made over the socket, and used by nobody.
    Spare,
    /// To be committed.
    Open,
}

impl FileKind {
    const ALL: [(FileKind, &'static str); 6] = [
        (FileKind::Certificate, "certificate"),
        (FileKind::Authorities, "authorities"),
        (FileKind::Revoked, "revoked"),
        (FileKind::List, "list"),
        (FileKind::Response, "response"),
        (FileKind::TicketKeys, "ticket-keys"),
    ];

    fn word(self) -> &'static str {
        let found = FileKind::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, word)| word)
    }

    fn named(name: &str) -> Option<FileKind> {
        let found = FileKind::ALL.iter().find(|(_, word)| *word == name);
        found.map(|(kind, _)| *kind)
    }
}

impl FileState {
    pub(super) fn write(&self, out: &mut Writer) {
        // A path that is no text cannot have been said to the socket.
        let Some(path) = self.path.to_str() else { return };
        let line = out.line("file").set("kind", self.kind.word()).set("path", path);
        let line = match &self.stage {
            FileStage::Used { before } => line.set("before", hex::lower(before)),
            FileStage::Spare => line.set("stage", "spare"),
            FileStage::Open => line.set("stage", "open"),
        };
        drop(line.set("content", hex::lower(&self.content)));
    }

    pub(super) fn read(line: Line<'_>) -> Option<FileState> {
        Some(FileState {
            kind: FileKind::named(line.raw("kind")?)?,
            path: line.text("path")?.into(),
            stage: match line.raw("stage") {
                None => FileStage::Used {
                    before: hex::read(line.raw("before")?)?,
                },
                Some("spare") => FileStage::Spare,
                Some("open") => FileStage::Open,
                Some(_) => return None,
            },
            content: hex::read(line.raw("content")?)?,
        })
    }
}
