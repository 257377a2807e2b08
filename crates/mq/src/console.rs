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
mod problem;
mod rows;
mod schedules;
mod see;
mod view;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tandem_ops::clock::Clock;
use tandem_ops::web::guests;
use tandem_ops::web::origin::{self, Token};
use tandem_ops::web::{basic, body, form};
use tokio::time::timeout;

use crate::connections::Connections;
use crate::hub::Hub;
use crate::tally::Tally;
use crate::users::{Guest, Users};
use act::Done;
use problem::{Problem, misdirected, not_allowed, refused, see_other, unauthorized};
use view::Scene;

/// The longest form: what somebody writes into a page, and no more.
const MOST_ASKED: usize = 256 * 1024;
/// A look that takes longer is at a broker that does not serve.
const LOOK: Duration = Duration::from_secs(5);
/// What is done waits for the disk.
const ACT: Duration = Duration::from_secs(25);

/// What the console is made of.
#[derive(Clone)]
pub(crate) struct Console {
    hub: Hub,
    users: Users,
    sessions: Arc<AtomicU64>,
    connections: Arc<Connections>,
    tally: Arc<Tally>,
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
    Schedules,
    Login,
}

type Pairs = Vec<(String, String)>;

impl Console {
    pub(crate) fn new(
        hub: Hub,
        users: Users,
        sessions: Arc<AtomicU64>,
        connections: Arc<Connections>,
        tally: Arc<Tally>,
        (clock, began): (Clock, u64),
    ) -> Console {
        Console {
            hub,
            users,
            sessions,
            connections,
            tally,
            clock,
            began,
            token: Token::after(None),
        }
    }

    /// Whether a path is one of the console's.
    pub(crate) fn has(path: &str) -> bool {
        place(path).is_some()
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>, seat: &guests::Place) -> Response<String> {
        let (head, body) = request.into_parts();
        let Some((format, rest)) = place(head.uri.path()) else {
            return refused(Format::Json, &Problem::nowhere());
        };
        let guest = match self.admit(&head.headers).await {
            Ok(guest) => guest,
            Err(why) => return unauthorized(format, &why),
        };
        match guest.name() {
            // Those who come to the point are not turned out for those who do not.
            Some(_) => seat.sit_down(),
            // As after DNS rebinding: no password of a browser's has kept that page out.
            None if !origin::is_asked_by_address(&head.headers) => return misdirected(format),
            None => {}
        }
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
        let guest = self.users.admit(name, password).await;
        if name.is_some() {
            self.tally.logged_in(guest.is_ok());
        }
        if let (Some(name), Err(why)) = (name, &guest) {
            tracing::warn!("somebody came to the console as {:?}: {why}", shortened(name));
        }
        guest
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
                Place::Schedules => self.take_back(guest, &fields).await,
                _ => Err(Problem {
                    status: StatusCode::METHOD_NOT_ALLOWED,
                    text: "there is nothing to change here".to_owned(),
                }),
            }
        };
        let done = timeout(ACT, act).await.map_err(|_| Problem::silent())??;
        let who = guest
            .name()
            .map_or("somebody without a name".to_owned(), |name| format!("user {name:?}"));
        tracing::info!("by the console, {who}: {} ({:?})", done.in_brief(), shortened(name));
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
            "schedules" => Place::Schedules,
            "login" => Place::Login,
            _ => return None,
        })
    }
}

/// For the log, where anybody could write anything otherwise.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
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
