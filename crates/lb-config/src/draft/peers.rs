//! A section `peers`, as it was read.

use std::sync::Arc;

use tandem_lb_core::stick::TableSettings;
use tandem_text::{Span, Spanned};

use crate::haproxy::{BindOptions, PeerOptions};
use crate::plan;
use crate::tls::Words;

#[derive(Clone, Debug)]
pub(crate) struct Peers {
    pub(crate) plan: plan::Peers,
    pub(crate) at: Span,
    /// Where each peer's name stands.
    pub(crate) places: Vec<Span>,
    pub(crate) tables: Vec<SharedTable>,
    pub(crate) logs_globally: bool,
    /// What each line of `bind` and each peer's line says of TLS, and what the local peer's own address is listened at by.
    pub(crate) tls_of_binds: Vec<Spanned<Words>>,
    pub(crate) tls_of_peers: Vec<Spanned<Words>>,
    pub(crate) own_tls: Option<Spanned<Words>>,
    /// `default-bind` and `default-server`
    pub(crate) bind: BindOptions,
    pub(crate) options: PeerOptions,
}

impl Peers {
    pub(crate) fn new(name: Spanned<Arc<str>>, origin: Arc<str>) -> Peers {
        Peers {
            plan: plan::Peers::new(name.value, origin),
            at: name.span,
            places: Vec::new(),
            tables: Vec::new(),
            logs_globally: false,
            tls_of_binds: Vec::new(),
            tls_of_peers: Vec::new(),
            own_tls: None,
            bind: BindOptions::default(),
            options: PeerOptions::default(),
        }
    }
}

/// A table of a section `peers`.
#[derive(Clone, Debug)]
pub(crate) struct SharedTable {
    pub(crate) name: Spanned<Arc<str>>,
    pub(crate) settings: TableSettings,
    /// What stands behind `table`.
    pub(crate) written: String,
}
