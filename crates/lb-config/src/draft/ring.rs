//! A section `ring`, as it was read.

use std::sync::Arc;

use tandem_text::{Span, Spanned};

use super::Said;
use crate::plan;
use crate::tls::Words;

#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) plan: plan::Ring,
    pub(crate) at: Span,
    /// Of each server, with its line.
    pub(crate) tls_of_servers: Vec<Spanned<Words>>,
    /// The lines that said all this.
    pub(crate) lines: Vec<Said>,
}

impl Ring {
    pub(crate) fn new(name: Spanned<Arc<str>>) -> Ring {
        Ring {
            plan: plan::Ring::new(name.value),
            at: name.span,
            tls_of_servers: Vec::new(),
            lines: Vec::new(),
        }
    }
}
