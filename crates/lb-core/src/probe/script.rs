//! The steps of a check, and the scripts that come with us.

use super::answer::Answer;
use super::broker::Protocol;
use super::database::Greeting;
use super::http::{HttpExpect, HttpRequest};
use super::matcher::Content;
use crate::health::CheckStatus;

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
    /// To the port of the check, or to this one.
    Connect {
        port: Option<u16>,
        header: Header,
    },
    Send(Box<[u8]>),
    Expect(Expect),
}

/// Whether a connection of a check begins with a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Header {
    Never,
    /// If those of the server's clients do.
    AsClients,
    Always,
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
    pub on_success: Option<Box<str>>,
    pub on_error: Option<Box<str>>,
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
    pub fn http(request: &HttpRequest, expects: &[(HttpExpect, bool)]) -> Script {
        let usual = [(HttpExpect::Usual, false)];
        let expects = if expects.is_empty() { &usual } else { expects };
        let step = |(answer, negated): &(HttpExpect, bool)| {
            let expect = Expect {
                negated: *negated,
                ..Expect::new(Answer::Http(answer.clone()))
            };
            Step::new(Action::Expect(expect))
        };
        let send = Step::send(request.bytes());
        Script::of(std::iter::once(send).chain(expects.iter().map(step)).collect())
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

    /// One content to be found, for tests and for the simplest scripts.
    pub fn expecting(content: Content) -> Script {
        Script::tcp(vec![Step::expect(Answer::Content(content))])
    }
}
