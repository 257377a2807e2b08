//! `bind` lines and the listeners of `stats socket`.

use std::sync::Arc;
use std::time::Duration;

use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::option::{self, WordOption};
use super::tls;
use super::unsupported::BIND_OPTIONS;
use crate::draft::{self, Proxy, UnixBind};
use crate::names::{LEVELS, SEVERITY_OUTPUTS};
use crate::plan::{Bind, BindAddress, SocketFile, StatsSocket};
use crate::tls::Words;
use crate::{address, code};

/// What a line says about each of its addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(super) tls: Words,
    name: Option<String>,
    id: Option<u32>,
    backlog: Option<u32>,
    maxconn: Option<u32>,
    interface: Option<String>,
    v6only: Option<bool>,
    transparent: bool,
    guid_prefix: Option<Arc<str>>,
    accept_proxy: bool,
    user_timeout: Option<Duration>,
    segment: Option<u32>,
    defer_accept: bool,
    file: SocketFile,
}

pub(super) const TABLES: &[&[WordOption<Options>]] = &[OPTIONS, OF_FILE, tls::OF_BIND];

const OPTIONS: &[WordOption<Options>] = &[
    WordOption {
        word: "name",
        summary: "the listener's name in statistics",
        parse: |bind, args| {
            bind.name = Some(args.text("a name")?);
            Ok(())
        },
    },
    WordOption {
        word: "id",
        summary: "the listener's number in statistics and for rules, instead of the position",
        parse: |bind, args| {
            bind.id = Some(args.number(1..=i32::MAX as u32)?);
            Ok(())
        },
    },
    WordOption {
        word: "interface",
        summary: "accept only what comes in through this interface",
        parse: |bind, args| {
            bind.interface = Some(args.text("an interface")?);
            Ok(())
        },
    },
    WordOption {
        word: "backlog",
        summary: "how many connections the kernel keeps waiting; 0 is as elsewhere said",
        parse: |bind, args| {
            bind.backlog = args.rate()?;
            Ok(())
        },
    },
    WordOption {
        word: "maxconn",
        summary: "the most connections of this listener; 0 is no limit",
        parse: |bind, args| {
            bind.maxconn = args.rate()?;
            Ok(())
        },
    },
    WordOption {
        word: "v6only",
        summary: "an IPv6 listener takes IPv6 alone",
        parse: |bind, _| {
            bind.v6only = Some(true);
            Ok(())
        },
    },
    WordOption {
        word: "v4v6",
        summary: "an IPv6 listener takes IPv4 too",
        parse: |bind, _| {
            bind.v6only = Some(false);
            Ok(())
        },
    },
    WordOption {
        word: "transparent",
        summary: "listen on an address that this host does not have",
        parse: |bind, _| {
            bind.transparent = true;
            Ok(())
        },
    },
    WordOption {
        word: "accept-proxy",
        summary: "each connection begins with a PROXY header of version 1 or 2, which says who the client is",
        parse: |bind, _| {
            bind.accept_proxy = true;
            Ok(())
        },
    },
    WordOption {
        word: "tcp-ut",
        summary: "how long what was sent to a client may stay without an answer; 0 is as the system has it",
        parse: |bind, args| {
            bind.user_timeout = args.limit()?;
            Ok(())
        },
    },
    WordOption {
        word: "mss",
        summary: "the longest TCP segment",
        parse: |bind, args| {
            bind.segment = Some(args.number(88..=65535)?);
            Ok(())
        },
    },
    WordOption {
        word: "defer-accept",
        summary: "a client is only let in when it has said something",
        parse: |bind, _| {
            bind.defer_accept = true;
            Ok(())
        },
    },
    WordOption {
        word: "guid-prefix",
        summary: "how a `stats-file` names its listeners: this, `-` and a number from 0",
        parse: |bind, args| {
            bind.guid_prefix = Some(args.text("a name")?.into());
            Ok(())
        },
    },
];

/// The rights of a socket's file, of whatever line.
macro_rules! of_file {
    ($context:ty, $file:ident) => {
        &[
            WordOption {
                word: "mode",
                summary: "the file's permissions in octal, if it is a unix socket",
                parse: |line: &mut $context, args| mode(&mut line.$file, args),
            },
            WordOption {
                word: "user",
                summary: "the file's owner",
                parse: |line: &mut $context, args| {
                    line.$file.user = Some(args.text("a user")?);
                    Ok(())
                },
            },
            WordOption {
                word: "group",
                summary: "the file's group",
                parse: |line: &mut $context, args| {
                    line.$file.group = Some(args.text("a group")?);
                    Ok(())
                },
            },
            WordOption {
                word: "uid",
                summary: "the file's owner by number",
                parse: |line: &mut $context, args| {
                    line.$file.user = Some(args.number::<u32>(0..=u32::MAX)?.to_string());
                    Ok(())
                },
            },
            WordOption {
                word: "gid",
                summary: "the file's group by number",
                parse: |line: &mut $context, args| {
                    line.$file.group = Some(args.number::<u32>(0..=u32::MAX)?.to_string());
                    Ok(())
                },
            },
        ]
    };
}

const OF_FILE: &[WordOption<Options>] = of_file!(Options, file);

const OF_SOCKET_FILE: &[WordOption<StatsSocket>] = of_file!(StatsSocket, file);

const OF_ALL_FILES: &[WordOption<UnixBind>] = of_file!(UnixBind, file);

const PREFIX: &[WordOption<UnixBind>] = &[WordOption {
    word: "prefix",
    summary: "what stands in front of each path",
    parse: |unix_bind, args| {
        unix_bind.prefix = Some(args.text("a path")?);
        Ok(())
    },
}];

pub(super) const SOCKET_TABLES: &[&[WordOption<StatsSocket>]] = &[OF_SOCKET_FILE, SOCKET_OPTIONS];

const SOCKET_OPTIONS: &[WordOption<StatsSocket>] = &[
    WordOption {
        word: "level",
        summary: "what commands may do: user, operator, admin",
        parse: |socket, args| {
            socket.level = args.choice("a level", LEVELS)?;
            Ok(())
        },
    },
    WordOption {
        word: "severity-output",
        summary: "how a message says how serious it is: none, number, string",
        parse: |socket, args| {
            socket.severities = args.choice("none, number or string", SEVERITY_OUTPUTS)?;
            Ok(())
        },
    },
    WordOption {
        word: "expose-fd",
        summary: "`listeners`: a successor may fetch the listening sockets here",
        parse: |socket, args| {
            socket.expose_listeners = args.choice("`listeners`", &[("listeners", true)])?;
            Ok(())
        },
    },
];

pub(super) fn line(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    proxy.binds.extend(read(args, &Options::default())?);
    Ok(())
}

/// `default-bind`
pub(super) fn defaults(args: &mut Args<'_>, options: &mut Options) {
    option::read(TABLES, BIND_OPTIONS, "default-bind", options, args);
}

pub(super) fn read(args: &mut Args<'_>, defaults: &Options) -> Result<Vec<draft::Bind>, Diagnostic> {
    let addresses = addresses(args);
    let mut options = defaults.clone();
    // The options are read even behind a bad address, so that all mistakes show at once.
    option::read(TABLES, BIND_OPTIONS, "bind", &mut options, args);
    let origin = args.origin();
    let tls = Spanned::new(options.tls, args.line_span());
    let of = |address| Bind {
        address,
        name: options.name.clone(),
        id: options.id.unwrap_or(0),
        origin: Arc::clone(&origin),
        backlog: options.backlog,
        maxconn: options.maxconn,
        interface: options.interface.clone(),
        v6only: options.v6only,
        transparent: options.transparent,
        guid_prefix: options.guid_prefix.clone(),
        accept_proxy: options.accept_proxy,
        user_timeout: options.user_timeout,
        segment: options.segment,
        defer_accept: options.defer_accept,
        file: options.file.clone(),
        tls: None,
    };
    let binds = addresses?.into_iter().map(of);
    Ok(binds.map(|plan| draft::Bind { plan, tls: tls.clone() }).collect())
}

fn addresses(args: &mut Args<'_>) -> Result<Vec<BindAddress>, Diagnostic> {
    let word = args.word("an address to listen on")?;
    address::listeners(&word.text).map_err(|error| bad_address(word, &error))
}

pub(super) fn one_address(args: &mut Args<'_>) -> Result<BindAddress, Diagnostic> {
    let mut addresses = addresses(args)?;
    match (addresses.pop(), addresses.is_empty()) {
        (Some(address), true) => Ok(address),
        _ => Err(Diagnostic::error(
            code::BAD_ADDRESS,
            args.last_span(),
            "one address is wanted here, not a list",
        )),
    }
}

/// `unix-bind`
pub(super) fn unix_bind(unix_bind: &mut UnixBind, args: &mut Args<'_>) -> Outcome {
    if args.peek().is_none() {
        return Err(Diagnostic::error(
            code::MISSING,
            args.last_span(),
            "`unix-bind` alone says nothing",
        ));
    }
    option::read(&[PREFIX, OF_ALL_FILES], &[], "unix-bind", unix_bind, args);
    Ok(())
}

fn mode(file: &mut SocketFile, args: &mut Args<'_>) -> Outcome {
    let word = args.word("permissions")?;
    let mode = u32::from_str_radix(&word.text, 8).ok().filter(|mode| *mode <= 0o7777);
    file.mode = Some(mode.ok_or_else(|| {
        let message = format!("`{}` is not a file mode", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message).help("write it in octal, such as 660")
    })?);
    Ok(())
}
