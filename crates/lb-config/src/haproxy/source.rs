//! `source`, of a backend and of a server.

use std::sync::Arc;

use tandem_text::Diagnostic;

use super::args::Args;
use crate::code;
use crate::plan::Source;

const HELP: &str = "write `source ADDRESS[:PORT] [usesrc client|clientip|ADDRESS] [interface NAME]`";

/// What follows the word `source`.
pub(super) fn read(args: &mut Args<'_>) -> Result<Option<Arc<Source>>, Diagnostic> {
    let first = args.word("an address")?;
    let mut text = first.text.clone();
    while let Some(word) = args
        .peek()
        .filter(|word| matches!(word.text.as_str(), "usesrc" | "interface"))
    {
        args.skip(1);
        let value = args.word("what follows")?;
        if value.text.starts_with("hdr_ip(") {
            let message = "a header of HTTP is not looked at; connections come from the address of `source`";
            args.report(Diagnostic::warning(code::UNSUPPORTED, value.span, message).help("write `usesrc clientip`"));
        } else {
            text += &format!(" {} {}", word.text, value.text);
        }
    }
    let read = text.parse::<Source>();
    let source = read.map_err(|why| Diagnostic::error(code::BAD_ADDRESS, first.span, why).help(HELP))?;
    Ok(Some(Arc::new(source)))
}

/// That of a backend: its servers would take each other's ports.
pub(super) fn of_backend(args: &mut Args<'_>) -> Result<Option<Arc<Source>>, Diagnostic> {
    let source = read(args)?;
    let range = source.as_ref().and_then(|source| source.ports.as_ref());
    if range.is_some_and(|ports| ports.start() != ports.end()) {
        let message = "a range of ports belongs to one server";
        return Err(Diagnostic::error(code::MISPLACED, args.line_span(), message).help("write it on the `server` line"));
    }
    Ok(source)
}
