//! Frontends that answer HTTP themselves: the statistics page.
//!
//! Whoever is slow or broken must neither hold what the balancer needs nor keep others from the page. So a site has few
//! places, a connection has few seconds, and when all places are taken the longest guest has to go: a new one, who will
//! have asked in a moment, is worth more than one who has not come to the point.

use std::cell::RefCell;
use std::collections::BTreeMap;
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
use tandem_sys::listen::Acceptor;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::bound::{Bound, Stay, Staying};
use crate::listeners::Opened;
use crate::page::{Page, Site};
use crate::worker::Phase;

const MOST_CONNECTIONS: usize = 64;
const HEADER_TIME: Duration = Duration::from_secs(10);
/// From accept to the last byte of the answer.
const WHOLE_TIME: Duration = Duration::from_secs(30);
/// The longest request line and headers.
const HEADER_BYTES: usize = 16 * 1024;

/// The connections of one listener, the oldest first.
#[derive(Default)]
struct Guests {
    next: u64,
    present: BTreeMap<u64, AbortHandle>,
}

/// A place among the guests, left when dropped.
struct Place {
    guests: Rc<RefCell<Guests>>,
    number: u64,
}

/// What all sites need to be served.
pub(crate) struct Host {
    pub(crate) page: Rc<Page>,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Host {
    /// Answers there from now on.
    pub(crate) fn begin(&self, site: &Rc<Site>, plan: Bind, opened: &Opened, number: u32) -> Bound {
        let bound = Bound::new(plan, opened, number);
        for socket in opened.sockets() {
            let (site, page, phase) = (site.clone(), self.page.clone(), self.phase.clone());
            tokio::task::spawn_local(serve(socket.clone(), site, page, phase, bound.staying()));
        }
        bound
    }
}

/// Answers on one listener until it is to close or the process drains.
async fn serve(
    socket: Arc<Socket>,
    site: Rc<Site>,
    page: Rc<Page>,
    mut phase: watch::Receiver<Phase>,
    mut staying: Staying,
) {
    let name = site.plan().name.clone();
    let acceptor = match Acceptor::new(socket) {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(frontend = %name, %error, "cannot listen"),
    };
    let guests = Rc::default();
    loop {
        let is_open = matches!(*phase.borrow_and_update(), Phase::Running | Phase::Paused);
        if !is_open || staying.now() != Stay::Open {
            return;
        }
        tokio::select! {
            _ = phase.changed() => {}
            () = staying.changed() => {}
            taken = accept(&acceptor, &guests, &site, &page) => {
                if let Err(error) = taken {
                    tracing::warn!(frontend = %name, %error, "cannot accept for the moment");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn accept(
    acceptor: &Acceptor,
    guests: &Rc<RefCell<Guests>>,
    site: &Rc<Site>,
    page: &Rc<Page>,
) -> std::io::Result<()> {
    acceptor.ready().await?;
    let Some((socket, _)) = acceptor.accept()? else {
        return Ok(());
    };
    let place = Guests::enter(guests);
    let number = place.number;
    let task = tokio::task::spawn_local(connection(socket, place, site.clone(), page.clone()));
    guests.borrow_mut().present.insert(number, task.abort_handle());
    // Others get their turn: a flood of clients must not starve the health checks beside it.
    tokio::task::yield_now().await;
    Ok(())
}

impl Guests {
    fn enter(guests: &Rc<RefCell<Guests>>) -> Place {
        let mut list = guests.borrow_mut();
        while list.present.len() >= MOST_CONNECTIONS {
            if let Some((_, longest)) = list.present.pop_first() {
                longest.abort();
            }
        }
        list.next += 1;
        Place {
            guests: guests.clone(),
            number: list.next,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.borrow_mut().present.remove(&self.number);
    }
}

async fn connection(socket: Socket, _place: Place, site: Rc<Site>, page: Rc<Page>) {
    let counted = site.enter(page.now());
    let is_unix = socket.domain().is_ok_and(|d| d == socket2::Domain::UNIX);
    let talk = async {
        if is_unix {
            talk(TokioIo::new(UnixStream::from_std(socket.into())?), &site, &page).await
        } else {
            talk(TokioIo::new(TcpStream::from_std(socket.into())?), &site, &page).await
        }
    };
    match tokio::time::timeout(WHOLE_TIME, talk).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection ended early"),
        Err(_) => tracing::debug!("an HTTP client was too slow"),
    }
    drop(counted);
}

async fn talk(
    io: impl hyper::rt::Read + hyper::rt::Write + Unpin,
    site: &Rc<Site>,
    page: &Rc<Page>,
) -> std::io::Result<()> {
    let answer = |request: Request<Incoming>| {
        let (site, page) = (site.clone(), page.clone());
        async move { Ok::<_, Infallible>(page.answer(&site, request).await) }
    };
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(io, service_fn(answer))
        .await
        .map_err(std::io::Error::other)
}
