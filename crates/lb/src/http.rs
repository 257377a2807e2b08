//! Frontends that answer HTTP themselves: the statistics page.
//!
//! Whoever is slow or broken must neither hold what the balancer needs nor keep others from the page. So a site has few
//! places, a connection has few seconds, and when all places are taken the longest guest has to go: a new one, who will
//! have asked in a moment, is worth more than one who has not come to the point.

mod header;
mod noted;
mod outgoing;

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::Socket;
use tandem_lb_config::Bind;
use tandem_ops::web::guests::{Guests, Place};
use tandem_sys::listen::Acceptor;
use tandem_sys::relay::Endpoint;
use tandem_tls::Listener;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bound::{Bound, Stay, Staying};
use crate::directory::Directory;
use crate::door::Door;
use crate::listeners::Opened;
use crate::page::{Counted, Ends, Page, Site};
use crate::tls;
use crate::wire::Wire;
use crate::worker::Phase;
use noted::Noted;
pub(crate) use outgoing::{Kept, Outgoing, Reader};

const MOST_CONNECTIONS: usize = 64;
const HEADER_TIME: Duration = Duration::from_secs(10);
/// From accept to the last byte of the answer.
const WHOLE_TIME: Duration = Duration::from_secs(30);
/// What the kernel may hold of an answer, which it doubles. Where it may hold megabytes it asks for more once in many
/// seconds only, and whoever reads slowly could not be told from one who does not read at all.
const UNREAD_BYTES: usize = 128 * 1024;
/// The longest request line and headers.
const HEADER_BYTES: usize = 16 * 1024;

/// What all sites need to be served.
pub(crate) struct Host {
    pub(crate) page: Rc<Page>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) outgoing: Rc<Outgoing>,
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Where guests come in.
struct Entrance {
    acceptor: Acceptor,
    door: Door,
    bind: Arc<Bind>,
    guests: Arc<Guests>,
    site: Rc<Site>,
    page: Rc<Page>,
    directory: Arc<Directory>,
    outgoing: Rc<Outgoing>,
}

impl Host {
    /// Answers there from now on.
    pub(crate) fn begin(&self, site: &Rc<Site>, plan: Bind, opened: &Opened, number: u32) -> Bound {
        let bound = Bound::new(plan, opened, number);
        for socket in opened.sockets() {
            let acceptor = match Acceptor::new(socket.clone()) {
                Ok(acceptor) => acceptor,
                Err(error) => {
                    tracing::error!(frontend = %site.plan().name, %error, "cannot listen");
                    continue;
                }
            };
            let entrance = Entrance {
                acceptor,
                door: Door::new(bound.plan.clone(), number),
                bind: bound.plan.clone(),
                guests: Guests::new(MOST_CONNECTIONS),
                site: site.clone(),
                page: self.page.clone(),
                directory: self.directory.clone(),
                outgoing: self.outgoing.clone(),
            };
            tokio::task::spawn_local(entrance.serve(self.phase.clone(), bound.staying()));
        }
        bound
    }
}

impl Entrance {
    /// Answers until it is to close or the process drains.
    async fn serve(mut self, mut phase: watch::Receiver<Phase>, mut staying: Staying) {
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
                        let name = self.site.plan().name.clone();
                        tracing::warn!(frontend = %name, %error, "cannot accept for the moment");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
    }

    async fn accept(&mut self) -> std::io::Result<()> {
        self.acceptor.ready().await?;
        let Some((socket, peer)) = self.acceptor.accept()? else {
            return Ok(());
        };
        self.door.look(&self.site.plan(), &self.directory.tls);
        let tls = match self.door.tls() {
            Ok(tls) => tls,
            Err(error) => {
                tracing::warn!(frontend = %self.site.plan().name, %error, "a client is turned away");
                return Ok(());
            }
        };
        let place = self.guests.enter();
        let guest = Guest {
            ends: Ends {
                peer: peer.as_socket(),
                local: socket.local_addr().ok().and_then(|local| local.as_socket()),
            },
            bind: self.bind.clone(),
            place,
            site: self.site.clone(),
            page: self.page.clone(),
            directory: self.directory.clone(),
            outgoing: self.outgoing.clone(),
        };
        let number = guest.place.number();
        let task = tokio::task::spawn_local(guest.stay(socket, tls));
        self.guests.seat(number, task.abort_handle());
        // Others get their turn: a flood of clients must not starve the health checks beside it.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// One connection, and whose it is.
struct Guest {
    ends: Ends,
    bind: Arc<Bind>,
    place: Place,
    site: Rc<Site>,
    page: Rc<Page>,
    directory: Arc<Directory>,
    outgoing: Rc<Outgoing>,
}

impl Guest {
    async fn stay(self, socket: Socket, tls: Option<Arc<Listener>>) {
        let counted = self.site.enter(&self.bind, self.page.now());
        match tokio::time::timeout(WHOLE_TIME, self.talk(&counted, socket, tls)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
            Err(_) => tracing::debug!("an HTTP client was too slow"),
        }
        drop(counted);
    }

    async fn talk(&self, counted: &Counted<'_>, socket: Socket, tls: Option<Arc<Listener>>) -> std::io::Result<()> {
        socket.set_send_buffer_size(UNREAD_BYTES)?;
        let socket = Endpoint::new(socket)?;
        let mut ends = self.ends;
        if self.bind.accept_proxy
            && let Some(said) = header::receive(&socket).await?.ends
        {
            ends = Ends {
                peer: Some(said.source),
                local: Some(said.destination),
            };
        }
        let wire = match tls {
            None => Wire::Plain(socket),
            Some(rules) => {
                let met = tls::meet(&self.directory.tls, socket, rules, || self.page.now()).await;
                Wire::Tls(Box::new(met.map_err(tls::HandshakeError::into_io)?))
            }
        };
        let taken = Rc::new(Cell::new(Instant::now()));
        let wire = Noted::new(wire, taken.clone());
        let taken = &taken;
        let answer = |request: Request<Incoming>| async move {
            let reader = self.place.holder().map(|task| Reader {
                task,
                taken: taken.clone(),
            });
            let reader = reader.map(|reader| (&*self.outgoing, reader));
            Ok::<_, Infallible>(self.page.answer(counted, ends, reader, request).await)
        };
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(HEADER_BYTES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(wire), service_fn(answer))
            .await
            .map_err(std::io::Error::other)
    }
}
