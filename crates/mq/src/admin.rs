//! The port for those who watch the node: metrics, health, and the figures that `stat` says. Whoever is slow or broken there
//! holds nothing that the broker needs.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::Socket;
use tandem_mq_core::broker::Figures;
use tandem_ops::web::guests::{Guests, Place as Seat};
use tandem_sys::listen::{self, Acceptor, Listen, Place};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::configuration;
use crate::connection::figures_in_brief;
use crate::console::Console;
use crate::hub::Hub;
use crate::metrics::{self, Surroundings};
use crate::tally::Tally;

const BACKLOG: u32 = 64;
/// So many ask at a time; for who comes then, the one who has been there longest has to go.
const AT_ONCE: usize = 64;
/// So many of those who have said who they are stay until they are done, whoever comes.
const SEATS: usize = 16;
const HEADER_TIME: Duration = Duration::from_secs(10);
/// From accept to the last byte of the answer.
const WHOLE_TIME: Duration = Duration::from_secs(30);
/// A broker that has not answered by then does not serve.
const ANSWER: Duration = Duration::from_secs(5);
const HEADER_BYTES: usize = 16 * 1024;

const PATHS: &str = "\
/metrics             what the node counts, for Prometheus
/metrics/per-object  the same of each queue
/health/live         200 while the process answers
/health/ready        200 while the node serves clients, 503 otherwise
/health/alarms       200 while everybody may send, 503 while producers are held back
/stat                the role, and what waits
/admin/              the console, for the broker's users
/api/overview        the same as JSON
";

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Admin {
    hub: Hub,
    tally: Arc<Tally>,
    data_dir: PathBuf,
    leaving: watch::Receiver<bool>,
    console: Console,
}

pub(crate) fn open(plan: configuration::Admin) -> anyhow::Result<Socket> {
    let how = Listen::on(Place::Ip(plan.address), BACKLOG);
    listen::open(&how).with_context(|| format!("cannot listen on {} for admin", plan.address))
}

impl Admin {
    pub(crate) fn new(
        hub: Hub,
        tally: Arc<Tally>,
        data_dir: &Path,
        leaving: watch::Receiver<bool>,
        console: Console,
    ) -> Admin {
        Admin {
            hub,
            tally,
            data_dir: data_dir.to_owned(),
            leaving,
            console,
        }
    }

    /// Answers until the process ends.
    pub(crate) fn serve(self, socket: Socket) -> io::Result<impl Future<Output = ()>> {
        let acceptor = Acceptor::new(Arc::new(socket))?;
        let guests = Guests::with_seats(AT_ONCE, SEATS);
        Ok(async move {
            loop {
                match accept(&acceptor).await {
                    Ok(stream) => {
                        let (admin, place) = (self.clone(), guests.enter());
                        let number = place.number();
                        let task = tokio::spawn(async move {
                            // Who is too slow does without, and hears no more.
                            timeout(WHOLE_TIME, admin.talk(stream, &place)).await.ok();
                            drop(place);
                        });
                        guests.seat(number, task.abort_handle());
                        // A flood of guests leaves the others on this thread their turn.
                        tokio::task::yield_now().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept for admin");
                        sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        })
    }

    async fn talk(&self, stream: TcpStream, seat: &Seat) {
        let answer = |request: Request<Incoming>| async move {
            Ok::<_, Infallible>(match Console::has(request.uri().path()) {
                true => self.console.answer(request, seat).await,
                false => self.answer(request.method(), request.uri().path()).await,
            })
        };
        let talk = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(HEADER_BYTES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        if let Err(error) = talk.await {
            tracing::debug!(%error, "an HTTP connection ended early");
        }
    }

    async fn answer(&self, method: &Method, path: &str) -> Response<String> {
        if ![Method::GET, Method::HEAD].contains(method) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n".to_owned());
        }
        match path {
            "/" => text(StatusCode::OK, PATHS.to_owned()),
            "/health/live" => text(StatusCode::OK, "alive\n".to_owned()),
            path => match timeout(ANSWER, self.of_the_broker(path)).await {
                Ok(Some(response)) => response,
                Ok(None) => text(StatusCode::SERVICE_UNAVAILABLE, "role: stopping\n".to_owned()),
                Err(_) => text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the broker does not answer\n".to_owned(),
                ),
            },
        }
    }

    /// `None` when the node is ending.
    async fn of_the_broker(&self, path: &str) -> Option<Response<String>> {
        Some(match path {
            "/metrics" => {
                let figures = self.hub.figures().await?;
                let around = Surroundings::look(&self.data_dir);
                exposition(metrics::of_the_node(&figures, &self.tally.counted(), &around))
            }
            "/metrics/per-object" => exposition(metrics::of_queues(self.hub.queues().await?)),
            "/health" | "/health/ready" => {
                let figures = self.serving().await?;
                text(StatusCode::OK, figures_in_brief(&figures))
            }
            "/health/alarms" => {
                let figures = self.serving().await?;
                match figures.held {
                    None => text(StatusCode::OK, "none\n".to_owned()),
                    Some(scarce) => text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("{scarce}: producers are held back until there is room again\n"),
                    ),
                }
            }
            "/stat" => text(StatusCode::OK, figures_in_brief(&self.hub.figures().await?)),
            _ => text(
                StatusCode::NOT_FOUND,
                format!("there is nothing here; there is\n{PATHS}"),
            ),
        })
    }

    async fn serving(&self) -> Option<Figures> {
        let is_leaving = *self.leaving.borrow();
        match is_leaving {
            true => None,
            false => self.hub.figures().await,
        }
    }
}

async fn accept(acceptor: &Acceptor) -> io::Result<TcpStream> {
    loop {
        acceptor.ready().await?;
        if let Some((socket, _)) = acceptor.accept()? {
            return TcpStream::from_std(socket.into());
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<String> {
    respond(status, "text/plain; charset=utf-8", body)
}

fn exposition(body: String) -> Response<String> {
    respond(StatusCode::OK, "text/plain; version=0.0.4", body)
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
