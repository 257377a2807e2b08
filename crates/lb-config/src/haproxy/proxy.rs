//! The keywords of `defaults`, `frontend`, `listen` and `backend` that have no table of their own.

use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome, bad_address};
use super::global::sentence;
use super::keyword::Keyword;
use super::section::Sections;
use super::{balance, bind, check, filter, forward, log, options, rules, server, source, state, stats, stick, timeout};
use crate::draft::{Mode, Proxy};
use crate::{address, code};

/// All that a proxy understands.
pub(super) const TABLES: &[&[Keyword<Proxy>]] = &[
    KEYWORDS,
    options::KEYWORDS,
    timeout::KEYWORDS,
    stats::KEYWORDS,
    stats::RULES,
    stick::KEYWORDS,
    balance::KEYWORDS,
    state::OF_PROXIES,
    rules::KEYWORDS,
    filter::KEYWORDS,
    log::OF_PROXIES,
    check::KEYWORDS,
    forward::KEYWORDS,
];

const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "mode",
        sections: Sections::PROXIES.and_defaults(),
        summary: "`tcp`, or `http` for the statistics page",
        parse: |proxy, args| {
            proxy.settings.mode = args.choice("a mode", &[("tcp", Mode::Tcp), ("http", Mode::Http)])?;
            Ok(())
        },
    },
    Keyword {
        words: "id",
        sections: Sections::PROXIES,
        summary: "the number in statistics, instead of the position",
        parse: |proxy, args| {
            let id = args.number(1..=i32::MAX as u32)?;
            proxy.id = Some(Spanned::new(id, args.last_span()));
            Ok(())
        },
    },
    Keyword {
        words: "description",
        sections: Sections::PROXIES,
        summary: "a text for the statistics page",
        parse: |proxy, args| {
            proxy.description = Some(sentence(args)?.into());
            Ok(())
        },
    },
    Keyword {
        words: "disabled",
        sections: Sections::PROXIES.and_defaults(),
        summary: "do not start this proxy",
        parse: |proxy, _| {
            proxy.settings.disabled = true;
            Ok(())
        },
    },
    Keyword {
        words: "enabled",
        sections: Sections::PROXIES.and_defaults(),
        summary: "start this proxy although the defaults say `disabled`",
        parse: |proxy, _| {
            proxy.settings.disabled = false;
            Ok(())
        },
    },
    Keyword {
        words: "log",
        sections: Sections::PROXIES.and_defaults(),
        summary: "`global` for the targets of `global`, a target of its own, or `no log`",
        parse: log_lines,
    },
    Keyword {
        words: "bind",
        sections: Sections::FRONT,
        summary: "where to listen: addresses with ports, paths, descriptors",
        parse: bind::line,
    },
    Keyword {
        words: "maxconn",
        sections: Sections::FRONT.and_defaults(),
        summary: "the most connections at once; more wait in the backlog",
        parse: |proxy, args| {
            // 0 means that only the limit of the process holds.
            let most: u32 = args.number(0..=u32::MAX)?;
            proxy.settings.maxconn = Some(most).filter(|most| *most > 0);
            Ok(())
        },
    },
    Keyword {
        words: "rate-limit sessions",
        sections: Sections::FRONT.and_defaults(),
        summary: "how many clients may come in a second; more wait in the backlog",
        parse: |proxy, args| {
            proxy.settings.session_rate = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "backlog",
        sections: Sections::FRONT.and_defaults(),
        summary: "how many connections the kernel keeps waiting",
        parse: |proxy, args| {
            let most: u32 = args.number(0..=u32::MAX)?;
            proxy.settings.backlog = Some(most).filter(|most| *most > 0);
            Ok(())
        },
    },
    Keyword {
        words: "default_backend",
        sections: Sections::FRONT.and_defaults(),
        summary: "the backend that gets the connections",
        parse: |proxy, args| {
            let word = args.word("the name of a backend")?;
            proxy.settings.default_backend = Some(Spanned::new(word.text.clone(), word.span));
            Ok(())
        },
    },
    Keyword {
        words: "source",
        sections: Sections::BACK.and_defaults(),
        summary: "where connections to servers come from that say no `source` of their own",
        parse: |proxy, args| {
            proxy.settings.source = source::of_backend(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "fullconn",
        sections: Sections::BACK.and_defaults(),
        summary: "how many connections are the full load of a backend; a tenth of what may come if not given",
        parse: |proxy, args| {
            proxy.settings.fullconn = Some(args.number(0..=u32::MAX)?).filter(|most| *most > 0);
            Ok(())
        },
    },
    Keyword {
        words: "retries",
        sections: Sections::BACK.and_defaults(),
        summary: "connection attempts after the first",
        parse: |proxy, args| {
            proxy.settings.retries = args.number(0..=i32::MAX as u32)?;
            Ok(())
        },
    },
    Keyword {
        words: "server",
        sections: Sections::BACK.strictly(),
        summary: "a server: its name, its address, its options",
        parse: server::line,
    },
    Keyword {
        words: "server-template",
        sections: Sections::BACK.strictly(),
        summary: "servers of one name: a prefix, how many, the name, options; `resolvers` finds their addresses",
        parse: server::template,
    },
    Keyword {
        words: "default-server",
        sections: Sections::BACK.strictly().and_defaults(),
        summary: "options for the servers that follow",
        parse: server::defaults,
    },
];

fn log_lines(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let logs = &mut proxy.settings.logs;
    if args.negated() {
        *logs = crate::plan::ProxyLogs {
            tag: logs.tag.take(),
            ..crate::plan::ProxyLogs::default()
        };
        return Ok(());
    }
    if args.accept("global") {
        logs.global = true;
        return Ok(());
    }
    if let Some(word) = args
        .peek()
        .filter(|word| address::log(&word.text).is_err() && args.rest().len() == 1)
    {
        let message = format!("`{}` is neither `global` nor a log target with a facility", word.text);
        return Err(super::keyword::suggest(
            Diagnostic::error(code::BAD_VALUE, word.span, message),
            &word.text,
            ["global"].into_iter(),
        ));
    }
    logs.own.push(log::target(args)?);
    Ok(())
}

/// The host of `addr` and its like.
pub(super) fn host(args: &mut Args<'_>) -> Result<crate::plan::Host, Diagnostic> {
    let word = args.word("an address")?;
    address::host(&word.text).map_err(|error| bad_address(word, &error))
}
