//! The native dialect: TOML to a draft.

use tandem_text::{Diagnostic, FileId, SourceMap, Span};

use crate::code;
use crate::draft::Draft;

pub(crate) fn read(_sources: &SourceMap, file: FileId, _draft: &mut Draft, report: &mut Vec<Diagnostic>) {
    report.push(Diagnostic::error(
        code::UNSUPPORTED,
        Span::new(file, 0, 0),
        "TOML is not read yet",
    ));
}
