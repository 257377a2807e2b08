//! Sections `resolvers`, and what `server` lines say about the name that they have.

use std::sync::Arc;
use std::time::Duration;

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::option::WordOption;
use super::section::Sections;
use super::server::Target;
use crate::plan::{Nameserver, Resolvers};
use crate::{code, lookup};

pub(super) const KEYWORDS: &[Keyword<Resolvers>] = &[
    Keyword {
        words: "nameserver",
        sections: Sections::RESOLVERS,
        summary: "whom to ask: a name, and an address with a port; over TCP behind `tcp@`",
        parse: |resolvers, args| {
            let name = new_name(resolvers, args)?;
            let word = args.word("an address")?;
            let (way, address) =
                lookup::nameserver(&word.text).map_err(|why| Diagnostic::error(code::BAD_ADDRESS, word.span, why))?;
            resolvers.nameservers.push(Nameserver { name, address, way });
            Ok(())
        },
    },
    Keyword {
        words: "parse-resolv-conf",
        sections: Sections::RESOLVERS,
        summary: "whom this host asks (/etc/resolv.conf)",
        parse: parse_resolv_conf,
    },
    Keyword {
        words: "accepted_payload_size",
        sections: Sections::RESOLVERS,
        summary: "the longest answer, 512 to 65535 bytes; 512 if not given",
        parse: |resolvers, args| {
            resolvers.payload = args.number(512..=65535)?;
            Ok(())
        },
    },
    Keyword {
        words: "resolve_retries",
        sections: Sections::RESOLVERS,
        summary: "how often a question is asked before it has failed; 3 if not given",
        parse: |resolvers, args| {
            resolvers.tries = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    Keyword {
        words: "timeout resolve",
        sections: Sections::RESOLVERS,
        summary: "between a failure and the next question; 1s if not given",
        parse: |resolvers, args| {
            resolvers.resolve = args.positive_time()?;
            Ok(())
        },
    },
    Keyword {
        words: "timeout retry",
        sections: Sections::RESOLVERS,
        summary: "for one answer; 1s if not given",
        parse: |resolvers, args| {
            resolvers.retry = args.positive_time()?;
            Ok(())
        },
    },
    Keyword {
        words: "hold",
        sections: Sections::RESOLVERS,
        summary: "how long an address is kept: valid, obsolete, nx, refused, timeout or other, and a time",
        parse: hold,
    },
];

/// Statistics and commands know a server by its name.
fn new_name(resolvers: &Resolvers, args: &mut Args<'_>) -> Result<Arc<str>, Diagnostic> {
    let word = args.word("a name")?;
    if resolvers.nameservers.iter().any(|known| *known.name == *word.text) {
        let message = format!("there is a nameserver `{}` in this section already", word.text);
        return Err(Diagnostic::error(code::DUPLICATE, word.span, message).help("give it another name"));
    }
    Ok(word.text.as_str().into())
}

pub(super) const OF_SERVER: &[WordOption<Target>] = &[
    WordOption {
        word: "resolvers",
        summary: "look the name up while running: the name of a `resolvers` section",
        parse: |target, args| {
            let name = args.text("the name of a `resolvers` section")?;
            target.options.resolve.section = Some(Spanned::new(name, args.last_span()));
            Ok(())
        },
    },
    WordOption {
        word: "resolve-prefer",
        summary: "ipv4 or ipv6 where a name has both; ipv6 if not given",
        parse: |target, args| {
            let v4 = args.choice("a kind of address", &[("ipv4", true), ("ipv6", false)])?;
            target.options.resolve.preference.v4 = v4;
            Ok(())
        },
    },
    WordOption {
        word: "resolve-net",
        summary: "networks to prefer, separated by commas",
        parse: |target, args| {
            let word = args.word("networks")?;
            target.options.resolve.preference.networks = parts(word, lookup::network)?;
            Ok(())
        },
    },
    WordOption {
        word: "resolve-opts",
        summary: "allow-dup-ip, prevent-dup-ip, ignore-weight; separated by commas",
        parse: resolve_opts,
    },
    WordOption {
        word: "init-addr",
        summary: "where it is at first: some of last, libc, none and an address, in the order to try",
        parse: |target, args| {
            let word = args.word("what to try")?;
            target.options.resolve.init = Some(parts(word, lookup::init_addr)?);
            Ok(())
        },
    },
];

fn parse_resolv_conf(resolvers: &mut Resolvers, args: &mut Args<'_>) -> Outcome {
    let found = lookup::of_this_host(args.world).map_err(|why| {
        Diagnostic::error(code::BAD_VALUE, args.last_span(), why).help("name the servers with `nameserver`")
    })?;
    resolvers.nameservers.extend(found);
    Ok(())
}

/// Each part of a word with commas.
fn parts<T>(word: &Word, read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, Diagnostic> {
    let all = word.text.split(',').map(read);
    all.collect::<Result<_, _>>()
        .map_err(|why| Diagnostic::error(code::BAD_VALUE, word.span, why))
}

fn hold(resolvers: &mut Resolvers, args: &mut Args<'_>) -> Outcome {
    type Place = fn(&mut tandem_lb_core::dns::Hold) -> &mut Duration;
    const STATES: &[(&str, Place)] = &[
        ("valid", |hold| &mut hold.valid),
        ("obsolete", |hold| &mut hold.obsolete),
        ("nx", |hold| &mut hold.no_name),
        ("refused", |hold| &mut hold.refused),
        ("timeout", |hold| &mut hold.timeout),
        ("other", |hold| &mut hold.other),
    ];
    let place = args.choice("a state of an answer", STATES)?;
    *place(&mut resolvers.hold) = args.time()?;
    Ok(())
}

fn resolve_opts(target: &mut Target, args: &mut Args<'_>) -> Outcome {
    let word = args.word("options")?;
    let resolve = &mut target.options.resolve;
    for option in word.text.split(',') {
        match option {
            "allow-dup-ip" => resolve.preference.may_share = true,
            "prevent-dup-ip" => resolve.preference.may_share = false,
            "ignore-weight" => resolve.ignores_weight = true,
            _ => {
                let message = format!("`{option}` is no option of a look-up");
                return Err(Diagnostic::error(code::BAD_VALUE, word.span, message)
                    .help("write some of: allow-dup-ip, prevent-dup-ip, ignore-weight"));
            }
        }
    }
    Ok(())
}
