//! Frontends that answer HTTP themselves.
//!
//! The statistics page is a later part; until then every request gets 501. Such a frontend has a place for few
//! connections and patience for few seconds, so that it cannot hold what the balancer needs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::Socket;
use tandem_sys::listen::Acceptor;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::worker::Phase;

const MOST_CONNECTIONS: usize = 64;
const HEADER_TIME: Duration = Duration::from_secs(10);

/// Answers on one listener until the process drains.
pub(crate) async fn serve(socket: Arc<Socket>, name: Arc<str>, mut phase: watch::Receiver<Phase>) {
    let acceptor = match Acceptor::new(socket) {
        Ok(acceptor) => acceptor,
        Err(error) => return tracing::error!(frontend = %name, %error, "cannot listen"),
    };
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        if !matches!(*phase.borrow_and_update(), Phase::Running | Phase::Paused) {
            return;
        }
        tokio::select! {
            _ = phase.changed() => {}
            taken = accept(&acceptor, &places) => {
                if let Err(error) = taken {
                    tracing::warn!(frontend = %name, %error, "cannot accept for the moment");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn accept(acceptor: &Acceptor, places: &Arc<Semaphore>) -> std::io::Result<()> {
    acceptor.ready().await?;
    let Ok(place) = places.clone().acquire_owned().await else {
        return Ok(());
    };
    if let Some((socket, _)) = acceptor.accept()? {
        tokio::task::spawn_local(connection(socket, place));
    }
    Ok(())
}

async fn connection(socket: Socket, _place: OwnedSemaphorePermit) {
    let is_unix = socket.domain().is_ok_and(|d| d == socket2::Domain::UNIX);
    let ended = if is_unix {
        match UnixStream::from_std(socket.into()) {
            Ok(stream) => talk(TokioIo::new(stream)).await,
            Err(error) => return tracing::debug!(%error, "a client's connection cannot be watched"),
        }
    } else {
        match TcpStream::from_std(socket.into()) {
            Ok(stream) => talk(TokioIo::new(stream)).await,
            Err(error) => return tracing::debug!(%error, "a client's connection cannot be watched"),
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

async fn talk(io: impl hyper::rt::Read + hyper::rt::Write + Unpin) -> hyper::Result<()> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .keep_alive(false)
        .serve_connection(io, service_fn(answer))
        .await
}

async fn answer(_request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body(Some(Bytes::from_static(
        b"The statistics page is not part of this version of tandem-lb.\n",
    ))));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    Ok(response)
}

/// A body that is there at once.
struct Body(Option<Bytes>);

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0.as_ref().map_or(0, |b| b.len() as u64))
    }
}
