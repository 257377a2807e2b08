//! The metrics over HTTP, for whoever collects them (`metrics ADDRESS [PORT]`).

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::logs::Log;
use crate::socket::{Asked, PAUSE, Question};

/// More at the same time wait.
const VISITORS: usize = 8;
/// From the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until an address that is not there yet is tried again.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct Exporter {
    ask: mpsc::Sender<Asked>,
    log: Rc<Log>,
    at: Option<SocketAddr>,
    task: Option<JoinHandle<()>>,
}

impl Exporter {
    pub(crate) const fn new(ask: mpsc::Sender<Asked>, log: Rc<Log>) -> Exporter {
        Exporter {
            ask,
            log,
            at: None,
            task: None,
        }
    }

    /// Begins, ends or moves.
    pub(crate) fn adjust(&mut self, at: Option<SocketAddr>) {
        if self.at == at {
            return;
        }
        self.at = at;
        self.task.take().iter().for_each(JoinHandle::abort);
        let (ask, log) = (self.ask.clone(), self.log.clone());
        self.task = at.map(|at| tokio::task::spawn_local(serve(at, ask, log)));
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(at: SocketAddr, ask: mpsc::Sender<Asked>, log: Rc<Log>) {
    let listener = open(at, &log).await;
    let room = Arc::new(Semaphore::new(VISITORS));
    // The semaphore is never closed.
    while let Ok(seat) = room.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let ask = ask.clone();
        tokio::task::spawn_local(async move {
            // A visitor's trouble is visible to that visitor.
            tokio::time::timeout(PATIENCE, converse(stream, ask)).await.ok();
            // The router's own thread has to look for each answer, so nobody asks without end.
            tokio::time::sleep(PAUSE).await;
            drop(seat);
        });
    }
}

/// The address may come later, with its interface.
async fn open(at: SocketAddr, log: &Log) -> TcpListener {
    let mut said = false;
    loop {
        match TcpListener::bind(at).await {
            Ok(listener) => return listener,
            Err(error) if !std::mem::replace(&mut said, true) => {
                log.error(&format!("nobody can ask for metrics at {at} yet: {error}"));
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn converse(stream: TcpStream, ask: mpsc::Sender<Asked>) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| {
        let ask = ask.clone();
        async move { Ok::<_, Infallible>(answer(&request, &ask).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false);
    http.serve_connection(TokioIo::new(stream), service).await
}

async fn answer(request: &Request<Incoming>, ask: &mpsc::Sender<Asked>) -> Response<String> {
    let status = |status, text: &str| {
        let mut response = Response::new(format!("{text}\n"));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return status(StatusCode::NOT_FOUND, "there is /metrics");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return status(StatusCode::METHOD_NOT_ALLOWED, "GET it");
    }
    let Ok(text) = metrics(ask).await else {
        return status(StatusCode::SERVICE_UNAVAILABLE, "the router is ending");
    };
    let mut response = Response::new(text);
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

async fn metrics(ask: &mpsc::Sender<Asked>) -> io::Result<String> {
    let gone = || io::Error::other("the router is ending");
    let (to, answered) = oneshot::channel();
    ask.send((Question::Metrics, to)).await.map_err(|_| gone())?;
    match answered.await {
        Ok(Ok(Value::String(text))) => Ok(text),
        _ => Err(gone()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(at: SocketAddr, path: &str) -> String {
        let mut stream = loop {
            // The task has yet to listen.
            match TcpStream::connect(at).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it listens");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it answers");
        text
    }

    #[tokio::test(flavor = "local")]
    async fn metrics_and_nothing_else() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let at = free.local_addr().expect("it is bound");
        drop(free);
        let (ask, mut asked) = mpsc::channel::<Asked>(1);
        tokio::task::spawn_local(async move {
            while let Some((question, to)) = asked.recv().await {
                assert_eq!(question, Question::Metrics);
                to.send(Ok("tandem_vrrp_masters 1\n".into())).expect("it waits");
            }
        });
        let mut exporter = Exporter::new(ask, Rc::new(Log::default()));
        exporter.adjust(Some(at));
        let found = tokio::time::timeout(PATIENCE, get(at, "/metrics"))
            .await
            .expect("in time");
        assert!(
            found.starts_with("HTTP/1.1 200") && found.ends_with("\r\n\r\ntandem_vrrp_masters 1\n"),
            "{found}"
        );
        let other = get(at, "/").await;
        assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    }

    #[tokio::test(flavor = "local")]
    async fn nobody_asks_without_end() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let at = free.local_addr().expect("it is bound");
        drop(free);
        let mut exporter = Exporter::new(mpsc::channel(1).0, Rc::new(Log::default()));
        exporter.adjust(Some(at));
        let begun = std::time::Instant::now();
        for _ in 0..=VISITORS {
            get(at, "/").await;
        }
        assert!(begun.elapsed() >= PAUSE, "one more than there are seats");
    }
}
