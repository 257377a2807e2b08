//! Sections `ring`: buffers for log lines, and where they go on to.

use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::keyword::Keyword;
use super::option::{self, WordOption};
use super::section::Sections;
use super::tls;
use crate::draft::Ring;
use crate::names::LOG_FORMATS;
use crate::plan::{Framing, RingServer, ServerPort};
use crate::tls::Words;
use crate::{address, code, plan};

/// What a `server` line says beside its name and address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    pub(super) tls: Words,
    framing: Framing,
}

pub(super) const TABLES: &[&[WordOption<Target>]] = &[OPTIONS, tls::OF_RING];

const OPTIONS: &[WordOption<Target>] = &[WordOption {
    word: "log-proto",
    summary: "of a ring's server: where a line ends, `legacy` at a newline, `octet-count` after as many bytes as it says",
    parse: |target, args| {
        let framings = [("legacy", Framing::Newline), ("octet-count", Framing::Counted)];
        target.framing = args.choice("a way to end lines", &framings)?;
        Ok(())
    },
}];

/// The smallest that HAProxy makes; it takes nothing smaller either.
const SMALLEST: u32 = plan::Ring::USUAL_SIZE;
const LARGEST: u32 = 1 << 30;

pub(super) const KEYWORDS: &[Keyword<Ring>] = &[
    Keyword {
        words: "description",
        sections: Sections::RING,
        summary: "what it is for, for those who list the sinks",
        parse: description,
    },
    Keyword {
        words: "format",
        sections: Sections::RING,
        summary: "the format of its lines; `raw` when none is said",
        parse: |ring, args| {
            ring.plan.format = args.choice("a log format", LOG_FORMATS)?;
            Ok(())
        },
    },
    Keyword {
        words: "maxlen",
        sections: Sections::RING,
        summary: "the longest line in bytes; longer ones are cut",
        parse: |ring, args| {
            ring.plan.longest = args.number(1..=LARGEST)?;
            Ok(())
        },
    },
    Keyword {
        words: "size",
        sections: Sections::RING,
        summary: "how many bytes of lines it holds, 16384 or more",
        parse: |ring, args| {
            ring.plan.size = args.number(SMALLEST..=LARGEST)?;
            Ok(())
        },
    },
    Keyword {
        words: "timeout connect",
        sections: Sections::RING,
        summary: "how long connecting to its servers may take",
        parse: |ring, args| {
            ring.plan.timeout_connect = args.limit()?;
            Ok(())
        },
    },
    Keyword {
        words: "timeout server",
        sections: Sections::RING,
        summary: "how long a server may take nothing of what waits for it",
        parse: |ring, args| {
            ring.plan.timeout_server = args.limit()?;
            Ok(())
        },
    },
    Keyword {
        words: "server",
        sections: Sections::RING,
        summary: "NAME ADDRESS:PORT [log-proto legacy|octet-count] [ssl …]: a syslog server over TCP or TLS that gets its lines",
        parse: server,
    },
];

fn description(ring: &mut Ring, args: &mut Args<'_>) -> Outcome {
    let words: Vec<&str> = args.rest().iter().map(|word| word.text.as_str()).collect();
    let text = words.join(" ");
    args.word("a description")?;
    args.take_rest();
    ring.plan.description = Some(text.into());
    Ok(())
}

fn server(ring: &mut Ring, args: &mut Args<'_>) -> Outcome {
    let name = args.word("a name")?;
    if ring.plan.servers.iter().any(|known| *known.name == *name.text) {
        let message = format!("another server of this ring is `{}` already", name.text);
        return Err(Diagnostic::error(code::DUPLICATE, name.span, message).help("give it another name"));
    }
    let word = args.word("an address")?;
    let (host, port) = address::server(&word.text).map_err(|error| bad_address(word, &error))?;
    let ServerPort::Fixed(port) = port else {
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, "a port is missing").help("write ADDRESS:PORT"));
    };
    let mut target = Target::default();
    option::read(TABLES, &[], "server", &mut target, args);
    ring.tls_of_servers.push(Spanned::new(target.tls, args.line_span()));
    ring.plan.servers.push(RingServer {
        name: name.text.as_str().into(),
        host,
        port,
        framing: target.framing,
        tls: None,
    });
    Ok(())
}
