//! A configuration that was read again: servers that stay keep all that is known of them.

use super::places::Places;
use super::server::Server;
use super::{Backend, BackendSettings, NoServerLeft, Output, ServerSettings, Transition};
use crate::ServerIdx;
use std::sync::Arc;
use tandem_time::Mono;

impl Backend {
    pub(super) fn reconfigure(&mut self, settings: BackendSettings, now: Mono) {
        let BackendSettings {
            name,
            kind,
            policy,
            log_checks,
            spread,
            servers,
        } = settings;
        let before = self.online();
        (self.name, self.kind, self.policy) = (name, kind, policy);
        (self.log_checks, self.spread) = (log_checks, spread);
        let told = self.replace_servers(servers, now);
        let online = self.online();
        if before.is_none() != online.is_none() {
            self.last_change = now;
        }
        self.publish();
        for (place, transition) in told {
            let ended = self.whose_sessions_end(place, &transition);
            self.announce(place, transition, online);
            self.outputs.extend(ended);
        }
        if online.is_none() && !before.is_none() {
            let (proxy, kind) = (Arc::clone(&self.name), self.kind);
            self.outputs
                .push_back(Output::NoServerLeft(NoServerLeft { proxy, kind }));
        }
    }

    /// What happened to those that stay.
    fn replace_servers(&mut self, wanted: Vec<ServerSettings>, now: Mono) -> Vec<(ServerIdx, Transition)> {
        let (mut position, mut told) = (0, Vec::new());
        let mut left: Vec<Option<Server>> = std::mem::take(&mut self.servers).into_iter().map(Some).collect();
        for settings in wanted {
            let first_check = now + settings.first_check(&self.spread, &mut position, &mut self.jitter);
            let place = settings.place;
            let known = self.places.position(place).and_then(|at| left.get_mut(at));
            let same = known.and_then(|known| known.take_if(|server| server.name() == settings.name));
            self.servers.push(match same {
                None => Server::new(settings, first_check, now),
                Some(mut server) => {
                    let transition = server.reconfigure(settings, first_check, now);
                    told.extend(transition.map(|transition| (place, transition)));
                    server
                }
            });
        }
        self.places = Places::of(self.servers.iter().map(Server::place));
        told
    }
}
