//! `server` and `default-server` lines.

use std::ops::RangeInclusive;
use std::sync::Arc;

use tandem_lb_core::expr::Place;
use tandem_lb_core::rules::Piece;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::option::{self, WordOption};
use super::unsupported::SERVER_OPTIONS;
use super::{places, proxy, resolvers, rules, section, source, tls};
use crate::acl::Book;
use crate::draft::{Proxy, Server, ServerOptions, Told};
use crate::expr::World;
use crate::names::{HASH_KEYS, INIT_STATES, ON_ERROR};
use crate::plan::{self, Host, ServerPort};
use crate::tls::Words;
use crate::{address, code};

/// What a line may set: options that `default-server` shares, and an id that it does not.
pub(super) struct Target {
    pub(super) options: ServerOptions,
    pub(super) tls: Words,
    id: Option<Spanned<u32>>,
    guid: Option<Arc<str>>,
}

pub(super) const TABLES: &[&[WordOption<Target>]] = &[OPTIONS, tls::OF_SERVER, resolvers::OF_SERVER];

const OBSERVE: &[(&str, bool)] = &[("layer4", true), ("layer7", false)];

const OPTIONS: &[WordOption<Target>] = &[
    WordOption {
        word: "check",
        summary: "check the server's health",
        parse: |target, _| {
            target.options.check = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-check",
        summary: "no health check although the defaults say so",
        parse: |target, _| {
            target.options.check = false;
            Ok(())
        },
    },
    WordOption {
        word: "inter",
        summary: "time between two checks; 2s if not given",
        parse: |target, args| {
            target.options.inter = args.positive_time()?;
            Ok(())
        },
    },
    WordOption {
        word: "fastinter",
        summary: "time between two checks while the state changes",
        parse: |target, args| {
            target.options.fastinter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "downinter",
        summary: "time between two checks while the server is down",
        parse: |target, args| {
            target.options.downinter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "rise",
        summary: "good checks before the server is up again; 2 if not given",
        parse: |target, args| {
            target.options.rise = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "fall",
        summary: "bad checks before the server is down; 3 if not given",
        parse: |target, args| {
            target.options.fall = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "port",
        summary: "the port to check instead of the server's",
        parse: |target, args| {
            target.options.check_port = Some(args.number(1..=65535)?);
            Ok(())
        },
    },
    WordOption {
        word: "addr",
        summary: "the address to check instead of the server's",
        parse: |target, args| {
            target.options.check_host = Some(proxy::host(args)?);
            Ok(())
        },
    },
    WordOption {
        word: "weight",
        summary: "the server's share of the load, 0 to 256; 1 if not given",
        parse: |target, args| {
            target.options.weight = args.number(0..=256)?;
            Ok(())
        },
    },
    WordOption {
        word: "backup",
        summary: "used only when all others are down",
        parse: |target, _| {
            target.options.backup = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-backup",
        summary: "not a backup although the defaults say so",
        parse: |target, _| {
            target.options.backup = false;
            Ok(())
        },
    },
    WordOption {
        word: "disabled",
        summary: "starts in maintenance",
        parse: |target, _| {
            target.options.disabled = true;
            Ok(())
        },
    },
    WordOption {
        word: "enabled",
        summary: "does not start in maintenance although the defaults say so",
        parse: |target, _| {
            target.options.disabled = false;
            Ok(())
        },
    },
    WordOption {
        word: "maxconn",
        summary: "the most connections at once; more wait in the queue; 0 is no limit",
        parse: |target, args| {
            target.options.maxconn = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "agent-check",
        summary: "an agent on the server is asked how it is",
        parse: |target, _| {
            target.options.agent = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-agent-check",
        summary: "no agent is asked although the defaults say so",
        parse: |target, _| {
            target.options.agent = false;
            Ok(())
        },
    },
    WordOption {
        word: "agent-port",
        summary: "the agent's port",
        parse: |target, args| {
            target.options.agent_port = Some(args.number(1..=65535)?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-addr",
        summary: "the agent's address, when it is not the server's",
        parse: |target, args| {
            let word = args.word("an address")?;
            target.options.agent_ip = Some(word.text.parse().map_err(|_| {
                let message = format!("`{}` is no address; names are not looked up for agents", word.text);
                Diagnostic::error(code::BAD_ADDRESS, word.span, message)
            })?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-inter",
        summary: "time between two questions to the agent; 2s if not given",
        parse: |target, args| {
            target.options.agent_inter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-send",
        summary: "what is said to the agent first",
        parse: |target, args| {
            target.options.agent_send = Some(args.text("what to send")?.into());
            Ok(())
        },
    },
    WordOption {
        word: "source",
        summary: "where connections to it come from: an address, ports, `usesrc` whom they seem to come from, `interface`",
        parse: |target, args| {
            target.options.source = source::read(args)?;
            Ok(())
        },
    },
    WordOption {
        word: "tcp-ut",
        summary: "how long what was sent may stay unacknowledged before the connection ends; 0 is as the system has it",
        parse: |target, args| {
            target.options.user_timeout = args.limit()?;
            Ok(())
        },
    },
    WordOption {
        word: "track",
        summary: "it is as another server is: one of this backend, or BACKEND/SERVER",
        parse: |target, args| {
            let whom = args.word("a server, or BACKEND/SERVER")?;
            target.options.track = Some(Spanned::new(whom.text.clone(), whom.span));
            Ok(())
        },
    },
    WordOption {
        word: "hash-key",
        summary: "what places it among hashes: id, id32, guid, addr or addr-port; as in HAProxy 3.0",
        parse: |target, args| {
            target.options.hash_key = args.choice("id, id32, guid, addr or addr-port", HASH_KEYS)?;
            Ok(())
        },
    },
    WordOption {
        word: "minconn",
        summary: "the limit of connections while the backend has little to do; it grows to `maxconn` with the load",
        parse: |target, args| {
            target.options.minconn = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "maxqueue",
        summary: "the most connections that may wait for this server alone; 0 is no limit",
        parse: |target, args| {
            target.options.maxqueue = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "slowstart",
        summary: "how long it takes to the full share of a server that has come back",
        parse: |target, args| {
            target.options.slowstart = args.time()?;
            Ok(())
        },
    },
    WordOption {
        word: "observe",
        summary: "`layer4`: connections that fail count against its health",
        parse: |target, args| {
            target.options.observe = args.choice("`layer4`", OBSERVE)?;
            if !target.options.observe {
                let message = "`layer7` is about answers of HTTP, and this relays TCP";
                return Err(Diagnostic::error(code::UNSUPPORTED, args.last_span(), message).help("write `layer4`"));
            }
            Ok(())
        },
    },
    WordOption {
        word: "error-limit",
        summary: "how many connections in a row must fail to count; 10 if not given",
        parse: |target, args| {
            target.options.error_limit = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "on-error",
        summary: "what they count as: fastinter, fail-check, sudden-death or mark-down",
        parse: |target, args| {
            target.options.on_error = args.choice("what errors count as", ON_ERROR)?;
            Ok(())
        },
    },
    WordOption {
        word: "on-marked-down",
        summary: "`shutdown-sessions`: its connections end when it goes down",
        parse: |target, args| {
            target.options.ends_sessions = args.choice("`shutdown-sessions`", &[("shutdown-sessions", true)])?;
            Ok(())
        },
    },
    WordOption {
        word: "on-marked-up",
        summary: "`shutdown-backup-sessions`: those of the backups end when it comes up",
        parse: |target, args| {
            let choices = &[("shutdown-backup-sessions", true)];
            target.options.ends_backup_sessions = args.choice("`shutdown-backup-sessions`", choices)?;
            Ok(())
        },
    },
    WordOption {
        word: "init-state",
        summary: "what it is taken for before its first check: none, up, fully-up, down or fully-down",
        parse: |target, args| {
            target.options.init = args.choice("a state", INIT_STATES)?;
            Ok(())
        },
    },
    WordOption {
        word: "non-stick",
        summary: "never remembered in a stick-table",
        parse: |target, _| {
            target.options.non_stick = true;
            Ok(())
        },
    },
    WordOption {
        word: "stick",
        summary: "remembered in a stick-table although the defaults say `non-stick`",
        parse: |target, _| {
            target.options.non_stick = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy",
        summary: "each connection begins with a PROXY header of version 1",
        parse: |target, _| {
            target.options.send_proxy.v1 = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-send-proxy",
        summary: "no PROXY header of version 1 although the defaults say so",
        parse: |target, _| {
            target.options.send_proxy.v1 = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy-v2",
        summary: "each connection begins with a PROXY header of version 2",
        parse: |target, _| {
            target.options.send_proxy.v2 = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-send-proxy-v2",
        summary: "no PROXY header of version 2 although the defaults say so",
        parse: |target, _| {
            target.options.send_proxy.v2 = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy-v2-ssl",
        summary: "as `send-proxy-v2`, and whether the client came by TLS",
        parse: |target, _| ssl_header(target, true),
    },
    WordOption {
        word: "no-send-proxy-v2-ssl",
        summary: "no such header although the defaults say so",
        parse: |target, _| ssl_header(target, false),
    },
    WordOption {
        word: "send-proxy-v2-ssl-cn",
        summary: "as `send-proxy-v2-ssl`, with the name in the client's certificate",
        parse: |target, _| ssl_cn_header(target, true),
    },
    WordOption {
        word: "no-send-proxy-v2-ssl-cn",
        summary: "no such header although the defaults say so",
        parse: |target, _| ssl_cn_header(target, false),
    },
    WordOption {
        word: "proxy-v2-options",
        summary: "what a header of version 2 says beside addresses: authority, crc32c, ssl, cert-cn, …",
        parse: proxy_options,
    },
    WordOption {
        word: "check-send-proxy",
        summary: "checks begin with a PROXY header too, wherever they go",
        parse: |target, _| {
            target.options.check_send_proxy = true;
            Ok(())
        },
    },
    WordOption {
        word: "set-proxy-v2-tlv-fmt",
        summary: "a value that a header of version 2 says under a number: `set-proxy-v2-tlv-fmt(0xE0) FORMAT`",
        parse: say,
    },
    WordOption {
        word: "no-check-send-proxy",
        summary: "no such header although the defaults say so",
        parse: |target, _| {
            target.options.check_send_proxy = false;
            Ok(())
        },
    },
    WordOption {
        word: "id",
        summary: "the number in statistics and hashes, instead of the position",
        parse: |target, args| {
            let id = args.number(1..=i32::MAX as u32)?;
            target.id = Some(Spanned::new(id, args.last_span()));
            Ok(())
        },
    },
    WordOption {
        word: "guid",
        summary: "the name under which a `stats-file` knows it",
        parse: |target, args| {
            target.guid = Some(args.text("a name")?.into());
            Ok(())
        },
    },
];

/// `set-proxy-v2-tlv-fmt(NUMBER) FORMAT`: the number may be hexadecimal.
fn say(target: &mut Target, args: &mut Args<'_>) -> Outcome {
    let Some(word) = args.previous() else { return Ok(()) };
    let number = word.text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let number = number.ok_or_else(|| {
        Diagnostic::error(code::MISSING, word.span, "the number of the value is missing here")
            .help("write it in parentheses, such as `set-proxy-v2-tlv-fmt(0xE0) %[src]`")
    })?;
    let format = args.word("a format such as `%[src]`")?;
    let told = told(number, format, args.world)?;
    // What is said last of a number counts, also against the defaults.
    target
        .options
        .told
        .retain(|known| known.plan.number != told.plan.number);
    target.options.told.push(told);
    Ok(())
}

/// A value of a PROXY header.
pub(crate) fn told(number: &str, format: &Word, world: World<'_>) -> Result<Told, Diagnostic> {
    let hex = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X"));
    let parsed = match hex {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => number.parse(),
    };
    let number = parsed.map_err(|_| {
        let message = format!("`{number}` is not the number of a value, 0 to 255 or 0x00 to 0xff");
        Diagnostic::error(code::BAD_VALUE, format.span, message)
    })?;
    let mut book = Book::default();
    let value = rules::pieces(format, &mut book, world)?;
    places::fit(value.iter().filter_map(Piece::expr), &[Place::Connect], format.span)?;
    Ok(Told {
        plan: plan::Told {
            number,
            value,
            text: format.text.as_str().into(),
        },
        span: format.span,
        references: book.references,
    })
}

fn ssl_header(target: &mut Target, on: bool) -> Outcome {
    let header = &mut target.options.send_proxy;
    (header.v2, header.details.ssl) = (on, on);
    Ok(())
}

fn ssl_cn_header(target: &mut Target, on: bool) -> Outcome {
    target.options.send_proxy.details.common_name = on;
    ssl_header(target, on)
}

/// Whoever wants more of TLS is told of TLS.
fn proxy_options(target: &mut Target, args: &mut Args<'_>) -> Outcome {
    let word = args.word("what to say, such as `crc32c`")?;
    let details = &mut target.options.send_proxy.details;
    for option in word.text.split(',') {
        match option {
            "crc32c" => details.crc32c = true,
            "authority" => details.authority = true,
            "ssl" => details.ssl = true,
            "cert-cn" => (details.ssl, details.common_name) = (true, true),
            "ssl-cipher" => (details.ssl, details.cipher) = (true, true),
            "cert-sig" => (details.ssl, details.signature) = (true, true),
            "cert-key" => (details.ssl, details.key) = (true, true),
            "unique-id" => details.unique_id = true,
            _ => {
                let message = format!("`{option}` is nothing that a PROXY header says");
                return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help(
                    "write some of: crc32c, authority, unique-id, ssl, cert-cn, ssl-cipher, cert-sig, cert-key",
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn line(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let name = section::name(args.word("the server's name")?)?;
    let server = rest_of_line(proxy, args, name)?;
    proxy.servers.push(server);
    Ok(())
}

/// `server-template PREFIX N|FIRST-LAST ADDRESS …`: as many servers of one name, which get their addresses as they are
/// found, or of one address, until somebody gives them others.
pub(super) fn template(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let prefix = section::name(args.word("what the servers' names begin with")?)?;
    let numbers = numbers(args.word("how many servers")?)?;
    let server = rest_of_line(proxy, args, prefix)?;
    proxy.servers.extend(server.numbered(numbers));
    Ok(())
}

fn numbers(word: &Word) -> Result<RangeInclusive<u32>, Diagnostic> {
    const MOST: u32 = 10_000;
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
    let range = match word.text.split_once('-') {
        None => number(&word.text).map(|last| 1..=last),
        Some((first, last)) => number(first).zip(number(last)).map(|(first, last)| first..=last),
    };
    range
        .filter(|range| !range.is_empty() && range.end() - range.start() < MOST)
        .ok_or_else(|| {
            Diagnostic::error(
                code::BAD_VALUE,
                word.span,
                format!("`{}` is no number of servers", word.text),
            )
            .help("write 5, or 3-7 for the servers with these numbers")
        })
}

/// The address and the options.
fn rest_of_line(proxy: &mut Proxy, args: &mut Args<'_>, name: Spanned<Arc<str>>) -> Result<Server, Diagnostic> {
    let address = server_address(args, &name);
    let mut target = Target {
        options: proxy.settings.server.clone(),
        tls: proxy.settings.server_tls.clone(),
        id: None,
        guid: None,
    };
    // The options are read even behind a bad address, so that all mistakes show at once.
    option::read(TABLES, SERVER_OPTIONS, "server", &mut target, args);
    let (host, port) = address?;
    let origin = args.origin();
    Ok(Server {
        name,
        host,
        port,
        id: target.id,
        options: target.options,
        tls: Spanned::new(target.tls, args.line_span()),
        origin,
        guid: target.guid,
    })
}

/// A word of the options in the address's place is an address that was forgotten.
fn server_address(args: &mut Args<'_>, name: &Spanned<Arc<str>>) -> Result<(Host, ServerPort), Diagnostic> {
    let forgotten = |word: &str| {
        TABLES.iter().copied().flatten().any(|option| option.word == word)
            || SERVER_OPTIONS.iter().any(|option| option.word == word)
    };
    if args
        .peek()
        .is_none_or(|word| word.text.is_empty() || forgotten(&word.text))
    {
        let message = format!("server `{}` has no address", name.value);
        return Err(Diagnostic::error(code::NO_ADDRESS, name.span, message)
            .help(format!("write `server {} ADDRESS:PORT`", name.value)));
    }
    let word = args.word("an address")?;
    address::server_or_any(&word.text).map_err(|error| bad_address(word, &error))
}

pub(super) fn defaults(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let mut target = Target {
        options: proxy.settings.server.clone(),
        tls: proxy.settings.server_tls.clone(),
        id: None,
        guid: None,
    };
    option::read(TABLES, SERVER_OPTIONS, "default-server", &mut target, args);
    proxy.settings.server = target.options;
    proxy.settings.server_tls = target.tls;
    match target.id {
        None => Ok(()),
        Some(id) => Err(Diagnostic::error(
            code::MISPLACED,
            id.span,
            "an id cannot be the default of several servers",
        )
        .help("write `id` on the `server` line")),
    }
}
