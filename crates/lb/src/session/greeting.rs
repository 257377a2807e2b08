//! What stands between a connection and its session: whoever is before us says who the client is, and TLS begins.

use std::rc::Rc;
use std::sync::Arc;

use tandem_sys::relay::Endpoint;
use tandem_time::Mono;

use super::Peer;
use super::header::{self, Missing};
use crate::frontend::Frontend;
use crate::logs;
use crate::rules::{Arrival, Scene, Subject, Trouble};
use crate::tls::{self, Spoken, Tls};
use crate::wire::Wire;
use crate::worker::{Greeting, Worker};

/// A client that may come in.
pub(super) struct Guest {
    pub(super) client: Wire,
    pub(super) peer: Peer,
    pub(super) subject: Option<Box<Subject>>,
}

/// A connection that is no session yet.
pub(super) struct Comer<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) frontend: &'a Arc<Frontend>,
    /// There until it is a guest's.
    pub(super) client: Option<Endpoint>,
    pub(super) peer: Peer,
    pub(super) listener: u32,
    pub(super) subject: Option<Box<Subject>>,
    pub(super) at: Mono,
}

impl Comer<'_> {
    /// `None` when it does not come in; that has been said and counted.
    pub(super) async fn greet(mut self, greeting: Greeting) -> Option<Guest> {
        let plan = &self.frontend.plan;
        let limit = plan.timeout_client_hs.or(plan.timeout_client);
        let until = limit.map(|limit| self.at + limit);
        if greeting.has_header {
            self.hear_header(until).await?;
        }
        let client = match greeting.tls {
            Some((rules, spoken)) => Wire::Tls(Box::pin(self.begin_tls(rules, spoken, until)).await?),
            None => Wire::Plain(self.client.take()?),
        };
        let arrival = Arrival {
            worker: self.worker,
            frontend: self.frontend,
            wire: Some(&client),
            socket: client.socket(),
            peer: self.peer,
            listener: self.listener,
        };
        arrival.session(&mut self.subject).ok()?;
        greeting.admission.began(self.worker.clock.now());
        Some(Guest {
            client,
            peer: self.peer,
            subject: self.subject,
        })
    }

    async fn hear_header(&mut self, until: Option<Mono>) -> Option<()> {
        let header = match header::receive(self.worker, self.client.as_ref()?, until).await {
            Ok(header) => header,
            Err(Missing::Fault { fault, begun }) => {
                self.frontend.turned_away(self.listener, |denials| &denials.headers);
                if let Some(client) = self.client.take() {
                    let trouble = Trouble {
                        number: fault.number(),
                        words: &fault,
                    };
                    self.turn_away(&Wire::Plain(client), trouble, begun);
                }
                return None;
            }
            Err(Missing::Stopped) => return None,
        };
        let fresh = || Box::new(Subject::new(self.peer, self.listener));
        let known = self.subject.get_or_insert_with(fresh);
        known.introduce(header);
        self.peer = known.peer;
        Some(())
    }

    /// Takes the socket from the comer for good.
    async fn begin_tls(
        &mut self,
        rules: Arc<tandem_tls::Listener>,
        spoken: Spoken,
        until: Option<Mono>,
    ) -> Option<Box<Tls>> {
        let vault = &self.frontend.directory.tls;
        let client = self.client.take()?;
        vault.tally.came(self.worker.clock.now());
        match tls::greet(self.worker, client, rules, spoken, until).await {
            Ok(tls) => {
                vault.tally.client(tls.is_resumed(), self.worker.clock.now());
                Some(tls)
            }
            Err((refusal, tls)) => {
                if let Some((why, begun)) = refusal.said() {
                    self.frontend.turned_away(self.listener, |denials| &denials.handshakes);
                    let trouble = Trouble {
                        number: why.number(),
                        words: &why,
                    };
                    self.turn_away(&Wire::Tls(tls), trouble, begun);
                }
                None
            }
        }
    }

    /// Says in the log that it came to be no session. `begun` if it sent anything that counts.
    fn turn_away(&mut self, client: &Wire, trouble: Trouble<'_>, begun: bool) {
        let arrival = Arrival {
            worker: self.worker,
            frontend: self.frontend,
            wire: Some(client),
            socket: client.socket(),
            peer: self.peer,
            listener: self.listener,
        };
        let subject = self.subject.get_or_insert_with(|| arrival.subject());
        let scene = Scene {
            trouble: Some(trouble),
            ..arrival.scene(subject)
        };
        logs::unwelcome(&scene, (self.peer, self.listener), (trouble.words, begun), self.at);
    }
}
