//! Who shares stick tables, in the native form.

use tandem_text::{Diagnostic, Spanned};

use super::lower::Lowering;
use super::model::{Peer, Peers};
use crate::diff::shown;
use crate::haproxy::{bind_without_effect, without_port};
use crate::plan;
use crate::tls::Words;
use crate::{code, draft};

impl Lowering<'_> {
    pub(super) fn peers(&mut self, written: toml::Spanned<Peers>) -> Option<draft::Peers> {
        let at = self.span(written.span());
        let written = written.into_inner();
        let name = self.name(written.name, at)?;
        let mut peers = draft::Peers::new(name, self.sources.origin(at));
        peers.plan.disabled = written.disabled;
        peers.plan.shards = written.shards.map_or(0, |shards| shards.0.0);
        let binds: Vec<_> = written.bind.into_iter().flat_map(|bind| self.binds(bind)).collect();
        for bind in binds {
            self.report.extend(bind_without_effect(&bind.plan, at));
            peers.plan.binds.push(bind.plan);
            peers.tls_of_binds.push(bind.tls);
        }
        if let Some(own) = &written.tls {
            peers.own_tls = Some(Spanned::new(own.words(self), at));
        }
        for peer in written.peer {
            self.peer(peer, &mut peers);
        }
        self.section_lines("table", written.table, &mut peers);
        peers.plan.logs = written.log.into_iter().filter_map(|log| self.log(log)).collect();
        peers.logs_globally = written.log_global;
        Some(peers)
    }

    fn peer(&mut self, written: toml::Spanned<Peer>, peers: &mut draft::Peers) {
        let at = self.span(written.span());
        let origin = self.sources.origin(at);
        let written = written.into_inner();
        let Some(Spanned { value: name, span }) = self.name(written.name, at) else {
            return;
        };
        if peers.plan.local(&name).is_some() {
            let message = format!("another peer of this section is `{name}` already");
            let error = Diagnostic::error(code::DUPLICATE, span, message);
            return self.report.push(error.help("give it another name"));
        }
        let place = written.address.map(|address| address.0);
        let error = place
            .as_ref()
            .and_then(|place| without_port(place, &shown::host(&place.0), span));
        self.report.extend(error);
        let mut words = Words::default();
        if let Some(tls) = &written.tls {
            tls.onto(&mut words, self);
        }
        peers.places.push(span);
        peers.tls_of_peers.push(Spanned::new(words, at));
        peers.plan.peers.push(plan::Peer {
            name,
            origin,
            place,
            shard: written.shard.map_or(0, |shard| shard.0.0),
            disabled: written.disabled,
            tls: None,
        });
    }
}
