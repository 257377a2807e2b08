//! `acl`, `tcp-request`, `use_backend` and `use-server`: what is decided about each connection.

use tandem_lb_core::acl::Condition;
use tandem_lb_core::conn::Side;
use tandem_lb_core::dns::Kind;
use tandem_lb_core::expr::{Converter, Expr, Fetch, Place, Sample, Scope, Strings, Variable, When};
use tandem_lb_core::log::format::{self, Source};
use tandem_lb_core::rules::{Action, Loudness, Made, Piece, Precedence, Route, Rule, Spot, Target, UseServer};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned, nearest};

use super::args::Args;
use super::keyword::Keyword;
use super::section::Sections;
use super::{counters, filter, places, quote, unsupported};
use crate::acl::{Book, at_word};
use crate::draft::{Proxy, Role};
use crate::expr::{Reference, World};
use crate::names::SEVERITIES;
use crate::plan::FirstValue;
use crate::{code, expr, log_format};

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "acl",
        sections: Sections::PROXIES.and_defaults(),
        summary: "a named test: a fetch, flags, patterns",
        parse: |proxy, args| {
            has_name(proxy, args)?;
            let at = args.last_span();
            let words = args.take_rest();
            proxy.rules.book.define(words, at, args.world)
        },
    },
    Keyword {
        words: "use_backend",
        sections: Sections::FRONT,
        summary: "the backend for connections that fit a condition",
        parse: |proxy, args| {
            let span = args.line_span();
            let target = target(proxy, args, "the name of a backend")?;
            let when = condition(proxy, args)?;
            places::fit(target.exprs(), &[Place::Route], span)?;
            places::ask(when.as_ref(), &proxy.rules.book.acls, &[Place::Route], args);
            proxy.rules.routes.push(Spanned::new(Route { target, when }, span));
            Ok(())
        },
    },
    Keyword {
        words: "use-server",
        sections: Sections::BACK,
        summary: "the server for connections that fit a condition, while it is up",
        parse: |proxy, args| {
            let span = args.line_span();
            let server = target(proxy, args, "the name of a server")?;
            let when = condition(proxy, args)?;
            if when.is_none() {
                return Err(Diagnostic::error(code::MISSING, span, "`use-server` needs a condition")
                    .help("write `use-server NAME if …`"));
            }
            places::fit(server.exprs(), &[Place::Choice], span)?;
            places::ask(when.as_ref(), &proxy.rules.book.acls, &[Place::Choice], args);
            proxy.rules.servers.push(Spanned::new(UseServer { server, when }, span));
            Ok(())
        },
    },
    Keyword {
        words: "force-persist",
        sections: Sections::BACK,
        summary: "known clients that fit a condition go to their server although it is down",
        parse: persist,
    },
    Keyword {
        words: "tcp-request connection",
        sections: Sections::FRONT.strictly().and_defaults(),
        summary: "a rule for connections as they are accepted",
        parse: |proxy, args| {
            let rule = rule(proxy, args, Stage::Connection)?;
            proxy.rules.connection.rules.push(rule);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-request session",
        sections: Sections::FRONT.strictly().and_defaults(),
        summary: "a rule for connections before they count as sessions",
        parse: |proxy, args| {
            let rule = rule(proxy, args, Stage::Session)?;
            proxy.rules.session.rules.push(rule);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-request content",
        sections: Sections::PROXIES.and_defaults(),
        summary: "a rule for what the client sends first",
        parse: |proxy, args| {
            let rule = rule(proxy, args, Stage::Content)?;
            proxy.rules.content.rules.push(rule);
            Ok(())
        },
    },
    Keyword {
        words: "tcp-response content",
        sections: Sections::PROXIES.and_defaults(),
        summary: "a rule for what the server sends first",
        parse: |proxy, args| {
            let rule = rule(proxy, args, Stage::Response)?;
            proxy.rules.response.push(Spanned::new(rule, args.line_span()));
            Ok(())
        },
    },
    Keyword {
        words: "tcp-response inspect-delay",
        sections: Sections::PROXIES.and_defaults(),
        summary: "how long the response rules may wait for bytes",
        parse: |proxy, args| {
            proxy.settings.response_delay = args.time()?;
            Ok(())
        },
    },
    Keyword {
        words: "tcp-request inspect-delay",
        sections: Sections::PROXIES.and_defaults(),
        summary: "how long the content rules may wait for bytes",
        parse: |proxy, args| {
            proxy.settings.inspect_delay = args.time()?;
            Ok(())
        },
    },
];

/// ACLs and rules of `defaults` are for those who ask for it by its name.
fn has_name(proxy: &Proxy, args: &Args<'_>) -> Result<(), Diagnostic> {
    if proxy.role != Role::Defaults || !proxy.name.value.is_empty() {
        return Ok(());
    }
    let message = "only `defaults` with a name can have this";
    Err(Diagnostic::error(code::MISPLACED, args.line_span(), message)
        .help("write `defaults NAME`, and `from NAME` behind the names of the sections that take it"))
}

fn persist(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let at = args.line_span();
    let Some(when) = condition(proxy, args)? else {
        return Err(Diagnostic::error(code::MISSING, at, "this needs a condition").help("write `if …` or `unless …`"));
    };
    places::ask(Some(&when), &proxy.rules.book.acls, &[Place::BackendContent], args);
    proxy.rules.persistence.push(when);
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connection,
    Session,
    Content,
    Response,
}

impl Stage {
    const fn places(self, role: Role) -> &'static [Place] {
        match self {
            Stage::Connection => &[Place::Connection],
            Stage::Session => &[Place::Session],
            Stage::Content => places::content(role),
            Stage::Response => &[Place::Response],
        }
    }
}

const ACTIONS: &[&str] = &[
    "accept",
    "reject",
    "silent-drop",
    "set-var",
    "set-var-fmt",
    "unset-var",
    "set-log-level",
    "set-src",
    "set-src-port",
    "set-dst",
    "set-dst-port",
    "set-mark",
    "set-tos",
    "set-fc-mark",
    "set-fc-tos",
    "set-bc-mark",
    "set-bc-tos",
    "set-priority-class",
    "set-priority-offset",
    "expect-proxy",
    "track-sc0",
    "sc-inc-gpc",
    "sc-inc-gpc0",
    "sc-inc-gpc1",
    "sc-add-gpc",
    "sc-set-gpt",
    "sc-set-gpt0",
    "close",
    "set-bandwidth-limit",
    "capture",
    "do-resolve",
];

/// What HAProxy has beside these: the start of a name, and what to do instead.
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    ("attach-srv", "connections that servers begin are not known here"),
    ("do-log", "write what is to be logged into `log-format`"),
    (
        "expect-netscaler-cip",
        "write `expect-proxy layer4`, and send a PROXY header",
    ),
    ("lua.", "there is no Lua"),
    ("send-spoe-group", "there are no agents to be asked"),
    ("set-nice", "all connections are served in turn: leave it out"),
    (
        "set-retries",
        "how often is tried again is said by the backend: write `retries` there",
    ),
    ("switch-mode", "it is about HTTP, and this relays TCP"),
    ("use-service", "it is about HTTP, and this relays TCP"),
];

fn rule(proxy: &mut Proxy, args: &mut Args<'_>, stage: Stage) -> Result<Rule, Diagnostic> {
    has_name(proxy, args)?;
    let span = args.line_span();
    let action = action(proxy, args, stage)?;
    let when = condition(proxy, args)?;
    let places = stage.places(proxy.role);
    places::fit(action.exprs(), places, span)?;
    places::ask(when.as_ref(), &proxy.rules.book.acls, places, args);
    let spot = Spot(args.origin());
    Ok(Rule { action, when, spot })
}

fn action(proxy: &mut Proxy, args: &mut Args<'_>, stage: Stage) -> Result<Action, Diagnostic> {
    let word = args.word("an action")?;
    let (name, parameter) = match word.text.split_once('(') {
        Some((name, rest)) => (name, Some(rest)),
        None => (word.text.as_str(), None),
    };
    if let Some(action) = counters::action(word, name, parameter, proxy, args)? {
        return match (stage, &action) {
            (Stage::Response, Action::Track { .. }) => Err(too_late(word)),
            _ => Ok(action),
        };
    }
    if let (Some(_), false) = (
        parameter,
        matches!(name, "set-var" | "set-var-fmt" | "unset-var" | "do-resolve"),
    ) {
        return Err(odd_action(word, name));
    }
    if stage == Stage::Response && (name.starts_with("set-src") || name.starts_with("set-dst")) {
        return Err(too_late(word));
    }
    Ok(match name {
        "close" if stage == Stage::Response => Action::Close,
        "accept" => Action::Accept,
        "reject" => Action::Reject,
        "silent-drop" => silent_drop(args)?,
        "set-var" => {
            let (variable, when) = conditional(word)?;
            Action::SetVar(variable, when, Made::Value(value(proxy, args)?))
        }
        "set-var-fmt" => {
            let (variable, when) = conditional(word)?;
            let format = args.word("a text")?;
            Action::SetVar(
                variable,
                when,
                Made::Text(pieces(format, &mut proxy.rules.book, args.world)?),
            )
        }
        "set-log-level" => set_log_level(args, word, stage)?,
        "unset-var" => Action::UnsetVar(variable(word)?),
        "set-src" => Action::SetSrc(value(proxy, args)?),
        "set-src-port" => Action::SetSrcPort(value(proxy, args)?),
        "set-dst" => Action::SetDst(value(proxy, args)?),
        "set-dst-port" => Action::SetDstPort(value(proxy, args)?),
        "set-mark" | "set-fc-mark" => Action::SetMark(Side::Client, number(proxy, args, u32::MAX)?),
        "set-tos" | "set-fc-tos" => Action::SetTos(Side::Client, number(proxy, args, u8::MAX.into())?),
        "set-bc-mark" | "set-bc-tos" if stage != Stage::Content => {
            let message =
                format!("`{name}` is about the connection to the server, and comes too early or too late here");
            return Err(
                Diagnostic::error(code::MISPLACED, word.span, message).help("write it as a `tcp-request content` rule")
            );
        }
        "set-bc-mark" => Action::SetMark(Side::Server, number(proxy, args, u32::MAX)?),
        "set-bc-tos" => Action::SetTos(Side::Server, number(proxy, args, u8::MAX.into())?),
        "set-priority-class" | "set-priority-offset" if stage != Stage::Content => {
            let message =
                format!("`{name}` is about who waits for a server, and that is decided after the content rules");
            return Err(
                Diagnostic::error(code::MISPLACED, word.span, message).help("write it as a `tcp-request content` rule")
            );
        }
        "set-priority-class" => Action::SetPriority(Precedence::Class, value(proxy, args)?),
        "set-priority-offset" => Action::SetPriority(Precedence::Offset, value(proxy, args)?),
        "set-bandwidth-limit" if !matches!(stage, Stage::Content | Stage::Response) => {
            return Err(too_early(word));
        }
        "set-bandwidth-limit" => filter::action(proxy, args)?,
        "capture" | "do-resolve" if stage != Stage::Content => return Err(too_early(word)),
        "do-resolve" => do_resolve(proxy, args, word)?,
        "capture" => capture(proxy, args, word)?,
        "expect-proxy" => expect_proxy(args, word, stage)?,
        _ => return Err(odd_action(word, name)),
    })
}

fn too_early(word: &Word) -> Diagnostic {
    let message = format!("`{}` comes too early here", word.text);
    Diagnostic::error(code::MISPLACED, word.span, message).help("write it as a `tcp-request content` rule")
}

fn too_late(word: &Word) -> Diagnostic {
    let message = format!("`{}` comes too late when the server answers", word.text);
    Diagnostic::error(code::MISPLACED, word.span, message).help("write it as a `tcp-request content` rule")
}

fn odd_action(word: &Word, name: &str) -> Diagnostic {
    if let Some((_, why)) = UNSUPPORTED.iter().find(|(start, _)| name.starts_with(start)) {
        let what = format!("the action `{name}`");
        return unsupported::refusal(&what, word.span).help(*why);
    }
    let message = format!("`{}` is no action", word.text);
    let help = match nearest(name, ACTIONS.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the actions are: {}", ACTIONS.join(", ")),
    };
    Diagnostic::error(code::UNKNOWN, word.span, message).help(help)
}

/// The header comes before anything that the later rules look at.
fn expect_proxy(args: &mut Args<'_>, word: &Word, stage: Stage) -> Result<Action, Diagnostic> {
    if stage != Stage::Connection {
        return Err(Diagnostic::error(
            code::MISPLACED,
            word.span,
            "`expect-proxy` comes too late here: the client has begun",
        )
        .help("write it as a `tcp-request connection` rule"));
    }
    args.choice("`layer4`", &[("layer4", ())])?;
    Ok(Action::ExpectProxy)
}

/// `capture EXPRESSION len N`: the line of the frontend shows it as `%hr`, rules ask for it as `capture.req.hdr(NUMBER)`.
fn capture(proxy: &mut Proxy, args: &mut Args<'_>, word: &Word) -> Result<Action, Diagnostic> {
    if proxy.role == Role::Backend {
        let message = "a backend has no line of its own that would show this";
        return Err(Diagnostic::error(code::MISPLACED, word.span, message).help("write it in the frontend"));
    }
    let mut value = value(proxy, args)?;
    if !args.accept("len") {
        return Err(
            Diagnostic::error(code::MISSING, args.last_span(), "how long it may be is not said").help("write `len N`"),
        );
    }
    value
        .converters
        .push(Converter::Text(Strings::First(args.number(1..=u32::from(u16::MAX))?)));
    let number = proxy.rules.captures;
    proxy.rules.captures = number.saturating_add(1);
    Ok(Action::SetVar(
        Variable::captured(number),
        Box::default(),
        Made::Value(value),
    ))
}

/// `do-resolve(VARIABLE,RESOLVERS[,ipv4|ipv6]) EXPRESSION`: the variable becomes the address of this name.
fn do_resolve(proxy: &mut Proxy, args: &mut Args<'_>, word: &Word) -> Result<Action, Diagnostic> {
    let odd = || {
        let message = format!("`{}` does not say what to look up, and where", word.text);
        Diagnostic::error(code::SYNTAX, word.span, message)
            .help("write `do-resolve(txn.address,RESOLVERS,ipv4) EXPRESSION`, or `ipv6`, or neither")
    };
    let start = word.text.find('(').ok_or_else(odd)? + 1;
    let inside = word.text[start..].strip_suffix(')').ok_or_else(odd)?;
    let parts: Vec<&str> = inside.split(',').collect();
    let (name, section, first) = match parts[..] {
        [name, section] | [name, section, "" | "ipv6"] => (name, section, Kind::V6),
        [name, section, "ipv4"] => (name, section, Kind::V4),
        _ => return Err(odd()),
    };
    let variable = expr::variable(name, 0..name.len()).map_err(|error| at_word(word, start, error))?;
    let reference = Reference::Resolvers(section.to_owned());
    let references = &mut proxy.rules.book.references;
    references.push(Spanned::new(reference, word.span));
    Ok(Action::Resolve {
        variable,
        resolvers: section.into(),
        first,
        name: value(proxy, args)?,
    })
}

/// Whoever came to be no session has no line of this kind.
fn set_log_level(args: &mut Args<'_>, word: &Word, stage: Stage) -> Result<Action, Diagnostic> {
    if !matches!(stage, Stage::Content | Stage::Response) {
        return Err(too_early(word));
    }
    let levels = (0..)
        .zip(SEVERITIES)
        .map(|(number, (name, _))| (*name, Loudness::Level(number)));
    let choices: Vec<_> = levels.chain([("silent", Loudness::Silent)]).collect();
    args.choice("a syslog level", &choices).map(Action::SetLogLevel)
}

/// How the value of a variable of the process is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Expression,
    Text,
}

/// `proc.NAME VALUE`, of what can be known where there is no connection.
pub(super) fn first_value(args: &mut Args<'_>, form: Form) -> Result<FirstValue, Diagnostic> {
    let written = quote::joined(args.rest());
    let name = args.word("the name of a variable")?;
    let variable = expr::variable(&name.text, 0..name.text.len()).map_err(|error| at_word(name, 0, error))?;
    if variable.scope != Scope::Process {
        let message = format!("`{}` does not live as long as the process", name.text);
        return Err(Diagnostic::error(code::BAD_VALUE, name.span, message).help("write `proc.NAME`"));
    }
    let word = args.word("a value")?;
    let mut book = Book::default();
    let made = match form {
        Form::Expression => Made::Value(book.expr(word, args.world)?),
        Form::Text => Made::Text(pieces(word, &mut book, args.world)?),
    };
    let exprs: Vec<&Expr> = match &made {
        Made::Value(expr) => vec![expr],
        Made::Text(pieces) => pieces.iter().filter_map(Piece::expr).collect(),
    };
    if exprs.iter().any(|expr| expr.needs_connection()) || !book.references.is_empty() {
        let message = format!("`{}` asks about a connection, and there is none yet", word.text);
        return Err(Diagnostic::error(code::CONFLICT, word.span, message)
            .help("write a constant such as `int(5)`, `str(text)`, `env(NAME)` or `date`"));
    }
    Ok(FirstValue {
        variable,
        value: made,
        written: written.into(),
    })
}

fn silent_drop(args: &mut Args<'_>) -> Result<Action, Diagnostic> {
    let ttl = args.accept("rst-ttl").then(|| args.number(1..=255)).transpose()?;
    Ok(Action::SilentDrop { ttl })
}

/// What stands in the parentheses of `set-var(txn.x)`, and where that begins.
fn inside(word: &Word) -> Result<(usize, &str), Diagnostic> {
    let open = word.text.find('(');
    let inside = open.and_then(|open| Some((open + 1, word.text[open + 1..].strip_suffix(')')?)));
    inside.ok_or_else(|| {
        Diagnostic::error(code::MISSING, word.span, "the variable is missing here")
            .help("write it in parentheses, such as `set-var(txn.name)`")
    })
}

/// The variable in the parentheses of `unset-var(txn.x)`.
pub(super) fn variable(word: &Word) -> Result<Variable, Diagnostic> {
    let (start, name) = inside(word)?;
    expr::variable(name, 0..name.len()).map_err(|error| at_word(word, start, error))
}

/// The same of `set-var(txn.x,ifexists)`, and when it is set.
fn conditional(word: &Word) -> Result<(Variable, Box<[When]>), Diagnostic> {
    let (start, text) = inside(word)?;
    let mut parts = text.split(',');
    let name = parts.next().unwrap_or_default();
    let variable = expr::variable(name, 0..name.len()).map_err(|error| at_word(word, start, error))?;
    let when = parts.map(|part| {
        expr::condition_of_variables(part).ok_or_else(|| {
            let message = format!("`{part}` is no condition of variables");
            let names = expr::conditions_of_variables().collect::<Vec<_>>().join(", ");
            Diagnostic::error(code::BAD_VALUE, word.span, message).help(format!("the conditions are: {names}"))
        })
    });
    Ok((variable, when.collect::<Result<_, _>>()?))
}

pub(super) fn value(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Expr, Diagnostic> {
    let word = args.word("an expression")?;
    proxy.rules.book.expr(word, args.world)
}

/// A number in decimal, or in hexadecimal behind `0x`; or an expression.
fn number(proxy: &mut Proxy, args: &mut Args<'_>, most: u32) -> Result<Expr, Diagnostic> {
    let is_number = |word: &Word| word.text.starts_with(|first: char| first.is_ascii_digit());
    if !args.peek().is_some_and(is_number) {
        return value(proxy, args);
    }
    let word = args.word("a number")?;
    let parsed = match word.text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => word.text.parse(),
    };
    let number = parsed.ok().filter(|n| *n <= most).ok_or_else(|| {
        let message = format!("`{}` is not a number from 0 to {most}", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message)
    })?;
    Ok(Expr::of(Fetch::Constant(Sample::Int(number.into()))))
}

/// `if …` or `unless …`, when the line has one.
pub(super) fn condition(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Option<Condition>, Diagnostic> {
    let how = args.peek().filter(|word| matches!(word.text.as_str(), "if" | "unless"));
    let Some(how) = how else { return Ok(None) };
    args.skip(1);
    let words = args.take_rest();
    proxy.rules.book.condition(how, words, args.world).map(Some)
}

/// A name, or one that is made of texts and `%[expressions]`.
fn target(proxy: &mut Proxy, args: &mut Args<'_>, what: &str) -> Result<Target, Diagnostic> {
    let word = args.word(what)?;
    if !word.text.contains('%') {
        return Ok(Target::Named(word.text.as_str().into()));
    }
    pieces(word, &mut proxy.rules.book, args.world).map(Target::Made)
}

/// A text with `%[expressions]` in it.
pub(super) fn pieces(word: &Word, book: &mut Book, world: World<'_>) -> Result<Vec<Piece>, Diagnostic> {
    let format = log_format::read(word, book, world)?;
    let pieces = format.pieces.into_iter().map(|piece| match piece {
        format::Piece::Text(text) => Ok(Piece::Literal(text)),
        format::Piece::Value {
            source: Source::Expr(expr),
            ..
        } => Ok(Piece::Value(expr)),
        format::Piece::Value { .. } => {
            Err(
                Diagnostic::error(code::UNSUPPORTED, word.span, "only `%[EXPRESSION]` can be part of this")
                    .help("write for example `%[req.ssl_sni,lower]`"),
            )
        }
    });
    pieces.collect()
}
