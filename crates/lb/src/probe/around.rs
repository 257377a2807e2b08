//! What expressions in checks may ask of this process: who is checked, for which backend,
//! variables of the process, and what time it is.

use std::borrow::Cow;

use tandem_lb_core::expr::content::Content;
use tandem_lb_core::expr::{Context, Fact, Sample, Scope, Variable};
use tandem_ops::clock::Wall;

use crate::directory::Directory;
use crate::publish::Backend;
use crate::rules::local_offset;
use crate::servers::Server;

#[derive(Clone, Copy, Default)]
pub(crate) struct Around<'a> {
    pub(crate) of: Option<(&'a Directory, &'a Backend, &'a Server)>,
    /// What is thought of the server; few checks ask.
    pub(crate) state: Option<&'a dyn Fn() -> Option<String>>,
}

impl Around<'_> {
    #[cfg(test)]
    pub(crate) const NOWHERE: Around<'static> = Around { of: None, state: None };
}

impl Context for Around<'_> {
    fn content(&self) -> Option<Content<'_>> {
        None
    }

    fn fact(&self, fact: &Fact) -> Option<Sample<'_>> {
        let (directory, backend, server) = self.of?;
        let number = |number: u32| Some(Sample::Int(number.into()));
        let text = |text: &str| Some(Sample::Text(Cow::Owned(text.as_bytes().to_vec())));
        match fact {
            Fact::BackendName => text(&backend.name()),
            Fact::BackendId => number(backend.now().plan.id),
            Fact::ServerName => text(&server.name()),
            Fact::ServerId => number(server.plan().id.0),
            Fact::Checked => text(&self.state?()?),
            Fact::Hostname => text(directory.hostname()),
            Fact::ProcessNumber => number(std::process::id()),
            Fact::BackendConns(None) => number(backend.traffic.sessions.now()),
            Fact::Dst => Some(Sample::Ip(server.address.load().for_client_of(|| 0).as_socket()?.ip())),
            Fact::DstPort => number(server.address.load().for_client_of(|| 0).as_socket()?.port().into()),
            _ => None,
        }
    }

    /// Those of the check it keeps itself.
    fn variable(&self, variable: &Variable) -> Option<Sample<'_>> {
        let (directory, ..) = self.of.filter(|_| variable.scope == Scope::Process)?;
        directory.variable(variable)
    }

    fn wall_micros(&self) -> i64 {
        Wall::now().as_micros()
    }

    fn local_offset(&self, at: i64) -> i32 {
        local_offset(at)
    }
}
