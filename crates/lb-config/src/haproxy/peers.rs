//! Sections `peers`: who shares stick tables with this process, and tables that are there for all proxies.

use std::sync::Arc;

use tandem_text::{Diagnostic, Span, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::keyword::Keyword;
use super::option::{self, WordOption};
use super::section::{self, Sections};
use super::{bind, log, quote, stick, tls};
use crate::draft::{Peers, SharedTable};
use crate::plan::{Bind, Host, Peer, ServerPort};
use crate::tls::Words;
use crate::{address, code};

/// What lines of peers may say, and what `default-server` says for all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(super) tls: Words,
    shard: u32,
    disabled: bool,
}

pub(super) const TABLES: &[&[WordOption<Options>]] = &[OPTIONS, tls::OF_PEER];

pub(super) const OPTIONS: &[WordOption<Options>] = &[
    WordOption {
        word: "shard",
        summary: "of a peer: it gets this part of the entries alone, of as many as `shards` says",
        parse: |options, args| {
            options.shard = args.number(0..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "disabled",
        summary: "of a peer: it is not connected to",
        parse: |options, _| {
            options.disabled = true;
            Ok(())
        },
    },
    WordOption {
        word: "enabled",
        summary: "of a peer: it is connected to although the defaults say otherwise",
        parse: |options, _| {
            options.disabled = false;
            Ok(())
        },
    },
];

const HERE: Sections = Sections::PEERS;

pub(super) const KEYWORDS: &[Keyword<Peers>] = &[
    Keyword {
        words: "peer",
        sections: HERE,
        summary: "one who shares tables: a name and an address with a port; the local one listens there",
        parse: peer,
    },
    Keyword {
        words: "server",
        sections: HERE,
        summary: "the same; the local one needs no address where a `bind` line says it",
        parse: peer,
    },
    Keyword {
        words: "bind",
        sections: HERE,
        summary: "where the local peer listens",
        parse: |peers, args| {
            let binds = bind::read(args, &peers.bind)?;
            let at = args.line_span();
            if let Some(error) = binds.iter().find_map(|bind| without_effect(&bind.plan, at)) {
                return Err(error);
            }
            for bind in binds {
                peers.plan.binds.push(bind.plan);
                peers.tls_of_binds.push(bind.tls);
            }
            Ok(())
        },
    },
    Keyword {
        words: "default-bind",
        sections: HERE,
        summary: "what `bind` lines need not say",
        parse: |peers, args| {
            bind::defaults(args, &mut peers.bind);
            peers.own_tls = Some(Spanned::new(peers.bind.tls.clone(), args.line_span()));
            Ok(())
        },
    },
    Keyword {
        words: "default-server",
        sections: HERE,
        summary: "what lines of peers need not say",
        parse: |peers, args| {
            options(&mut peers.options, "default-server", args);
            Ok(())
        },
    },
    Keyword {
        words: "table",
        sections: HERE,
        summary: "a table that belongs to no proxy: `SECTION/NAME`",
        parse: |peers, args| {
            let written = quote::joined(args.rest());
            let name = section::name(args.word("the table's name")?)?;
            let (settings, named) = stick::settings(args)?;
            if let Some(named) = named {
                let message = "the peers of this table are those of its section";
                return Err(Diagnostic::error(code::CONFLICT, named.span, message).help("leave `peers` out"));
            }
            peers.tables.push(SharedTable {
                name: Spanned::new(format!("{}/{}", peers.plan.name, name.value).into(), name.span),
                settings,
                written,
            });
            Ok(())
        },
    },
    Keyword {
        words: "shards",
        sections: HERE,
        summary: "how many parts entries are spread over",
        parse: |peers, args| {
            peers.plan.shards = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    Keyword {
        words: "disabled",
        sections: HERE,
        summary: "nobody is connected to, nobody is listened to",
        parse: |peers, _| {
            peers.plan.disabled = true;
            Ok(())
        },
    },
    Keyword {
        words: "enabled",
        sections: HERE,
        summary: "the opposite of `disabled`",
        parse: |peers, _| {
            peers.plan.disabled = false;
            Ok(())
        },
    },
    Keyword {
        words: "log",
        sections: HERE,
        summary: "where it is said which peers come and go",
        parse: |peers, args| {
            if args.accept("global") {
                peers.logs_globally = true;
                return Ok(());
            }
            peers.plan.logs.push(log::target(args)?);
            Ok(())
        },
    },
];

fn options(target: &mut Options, line: &str, args: &mut Args<'_>) {
    option::read(TABLES, &[], line, target, args);
}

/// `peer NAME [ADDRESS:PORT] [shard N] [disabled]`
fn peer(peers: &mut Peers, args: &mut Args<'_>) -> Outcome {
    let name = section::name(args.word("the peer's name")?)?;
    let is_option = |text: &str| TABLES.iter().copied().flatten().any(|option| option.word == text);
    let place = match args.peek() {
        Some(word) if !is_option(&word.text) => Some(place(args)?),
        _ => None,
    };
    let mut target = peers.options.clone();
    options(&mut target, "peer", args);
    if peers.plan.peers.iter().any(|known| known.name == name.value) {
        let message = format!("another peer of this section is `{}` already", name.value);
        return Err(Diagnostic::error(code::DUPLICATE, name.span, message).help("give it another name"));
    }
    peers.places.push(name.span);
    peers.tls_of_peers.push(Spanned::new(target.tls, args.line_span()));
    peers.plan.peers.push(Peer {
        name: Arc::clone(&name.value),
        origin: args.origin(),
        place,
        shard: target.shard,
        disabled: target.disabled,
        tls: None,
    });
    Ok(())
}

fn place(args: &mut Args<'_>) -> Result<(Host, ServerPort), Diagnostic> {
    let word = args.word("an address")?;
    let (host, port) = address::server_or_any(&word.text).map_err(|error| bad_address(word, &error))?;
    match without_port(&(host.clone(), port), &word.text, word.span) {
        None => Ok((host, port)),
        Some(error) => Err(error),
    }
}

/// A peer is met at a port, and not at one that somebody else has said.
pub(crate) fn without_port((host, port): &(Host, ServerPort), written: &str, at: Span) -> Option<Diagnostic> {
    match (host, port) {
        (Host::Unix(_) | Host::Abstract(_), _) | (_, ServerPort::Fixed(1..)) => None,
        _ => {
            let message = format!("`{written}` has no port");
            Some(Diagnostic::error(code::BAD_ADDRESS, at, message).help("write ADDRESS:PORT"))
        }
    }
}

/// What is good for clients and means nothing among peers.
pub(crate) fn without_effect(bind: &Bind, at: Span) -> Option<Diagnostic> {
    let word = match bind {
        bind if bind.accept_proxy => "accept-proxy",
        bind if bind.maxconn.is_some() => "maxconn",
        _ => return None,
    };
    let message = format!("`{word}` has no effect among peers");
    Some(Diagnostic::error(code::UNSUPPORTED, at, message).help(format!("leave `{word}` out")))
}
