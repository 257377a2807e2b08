//! The statistics page: what a request asks for, who may ask, and the answer (reference 3.2 to 3.4).
//!
//! ```text
//!   request ─▶ path? ─▶ password? ─▶ GET  ─▶ rows ─▶ HTML, CSV, JSON, typed, metrics
//!              503       401        └▶ POST ─▶ from our page or a script? ─▶ orders ─▶ 303 ;st=CODE
//! ```

mod auth;
mod cells;
mod chart;
mod flash;
mod metrics;
mod post;
mod reply;
mod site;
mod uri;
mod view;
mod visitor;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::ACCEPT;
use hyper::{HeaderMap, Method, Request, Response};
use tandem_lb_config::{self as plan, Verdict};
use tandem_lb_core::stats::prometheus::{self, Figures, Section};
use tandem_lb_core::stats::{Field, InfoField, Selection, csv, json, schema, typed};
use tandem_ops::clock::Clock;
use tandem_ops::web::origin::{self, Token};
use tandem_ops::web::{basic, body, form};
use tandem_time::Mono;
use tokio::sync::Semaphore;

use crate::http::{Outgoing, Reader};
use crate::live::Live;
use crate::orders::Orders;
use crate::router::Router;
use crate::stats::Stats;
use metrics::Asked;
use post::Code;
use reply::{Body, Kind, reply};
pub(crate) use site::{Counted, Site};
use uri::{Format, Wanted};
use view::Scene;
pub(crate) use visitor::Ends;
use visitor::Visitor;

/// One buffer of HAProxy's: the longest form.
const MOST_ASKED: usize = 16 * 1024;

/// What every site shows and changes.
pub(crate) struct Page {
    clock: Clock,
    stats: Rc<Stats>,
    orders: Orders,
    live: Arc<Live>,
    router: Rc<Router>,
    token: Token,
}

impl Page {
    pub(crate) fn new(
        (clock, token): (Clock, Token),
        stats: Rc<Stats>,
        orders: Orders,
        live: Arc<Live>,
        router: Rc<Router>,
    ) -> Rc<Page> {
        Rc::new(Page {
            clock,
            stats,
            orders,
            live,
            router,
            token,
        })
    }

    pub(crate) fn now(&self) -> Mono {
        self.clock.now()
    }

    /// The answer to one request, and its count. It goes out when there is room for it.
    pub(crate) async fn answer(
        &self,
        guest: &Counted<'_>,
        ends: Ends,
        reader: Option<(&Outgoing, Reader)>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let has_body = *request.method() != Method::HEAD;
        let asked = request.uri().to_string().len()
            + request
                .headers()
                .iter()
                .map(|(n, v)| n.as_str().len() + v.len() + 4)
                .sum::<usize>();
        let mut response = self.decide(guest.site(), ends, request).await;
        if let Some((outgoing, reader)) = reader.filter(|_| has_body) {
            response = reply::held(response, outgoing, reader).await;
        }
        if has_body {
            response.body_mut().is_counted_in(guest.ledger());
        }
        guest.answered(response.status(), asked);
        response
    }

    async fn decide(&self, site: &Site, ends: Ends, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let settings = site.settings();
        let is_page = settings.page && path.starts_with(&settings.uri);
        let is_metrics = serves_metrics(settings.metrics.as_deref(), &path, is_page);
        if !is_metrics && !is_page {
            return reply::unavailable();
        }
        if !auth::may_see(&settings.auth, request.headers()) {
            return reply::unauthorized(settings.realm.as_deref());
        }
        let frontend = site.frontend();
        let visitor = Visitor {
            ends,
            frontend: &frontend.plan,
            known: known(&settings, request.headers()).await,
        };
        match visitor.verdict(&settings) {
            Verdict::Allow => {}
            Verdict::Deny => return reply::forbidden(),
            Verdict::Auth { realm } => return reply::unauthorized(realm.as_deref().or(settings.realm.as_deref())),
        }
        let may_change = visitor.may_change(&settings);
        match *request.method() {
            Method::GET | Method::HEAD if is_metrics => self.metrics(site, &path, request.headers()).await,
            Method::GET | Method::HEAD => {
                let wanted = Wanted::parse(&path[settings.uri.len()..]);
                self.show(site, may_change, &wanted, request.headers()).await
            }
            Method::POST if !is_metrics => {
                let wanted = Wanted::parse(&path[settings.uri.len()..]);
                let code = match may_change {
                    true => self.change(site, request).await,
                    false => Code::Denied,
                };
                reply::see_other(&format!("{};st={}{}", settings.uri, code.word(), wanted.as_suffix()))
            }
            _ => reply::unavailable(),
        }
    }

    async fn change(&self, site: &Site, request: Request<Incoming>) -> Code {
        let (head, body) = request.into_parts();
        let Some(body) = body::collect(body, MOST_ASKED).await else {
            return Code::TooLarge;
        };
        let form = form::parse(&body);
        let is_ours = form.iter().any(|(name, value)| name == "t" && self.token.is(value));
        if !is_ours && origin::needs_token(&head.headers) {
            tracing::warn!(
                frontend = %site.frontend().plan.name,
                "a change was refused: a browser has sent it, and not from a page of this process or of one that handed over to it"
            );
            return Code::Denied;
        }
        post::carry_out(&form, &self.orders, &self.live)
    }

    async fn show(&self, site: &Site, may_change: bool, wanted: &Wanted, headers: &HeaderMap) -> Response<Body> {
        let settings = site.settings();
        let place = TURNS.acquire().await;
        let mut rows = self.selection(site, wanted).of(self.stats.rows());
        if !settings.show_legends {
            // Where the servers are is nobody's business unless the configuration says so.
            let kept_back = [Field::Addr, Field::Algo, Field::Cookie];
            rows.iter_mut()
                .for_each(|row| kept_back.iter().for_each(|field| row.hide(*field)));
        }
        let refresh = settings.refresh.filter(|_| !wanted.norefresh);
        match wanted.format {
            Format::Html => {
                let nonce = origin::nonce();
                // What of the host is said to all is not said to those who may only see some proxies.
                let routes = if settings.scopes.is_empty() {
                    self.router.instances()
                } else {
                    Vec::new()
                };
                let html = view::html(&Scene {
                    stats: &self.stats,
                    site,
                    may_change,
                    wanted,
                    rows: &rows,
                    routes: &routes,
                    token: &self.token,
                    nonce: &nonce,
                });
                // A browser has what is in the page: the script, or what stands in for it.
                reply::html(html, &nonce, refresh.filter(|_| !reads_html(headers)))
            }
            Format::Csv => aside(Kind::Text, place, move || csv(&rows), refresh).await,
            Format::Typed => aside(Kind::Text, place, move || typed(&rows, false), refresh).await,
            Format::Json => aside(Kind::Json, place, move || json(&rows), refresh).await,
            Format::JsonSchema => reply(Kind::Json, schema().to_owned(), refresh),
        }
    }

    fn selection(&self, site: &Site, wanted: &Wanted) -> Selection {
        Selection {
            hide: wanted.hide,
            scope: wanted.scope.clone(),
            only: only(site),
        }
    }

    async fn metrics(&self, site: &Site, path: &str, headers: &HeaderMap) -> Response<Body> {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let Some(asked) = Asked::parse(query, headers) else {
            return reply::bad_request();
        };
        let place = TURNS.acquire().await;
        let Asked {
            mut wish,
            hide,
            describes,
        } = asked;
        let only = only(site);
        if !only.is_empty() {
            wish.sections.retain(|section| !section.is_of_everything());
        }
        let is_shown = |proxy: &str| only.is_empty() || only.iter().any(|name| name == proxy);
        let selection = Selection {
            hide,
            scope: None,
            only: only.clone(),
        };
        // Some of it takes long to find out where there is much of it.
        let stats = &self.stats;
        let mut tables = wish.of(&[Section::StickTable], || stats.tables());
        tables.retain(|table| is_shown(&table.name));
        let mut spreads = wish.of(&[Section::Server], || stats.spreads(&self.live));
        spreads.retain(|spread| is_shown(&spread.proxy));
        let mut info = stats.info();
        if site.settings().hide_version {
            info.forget(InfoField::Version);
        }
        let rows = wish.of(Section::OF_ROWS, || selection.of(stats.rows()));
        let name_servers = wish.of(&[Section::Resolver], || stats.name_servers());
        let peers = wish.of(&[Section::Peer], || stats.peers());
        let certificates = wish.of(&[Section::Certificate], || stats.certificates());
        let rings = wish.of(&[Section::Ring], || stats.rings());
        let reloads = stats.reloads();
        let descriptions = if describes {
            stats.descriptions()
        } else {
            Default::default()
        };
        let format = wish.format;
        let write = move || {
            let figures = Figures {
                info: &info,
                rows: &rows,
                tables: &tables,
                spreads: &spreads,
                name_servers: &name_servers,
                peers: &peers,
                certificates: &certificates,
                rings: &rings,
                reloads,
                descriptions: &descriptions,
            };
            prometheus::metrics(&figures, &wish)
        };
        aside(Kind::Metrics(format), place, write, None).await
    }
}

/// The proxies that this site may show; empty means all.
fn only(site: &Site) -> Vec<String> {
    let own = |scope: &String| match scope.as_str() {
        "." => site.frontend().plan.name.to_string(),
        _ => scope.clone(),
    };
    site.settings().scopes.iter().map(own).collect()
}

/// Whoever asks for HTML by its name is a browser; tools take anything.
fn reads_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|list| list.split([',', ';']))
        .any(|word| word.trim().eq_ignore_ascii_case("text/html"))
}

/// With many servers, figures are megabytes while they become text: one answer is made at a time, however many ask.
static TURNS: Semaphore = Semaphore::const_new(1);

/// Answers with a text of figures, made where nobody else has to wait for it.
async fn aside(
    kind: Kind,
    place: impl Send + 'static,
    write: impl FnOnce() -> String + Send + 'static,
    refresh: Option<Duration>,
) -> Response<Body> {
    let written = tokio::task::spawn_blocking(move || {
        let _place = place;
        write()
    });
    match written.await {
        Ok(text) => reply(kind, text, refresh),
        Err(error) => {
            tracing::error!(%error, "figures cannot be written");
            reply::broken()
        }
    }
}

/// Sums of passwords are made to take long, and anybody may ask for one: no more than this are computed at a time.
static SUMS: Semaphore = Semaphore::const_new(1);

/// The lists that the password in a request is in. Finding out may take long, so nobody waits for it but who asks.
async fn known(settings: &plan::Stats, headers: &HeaderMap) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
    let given = basic::given(headers).filter(|_| !settings.lists.is_empty());
    let Some(given) = given else { return Vec::new() };
    let lists = settings.lists.clone();
    let place = SUMS.acquire().await;
    let known = tokio::task::spawn_blocking(move || {
        let _place = place;
        visitor::known_in(&lists, &given)
    });
    // Nobody is known by a password that could not be looked at.
    known.await.unwrap_or_default()
}

/// Whether metrics are what this path asks for. An empty place is every path that is not the page's.
fn serves_metrics(place: Option<&str>, path: &str, is_page: bool) -> bool {
    let asked = path.split('?').next().unwrap_or_default();
    match place {
        Some("") => !is_page,
        Some(place) => asked == place,
        None => asked == "/metrics",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn figures_that_cannot_be_written_are_no_empty_answer() {
        let answer = aside(Kind::Text, (), || panic!("no figures"), None).await;
        assert_eq!(answer.status(), hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let answer = aside(Kind::Text, (), || "figures".to_owned(), None).await;
        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 7));
    }

    #[test]
    fn where_metrics_are() {
        for (place, path, is_page, expect) in [
            (None, "/metrics", false, true),
            (None, "/metrics?scope=server", false, true),
            (None, "/metricsx", false, false),
            (Some("/prom"), "/prom?no-maint", false, true),
            (Some("/prom"), "/metrics", false, false),
            (Some(""), "/anything", false, true),
            (Some(""), "/stats", true, false),
            // A page at `/` leaves the path of metrics alone.
            (None, "/metrics", true, true),
        ] {
            assert_eq!(serves_metrics(place, path, is_page), expect, "{place:?} {path}");
        }
    }
}
