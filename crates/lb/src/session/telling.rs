//! What log lines are told of a connection.

use tandem_lb_core::conn::Summary;
use tandem_lb_core::log::format::Field;
use tandem_lb_core::{ServerIdx, expr};

use super::Session;
use crate::logs;
use crate::rules::Scene;

impl Session {
    pub(super) fn tell_log(&mut self, summary: Summary, server: Option<ServerIdx>, early: bool) {
        self.as_told(summary, server, early, logs::told);
    }

    /// It is called something from now on, where the frontend says how.
    pub(super) fn be_identified(&mut self) {
        let is_known = self.subject.as_ref().is_some_and(|subject| subject.unique_id.is_some());
        if !is_known && self.frontend.plan.log_rule.unique_id.is_some() {
            let summary = self.conn.summary(self.worker.clock.now());
            let server = self.tried.as_ref().map(|tried| tried.place);
            let id = self.as_told(summary, server, false, logs::identity);
            self.scene(None).subject.unique_id = id;
        }
    }

    fn as_told<R>(
        &mut self,
        summary: Summary,
        server: Option<ServerIdx>,
        early: bool,
        tell: impl FnOnce(&logs::Told<'_>) -> R,
    ) -> R {
        let unique_id = self.subject.as_ref().and_then(|subject| subject.unique_id.clone());
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
        let is_asked = rule.asks() || frontend.plan.requests.captures > 0;
        let scene = is_asked.then(|| Scene {
            server: server.as_deref(),
            ..self.scene(None)
        });
        tell(&logs::Told {
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
            unique_id: unique_id.as_deref(),
        })
    }
}
