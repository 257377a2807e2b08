//! What is made while the process runs: backends by the sections `defaults`, and servers of a backend.

use std::sync::Arc;

use tandem_lb_core::probe::Script;

use super::{Backend, External, Source};

/// A section `defaults` with a name, as the backend that would begin with it: without a name, a number and servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mould {
    pub name: Arc<str>,
    /// `mode tcp`; backends of other modes are not made.
    pub is_tcp: bool,
    pub backend: Backend,
}

/// All of them. They say what could be made and nothing of what there is, so Plans that differ in them mean the same.
#[derive(Clone, Debug, Default, Eq)]
pub struct Moulds(pub Vec<Mould>);

/// What a backend says for servers that come later, beyond what stands in their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newcomers {
    pub script: Option<Arc<Script>>,
    pub external: Option<Arc<External>>,
    pub source: Option<Arc<Source>>,
}

impl PartialEq for Moulds {
    fn eq(&self, _: &Moulds) -> bool {
        true
    }
}
