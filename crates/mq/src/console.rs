//! The console: what a person or a script sees of the node and may do with it, as pages under `/admin/` and the same as JSON
//! under `/api/`.
//!
//! ```text
//!   request ─▶ who? ─▶ GET  ─▶ a look at the broker   ─▶ page or JSON
//!              401   └▶ POST ─▶ from our page or a script? ─▶ a session with the broker ─▶ page or JSON
//! ```
//!
//! Who asks is one of the broker's users, and may do what it may do as a client. What is done is done by a session like any
//! other, so nothing is allowed here that is not allowed there.

mod act;
mod desk;
mod letter;
mod policy;
mod rows;
mod view;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tandem_mq_core::broker::{Refusal, Wanted};
use tandem_mq_core::{ConsumerId, Kind, Pattern, Rights, SessionId};
use tandem_ops::clock::Clock;
use tandem_ops::web::origin::{self, Token};
use tandem_ops::web::{basic, body, form};
use tokio::time::timeout;

use crate::connections::Connections;
use crate::hub::Hub;
use crate::users::{Guest, Users};
use act::Done;
use rows::{Connected, ConnectionRow, Consumers, MessageRow, Overview, Queue, QueueRow, Queues};
use view::{Scene, Shown};

/// The longest form: what somebody writes into a page, and no more.
const MOST_ASKED: usize = 256 * 1024;
/// A look that takes longer is at a broker that does not serve.
const LOOK: Duration = Duration::from_secs(5);
/// What is done waits for the disk.
const ACT: Duration = Duration::from_secs(25);
/// Rows of a page.
const QUEUES: usize = 100;
const MESSAGES: usize = 50;
const CONSUMERS: usize = 100;

/// What the console is made of.
#[derive(Clone)]
pub(crate) struct Console {
    hub: Hub,
    users: Users,
    sessions: Arc<AtomicU64>,
    connections: Arc<Connections>,
    clock: Clock,
    began: u64,
    token: Token,
}

/// In which words the answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Html,
    Json,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Overview,
    Queues,
    Queue,
    Consumers,
    Connections,
    Policies,
    Login,
}

/// Why there is no such answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Problem {
    status: StatusCode,
    text: String,
}

type Pairs = Vec<(String, String)>;

impl Console {
    pub(crate) fn new(
        hub: Hub,
        users: Users,
        sessions: Arc<AtomicU64>,
        connections: Arc<Connections>,
        (clock, began): (Clock, u64),
    ) -> Console {
        Console {
            hub,
            users,
            sessions,
            connections,
            clock,
            began,
            token: Token::after(None),
        }
    }

    /// Whether a path is one of the console's.
    pub(crate) fn has(path: &str) -> bool {
        place(path).is_some()
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<String> {
        let (head, body) = request.into_parts();
        let Some((format, rest)) = place(head.uri.path()) else {
            return refused(Format::Json, &Problem::nowhere());
        };
        let guest = match self.admit(&head.headers).await {
            Ok(guest) => guest,
            Err(why) => return unauthorized(format, &why),
        };
        let query = form::parse(head.uri.query().unwrap_or_default().as_bytes());
        let answer = match (Place::of(rest), &head.method) {
            (Some(Place::Login), _) => self.log_in(&guest, format),
            (Some(place), &Method::GET | &Method::HEAD) => self.show(&guest, format, place, &query).await,
            (Some(place), &Method::POST) => {
                let body = body::collect(body, MOST_ASKED).await;
                self.change(&guest, format, place, &query, &head.headers, body).await
            }
            (Some(_), _) => return not_allowed(format),
            (None, _) => Err(Problem::nowhere()),
        };
        answer.unwrap_or_else(|problem| match format {
            Format::Json => refused(format, &problem),
            Format::Html => self.scene(&guest).problem(&problem),
        })
    }

    async fn admit(&self, headers: &HeaderMap) -> Result<Guest, Box<str>> {
        let given = basic::given(headers).and_then(|given| String::from_utf8(given).ok());
        let (name, password) = match given
            .as_deref()
            .map(|given| given.split_once(':').unwrap_or((given, "")))
        {
            Some((name, password)) => (Some(name), Some(password)),
            None => (None, None),
        };
        self.users.admit(name, password).await
    }

    /// Where nobody has to say who he is, somebody may want to.
    fn log_in(&self, guest: &Guest, format: Format) -> Result<Response<String>, Problem> {
        match guest.name() {
            None if self.users.have_names() => Ok(unauthorized(format, "a name and a password are needed")),
            _ => Ok(see_other("/admin/")),
        }
    }

    fn scene<'a>(&'a self, guest: &'a Guest) -> Scene<'a> {
        Scene {
            user: guest.name(),
            can_log_in: guest.name().is_none() && self.users.have_names(),
            token: self.token.as_str(),
            nonce: origin::nonce(),
            place: Place::Overview,
            done: None,
        }
    }

    async fn show(
        &self,
        guest: &Guest,
        format: Format,
        place: Place,
        query: &Pairs,
    ) -> Result<Response<String>, Problem> {
        let shown = timeout(LOOK, self.see(guest, place, query)).await;
        let shown = shown.map_err(|_| Problem::silent())??;
        let scene = Scene {
            place,
            done: Done::told(query),
            ..self.scene(guest)
        };
        Ok(shown.answer(format, &scene))
    }

    async fn see(&self, guest: &Guest, place: Place, query: &Pairs) -> Result<Shown, Problem> {
        Ok(match place {
            Place::Overview | Place::Login => Shown::Overview(self.overview().await?),
            Place::Queues => Shown::Queues(self.queues(guest, query).await?),
            Place::Queue => Shown::Queue(Box::new(self.queue(guest, query).await?)),
            Place::Consumers => Shown::Consumers(self.consumers(guest, query).await?),
            Place::Connections => Shown::Connections(self.connections(guest, query)?),
            Place::Policies => Shown::Policies(self.policies(guest).await?),
        })
    }

    async fn overview(&self) -> Result<Overview, Problem> {
        let figures = self.hub.figures().await.ok_or_else(Problem::ending)?;
        let uptime = self.clock.now().as_millis() / 1000;
        Ok(Overview::new(&figures, self.connections.count(), uptime))
    }

    async fn queues(&self, guest: &Guest, query: &Pairs) -> Result<Queues, Problem> {
        let part = last(query, "part").unwrap_or_default().to_owned();
        let after = match (last(query, "after"), last(query, "kind")) {
            (Some(name), Some("topic")) => Some((Kind::Multicast, name.to_owned())),
            (Some(name), _) => Some((Kind::Anycast, name.to_owned())),
            (None, _) => None,
        };
        let (rights, wanted) = (guest.rights.clone(), part.clone());
        let look = move |broker: &tandem_mq_core::broker::Broker| {
            broker.list_queues(&Wanted {
                rights: &rights,
                part: &wanted,
                after: after.as_ref().map(|(kind, name)| (*kind, name.as_str())),
                most: QUEUES,
            })
        };
        let page = self.hub.look(look).await.ok_or_else(Problem::ending)?;
        Ok(Queues::new(part, page))
    }

    async fn queue(&self, guest: &Guest, query: &Pairs) -> Result<Queue, Problem> {
        let name = named(last(query, "name").unwrap_or_default())?.to_owned();
        let after = last(query, "after").map(str::parse);
        let after = after
            .transpose()
            .map_err(|_| Problem::bad("after is a place that an earlier answer has named"))?;
        let rights = guest.rights.clone();
        let look = move |broker: &tandem_mq_core::broker::Broker| {
            let view = broker.find_queue(&rights, &name)?;
            let messages = broker.list_messages(&rights, &name, after, MESSAGES);
            Ok::<_, Refusal>((view, messages, broker.consumers_of(&name, CONSUMERS)))
        };
        let (view, messages, consumers) = self.hub.look(look).await.ok_or_else(Problem::ending)??;
        let (messages, next, denied) = match messages {
            Ok(page) => (page.rows, page.next, None),
            Err(why) => (Vec::new(), None, Some(why.to_string())),
        };
        let consumers = match denied {
            None => consumers,
            Some(_) => Vec::new(),
        };
        Ok(Queue {
            queue: QueueRow::new(&view, Some(&guest.rights)),
            messages: messages.iter().map(MessageRow::new).collect(),
            next: next.map(|place| place.to_string()),
            denied,
            consumers: consumers.into_iter().map(|view| self.connections.see(view)).collect(),
        })
    }

    async fn consumers(&self, guest: &Guest, query: &Pairs) -> Result<Consumers, Problem> {
        self.only_for_operators(guest)?;
        let after = last(query, "after").and_then(|text| {
            let (session, number) = text.split_once('.')?;
            Some(ConsumerId {
                session: SessionId(session.parse().ok()?),
                number: number.parse().ok()?,
            })
        });
        let page = self
            .hub
            .look(move |broker| broker.list_consumers(after, CONSUMERS))
            .await;
        let page = page.ok_or_else(Problem::ending)?;
        Ok(Consumers {
            rows: page.rows.into_iter().map(|view| self.connections.see(view)).collect(),
            next: page.next.map(|id| format!("{}.{}", id.session.0, id.number)),
        })
    }

    fn connections(&self, guest: &Guest, query: &Pairs) -> Result<Connected, Problem> {
        self.only_for_operators(guest)?;
        let after = last(query, "after").and_then(|text| text.parse().ok()).map(SessionId);
        let page = self.connections.after(after, CONSUMERS);
        let now = self.clock.now();
        Ok(Connected {
            rows: page
                .rows
                .iter()
                .map(|(id, c)| ConnectionRow::new(*id, c, now))
                .collect(),
            next: page.next.map(|id| id.0.to_string()),
        })
    }

    /// Who others are, and from where, is for those who look after the node.
    fn only_for_operators(&self, guest: &Guest) -> Result<(), Problem> {
        let all = Rights {
            configure: vec![Pattern::new("#")],
            ..Rights::default()
        };
        match guest.rights.include(&all) {
            true => Ok(()),
            false => Err(Problem {
                status: StatusCode::FORBIDDEN,
                text: "this is for those who may configure every name: configure = [\"#\"]".to_owned(),
            }),
        }
    }

    async fn change(
        &self,
        guest: &Guest,
        format: Format,
        place: Place,
        query: &Pairs,
        headers: &HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Response<String>, Problem> {
        let body = body.ok_or_else(|| Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            text: format!("a form is at most {MOST_ASKED} bytes"),
        })?;
        let fields = form::parse(&body);
        let is_ours = last(&fields, "t").is_some_and(|word| self.token.is(word));
        if !is_ours && origin::needs_token(headers) {
            tracing::warn!(
                "a change by the console was refused: a browser has sent it, and not from a page of this process"
            );
            return Err(Problem {
                status: StatusCode::FORBIDDEN,
                text: "this form is not from a page of the console as it runs now: open the page again".to_owned(),
            });
        }
        let name = last(query, "name")
            .or_else(|| last(&fields, "name"))
            .unwrap_or_default();
        let act = async {
            match place {
                Place::Queue => self.act(guest, named(name)?, &fields).await,
                Place::Policies => self.decide(guest, name, &fields).await,
                _ => Err(Problem {
                    status: StatusCode::METHOD_NOT_ALLOWED,
                    text: "there is nothing to change here".to_owned(),
                }),
            }
        };
        let done = timeout(ACT, act).await.map_err(|_| Problem::silent())??;
        Ok(match format {
            Format::Json => view::json(&done),
            Format::Html => see_other(&done.leads_to(name)),
        })
    }
}

/// In which words, and what is behind them.
fn place(path: &str) -> Option<(Format, &str)> {
    let of = |prefix| {
        let rest: &str = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
    };
    of("/admin")
        .map(|rest| (Format::Html, rest))
        .or_else(|| of("/api").map(|rest| (Format::Json, rest)))
}

impl Place {
    fn of(rest: &str) -> Option<Place> {
        Some(match rest {
            "" | "overview" => Place::Overview,
            "queues" => Place::Queues,
            "queue" => Place::Queue,
            "consumers" => Place::Consumers,
            "connections" => Place::Connections,
            "policies" => Place::Policies,
            "login" => Place::Login,
            _ => return None,
        })
    }
}

/// The last one counts.
fn last<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let of_it = |(known, value): &'a (String, String)| (known == name).then_some(value.as_str());
    pairs.iter().rev().find_map(of_it)
}

fn named(name: &str) -> Result<&str, Problem> {
    match name {
        "" => Err(Problem::bad("which queue? ?name=NAME")),
        name => Ok(name),
    }
}

impl Problem {
    fn bad(text: &str) -> Problem {
        Problem {
            status: StatusCode::BAD_REQUEST,
            text: text.to_owned(),
        }
    }

    fn nowhere() -> Problem {
        Problem {
            status: StatusCode::NOT_FOUND,
            text: "there is nothing here".to_owned(),
        }
    }

    fn ending() -> Problem {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "the node is ending".to_owned(),
        }
    }

    fn silent() -> Problem {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: "the broker has not answered in time: what was asked for may be done or not".to_owned(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(why: Refusal) -> Problem {
        let status = match &why {
            Refusal::Denied { .. } => StatusCode::FORBIDDEN,
            Refusal::Missing(..) => StatusCode::NOT_FOUND,
            Refusal::Name(..) => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        Problem {
            status,
            text: why.to_string(),
        }
    }
}

fn see_other(to: &str) -> Response<String> {
    let mut response = view::plain(StatusCode::SEE_OTHER, String::new());
    // A link is made of what may stand in a header.
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

fn unauthorized(format: Format, why: &str) -> Response<String> {
    let mut response = refused(
        format,
        &Problem {
            status: StatusCode::UNAUTHORIZED,
            text: why.to_owned(),
        },
    );
    let asks = HeaderValue::from_static("Basic realm=\"Tandem MQ\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, asks);
    response
}

fn not_allowed(format: Format) -> Response<String> {
    let mut response = refused(
        format,
        &Problem {
            status: StatusCode::METHOD_NOT_ALLOWED,
            text: "GET shows, POST changes".to_owned(),
        },
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

/// Without a page around it.
fn refused(format: Format, problem: &Problem) -> Response<String> {
    match format {
        Format::Json => view::json_of(problem),
        Format::Html => view::plain(problem.status, format!("{}\n", problem.text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_a_place_in_one_of_two_formats() {
        for (path, expect) in [
            ("/admin/", Some((Format::Html, Some(Place::Overview)))),
            ("/admin", Some((Format::Html, Some(Place::Overview)))),
            ("/admin/queue", Some((Format::Html, Some(Place::Queue)))),
            ("/api/queues", Some((Format::Json, Some(Place::Queues)))),
            ("/api/overview", Some((Format::Json, Some(Place::Overview)))),
            ("/admin/nothing", Some((Format::Html, None))),
            ("/administrator", None),
            ("/metrics", None),
        ] {
            let found = place(path).map(|(format, rest)| (format, Place::of(rest)));
            assert_eq!(found, expect, "{path}");
        }
    }
}
