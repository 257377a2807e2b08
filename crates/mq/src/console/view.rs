//! The console's pages: what the templates are filled with.

use askama::Template;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use tandem_ops::web::words::{bytes, duration, grouped};
use tandem_ops::web::{self, form};

use super::act::Done;
use super::policy::Policies;
use super::rows::{Connected, Consumers, Overview, Queue, Queues};
use super::schedules::Schedules;
use super::{Format, Place, Problem};

/// What is around each page.
#[derive(Clone)]
pub(super) struct Scene<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) can_log_in: bool,
    pub(super) token: &'a str,
    pub(super) nonce: String,
    pub(super) place: Place,
    pub(super) done: Option<Done>,
}

/// One of the pages.
pub(super) enum Shown {
    Overview(Overview),
    Queues(Queues),
    Queue(Box<Queue>),
    Consumers(Consumers),
    Connections(Connected),
    Policies(Policies),
    Schedules(Schedules),
}

/// What all templates know.
struct Frame<'a> {
    scene: &'a Scene<'a>,
    style: &'static str,
    css: &'static str,
    tabs: Vec<Tab>,
    said: Option<String>,
}

struct Tab {
    to: &'static str,
    name: &'static str,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    frame: Frame<'a>,
    it: &'a Overview,
}

#[derive(Template)]
#[template(path = "queues.html")]
struct QueuesPage<'a> {
    frame: Frame<'a>,
    it: &'a Queues,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage<'a> {
    frame: Frame<'a>,
    it: &'a Queue,
}

#[derive(Template)]
#[template(path = "consumers.html")]
struct ConsumersPage<'a> {
    frame: Frame<'a>,
    it: &'a Consumers,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage<'a> {
    frame: Frame<'a>,
    it: &'a Connected,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage<'a> {
    frame: Frame<'a>,
    it: &'a Policies,
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage<'a> {
    frame: Frame<'a>,
    it: &'a Schedules,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame<'a>,
    status: u16,
    text: &'a str,
}

impl Shown {
    pub(super) fn answer(&self, format: Format, scene: &Scene<'_>) -> Response<String> {
        match format {
            Format::Json => self.json(),
            Format::Html => html(StatusCode::OK, scene, self.html(scene)),
        }
    }

    fn json(&self) -> Response<String> {
        match self {
            Shown::Overview(it) => json(it),
            Shown::Queues(it) => json(it),
            Shown::Queue(it) => json(it),
            Shown::Consumers(it) => json(it),
            Shown::Connections(it) => json(it),
            Shown::Policies(it) => json(it),
            Shown::Schedules(it) => json(it),
        }
    }

    fn html(&self, scene: &Scene<'_>) -> String {
        let frame = Frame::around(scene);
        let rendered = match self {
            Shown::Overview(it) => OverviewPage { frame, it }.render(),
            Shown::Queues(it) => QueuesPage { frame, it }.render(),
            Shown::Queue(it) => QueuePage { frame, it }.render(),
            Shown::Consumers(it) => ConsumersPage { frame, it }.render(),
            Shown::Connections(it) => ConnectionsPage { frame, it }.render(),
            Shown::Policies(it) => PoliciesPage { frame, it }.render(),
            Shown::Schedules(it) => SchedulesPage { frame, it }.render(),
        };
        // A template of plain values has nothing that could fail.
        rendered.unwrap_or_default()
    }
}

impl<'a> Frame<'a> {
    fn around(scene: &'a Scene<'a>) -> Frame<'a> {
        let tab = |to, name, place| Tab {
            to,
            name,
            is_here: scene.place == place || (scene.place, place) == (Place::Queue, Place::Queues),
        };
        Frame {
            scene,
            style: web::STYLE,
            css: include_str!("../../templates/console.css"),
            tabs: vec![
                tab("/admin/", "Overview", Place::Overview),
                tab("/admin/queues", "Queues", Place::Queues),
                tab("/admin/consumers", "Consumers", Place::Consumers),
                tab("/admin/connections", "Connections", Place::Connections),
                tab("/admin/policies", "Policies", Place::Policies),
                tab("/admin/schedules", "Schedules", Place::Schedules),
            ],
            said: scene.done.as_ref().map(Done::text),
        }
    }
}

impl Scene<'_> {
    pub(super) fn problem(&self, problem: &Problem) -> Response<String> {
        let page = ProblemPage {
            frame: Frame::around(self),
            status: problem.status.as_u16(),
            text: &problem.text,
        };
        html(problem.status, self, page.render().unwrap_or_default())
    }
}

fn html(status: StatusCode, scene: &Scene<'_>, text: String) -> Response<String> {
    let mut response = respond(status, "text/html; charset=utf-8", text);
    web::guard(response.headers_mut(), &scene.nonce);
    response
}

pub(super) fn json(it: &impl Serialize) -> Response<String> {
    match serde_json::to_string_pretty(it) {
        Ok(text) => respond(StatusCode::OK, "application/json", text + "\n"),
        // Plain values have nothing that could fail.
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

pub(super) fn json_of(problem: &Problem) -> Response<String> {
    let mut response = json(&json!({ "error": problem.text }));
    *response.status_mut() = problem.status;
    response
}

pub(super) fn plain(status: StatusCode, text: String) -> Response<String> {
    respond(status, "text/plain; charset=utf-8", text)
}

fn respond(status: StatusCode, media_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // What strangers have sent stands in there: no browser may take it for a page.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What templates say of a value.
mod filters {
    use std::fmt::Display;

    use super::{bytes, duration, form, grouped};

    #[askama::filter_fn]
    pub(super) fn count(number: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
        let text = number.to_string();
        Ok(text.parse().map_or(text, grouped))
    }

    #[askama::filter_fn]
    pub(super) fn size(number: &usize, _: &dyn askama::Values) -> askama::Result<String> {
        let text = bytes(i128::try_from(*number).unwrap_or(i128::MAX));
        Ok(if *number < 1000 { format!("{text} B") } else { text })
    }

    #[askama::filter_fn]
    pub(super) fn span(seconds: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(duration(i128::from(*seconds)))
    }

    /// For a link.
    #[askama::filter_fn]
    pub(super) fn link(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        let mut out = String::new();
        form::encode(&mut out, text);
        Ok(out)
    }
}
