//! `log TARGET [len N] [format F] [sample RANGES:SIZE] FACILITY [MAX [MIN]]`, and what lines say.

use std::sync::Arc;

use tandem_lb_core::log::format::Format;
use tandem_text::Diagnostic;

use super::args::{Args, bad_address};
use super::keyword::Keyword;
use super::section::Sections;
use crate::acl::Book;
use crate::draft::Proxy;
use crate::names::{self, FACILITIES, LOG_FORMATS, LOG_LENGTH, SEVERITIES};
use crate::plan::{LogAddress, LogTarget, Severity};
use crate::{address, code, log_format};

const FRONT: Sections = Sections::FRONT.and_defaults();

/// What the lines of a proxy say.
pub(super) const OF_PROXIES: &[Keyword<Proxy>] = &[
    Keyword {
        words: "log-format",
        sections: FRONT,
        summary: "what a line says: text, %fields and %[expressions]",
        parse: |proxy, args| {
            proxy.settings.log_rule.format = Some(line_format(proxy, args)?);
            Ok(())
        },
    },
    Keyword {
        words: "log-format-sd",
        sections: FRONT,
        summary: "the structured data of lines of the format rfc5424",
        parse: |proxy, args| {
            proxy.settings.log_rule.structured = Some(line_format(proxy, args)?);
            Ok(())
        },
    },
    Keyword {
        words: "unique-id-format",
        sections: FRONT,
        summary: "the name of a connection, for `%ID` in its line",
        parse: |proxy, args| {
            proxy.settings.log_rule.unique_id = Some(format(proxy, args, log_format::of_name)?);
            Ok(())
        },
    },
    Keyword {
        words: "error-log-format",
        sections: FRONT,
        summary: "what the line of a connection says that comes to be no session",
        parse: |proxy, args| {
            proxy.settings.log_rule.error = Some(line_format(proxy, args)?);
            Ok(())
        },
    },
    Keyword {
        words: "log-tag",
        sections: Sections::PROXIES.and_defaults(),
        summary: "the name in front of this proxy's lines",
        parse: |proxy, args| {
            proxy.settings.logs.tag = Some(args.text("a tag")?.into());
            Ok(())
        },
    },
];

fn line_format(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Arc<Format>, Diagnostic> {
    format(proxy, args, log_format::of_line)
}

fn format(proxy: &mut Proxy, args: &mut Args<'_>, read: log_format::Read) -> Result<Arc<Format>, Diagnostic> {
    let word = args.word("a format")?;
    let mut book = Book::default();
    let format = read(word, &mut book, args.world)?;
    if let Some(more) = args.peek() {
        let message = "a format is one word, and this is another";
        return Err(Diagnostic::error(code::EXTRA, more.span, message)
            .help("put the whole format into quotes, or a backslash before each blank"));
    }
    proxy.settings.references.append(&mut book.references);
    Ok(Arc::new(format))
}

pub(super) fn target(args: &mut Args<'_>) -> Result<LogTarget, Diagnostic> {
    let word = args.word("a log target")?;
    let mut to = address::log(&word.text).map_err(|error| bad_address(word, &error))?;
    if let LogAddress::Ring(ring) = &mut to {
        ring.at = Some(word.span);
    }
    let mut length = LOG_LENGTH;
    let mut format = None;
    let mut sample = None;
    loop {
        if args.accept("len") {
            length = args.number(80..=65535)?;
        } else if args.accept("format") {
            format = Some(args.choice("a log format", LOG_FORMATS)?);
        } else if args.accept("sample") {
            let word = args.word("a sample")?;
            sample = Some(names::sample(&word.text).map_err(|why| {
                Diagnostic::error(code::BAD_VALUE, word.span, why)
                    .help("write RANGES:SIZE; `1,3-4:5` sends the first, third and fourth of five lines")
            })?);
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
        sample,
    })
}

fn level(args: &mut Args<'_>) -> Result<Option<Severity>, Diagnostic> {
    args.peek()
        .is_some()
        .then(|| args.choice("a syslog level", SEVERITIES))
        .transpose()
}
