//! The native dialect: TOML to a draft. `etc/tandem-lb.toml` shows and explains it.

mod lookup;
mod lower;
mod model;
mod rules;
mod settings;
mod shape;
mod tls;
mod value;

use tandem_text::{Diagnostic, FileId, SourceMap, Span};

use crate::code;
use crate::draft::Draft;
use crate::expr::World;

pub(crate) fn read(
    sources: &SourceMap,
    file: FileId,
    world: World<'_>,
    draft: &mut Draft,
    report: &mut Vec<Diagnostic>,
) {
    match std::str::from_utf8(sources.bytes(file)) {
        Ok(text) => {
            let (document, removed) = shape::read(file, text, report);
            lower::Lowering {
                sources,
                file,
                world,
                removed,
                report,
            }
            .document(document, draft);
        }
        Err(error) => {
            let at = error.valid_up_to();
            let span = Span::new(file, at, at + 1);
            report.push(Diagnostic::error(code::SYNTAX, span, "this is not UTF-8").help("save the file as UTF-8"));
        }
    }
}
