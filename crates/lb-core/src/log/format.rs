//! `log-format`: the pieces that a connection's line is made of. It is read once, from the configuration; a line is then
//! put together piece by piece in a buffer of the caller's.

mod datum;
mod encoding;
mod field;

use std::sync::LazyLock;

use crate::expr::{Expr, Fetched};
use crate::log::tcplog::Line;

pub use datum::Style;
pub use encoding::{Encoding, Kind};
pub use field::Field;

use datum::Datum;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// As it stands in the configuration.
    pub written: Box<str>,
    pub pieces: Vec<Piece>,
    /// With one, the named pieces alone are written, as an object.
    pub encoding: Option<Encoding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(Box<str>),
    Value {
        source: Source,
        style: Style,
        /// What an encoding calls it.
        name: Option<Name>,
    },
}

/// `%(name:type)…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub name: Box<str>,
    pub kind: Option<Kind>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Field(Field),
    Expr(Expr),
}

/// `option tcplog`
static TCPLOG: LazyLock<Format> = LazyLock::new(|| {
    use Field::*;
    let mut format = Format {
        written: "tcplog".into(),
        ..Format::default()
    };
    for (text, field) in [
        ("", ClientIp),
        (":", ClientPort),
        (" [", AcceptDate),
        ("] ", FrontendTransport),
        (" ", Backend),
        ("/", Server),
        (" ", WaitTime),
        ("/", ConnectTime),
        ("/", TotalTime),
        (" ", BytesRead),
        (" ", Termination),
        (" ", ProcessConns),
        ("/", FrontendConns),
        ("/", BackendConns),
        ("/", ServerConns),
        ("/", Retries),
        (" ", ServerQueue),
        ("/", BackendQueue),
    ] {
        if !text.is_empty() {
            format.pieces.push(Piece::Text(text.into()));
        }
        format.pieces.push(Piece::Value {
            source: Source::Field(field),
            style: Style::default(),
            name: None,
        });
    }
    format
});

impl Format {
    pub fn tcplog() -> &'static Format {
        &TCPLOG
    }

    /// Whether the line shows one of these, so that whoever writes it only finds out what it has to.
    pub fn shows(&self, fields: &[Field]) -> bool {
        self.sources()
            .any(|source| matches!(source, Source::Field(field) if fields.contains(field)))
    }

    /// Whether it says anything that is known only when the connection has ended.
    pub fn waits(&self) -> bool {
        self.sources()
            .any(|source| matches!(source, Source::Field(field) if field.waits()))
    }

    /// Whether the line has expressions, which ask a context.
    pub fn asks(&self) -> bool {
        self.sources().any(|source| matches!(source, Source::Expr(_)))
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { source, .. } => Some(source),
            Piece::Text(_) => None,
        })
    }

    /// Appends the line, without an end of line.
    pub fn write(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        if let Some(encoding) = self.encoding {
            return self.encode(encoding, line, out);
        }
        // Blanks around what says nothing are one, and none at the line's beginning, as HAProxy writes them.
        let begin = out.len();
        let mut follows_blank = false;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    let rest = text.strip_prefix(' ').filter(|_| follows_blank).unwrap_or(text);
                    out.extend_from_slice(rest.as_bytes());
                    follows_blank = false;
                }
                Piece::Value { source, style, .. } => {
                    let before = out.len();
                    source.find(line).put(*style, out);
                    follows_blank = out.len() == before && (before == begin || out.ends_with(b" "));
                }
            }
        }
    }

    fn encode(&self, encoding: Encoding, line: &Line<'_>, out: &mut Vec<u8>) {
        let named = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value {
                source,
                name: Some(name),
                ..
            } => Some((name, source.find(line))),
            _ => None,
        });
        encoding.write(named, out);
    }
}

impl Source {
    fn find<'a>(&'a self, line: &'a Line<'a>) -> Datum<'a> {
        match self {
            Source::Field(field) => field.of(line),
            Source::Expr(expr) => match line.context.map(|context| expr.eval(context)) {
                Some(Fetched::Known(sample) | Fetched::Changing(sample)) => Datum::Sample(sample),
                Some(Fetched::Missing | Fetched::Unknown) | None => Datum::Text(None),
            },
        }
    }
}
