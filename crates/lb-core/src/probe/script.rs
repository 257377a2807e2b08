//! The steps of a check, and the scripts that come with us.

use std::net::IpAddr;

use super::answer::Answer;
use super::broker::Protocol;
use super::database::Greeting;
use super::http::{HttpExpect, HttpRequest};
use super::matcher::Content;
use crate::expr::{Context, Expr, Fact, Fetch, Variable};
use crate::health::CheckStatus;
use crate::rules::{Made, Piece};

/// What to do, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub steps: Vec<Step>,
    /// Messages name the step, as they do for what an operator wrote.
    pub named_steps: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub action: Action,
    pub comment: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Connect(Connect),
    Send(Box<[u8]>),
    /// A text with `%[expressions]`; of its hexadecimal digits the bytes.
    SendMade {
        text: Text,
        is_hex: bool,
    },
    Request(HttpRequest),
    Expect(Expect),
    /// `set-var`
    Set(Variable, Made),
    /// `unset-var`
    Unset(Variable),
}

/// A connection that a step asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// Not to the port of the check.
    pub port: Option<u16>,
    /// Not to the address of the check.
    pub ip: Option<IpAddr>,
    /// `default`: the server's own rules hold where nothing else is said.
    pub as_usual: bool,
    /// It begins with a PROXY header, whether or not those of the server's checks do.
    pub sends_header: bool,
    /// It speaks TLS, whether or not those do.
    pub speaks_tls: bool,
    /// The name that the server is asked for.
    pub sni: Option<Box<str>>,
    /// What to talk inside of TLS, the best first.
    pub alpn: Vec<String>,
    /// It ends in the usual way, and not with a reset.
    pub lingers: bool,
}

/// A text that is made when it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub Vec<Piece>);

impl Text {
    pub fn bytes(&self, context: &dyn Context) -> Vec<u8> {
        Piece::join(&self.0, context)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        let piece = (!text.is_empty()).then(|| Piece::Literal(text.into()));
        Text(piece.into_iter().collect())
    }
}

/// What the server should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    pub answer: Answer,
    /// It must not.
    pub negated: bool,
    /// Nothing is decided on fewer bytes, and with as many it is decided.
    pub min_recv: Option<usize>,
    pub ok_status: Option<CheckStatus>,
    pub error_status: Option<CheckStatus>,
    pub timeout_status: Option<CheckStatus>,
    pub on_success: Option<Text>,
    pub on_error: Option<Text>,
    /// `status-code`: the code that is told.
    pub code: Option<Expr>,
}

/// A name and a password for checks that log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    pub user: Option<Box<str>>,
    pub password: Option<Box<str>>,
}

impl Expect {
    pub fn new(answer: Answer) -> Expect {
        Expect {
            answer,
            negated: false,
            min_recv: None,
            ok_status: None,
            error_status: None,
            timeout_status: None,
            on_success: None,
            on_error: None,
            code: None,
        }
    }
}

impl Connect {
    /// What every check begins with that does not say otherwise.
    pub fn usual() -> Connect {
        Connect {
            as_usual: true,
            ..Connect::default()
        }
    }
}

impl Step {
    pub fn new(action: Action) -> Step {
        Step { action, comment: None }
    }

    fn send(bytes: impl Into<Vec<u8>>) -> Step {
        Step::new(Action::Send(bytes.into().into_boxed_slice()))
    }

    fn expect(answer: Answer) -> Step {
        Step::new(Action::Expect(Expect::new(answer)))
    }
}

impl Script {
    fn of(steps: Vec<Step>) -> Script {
        Script {
            steps,
            named_steps: false,
        }
    }

    /// `tcp-check` lines.
    pub fn tcp(steps: Vec<Step>) -> Script {
        Script {
            steps,
            named_steps: true,
        }
    }

    /// `option httpchk` and its `http-check` lines.
    ///
    /// Where no line sends anything before the first that expects something, this request is sent there.
    pub fn http(request: &HttpRequest, lines: Vec<Step>) -> Script {
        let mut steps = lines;
        let sends = |step: &Step| matches!(step.action, Action::Request(_));
        let expects = |step: &Step| matches!(step.action, Action::Expect(_));
        let first = steps.iter().position(expects).unwrap_or(steps.len());
        if !steps[..first].iter().any(sends) {
            steps.insert(first, Step::new(Action::Request(request.clone())));
        }
        if !steps.iter().any(expects) {
            steps.push(Step::expect(Answer::Http(HttpExpect::Usual)));
        }
        Script::of(steps)
    }

    /// `disable-on-404`: where a usual answer is expected, one of 404 means that nobody new is to come.
    pub fn drains_what_is_gone(&mut self) {
        for step in &mut self.steps {
            if let Action::Expect(Expect { answer, .. }) = &mut step.action
                && *answer == Answer::Http(HttpExpect::Usual)
            {
                *answer = Answer::Http(HttpExpect::UsualOrGone);
            }
        }
    }

    /// `send-state`: every request tells the server what is thought of it.
    pub fn tells_state(&mut self) {
        const NAME: &str = "X-Haproxy-Server-State";
        for step in &mut self.steps {
            if let Action::Request(request) = &mut step.action {
                let state = Piece::Value(Expr::of(Fetch::Fact(Fact::Checked)));
                request.headers.push((NAME.into(), Text(vec![state])));
            }
        }
    }

    /// `option redis-check`.
    pub fn redis() -> Script {
        Script::of(vec![
            Step::send(&b"*1\r\n$4\r\nPING\r\n"[..]),
            Step::expect(Answer::Greeting(Greeting::Redis)),
        ])
    }

    /// `option smtpchk [HELLO DOMAIN]`.
    pub fn smtp(hello: &str, domain: &str) -> Script {
        let line = |text: &str| Step::send(format!("{text}\r\n"));
        let expect = || Step::expect(Answer::Greeting(Greeting::Smtp));
        Script::of(vec![
            expect(),
            line(&format!("{hello} {domain}")),
            expect(),
            line("QUIT"),
            expect(),
        ])
    }

    /// `option mysql-check`, without a name: the greeting is enough. With one, the server must let it in.
    pub fn mysql(user: Option<&str>) -> Script {
        let greeting = Step::expect(Answer::Greeting(Greeting::Mysql));
        let Some(user) = user else {
            return Script::of(vec![greeting]);
        };
        let login = Step::send(super::database::mysql_login(user));
        let quit = Step::send(&[1, 0, 0, 0, 1][..]);
        Script::of(vec![
            greeting,
            login,
            quit,
            Step::expect(Answer::Greeting(Greeting::Mysql)),
        ])
    }

    /// `option pgsql-check user NAME`.
    pub fn postgres(user: &str) -> Script {
        Script::of(vec![
            Step::send(super::database::postgres_startup(user)),
            Step::expect(Answer::Greeting(Greeting::Postgres)),
        ])
    }

    /// `option ldap-check`.
    pub fn ldap() -> Script {
        // A bind request of version 3 without a name (RFC 4511, 4.2).
        let bind = [
            0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00,
        ];
        Script::of(vec![
            Step::send(&bind[..]),
            Step::expect(Answer::Greeting(Greeting::Ldap)),
        ])
    }

    /// `option ssl-hello-chk`.
    pub fn ssl_hello() -> Script {
        Script::of(vec![
            Step::send(super::database::client_hello()),
            Step::expect(Answer::Greeting(Greeting::Tls)),
        ])
    }

    /// A broker, as far as it says that it serves. The last step takes leave, where the protocol has a word for it.
    pub fn broker(protocol: Protocol, login: &Login) -> Script {
        let hello = protocol.hello(login).map(Step::send);
        let bye = protocol.goodbye().map(Step::send);
        let expect = Step::expect(Answer::Broker(protocol));
        Script::of(hello.into_iter().chain([expect]).chain(bye).collect())
    }

    /// Whether any of its connections speaks TLS although those of the server do not.
    pub fn speaks_tls(&self) -> bool {
        let mut actions = self.steps.iter().map(|step| &step.action);
        actions.any(|action| matches!(action, Action::Connect(connect) if connect.speaks_tls))
    }

    /// One content to be found, for tests and for the simplest scripts.
    pub fn expecting(content: Content) -> Script {
        Script::tcp(vec![Step::expect(Answer::Content(content))])
    }
}
