//! `log TARGET [len N] [format F] FACILITY [MAX [MIN]]`.

use tandem_text::Diagnostic;

use super::args::{Args, bad_address};
use crate::names::{FACILITIES, LOG_FORMATS, LOG_LENGTH, SEVERITIES};
use crate::plan::{LogTarget, Severity};
use crate::{address, code};

pub(super) fn target(args: &mut Args<'_>) -> Result<LogTarget, Diagnostic> {
    let word = args.word("a log target")?;
    let to = address::log(&word.text).map_err(|error| bad_address(word, &error))?;
    let mut length = LOG_LENGTH;
    let mut format = None;
    loop {
        if args.accept("len") {
            length = args.number(80..=65535)?;
        } else if args.accept("format") {
            format = Some(args.choice("a log format", LOG_FORMATS)?);
        } else if let Some(word) = args.peek().filter(|word| word.text == "sample") {
            let message = "`sample` is known to HAProxy, but not supported yet";
            return Err(Diagnostic::error(code::UNSUPPORTED, word.span, message));
        } else {
            break;
        }
    }
    let facility = args.choice("a syslog facility", FACILITIES)?;
    let max = level(args)?.unwrap_or(Severity::Debug);
    let min = level(args)?.unwrap_or(Severity::Emerg);
    Ok(LogTarget {
        to,
        format,
        length,
        facility,
        max,
        min,
    })
}

fn level(args: &mut Args<'_>) -> Result<Option<Severity>, Diagnostic> {
    args.peek()
        .is_some()
        .then(|| args.choice("a syslog level", SEVERITIES))
        .transpose()
}
