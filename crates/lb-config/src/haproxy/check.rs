//! `option …chk`, `tcp-check` and `http-check`: what the servers of a proxy are asked.
//!
//! HAProxy knows no check that speaks a broker's protocol; ours are spelled as its others are.

use regex::bytes::Regex;
use tandem_lb_core::expr::{Expr, Scope};
use tandem_lb_core::health::CheckStatus;
use tandem_lb_core::probe::{
    Action, Answer, Connect, Content, Expect, Header, HttpExpect, HttpRequest, Login, Match, Protocol, Step, Text, hex,
};
use tandem_lb_core::rules::Made;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span};

use super::args::{Args, Outcome, bad_address};
use super::keyword::{Keyword, suggest};
use super::rules;
use super::section::Sections;
use crate::acl::Book;
use crate::checking::Kind;
use crate::draft::Proxy;
use crate::plan::{Host, ServerPort};
use crate::{address, code};

const BACK: Sections = Sections::BACK.and_defaults();

macro_rules! kind {
    ($words:literal, $summary:literal, $parse:expr) => {
        Keyword {
            words: $words,
            sections: BACK,
            summary: $summary,
            parse: |proxy, args| {
                let parse: fn(&mut Args<'_>) -> Result<Kind, Diagnostic> = $parse;
                switch(proxy, args, parse)
            },
        }
    };
}

macro_rules! of_variables {
    ($words:literal, $summary:literal, $of_http:literal) => {
        Keyword {
            words: $words,
            sections: BACK,
            summary: $summary,
            parse: |proxy, args| variable(proxy, args, $of_http),
        }
    };
}

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    kind!(
        "option tcp-check",
        "servers are asked what the tcp-check lines say",
        |_| Ok(Kind::Tcp)
    ),
    kind!(
        "option httpchk",
        "servers are asked by HTTP: [METHOD] [URI] [VERSION]",
        http
    ),
    kind!("option redis-check", "servers answer PING", |_| Ok(Kind::Redis)),
    kind!("option ldap-check", "servers answer an LDAP bind", |_| Ok(Kind::Ldap)),
    kind!("option ssl-hello-chk", "servers answer a TLS hello", |_| Ok(
        Kind::SslHello
    )),
    kind!("option smtpchk", "servers greet by SMTP: [HELO|EHLO DOMAIN]", smtp),
    kind!("option mysql-check", "servers greet, or let `user NAME` in", mysql),
    kind!(
        "option pgsql-check",
        "servers answer the startup of `user NAME`",
        postgres
    ),
    kind!("option amqp-check", "brokers begin an AMQP 0-9-1 connection", |_| {
        broker(Protocol::Amqp091)
    }),
    kind!("option amqp10-check", "brokers answer the header of AMQP 1.0", |_| {
        broker(Protocol::Amqp10)
    }),
    kind!(
        "option openwire-check",
        "brokers say the wire format of OpenWire",
        |_| broker(Protocol::OpenWire)
    ),
    kind!(
        "option mqtt-check",
        "brokers answer an MQTT CONNECT [user NAME [password WORD]]",
        |args| { Ok(Kind::Broker(Protocol::Mqtt, login(args)?)) }
    ),
    kind!(
        "option stomp-check",
        "brokers answer a STOMP CONNECT [user NAME [password WORD]]",
        |args| { Ok(Kind::Broker(Protocol::Stomp, login(args)?)) }
    ),
    kind!(
        "option external-check",
        "servers are checked by a program of one's own; `global` must allow it",
        |_| Ok(Kind::External)
    ),
    Keyword {
        words: "external-check command",
        sections: BACK,
        summary: "the program that checks: it gets the proxy's address and port and the server's, and ends with 0",
        parse: |proxy, args| {
            proxy.settings.external.command = Some(args.text("a program")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "external-check path",
        sections: BACK,
        summary: "the PATH of that program",
        parse: |proxy, args| {
            proxy.settings.external.path = Some(args.text("folders, as in PATH")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "tcp-check connect",
        sections: BACK,
        summary: "a new connection: [default] [addr A] [port N] [send-proxy] [linger] [comment TEXT]",
        parse: |proxy, args| {
            let step = connect(args)?;
            proxy.settings.checking.steps.push(step);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-check send-lf",
        sections: BACK,
        summary: "say this text, with %[expressions] in it",
        parse: |proxy, args| send_made(proxy, args, false),
    },
    Keyword {
        words: "tcp-check send-binary-lf",
        sections: BACK,
        summary: "say these bytes, in hex, with %[expressions] in it",
        parse: |proxy, args| send_made(proxy, args, true),
    },
    of_variables!(
        "tcp-check set-var(",
        "set-var(check.NAME) EXPRESSION: for later lines of the check",
        false
    ),
    of_variables!(
        "tcp-check set-var-fmt(",
        "the same of a text with %[expressions]",
        false
    ),
    of_variables!(
        "tcp-check unset-var(",
        "unset-var(check.NAME): as if it had not been set",
        false
    ),
    of_variables!(
        "http-check set-var(",
        "set-var(check.NAME) EXPRESSION: for later lines of the check",
        true
    ),
    of_variables!(
        "http-check set-var-fmt(",
        "the same of a text with %[expressions]",
        true
    ),
    of_variables!(
        "http-check unset-var(",
        "unset-var(check.NAME): as if it had not been set",
        true
    ),
    Keyword {
        words: "tcp-check send",
        sections: BACK,
        summary: "say this text",
        parse: |proxy, args| {
            let text = args.text("what to send")?;
            send(proxy, args, text.into_bytes())
        },
    },
    Keyword {
        words: "tcp-check send-binary",
        sections: BACK,
        summary: "say these bytes, in hex",
        parse: |proxy, args| {
            let bytes = binary(args.word("bytes in hex")?)?;
            send(proxy, args, bytes.into_vec())
        },
    },
    Keyword {
        words: "tcp-check comment",
        sections: BACK,
        summary: "a word for the log if the next step fails",
        parse: |_, args| args.text("a comment").map(drop),
    },
    Keyword {
        words: "tcp-check expect",
        sections: BACK,
        summary: "hear this: [!] string|rstring|binary|rbinary PATTERN, and what follows from it",
        parse: expect,
    },
    Keyword {
        words: "http-check expect",
        sections: BACK,
        summary: "the answer must be: [!] status|rstatus|string|rstring|hdr|fhdr PATTERN, and what follows from it",
        parse: http_expect,
    },
    Keyword {
        words: "http-check connect",
        sections: BACK,
        summary: "a new connection, as of `tcp-check connect`",
        parse: |proxy, args| {
            let step = connect(args)?;
            proxy.settings.checking.http.push(step);
            Ok(())
        },
    },
    Keyword {
        words: "http-check comment",
        sections: BACK,
        summary: "a word for those who read the lines",
        parse: |_, args| args.text("a comment").map(drop),
    },
    Keyword {
        words: "http-check disable-on-404",
        sections: BACK,
        summary: "a server that answers 404 keeps whom it has and takes nobody new",
        parse: |proxy, args| args.switch(&mut proxy.settings.checking.gone_is_drained),
    },
    Keyword {
        words: "http-check send",
        sections: BACK,
        summary: "the request: meth M uri U ver V hdr NAME VALUE body TEXT",
        parse: http_send,
    },
];

/// Sets the kind of check. Like HAProxy, nothing but another kind takes it away.
fn switch(proxy: &mut Proxy, args: &mut Args<'_>, parse: fn(&mut Args<'_>) -> Result<Kind, Diagnostic>) -> Outcome {
    if args.negated() {
        let span = args.line_span();
        return Err(
            Diagnostic::error(code::UNSUPPORTED, span, "a kind of check cannot be switched off")
                .help("leave `option` out of the defaults, and write it where it is meant"),
        );
    }
    proxy.settings.checking.kind = parse(args)?;
    Ok(())
}

fn http(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    let usual = HttpRequest::default();
    let words: Vec<Box<str>> = args.take_rest().iter().map(|word| word.text.as_str().into()).collect();
    let request = match words.as_slice() {
        [] => usual,
        [uri] => HttpRequest {
            uri: uri.as_ref().into(),
            ..usual
        },
        [method, uri] => HttpRequest {
            method: method.clone(),
            uri: uri.as_ref().into(),
            ..usual
        },
        [method, uri, version @ ..] => HttpRequest {
            method: method.clone(),
            uri: uri.as_ref().into(),
            version: version.join(" ").into(),
            ..usual
        },
    };
    Ok(Kind::Http(request))
}

fn smtp(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    let mut word = || args.next().map(|word| Box::<str>::from(word.text.as_str()));
    let (hello, domain) = (word(), word());
    let asked = hello.filter(|hello| matches!(&**hello, "HELO" | "EHLO")).zip(domain);
    let (hello, domain) = asked.unwrap_or_else(|| ("HELO".into(), "localhost".into()));
    Ok(Kind::Smtp { hello, domain })
}

fn mysql(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    if !args.accept("user") {
        return Ok(Kind::Mysql(None));
    }
    let user = args.text("a user")?;
    // Both name the same packet here: the one that servers of today understand.
    let _either = args.accept("post-41") || args.accept("pre-41");
    Ok(Kind::Mysql(Some(user.into())))
}

fn postgres(args: &mut Args<'_>) -> Result<Kind, Diagnostic> {
    if !args.accept("user") {
        let span = args.line_span();
        return Err(Diagnostic::error(code::MISSING, span, "this check needs a user")
            .help("write `option pgsql-check user NAME`"));
    }
    Ok(Kind::Postgres(args.text("a user")?.into()))
}

fn broker(protocol: Protocol) -> Result<Kind, Diagnostic> {
    Ok(Kind::Broker(protocol, Login::default()))
}

fn login(args: &mut Args<'_>) -> Result<Login, Diagnostic> {
    let mut login = Login::default();
    if args.accept("user") {
        login.user = Some(args.text("a user")?.into());
        if args.accept("password") {
            login.password = Some(args.text("a password")?.into());
        }
    }
    Ok(login)
}

fn connect(args: &mut Args<'_>) -> Result<Step, Diagnostic> {
    let (mut connect, mut comment) = (Connect::default(), None);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "default" => connect.header = connect.header.max(Header::AsClients),
            "send-proxy" => connect.header = Header::Always,
            "linger" => connect.lingers = true,
            "port" => connect.port = Some(args.number(1..=u32::from(u16::MAX))?),
            "addr" => place(args, &mut connect)?,
            "comment" => comment = Some(args.text("a comment")?.into()),
            "via-socks4" | "ssl" | "sni" | "alpn" | "proto" | "check-alpn" => return Err(unsupported(word)),
            _ => {
                return Err(odd(
                    word,
                    &["port", "addr", "linger", "comment", "default", "send-proxy"],
                ));
            }
        }
    }
    Ok(Step {
        action: Action::Connect(connect),
        comment,
    })
}

/// `addr`: an address, perhaps with a port.
fn place(args: &mut Args<'_>, connect: &mut Connect) -> Outcome {
    let word = args.word("an address")?;
    let (host, port) = address::server(&word.text).map_err(|error| bad_address(word, &error))?;
    let Host::Ip(ip) = host else {
        let message = format!("`{}` is no address of the network", word.text);
        return Err(
            Diagnostic::error(code::BAD_ADDRESS, word.span, message).help("write its number, such as 192.0.2.1")
        );
    };
    connect.ip = Some(ip);
    if let ServerPort::Fixed(port) = port {
        connect.port = Some(port);
    }
    Ok(())
}

fn send_made(proxy: &mut Proxy, args: &mut Args<'_>, is_hex: bool) -> Outcome {
    let text = made(proxy, args, "what to send")?;
    let comment = comment(args)?;
    let action = Action::SendMade { text, is_hex };
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

/// A text with `%[expressions]`.
fn made(proxy: &mut Proxy, args: &mut Args<'_>, what: &str) -> Result<Text, Diagnostic> {
    let word = args.word(what)?;
    let mut book = Book::default();
    let pieces = rules::pieces(word, &mut book, args.world)?;
    proxy.settings.references.append(&mut book.references);
    Ok(Text(pieces))
}

fn expression(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Expr, Diagnostic> {
    let word = args.word("an expression")?;
    let mut book = Book::default();
    let expr = book.expr(word, args.world)?;
    proxy.settings.references.append(&mut book.references);
    Ok(expr)
}

fn comment(args: &mut Args<'_>) -> Result<Option<Box<str>>, Diagnostic> {
    let comment = args.accept("comment").then(|| args.text("a comment")).transpose()?;
    Ok(comment.map(Into::into))
}

/// `set-var(check.NAME) EXPRESSION` and its like.
fn variable(proxy: &mut Proxy, args: &mut Args<'_>, of_http: bool) -> Outcome {
    let Some(word) = args.previous() else { return Ok(()) };
    let variable = rules::variable(word)?;
    if variable.scope != Scope::Check {
        let message = "what a check remembers is its own";
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help("write `check.NAME`"));
    }
    let action = if word.text.starts_with("unset-var") {
        Action::Unset(variable)
    } else if word.text.starts_with("set-var-fmt") {
        let Text(pieces) = made(proxy, args, "a text")?;
        Action::Set(variable, Made::Text(pieces))
    } else {
        Action::Set(variable, Made::Value(expression(proxy, args)?))
    };
    let checking = &mut proxy.settings.checking;
    let lines = if of_http {
        &mut checking.http
    } else {
        &mut checking.steps
    };
    lines.push(Step::new(action));
    Ok(())
}

fn send(proxy: &mut Proxy, args: &mut Args<'_>, bytes: Vec<u8>) -> Outcome {
    let comment = comment(args)?;
    let action = Action::Send(bytes.into_boxed_slice());
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

fn expect(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let mut expect = Expect::new(Answer::Content(Content::Text("".into())));
    let mut comment = None;
    let mut found = false;
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "!" => expect.negated = true,
            "string" | "rstring" | "binary" | "rbinary" => {
                expect.answer = Answer::Content(content(&word.text, args)?);
                found = true;
            }
            "string-lf" | "binary-lf" => {
                let is_hex = word.text == "binary-lf";
                let text = made(proxy, args, "what to expect")?;
                expect.answer = Answer::Content(Content::Made { text, is_hex });
                found = true;
            }
            "custom" => return Err(unsupported(word)),
            "comment" => comment = Some(args.text("a comment")?.into()),
            other if consequence(other, &mut expect, proxy, args)? => {}
            _ => {
                return Err(odd(
                    word,
                    &["string", "rstring", "binary", "rbinary", "min-recv", "comment"],
                ));
            }
        }
    }
    if !found {
        return Err(nothing_expected(args.line_span()));
    }
    let action = Action::Expect(expect);
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

/// What follows from an answer; false when the word is about something else.
fn consequence(word: &str, expect: &mut Expect, proxy: &mut Proxy, args: &mut Args<'_>) -> Result<bool, Diagnostic> {
    match word {
        "!" => expect.negated = true,
        "min-recv" => expect.min_recv = Some(usize::from(args.number::<u16>(0..=16_384)?)),
        "ok-status" => expect.ok_status = Some(status(args, &OK)?),
        "error-status" => expect.error_status = Some(status(args, &FAILED)?),
        "tout-status" => expect.timeout_status = Some(status(args, &LATE)?),
        "on-success" => expect.on_success = Some(made(proxy, args, "what to say")?),
        "on-error" => expect.on_error = Some(made(proxy, args, "what to say")?),
        "status-code" => expect.code = Some(expression(proxy, args)?),
        _ => return Ok(false),
    }
    Ok(true)
}

fn nothing_expected(span: Span) -> Diagnostic {
    Diagnostic::error(code::MISSING, span, "this says not what to expect").help("write `expect string TEXT`")
}

fn content(kind: &str, args: &mut Args<'_>) -> Result<Content, Diagnostic> {
    let word = args.word("what to expect")?;
    Ok(match kind {
        "string" => Content::Text(word.text.as_str().into()),
        "rstring" => Content::Regex(regex(word)?),
        "binary" => Content::Binary(binary(word)?),
        _ => Content::BinaryRegex(regex(word)?),
    })
}

fn regex(word: &Word) -> Result<Regex, Diagnostic> {
    Regex::new(&word.text).map_err(|error| {
        let text = error.to_string();
        let why = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        Diagnostic::error(
            code::BAD_VALUE,
            word.span,
            format!("this is no regular expression: {why}"),
        )
    })
}

fn binary(word: &Word) -> Result<Box<[u8]>, Diagnostic> {
    hex(&word.text).map_err(|error| Diagnostic::error(code::BAD_VALUE, word.span, error.to_string()))
}

const OK: [CheckStatus; 4] = [
    CheckStatus::L4Ok,
    CheckStatus::L6Ok,
    CheckStatus::L7Ok,
    CheckStatus::L7OkConditionally,
];
const FAILED: [CheckStatus; 5] = [
    CheckStatus::L4Connection,
    CheckStatus::L6Response,
    CheckStatus::L7Response,
    CheckStatus::L7Status,
    CheckStatus::L7OkConditionally,
];
const LATE: [CheckStatus; 3] = [CheckStatus::L4Timeout, CheckStatus::L6Timeout, CheckStatus::L7Timeout];

fn status(args: &mut Args<'_>, allowed: &[CheckStatus]) -> Result<CheckStatus, Diagnostic> {
    let choices: Vec<(&str, CheckStatus)> = allowed.iter().map(|status| (status.code(), *status)).collect();
    args.choice("a status", &choices)
}

fn http_expect(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let mut expect = Expect::new(Answer::Http(HttpExpect::Usual));
    let (mut comment, mut found) = (None, None);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "status" => {
                found = Some(HttpExpect::Status(codes(
                    args.word("a status such as 200 or 200-399")?,
                )?))
            }
            "rstatus" => found = Some(HttpExpect::StatusText(content("rstring", args)?)),
            kind @ ("string" | "rstring") => found = Some(HttpExpect::Body(content(kind, args)?)),
            "string-lf" => {
                let text = made(proxy, args, "what to expect")?;
                found = Some(HttpExpect::Body(Content::Made { text, is_hex: false }));
            }
            kind @ ("hdr" | "fhdr") => found = Some(header(proxy, args, kind == "fhdr")?),
            "comment" => comment = Some(args.text("a comment")?.into()),
            other if consequence(other, &mut expect, proxy, args)? => {}
            _ => return Err(odd(word, &["status", "rstatus", "string", "rstring", "hdr", "fhdr"])),
        }
    }
    let Some(found) = found else {
        return Err(nothing_expected(args.line_span()));
    };
    expect.answer = Answer::Http(found);
    let action = Action::Expect(expect);
    proxy.settings.checking.http.push(Step { action, comment });
    Ok(())
}

/// `name [-m M] TEXT [value [-m M] TEXT]`
fn header(proxy: &mut Proxy, args: &mut Args<'_>, is_whole: bool) -> Result<HttpExpect, Diagnostic> {
    let word = args.word("`name` or `name-lf`")?;
    if !matches!(word.text.as_str(), "name" | "name-lf") {
        return Err(odd(word, &["name", "name-lf"]));
    }
    let name = matching(proxy, args, word.text == "name-lf")?;
    let is_made = args.peek().is_some_and(|word| word.text == "value-lf");
    let has_value = args.accept("value") || args.accept("value-lf");
    let value = has_value.then(|| matching(proxy, args, is_made)).transpose()?;
    Ok(HttpExpect::Header { name, value, is_whole })
}

fn matching(proxy: &mut Proxy, args: &mut Args<'_>, is_made: bool) -> Result<Match, Diagnostic> {
    type Compares = fn(Text) -> Match;
    const METHODS: &[(&str, Compares)] = &[
        ("str", Match::Is),
        ("beg", Match::Begins),
        ("end", Match::Ends),
        ("sub", Match::Has),
    ];
    let method = match args.accept("-m") {
        true if args.accept("reg") => return Ok(Match::Regex(regex(args.word("an expression")?)?)),
        true => args.choice("a way to compare: str, beg, end, sub or reg", METHODS)?,
        false => Match::Is,
    };
    let text = match is_made {
        true => made(proxy, args, "a text")?,
        false => Text::from(args.word("a text")?.text.as_str()),
    };
    Ok(method(text))
}

/// `200`, `200,204` or `200-399`.
fn codes(word: &Word) -> Result<Vec<(u16, u16)>, Diagnostic> {
    let one = |part: &str| -> Option<(u16, u16)> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to && (100..=999).contains(&to)).then_some((from, to))
    };
    let all: Option<Vec<(u16, u16)>> = word.text.split(',').map(one).collect();
    all.ok_or_else(|| {
        let message = format!("`{}` is no list of HTTP statuses", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message).help("write 200, or 200,204, or 200-399")
    })
}

fn http_send(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let is_first = proxy.settings.checking.http.own().is_empty();
    let mut request = match &proxy.settings.checking.kind {
        Kind::Http(request) if is_first => request.clone(),
        _ => HttpRequest::default(),
    };
    let mut comment = None;
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "meth" => request.method = args.text("a method")?.into(),
            "uri" => request.uri = args.text("a URI")?.as_str().into(),
            "ver" => request.version = args.text("a version")?.into(),
            "hdr" => {
                let name = args.text("a header's name")?;
                let value = made(proxy, args, "a header's value")?;
                request.headers.push((name.into(), value));
            }
            "body" => request.body = args.text("a body")?.as_str().into(),
            "body-lf" => request.body = made(proxy, args, "a body")?,
            "uri-lf" => request.uri = made(proxy, args, "a URI")?,
            "comment" => comment = Some(args.text("a comment")?.into()),
            _ => return Err(odd(word, &["meth", "uri", "ver", "hdr", "body", "comment"])),
        }
    }
    let action = Action::Request(request);
    proxy.settings.checking.http.push(Step { action, comment });
    Ok(())
}

fn unsupported(word: &Word) -> Diagnostic {
    let message = format!("`{}` is known to HAProxy, but not supported yet", word.text);
    Diagnostic::error(code::UNSUPPORTED, word.span, message)
}

fn odd(word: &Word, known: &[&str]) -> Diagnostic {
    let message = format!("unknown keyword `{}` in a check", word.text);
    suggest(
        Diagnostic::error(code::UNKNOWN, word.span, message),
        &word.text,
        known.iter().copied(),
    )
}
