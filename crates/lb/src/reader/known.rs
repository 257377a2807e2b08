//! Servers that need not be looked up again: those of which the configuration says what it said when they were.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use tandem_lb_config::{Backend, Plan, Server};

use crate::outside::wire;

/// Each in words that say all of it, since the words have to pass from one process to the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known(pub(super) BTreeSet<String>);

impl Known {
    pub(crate) fn of(plan: &Plan) -> Known {
        let all = plan.backends.iter().flat_map(|backend| {
            let servers = backend.servers.iter();
            servers.map(move |server| words(backend, server))
        });
        Known(all.collect())
    }

    /// Whether a server of that name was, and was checked, at the same place.
    pub(crate) fn has(&self, backend: &Backend, server: &Server) -> bool {
        self.0.contains(&words(backend, server))
    }

    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        wire::put_number(to, self.0.len() as u64)?;
        self.0.iter().try_for_each(|words| wire::put(to, words.as_bytes()))?;
        to.flush()
    }

    pub(super) fn read(from: &mut impl Read) -> io::Result<Known> {
        let count = wire::take_number(from)?;
        (0..count)
            .map(|_| wire::take_words(from))
            .collect::<io::Result<_>>()
            .map(Known)
    }
}

fn words(backend: &Backend, server: &Server) -> String {
    let check = server.check.as_ref().map(|check| (&check.host, check.port));
    let place = (&server.host, server.port, check);
    format!("{}/{} {place:?}", backend.name, server.name)
}
