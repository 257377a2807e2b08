//! Since when and until when in a connection's life a value is there. What asks too early or too late is said when the
//! configuration is read, as HAProxy says it: it would never be answered.

use super::{Expr, Fact, Fetch, Party, Scope, Silence, TlsPart};
use crate::acl::{Acls, Condition};

/// Where an expression stands, in the order in which connections come there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `tcp-request connection`
    Connection,
    /// `tcp-request session`
    Session,
    /// `tcp-request content` of a frontend.
    Content,
    /// `use_backend`
    Route,
    /// `tcp-request content` of a backend.
    BackendContent,
    /// `use-server`, `balance hash`, `stick match`, `stick store-request`.
    Choice,
    /// What the server is told before it is reached, such as `sni`.
    Connect,
    /// `tcp-response content`
    Response,
    /// `stick store-response`
    Store,
    /// The line in the log.
    Line,
}

/// Whom a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is always there.
    Anywhere,
    /// TLS with the client.
    ClientTls,
    /// The client's first bytes.
    Request,
    /// What was kept of them.
    Kept,
    /// The bytes that are on the way, of either side.
    Either,
    /// The server's first bytes.
    Response,
    Backend,
    Server,
    /// The connection to the server.
    ServerConnection,
}

impl Origin {
    pub fn is_there(self, place: Place) -> bool {
        let (first, last) = self.span();
        (first..=last).contains(&place)
    }

    /// Whether it is gone by then.
    pub fn was_there(self, place: Place) -> bool {
        self.span().1 < place
    }

    const fn span(self) -> (Place, Place) {
        match self {
            Origin::Anywhere => (Place::Connection, Place::Line),
            Origin::ClientTls => (Place::Session, Place::Line),
            Origin::Request => (Place::Content, Place::Connect),
            Origin::Kept => (Place::Content, Place::Line),
            Origin::Either => (Place::Content, Place::Store),
            Origin::Response => (Place::Response, Place::Store),
            Origin::Backend => (Place::BackendContent, Place::Line),
            Origin::Server => (Place::Connect, Place::Line),
            Origin::ServerConnection => (Place::Response, Place::Line),
        }
    }

    /// For a message: what is asked for.
    pub const fn words(self) -> &'static str {
        match self {
            Origin::Anywhere => "what is always known",
            Origin::ClientTls => "TLS with the client",
            Origin::Request | Origin::Kept => "what the client sends first",
            Origin::Either => "what is on the way",
            Origin::Response => "what the server answers",
            Origin::Backend => "the backend",
            Origin::Server => "the server",
            Origin::ServerConnection => "the connection to the server",
        }
    }
}

impl Expr {
    /// What it asks for that is at none of these places.
    pub fn out_of_place(&self, places: &[Place]) -> Option<Origin> {
        let origin = self.fetch.origin();
        (!places.iter().any(|place| origin.is_there(*place))).then_some(origin)
    }
}

impl Condition {
    /// What a term asks for of which nothing is at any of these places.
    pub fn out_of_place(&self, acls: &Acls, places: &[Place]) -> Option<Origin> {
        let asked = self.any.iter().flatten().filter_map(|term| acls.0.get(term.acl));
        asked.into_iter().find_map(|acl| {
            let odd: Option<Vec<Origin>> = acl.tests.iter().map(|test| test.expr.out_of_place(places)).collect();
            odd?.first().copied()
        })
    }
}

impl Fetch {
    pub fn origin(&self) -> Origin {
        match self {
            Fetch::Constant(_) | Fetch::Nothing | Fetch::Date { .. } | Fetch::DateMicros => Origin::Anywhere,
            Fetch::Counter(_) | Fetch::WaitEnd => Origin::Anywhere,
            Fetch::Variable(variable) | Fetch::VariableOr(variable, _) => match variable.scope {
                Scope::Captured => Origin::Kept,
                _ => Origin::Anywhere,
            },
            Fetch::Fact(fact) => fact.origin(),
            Fetch::Part(super::Part::LooksLikeHttp) => Origin::Kept,
            Fetch::Part(_) | Fetch::Authenticated(_) | Fetch::Group(_) => Origin::Request,
            Fetch::Response(_) => Origin::Response,
            Fetch::Either(_) => Origin::Either,
        }
    }
}

impl Fact {
    fn origin(&self) -> Origin {
        match self {
            Fact::BackendName | Fact::BackendId => Origin::Backend,
            Fact::Timeout { of, .. } if *of != Silence::Client => Origin::Backend,
            Fact::ServerName | Fact::ServerId => Origin::Server,
            Fact::ServerSide(_) | Fact::ServerSidePort(_) => Origin::ServerConnection,
            Fact::RoundTrip { of_server: true, .. }
            | Fact::Segments { of_server: true, .. }
            | Fact::Trouble { of_server: true, .. } => Origin::ServerConnection,
            // Of the server's certificate HAProxy says that it is there as early as the client's.
            Fact::Tls(fact) => match (fact.with, &fact.what) {
                (Party::Server, TlsPart::Certificate { .. } | TlsPart::Chain) => Origin::ClientTls,
                (Party::Server, _) => Origin::ServerConnection,
                (Party::Client, _) => Origin::ClientTls,
            },
            _ => Origin::Anywhere,
        }
    }
}
