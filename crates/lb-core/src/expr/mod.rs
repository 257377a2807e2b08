//! Expressions: a fetch, and the converters that its result goes through (`src,ipmask(24)`).
//!
//! Evaluation is pure. What the runtime knows comes in through [`Context`], and an expression answers either a value, or
//! that there is none, or that it cannot say before more bytes have come. Constants and the client's bytes are borrowed,
//! so the usual expression allocates nothing.

pub mod content;
mod context;
mod convert;
mod counter;
mod fetch;
mod kind;
mod origin;
mod sample;
mod tls;
mod uses;

pub use content::{Content, Part};
pub use context::{Context, End, Fact, Segments, ServerRef, Silence, Trip};
pub use convert::{
    Arith, Chunks, Converter, Digest, HashWith, KeyBits, Operand, Pieces, ProtobufField, Query, Radix, Sealing, Secret,
    Strings, Taken, TimeFormat, TokenPart, When, WireValue,
};
pub use counter::{Ask, Counter, Subject, Whose};
pub use fetch::{Fetch, Scope, TimeUnit, Variable};
pub use kind::Kind;
pub use origin::{Origin, Place};
pub use sample::Sample;
pub use tls::{CertificatePart, NamePart, Party, TlsFact, TlsPart};
pub use uses::Use;

/// One expression of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    pub fetch: Fetch,
    pub converters: Vec<Converter>,
}

/// What came of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched<'a> {
    Known(Sample<'a>),
    /// A value that may be another when more bytes have come, such as the length of what is there.
    Changing(Sample<'a>),
    /// There is no such thing, and there will be none.
    Missing,
    /// More bytes have to come first.
    Unknown,
}

impl Expr {
    pub fn of(fetch: Fetch) -> Expr {
        Expr {
            fetch,
            converters: Vec::new(),
        }
    }

    /// The text that it always is, where it is nothing but a constant.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.fetch {
            Fetch::Constant(Sample::Text(text)) if self.converters.is_empty() => Some(text),
            _ => None,
        }
    }

    /// What the result will be, if there is one.
    pub fn kind(&self) -> Kind {
        self.converters
            .iter()
            .fold(self.fetch.kind(), |kind, converter| converter.output(kind))
    }

    pub fn eval<'a>(&'a self, context: &'a dyn Context) -> Fetched<'a> {
        self.eval_nth(context, 0)
    }

    /// Of a fetch with several values, the `nth`.
    pub(crate) fn eval_nth<'a>(&'a self, context: &'a dyn Context, nth: usize) -> Fetched<'a> {
        match self.fetch.eval(context, nth) {
            Fetched::Known(sample) => self.convert(sample, context).map_or(Fetched::Missing, Fetched::Known),
            Fetched::Changing(sample) => self
                .convert(sample, context)
                .map_or(Fetched::Unknown, Fetched::Changing),
            nothing => nothing,
        }
    }

    /// The value as it is now, for whoever does not wait.
    pub fn value<'a>(&'a self, context: &'a dyn Context) -> Option<Sample<'a>> {
        self.eval(context).value()
    }

    fn convert<'a>(&'a self, sample: Sample<'a>, context: &'a dyn Context) -> Option<Sample<'a>> {
        self.converters
            .iter()
            .try_fold(sample, |sample, converter| converter.apply(sample, context))
    }
}

impl<'a> Fetched<'a> {
    pub fn value(self) -> Option<Sample<'a>> {
        match self {
            Fetched::Known(sample) | Fetched::Changing(sample) => Some(sample),
            Fetched::Missing | Fetched::Unknown => None,
        }
    }

    pub(crate) fn of(found: Option<Sample<'a>>) -> Fetched<'a> {
        found.map_or(Fetched::Missing, Fetched::Known)
    }
}

#[cfg(test)]
mod tests;
