//! What log lines are told of a connection.

use tandem_lb_core::conn::Summary;
use tandem_lb_core::log::format::Field;
use tandem_lb_core::{ServerIdx, expr};

use super::Session;
use crate::logs;
use crate::rules::Scene;

impl Session {
    pub(super) fn tell_log(&mut self, summary: Summary, server: Option<ServerIdx>, early: bool) {
        let (worker, frontend, backend) = (self.worker.clone(), self.frontend.clone(), self.backend.clone());
        let rule = &frontend.plan.log_rule;
        let server = server
            .zip(backend.as_ref())
            .and_then(|(idx, backend)| backend.server(idx));
        let peer = self.peer();
        let shows_local = rule.shows(&[Field::FrontendIp, Field::FrontendPort]);
        let local = if shows_local { self.local() } else { None };
        let (carried, waited_at) = (self.carried, self.waited_at);
        let towards_server = self.towards_server.as_deref().copied().unwrap_or_default();
        let number = self.entry.id() - 1;
        let tls = self.client.tls().and_then(|tls| tls.agreed());
        let handshake = self.handshake;
        let loudness = self.subject.as_deref().and_then(|subject| subject.loudness);
        let is_asked = rule.asks() || rule.unique_id.is_some() || frontend.plan.requests.captures > 0;
        let scene = is_asked.then(|| Scene {
            server: server.as_deref(),
            ..self.scene(None)
        });
        logs::told(&logs::Told {
            worker: &worker,
            frontend: &frontend,
            backend: backend.as_deref(),
            server: server.as_deref(),
            peer,
            local,
            context: scene.as_ref().map(|scene| scene as &dyn expr::Context),
            summary,
            carried,
            waited_at,
            towards_server,
            number,
            early,
            tls,
            handshake,
            loudness,
        });
    }
}
