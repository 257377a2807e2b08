//! Values that are made for each connection: of one expression, or of pieces of text.

use std::borrow::Cow;

use crate::expr::{Context, Expr, Sample};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// As it is, whatever its type.
    Value(Expr),
    /// A text; what has no value leaves nothing in it.
    Text(Vec<Piece>),
}

/// A piece of a text that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<str>),
    Value(Expr),
}

impl Made {
    pub fn value(&self, context: &dyn Context) -> Option<Sample<'static>> {
        match self {
            Made::Value(expr) => expr.value(context).map(Sample::into_owned),
            Made::Text(pieces) => Some(Sample::Text(Cow::Owned(Piece::join(pieces, context)))),
        }
    }
}

impl Piece {
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Piece::Literal(_) => None,
            Piece::Value(expr) => Some(expr),
        }
    }

    /// The text that they make.
    pub fn join(pieces: &[Piece], context: &dyn Context) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
                Piece::Value(expr) => {
                    if let Some(value) = expr.value(context) {
                        text.extend_from_slice(&value.into_text());
                    }
                }
            }
        }
        text
    }
}
