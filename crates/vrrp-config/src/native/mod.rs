//! The native dialect.

use tandem_text::keepalived::Statement;
use tandem_text::{Diagnostic, FileId, SourceMap};

pub(crate) fn read(_sources: &SourceMap, _file: FileId, _report: &mut Vec<Diagnostic>) -> Vec<Statement> {
    Vec::new()
}
