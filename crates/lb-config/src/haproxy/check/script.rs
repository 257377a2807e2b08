//! The lines of `tcp-check`, and what those of `http-check` share with them.

use regex::bytes::Regex;
use tandem_lb_core::expr::{Expr, Fact, Fetch, Scope, Use, Variable};
use tandem_lb_core::health::CheckStatus;
use tandem_lb_core::probe::{Action, Answer, Connect, Content, Expect, Step, Text, hex};
use tandem_lb_core::rules::{Made, Piece};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span};

use super::super::args::{Args, Outcome, bad_address};
use super::super::keyword::suggest;
use super::super::rules;
use super::super::tls::protocols;
use super::super::unsupported::refusal;
use crate::acl::Book;
use crate::draft::Proxy;
use crate::plan::{Host, ServerPort};
use crate::{address, code};

pub(super) fn connect(args: &mut Args<'_>) -> Result<Step, Diagnostic> {
    let (mut connect, mut comment) = (Connect::default(), None);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "default" => connect.as_usual = true,
            "send-proxy" => connect.sends_header = true,
            "ssl" => connect.speaks_tls = true,
            "sni" => connect.sni = Some(args.text("a server name")?.into()),
            "alpn" => connect.alpn = protocols(args)?,
            "linger" => connect.lingers = true,
            "port" => connect.port = Some(args.number(1..=u32::from(u16::MAX))?),
            "addr" => place(args, &mut connect)?,
            "comment" => comment = Some(args.text("a comment")?.into()),
            "via-socks4" | "proto" => return Err(unsupported(word)),
            _ => {
                return Err(odd(
                    word,
                    &[
                        "port",
                        "addr",
                        "linger",
                        "comment",
                        "default",
                        "send-proxy",
                        "ssl",
                        "sni",
                        "alpn",
                    ],
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

pub(super) fn send_made(proxy: &mut Proxy, args: &mut Args<'_>, is_hex: bool) -> Outcome {
    let text = made(proxy, args, "what to send")?;
    let comment = comment(args)?;
    let action = Action::SendMade { text, is_hex };
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

/// A text with `%[expressions]`.
pub(super) fn made(proxy: &mut Proxy, args: &mut Args<'_>, what: &str) -> Result<Text, Diagnostic> {
    let word = args.word(what)?;
    let mut book = Book::default();
    let pieces = rules::pieces(word, &mut book, args.world)?;
    proxy.settings.references.append(&mut book.references);
    for expr in pieces.iter().filter_map(Piece::expr) {
        can_be_asked(expr, word)?;
    }
    Ok(Text(pieces))
}

/// What nobody would answer is refused, and a check's variables are set by steps of their own.
fn can_be_asked(expr: &Expr, word: &Word) -> Result<(), Diagnostic> {
    let refused =
        |message: &str, help: &str| Err(Diagnostic::error(code::UNSUPPORTED, word.span, message).help(help.to_owned()));
    let lives_here = |variable: &Variable| matches!(variable.scope, Scope::Check | Scope::Process);
    let is_known = match &expr.fetch {
        Fetch::Constant(_) | Fetch::Nothing | Fetch::Date { .. } | Fetch::DateMicros => true,
        Fetch::Response(_) | Fetch::Either(_) | Fetch::WaitEnd => true,
        Fetch::Variable(variable) | Fetch::VariableOr(variable, _) => lives_here(variable),
        Fetch::Fact(fact) => ASKED_OF_CHECKS.contains(fact),
        Fetch::Authenticated(_) | Fetch::Group(_) | Fetch::Counter(_) | Fetch::Part(_) => false,
    };
    let uses = expr.uses();
    if uses.iter().any(|used| matches!(used, Use::Sets(_))) {
        return refused(
            "a check sets no variables by converters",
            "write `set-var(check.NAME) EXPRESSION` as a step",
        );
    }
    if is_known
        && uses
            .iter()
            .all(|used| matches!(used, Use::Reads(variable) if lives_here(variable)))
    {
        return Ok(());
    }
    refused(
        "a check cannot tell this",
        "it knows what it heard, its variables and those of the process, its server and its backend",
    )
}

/// What a check knows beside its variables and what it heard.
const ASKED_OF_CHECKS: &[Fact] = &[
    Fact::BackendName,
    Fact::BackendId,
    Fact::BackendConns(None),
    Fact::ServerName,
    Fact::ServerId,
    Fact::Dst,
    Fact::DstPort,
    Fact::Hostname,
    Fact::ProcessNumber,
];

fn expression(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Expr, Diagnostic> {
    let word = args.word("an expression")?;
    let mut book = Book::default();
    let expr = book.expr(word, args.world)?;
    can_be_asked(&expr, word)?;
    proxy.settings.references.append(&mut book.references);
    Ok(expr)
}

fn comment(args: &mut Args<'_>) -> Result<Option<Box<str>>, Diagnostic> {
    let comment = args.accept("comment").then(|| args.text("a comment")).transpose()?;
    Ok(comment.map(Into::into))
}

/// `set-var(check.NAME) EXPRESSION` and its like.
pub(super) fn variable(proxy: &mut Proxy, args: &mut Args<'_>, of_http: bool) -> Outcome {
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

pub(super) fn send(proxy: &mut Proxy, args: &mut Args<'_>, bytes: Vec<u8>) -> Outcome {
    let comment = comment(args)?;
    let action = Action::Send(bytes.into_boxed_slice());
    proxy.settings.checking.steps.push(Step { action, comment });
    Ok(())
}

pub(super) fn expect(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
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
pub(super) fn consequence(
    word: &str,
    expect: &mut Expect,
    proxy: &mut Proxy,
    args: &mut Args<'_>,
) -> Result<bool, Diagnostic> {
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

pub(super) fn nothing_expected(span: Span) -> Diagnostic {
    Diagnostic::error(code::MISSING, span, "this says not what to expect").help("write `expect string TEXT`")
}

pub(super) fn content(kind: &str, args: &mut Args<'_>) -> Result<Content, Diagnostic> {
    let word = args.word("what to expect")?;
    Ok(match kind {
        "string" => Content::Text(word.text.as_str().into()),
        "rstring" => Content::Regex(regex(word)?),
        "binary" => Content::Binary(binary(word)?),
        _ => Content::BinaryRegex(regex(word)?),
    })
}

pub(super) fn regex(word: &Word) -> Result<Regex, Diagnostic> {
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

pub(super) fn binary(word: &Word) -> Result<Box<[u8]>, Diagnostic> {
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

fn unsupported(word: &Word) -> Diagnostic {
    refusal(&format!("`{}`", word.text), word.span)
}

pub(super) fn odd(word: &Word, known: &[&str]) -> Diagnostic {
    let message = format!("unknown keyword `{}` in a check", word.text);
    suggest(
        Diagnostic::error(code::UNKNOWN, word.span, message),
        &word.text,
        known.iter().copied(),
    )
}
