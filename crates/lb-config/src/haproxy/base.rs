//! `default-path`: where paths begin that do not begin with `/`.
//!
//! HAProxy goes there while it reads a file, and back when it has read it, so each file may have a place of its own. Here
//! there is one for all of them: what is read again later, for a reload or an order, is found where it was.

use std::path::PathBuf;

use tandem_text::{Diagnostic, FileId, SourceMap, Span};

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::code;
use crate::draft::Draft;
use crate::plan::Global;

/// Where it goes with the file that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// `config`: where the file is.
    It,
    /// `parent`: one above that.
    ItsFolder,
}

impl Beside {
    /// As HAProxy tells by the name alone; `None` is where the process was started.
    fn of(self, file: &str) -> Option<PathBuf> {
        let folder = file.rfind('/').map(|at| if at == 0 { "/" } else { &file[..at] });
        match (self, folder) {
            (Beside::It, folder) => folder.map(PathBuf::from),
            (Beside::ItsFolder, None) => Some(PathBuf::from("..")),
            (Beside::ItsFolder, Some(folder)) => Some(PathBuf::from(folder).join("..")),
        }
    }
}

pub(super) const OF_GLOBAL: &[Keyword<Global>] = &[Keyword {
    words: "default-path",
    sections: Sections::GLOBAL,
    summary: "where paths begin that do not begin with /: `current`, where the process was started or where `-C` says; `config`, beside \
              this file; `parent`, one above that; `origin PATH`, there",
    parse: default_path,
}];

fn default_path(global: &mut Global, args: &mut Args<'_>) -> Outcome {
    let file = args.file();
    let word = args.word("where paths begin")?;
    let (base, beside) = match word.text.as_str() {
        "current" => (None, None),
        "config" => (Beside::It.of(file), Some(Beside::It)),
        "parent" => (Beside::ItsFolder.of(file), Some(Beside::ItsFolder)),
        "origin" => (Some(args.text("a path")?.into()), None),
        other => {
            let message = format!("`{other}` says nothing of paths");
            return Err(Diagnostic::error(code::BAD_VALUE, word.span, message)
                .help("write `current`, `config`, `parent` or `origin PATH`"));
        }
    };
    (global.tls.base, global.tls.beside) = (base, beside);
    Ok(())
}

/// What a file begins with. Where another place would be meant than in those before it, that is a mistake.
pub(super) fn begin(draft: &Draft, sources: &SourceMap, file: FileId, report: &mut Vec<Diagnostic>) {
    let Some(beside) = draft.global.tls.beside else { return };
    let here = beside.of(sources.source(file).map_or("", |source| source.name()));
    if here != draft.global.tls.base {
        report.push(elsewhere(Span::new(file, 0, 0)));
    }
}

/// What has been read has been looked for at one place, and what comes is not to be looked for at another.
pub(super) fn judge(draft: &mut Draft, before: Option<PathBuf>, at: Span, report: &mut Vec<Diagnostic>) {
    let is_first =
        draft.defaults.is_empty() && draft.proxies.is_empty() && draft.peers.is_empty() && draft.rings.is_empty();
    if !is_first && draft.global.tls.base != before {
        draft.global.tls.base = before;
        report.push(elsewhere(at));
    }
}

fn elsewhere(at: Span) -> Diagnostic {
    Diagnostic::error(code::CONFLICT, at, "paths would begin at another place from here on").help(
        "they begin at one place for all files: write `default-path origin PATH` in the first section `global`, or whole paths",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_names() {
        let table = [
            ("a.cfg", None, Some("..")),
            ("etc/a.cfg", Some("etc"), Some("etc/..")),
            ("/etc/lb/a.cfg", Some("/etc/lb"), Some("/etc/lb/..")),
            ("/a.cfg", Some("/"), Some("/..")),
        ];
        for (file, it, above) in table {
            assert_eq!(Beside::It.of(file), it.map(PathBuf::from), "{file}");
            assert_eq!(Beside::ItsFolder.of(file), above.map(PathBuf::from), "{file}");
        }
    }
}
