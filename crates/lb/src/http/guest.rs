//! One connection to a page, from its first byte to the last of the answer.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::Socket;
use tandem_ops::web::guests::Place;
use tandem_sys::relay::Endpoint;
use tandem_tls::Listener;
use tokio::time::timeout;

use super::noted::{Noted, Seen};
use super::outgoing::{Outgoing, Reader};
use super::{header, inspection};
use crate::directory::Directory;
use crate::frontend::Frontend;
use crate::page::{Counted, Ends, Page, Site};
use crate::rules::{Arrival, Subject};
use crate::session::Peer;
use crate::tls;
use crate::wire::Wire;
use crate::worker::Worker;

/// For the request's head, and before it for a PROXY header.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(10);
/// From accept to the last byte of the answer, and beside that as long as rules may wait.
const WHOLE_TIME: Duration = Duration::from_secs(30);
/// What the kernel may hold of an answer, which it doubles.
const UNREAD_BYTES: usize = 128 * 1024;
/// The longest request line and headers.
const HEADER_BYTES: usize = 16 * 1024;

/// One connection, and whose it is.
pub(super) struct Guest {
    pub(super) peer: Peer,
    /// Which of the frontend's listeners he came by, counted from 1.
    pub(super) listener: u32,
    /// A PROXY header comes first.
    pub(super) has_header: bool,
    pub(super) tls: Option<Arc<Listener>>,
    /// What rules know of him; those that need it make it.
    pub(super) subject: Option<Box<Subject>>,
    /// As it was when he came.
    pub(super) frontend: Arc<Frontend>,
    /// Among all of the site.
    pub(super) place: Place,
    pub(super) site: Rc<Site>,
    pub(super) page: Rc<Page>,
    pub(super) directory: Arc<Directory>,
    pub(super) outgoing: Rc<Outgoing>,
    pub(super) worker: Rc<Worker>,
    /// Once he is answered.
    pub(super) seen: Option<Rc<Seen>>,
}

impl Guest {
    pub(super) async fn stay(mut self, socket: Socket) {
        let whole_time = WHOLE_TIME + self.frontend.plan.requests.inspect_delay;
        match timeout(whole_time, self.talk(socket)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
            Err(_) => tracing::debug!("an HTTP client was too slow"),
        }
    }

    async fn talk(&mut self, socket: Socket) -> io::Result<()> {
        socket.set_send_buffer_size(UNREAD_BYTES)?;
        let socket = Endpoint::new(socket)?;
        if self.has_header {
            self.be_introduced(&socket).await?;
        }
        let wire = match self.tls.take() {
            None => Wire::Plain(socket),
            Some(rules) => {
                let met = tls::meet(&self.directory.tls, socket, rules, || self.page.now()).await;
                Wire::Tls(Box::new(met.map_err(tls::HandshakeError::into_io)?))
            }
        };
        if !self.is_let_in(&wire) {
            return Ok(());
        }
        let (site, now) = (self.site.clone(), self.worker.clock.now());
        let counted = site.enter(&self.frontend, self.listener, now);
        self.frontend.limit.paces().sessions.count(now);
        if let Some(subject) = &self.subject {
            subject.trackers.began(now);
        }
        if !inspection::passes(self, &wire, &counted).await? {
            return Ok(());
        }
        self.be_answered(&counted, wire).await
    }

    /// From now on he is who the header says.
    async fn be_introduced(&mut self, client: &Endpoint) -> io::Result<()> {
        let heard = match timeout(HEADER_TIME, header::receive(client, &self.worker.scratch)).await {
            Ok(heard) => heard,
            Err(late) => Err(late.into()),
        };
        let said = heard.inspect_err(|_| self.frontend.turned_away(self.listener, |denials| &denials.headers))?;
        let mut subject = self.subject.take().unwrap_or_else(|| self.fresh());
        subject.introduce(said);
        self.peer = subject.peer;
        self.subject = Some(subject);
        Ok(())
    }

    /// Asks the rules for sessions.
    fn is_let_in(&mut self, wire: &Wire) -> bool {
        let mut subject = self.subject.take();
        let answer = self.arrival(wire).session(&mut subject);
        self.subject = subject;
        answer.is_ok()
    }

    /// As rules know him who have not been asked yet.
    pub(super) fn fresh(&self) -> Box<Subject> {
        Box::new(Subject::new(self.peer, self.listener))
    }

    /// As rules see him.
    pub(super) fn arrival<'a>(&'a self, wire: &'a Wire) -> Arrival<'a> {
        Arrival {
            worker: &self.worker,
            frontend: &self.frontend,
            wire: Some(wire),
            socket: wire.socket(),
            peer: self.peer,
            listener: self.listener,
        }
    }

    async fn be_answered(&mut self, counted: &Counted<'_>, wire: Wire) -> io::Result<()> {
        let ends = self.ends(wire.socket());
        let wire = Rc::new(wire);
        let seen = self.seen.insert(Seen::of(&wire)).clone();
        let noted = Noted::new(&*wire, seen.clone());
        let (guest, taken) = (&*self, &seen.taken);
        let answer = |request: Request<Incoming>| async move {
            let reader = guest.place.holder().map(|task| Reader {
                task,
                taken: taken.clone(),
            });
            let reader = reader.map(|reader| (&*guest.outgoing, reader));
            Ok::<_, Infallible>(guest.page.answer(counted, ends, reader, request).await)
        };
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(HEADER_BYTES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(noted), service_fn(answer))
            .await
            .map_err(io::Error::other)
    }

    /// Who he is, and what he came to: as the header says, or rules.
    fn ends(&self, socket: &Socket) -> Ends {
        match &self.subject {
            Some(subject) => Ends {
                peer: subject.peer.socket(),
                local: subject.local(socket),
            },
            None => Ends {
                peer: self.peer.socket(),
                local: socket.local_addr().ok().and_then(|local| local.as_socket()),
            },
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let (Some(subject), Some(seen)) = (&self.subject, &self.seen) {
            let (came, went) = (seen.from_client.get(), seen.taken.written());
            subject.trackers.carried(came, went, self.worker.clock.now());
        }
    }
}
