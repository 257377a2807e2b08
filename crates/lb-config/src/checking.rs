//! What is said to the servers of a proxy to see whether they serve, as the configuration builds it up line by line.

use std::sync::Arc;

use tandem_lb_core::probe::{Action, HttpRequest, Login, Protocol, Script, Step};

/// The kind of check, and the lines that make it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checking {
    pub(crate) kind: Kind,
    /// `tcp-check` lines.
    pub(crate) steps: Steps,
    /// `http-check` lines; what one answer must meet stands in a row.
    pub(crate) http: Steps,
    /// `http-check disable-on-404`
    pub(crate) gone_is_drained: bool,
    /// `http-check send-state`
    pub(crate) tells_state: bool,
    pub(crate) said: Said,
}

/// What a check does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    lines: Lines<Step>,
    /// The latest `comment` that stood alone.
    comment: Option<Box<str>>,
}

/// The lines that said all this, as `haproxy.cfg` has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Behind `option`.
    pub(crate) kind: Option<String>,
    /// Behind `tcp-check`.
    pub(crate) steps: Lines<String>,
    /// Behind `http-check`.
    pub(crate) http: Lines<String>,
}

/// Lines that a proxy takes from its defaults as long as it has none of its own.
#[derive(Clone, Debug)]
pub(crate) struct Lines<T> {
    lines: Vec<T>,
    inherited: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection is enough.
    #[default]
    Connect,
    Tcp,
    Http(HttpRequest),
    Redis,
    Mysql(Option<Box<str>>),
    Postgres(Box<str>),
    Ldap,
    SslHello,
    Smtp {
        hello: Box<str>,
        domain: Box<str>,
    },
    Broker(Protocol, Login),
    /// A program of one's own.
    External,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Lines {
            lines: Vec::new(),
            inherited: false,
        }
    }
}

impl Steps {
    /// A comment that stands alone is that of what follows, up to the next one or to a variable, as in HAProxy.
    pub(crate) fn push(&mut self, mut step: Step) {
        match step.action {
            Action::Set(..) | Action::Unset(_) => self.comment = None,
            _ => step.comment = step.comment.or_else(|| self.comment.clone()),
        }
        self.lines.push(step);
    }

    pub(crate) fn comment(&mut self, text: String) {
        self.comment = Some(text.into());
    }

    pub(crate) fn has_own(&self) -> bool {
        !self.lines.own().is_empty()
    }

    fn inherit(&mut self) {
        self.lines.inherited = true;
        self.comment = None;
    }
}

impl<T> Lines<T> {
    pub(crate) fn push(&mut self, line: T) {
        if self.inherited {
            self.lines.clear();
            self.inherited = false;
        }
        self.lines.push(line);
    }
}

impl<T> Lines<T> {
    /// Without those of the defaults.
    pub(crate) fn own(&self) -> &[T] {
        if self.inherited { &[] } else { &self.lines }
    }

    pub(crate) fn all(&self) -> &[T] {
        &self.lines
    }
}

impl Said {
    /// Remembers a line, if it is one of these.
    pub(crate) fn note(&mut self, keyword: &str, text: String) {
        match keyword {
            "option" => self.kind = Some(text),
            "tcp-check" => self.steps.push(text),
            "http-check" => self.http.push(text),
            _ => {}
        }
    }
}

impl Checking {
    /// What a proxy begins with.
    pub(crate) fn inherit(&mut self) {
        self.steps.inherit();
        self.http.inherit();
        self.said.steps.inherited = true;
        self.said.http.inherited = true;
    }

    fn http(&self, request: &HttpRequest) -> Script {
        let mut script = Script::http(request, self.http.lines.all().to_vec());
        if self.gone_is_drained {
            script.drains_what_is_gone();
        }
        if self.tells_state {
            script.tells_state();
        }
        script
    }

    /// `None` when a connection is all that is asked for.
    pub(crate) fn script(&self) -> Option<Arc<Script>> {
        let script = match &self.kind {
            Kind::Connect | Kind::External => return None,
            Kind::Tcp => Script::tcp(self.steps.lines.all().to_vec()),
            Kind::Http(request) => self.http(request),
            Kind::Redis => Script::redis(),
            Kind::Mysql(user) => Script::mysql(user.as_deref()),
            Kind::Postgres(user) => Script::postgres(user),
            Kind::Ldap => Script::ldap(),
            Kind::SslHello => Script::ssl_hello(),
            Kind::Smtp { hello, domain } => Script::smtp(hello, domain),
            Kind::Broker(protocol, login) => Script::broker(*protocol, login),
        };
        Some(Arc::new(script))
    }
}
