//! Frontends that answer HTTP themselves: the statistics page.
//!
//! Whoever is slow or broken must neither hold what the balancer needs nor keep others from the page. So a site has few
//! places, a connection has few seconds, and when all places are taken the longest guest has to go: a new one, who will
//! have asked in a moment, is worth more than one who has not come to the point.

mod guest;
mod header;
mod inspection;
mod noted;
mod outgoing;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tandem_lb_config::Bind;
use tandem_ops::web::guests;
use tandem_sys::listen::Acceptor;

use crate::bound::{Bound, Stay, Staying};
use crate::directory::Directory;
use crate::door::Door;
use crate::listeners::Opened;
use crate::page::{Page, Site};
use crate::rules::Arrival;
use crate::session::Peer;
use crate::worker::Worker;
use guest::Guest;
pub(crate) use outgoing::{Kept, Outgoing, Reader};

const MOST_CONNECTIONS: usize = 64;

/// What all sites need to be served.
pub(crate) struct Host {
    pub(crate) page: Rc<Page>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) outgoing: Rc<Outgoing>,
    /// As rules see who leads a connection.
    pub(crate) worker: Rc<Worker>,
}

/// Where guests come in.
struct Entrance {
    acceptor: Acceptor,
    door: Door,
    /// Its own among those of the site.
    guests: guests::Door,
    site: Rc<Site>,
    page: Rc<Page>,
    directory: Arc<Directory>,
    outgoing: Rc<Outgoing>,
    worker: Rc<Worker>,
}

impl Host {
    /// Answers there from now on.
    pub(crate) fn begin(&self, site: &Rc<Site>, plan: Bind, opened: &Opened, number: u32) -> Bound {
        let bound = Bound::new(plan, opened, number);
        let most = bound.plan.maxconn.map_or(MOST_CONNECTIONS, |most| most as usize);
        for socket in opened.sockets() {
            let acceptor = match Acceptor::new(socket.clone()) {
                Ok(acceptor) => acceptor,
                Err(error) => {
                    tracing::error!(frontend = %site.frontend().plan.name, %error, "cannot listen");
                    continue;
                }
            };
            let entrance = Entrance {
                acceptor,
                door: Door::new(bound.plan.clone(), number),
                guests: site.guests().door(most.min(MOST_CONNECTIONS)),
                site: site.clone(),
                page: self.page.clone(),
                directory: self.directory.clone(),
                outgoing: self.outgoing.clone(),
                worker: self.worker.clone(),
            };
            tokio::task::spawn_local(entrance.serve(bound.staying()));
        }
        bound
    }
}

impl Entrance {
    /// Answers until it is to close or the process drains.
    async fn serve(mut self, mut staying: Staying) {
        let mut phase = self.worker.phase.clone();
        loop {
            let is_open = !phase.borrow_and_update().is_last();
            if !is_open || staying.now() != Stay::Open {
                return;
            }
            tokio::select! {
                _ = phase.changed() => {}
                () = staying.changed() => {}
                taken = self.accept() => {
                    if let Err(error) = taken {
                        let name = self.site.frontend().plan.name.clone();
                        tracing::warn!(frontend = %name, %error, "cannot accept for the moment");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }

    async fn accept(&mut self) -> std::io::Result<()> {
        self.acceptor.ready().await?;
        // Where too many have come just now, the next ones wait where they are.
        while let Some(wait) = self.early() {
            tokio::time::sleep(wait).await;
        }
        if let Some((socket, peer)) = self.acceptor.accept()? {
            self.welcome(socket, &peer);
        }
        // Others get their turn: a flood of clients must not starve the health checks beside it.
        tokio::task::yield_now().await;
        Ok(())
    }

    fn early(&self) -> Option<Duration> {
        let frontend = self.site.frontend();
        let paces = frontend.limit.paces();
        paces.wait(self.worker.clock.now(), false)
    }

    fn welcome(&mut self, socket: Socket, peer: &SockAddr) {
        let frontend = self.site.frontend();
        self.door.look(&frontend.plan, &self.directory.tls);
        let tls = match self.door.tls() {
            Ok(tls) => tls,
            Err(error) => {
                return tracing::warn!(frontend = %frontend.plan.name, %error, "a client is turned away");
            }
        };
        let (peer, listener) = (Peer::of(peer, self.door.number), self.door.number);
        let arrival = Arrival {
            worker: &self.worker,
            frontend: &frontend,
            wire: None,
            socket: &socket,
            peer,
            listener,
        };
        let Ok(subject) = arrival.connection() else { return };
        let has_header = self.door.has_header || subject.as_deref().is_some_and(|subject| subject.expects_header);
        let place = self.guests.enter();
        let number = place.number();
        let guest = Guest {
            peer,
            listener,
            has_header,
            tls,
            subject,
            frontend,
            place,
            site: self.site.clone(),
            page: self.page.clone(),
            directory: self.directory.clone(),
            outgoing: self.outgoing.clone(),
            worker: self.worker.clone(),
            seen: None,
        };
        let task = tokio::task::spawn_local(guest.stay(socket));
        self.site.guests().seat(number, task.abort_handle());
    }
}
