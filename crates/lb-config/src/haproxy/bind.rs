//! `bind` lines and the listeners of `stats socket`.

use std::sync::Arc;

use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::option::{self, WordOption};
use super::tls;
use super::unsupported::BIND_OPTIONS;
use crate::draft::{self, Proxy};
use crate::names::LEVELS;
use crate::plan::{Bind, BindAddress, StatsSocket};
use crate::tls::Words;
use crate::{address, code};

/// What a line says about each of its addresses.
#[derive(Default)]
pub(super) struct Options {
    pub(super) tls: Words,
    name: Option<String>,
    backlog: Option<u32>,
    maxconn: Option<u32>,
    interface: Option<String>,
    v6only: Option<bool>,
    transparent: bool,
    guid_prefix: Option<Arc<str>>,
    accept_proxy: bool,
}

pub(super) const TABLES: &[&[WordOption<Options>]] = &[OPTIONS, tls::OF_BIND];

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
        word: "interface",
        summary: "accept only what comes in through this interface",
        parse: |bind, args| {
            bind.interface = Some(args.text("an interface")?);
            Ok(())
        },
    },
    WordOption {
        word: "backlog",
        summary: "how many connections the kernel keeps waiting",
        parse: |bind, args| {
            bind.backlog = Some(args.number(1..=u32::MAX)?);
            Ok(())
        },
    },
    WordOption {
        word: "maxconn",
        summary: "the most connections of this listener",
        parse: |bind, args| {
            bind.maxconn = Some(args.number(1..=u32::MAX)?);
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
        word: "guid-prefix",
        summary: "how a `stats-file` names its listeners: this, `-` and a number from 0",
        parse: |bind, args| {
            bind.guid_prefix = Some(args.text("a name")?.into());
            Ok(())
        },
    },
];

pub(super) const SOCKET_OPTIONS: &[WordOption<StatsSocket>] = &[
    WordOption {
        word: "mode",
        summary: "the file's permissions in octal",
        parse: mode,
    },
    WordOption {
        word: "user",
        summary: "the file's owner",
        parse: |socket, args| {
            socket.user = Some(args.text("a user")?);
            Ok(())
        },
    },
    WordOption {
        word: "group",
        summary: "the file's group",
        parse: |socket, args| {
            socket.group = Some(args.text("a group")?);
            Ok(())
        },
    },
    WordOption {
        word: "uid",
        summary: "the file's owner by number",
        parse: |socket, args| {
            socket.user = Some(args.number::<u32>(0..=u32::MAX)?.to_string());
            Ok(())
        },
    },
    WordOption {
        word: "gid",
        summary: "the file's group by number",
        parse: |socket, args| {
            socket.group = Some(args.number::<u32>(0..=u32::MAX)?.to_string());
            Ok(())
        },
    },
    WordOption {
        word: "level",
        summary: "what commands may do: user, operator, admin",
        parse: |socket, args| {
            socket.level = args.choice("a level", LEVELS)?;
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
    let addresses = addresses(args);
    let mut options = Options::default();
    // The options are read even behind a bad address, so that all mistakes show at once.
    option::read(TABLES, BIND_OPTIONS, "bind", &mut options, args);
    let origin = args.origin();
    let tls = Spanned::new(options.tls, args.line_span());
    let of = |address| Bind {
        address,
        name: options.name.clone(),
        origin: Arc::clone(&origin),
        backlog: options.backlog,
        maxconn: options.maxconn,
        interface: options.interface.clone(),
        v6only: options.v6only,
        transparent: options.transparent,
        guid_prefix: options.guid_prefix.clone(),
        accept_proxy: options.accept_proxy,
        tls: None,
    };
    let binds = addresses?.into_iter().map(of);
    proxy
        .binds
        .extend(binds.map(|plan| draft::Bind { plan, tls: tls.clone() }));
    Ok(())
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

fn mode(socket: &mut StatsSocket, args: &mut Args<'_>) -> Outcome {
    let word = args.word("permissions")?;
    let mode = u32::from_str_radix(&word.text, 8).ok().filter(|mode| *mode <= 0o7777);
    socket.mode = Some(mode.ok_or_else(|| {
        let message = format!("`{}` is not a file mode", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message).help("write it in octal, such as 660")
    })?);
    Ok(())
}
