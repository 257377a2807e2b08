//! `option …chk`, `tcp-check` and `http-check`: what the servers of a proxy are asked.
//!
//! HAProxy knows no check that speaks a broker's protocol; ours are spelled as its others are.

use regex::bytes::Regex;
use tandem_lb_core::health::CheckStatus;
use tandem_lb_core::probe::{
    Action, Answer, Content, Expect, Header, HttpExpect, HttpRequest, Login, Protocol, Step, hex,
};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, suggest};
use super::section::Sections;
use crate::checking::Kind;
use crate::code;
use crate::draft::Proxy;

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
        summary: "a new connection: [default] [port N] [send-proxy] [comment TEXT]",
        parse: connect,
    },
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
        summary: "the answer must be: [!] status|rstatus|string|rstring PATTERN",
        parse: http_expect,
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
            uri: uri.clone(),
            ..usual
        },
        [method, uri] => HttpRequest {
            method: method.clone(),
            uri: uri.clone(),
            ..usual
        },
        [method, uri, version @ ..] => HttpRequest {
            method: method.clone(),
            uri: uri.clone(),
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

fn connect(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let (mut port, mut comment, mut header) = (None, None, Header::Never);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "default" => header = header.max(Header::AsClients),
            "send-proxy" => header = Header::Always,
            "port" => port = Some(args.number(1..=u32::from(u16::MAX))?),
            "comment" => comment = Some(args.text("a comment")?.into()),
            "addr" | "via-socks4" | "ssl" | "sni" | "alpn" | "linger" | "proto" | "check-alpn" => {
                return Err(unsupported(word));
            }
            _ => return Err(odd(word, &["port", "comment", "default", "send-proxy"])),
        }
    }
    let action = Action::Connect { port, header };
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

fn send(proxy: &mut Proxy, args: &mut Args<'_>, bytes: Vec<u8>) -> Outcome {
    let comment = args.accept("comment").then(|| args.text("a comment")).transpose()?;
    let action = Action::Send(bytes.into_boxed_slice());
    let comment = comment.map(Into::into);
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
            "min-recv" => expect.min_recv = Some(usize::from(args.number::<u16>(0..=16_384)?)),
            "comment" => comment = Some(args.text("a comment")?.into()),
            "ok-status" => expect.ok_status = Some(status(args, &OK)?),
            "error-status" => expect.error_status = Some(status(args, &FAILED)?),
            "tout-status" => expect.timeout_status = Some(status(args, &LATE)?),
            "on-success" => expect.on_success = Some(args.text("what to say")?.into()),
            "on-error" => expect.on_error = Some(args.text("what to say")?.into()),
            "string" | "rstring" | "binary" | "rbinary" => {
                expect.answer = Answer::Content(content(&word.text, args)?);
                found = true;
            }
            "string-lf" | "binary-lf" | "status-code" | "custom" => return Err(unsupported(word)),
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
    let negated = args.accept("!");
    let word = args.word("status, rstatus, string or rstring")?;
    let expect = match word.text.as_str() {
        "status" => HttpExpect::Status(codes(args.word("a status such as 200 or 200-399")?)?),
        "rstatus" => HttpExpect::StatusText(content("rstring", args)?),
        kind @ ("string" | "rstring") => HttpExpect::Body(content(kind, args)?),
        "min-recv" | "comment" | "ok-status" | "error-status" | "tout-status" | "on-success" | "on-error"
        | "status-code" | "hdr" | "fhdr" | "string-lf" => return Err(unsupported(word)),
        _ => return Err(odd(word, &["status", "rstatus", "string", "rstring"])),
    };
    proxy.settings.checking.expect.push((expect, negated));
    Ok(())
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
    let mut request = match &proxy.settings.checking.kind {
        Kind::Http(request) => request.clone(),
        _ => HttpRequest::default(),
    };
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "meth" => request.method = args.text("a method")?.into(),
            "uri" => request.uri = args.text("a URI")?.into(),
            "ver" => request.version = args.text("a version")?.into(),
            "hdr" => {
                let name = args.text("a header's name")?;
                request
                    .headers
                    .push((name.into(), args.text("a header's value")?.into()));
            }
            "body" => request.body = args.text("a body")?.into(),
            "comment" => drop(args.text("a comment")?),
            "uri-lf" | "body-lf" => return Err(unsupported(word)),
            _ => return Err(odd(word, &["meth", "uri", "ver", "hdr", "body", "comment"])),
        }
    }
    proxy.settings.checking.request = Some(request);
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
