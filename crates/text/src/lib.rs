//! Operator text: spans, diagnostics and the lexers of the two configuration dialects.
//!
//! A lexer turns bytes into words that remember where they stood; a [`Diagnostic`] points back at such a place; the
//! [`SourceMap`] knows the bytes, so [`Renderer`] can show them. Nothing here reads a file or the environment.
#![forbid(unsafe_code)]

pub mod base64;
mod converted;
mod diagnostic;
mod explained;
pub mod haproxy;
pub mod keepalived;
mod nearest;
mod render;
pub mod secret;
mod source;
mod span;

pub use converted::{Converted, Fate, Receipt, Verdict};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use explained::{EXPLAINED, Explained};
pub use nearest::nearest;
pub use render::Renderer;
pub use source::{Location, Source, SourceMap};
pub use span::{FileId, Span, Spanned};
