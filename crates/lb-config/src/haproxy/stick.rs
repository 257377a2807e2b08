//! `stick-table` and `stick …`: clients that come back to their server, and what is counted of them.

use tandem_lb_core::expr::Place;
use tandem_lb_core::rules::{Sticking, Storing};
use tandem_lb_core::stick::TableSettings;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, suggest};
use super::section::Sections;
use super::{counters, places, rules};
use crate::draft::{OwnTable, Proxy};
use crate::names::KEY_TYPES;
use crate::{code, table};

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "stick-table",
        sections: Sections::PROXIES,
        summary: "the table: type, size, expire, nopurge, store, peers, srvkey, recv-only, write-to, brates-factor",
        parse: |proxy, args| {
            let span = args.line_span();
            let (settings, peers) = settings(args)?;
            if proxy.table.is_some() {
                return Err(Diagnostic::error(
                    code::DUPLICATE,
                    span,
                    "this proxy has a stick-table already",
                ));
            }
            proxy.table = Some(Spanned::new(OwnTable { settings, peers }, span));
            Ok(())
        },
    },
    Keyword {
        words: "stick on",
        sections: Sections::BACK,
        summary: "send a known key to its server, and remember a new one",
        parse: |proxy, args| rule(proxy, args, true, Storing::Request),
    },
    Keyword {
        words: "stick match",
        sections: Sections::BACK,
        summary: "send a known key to its server",
        parse: |proxy, args| rule(proxy, args, true, Storing::Never),
    },
    Keyword {
        words: "stick store-request",
        sections: Sections::BACK,
        summary: "remember the server of a key",
        parse: |proxy, args| rule(proxy, args, false, Storing::Request),
    },
    Keyword {
        words: "stick store-response",
        sections: Sections::BACK,
        summary: "remember the server of a key that it sends itself",
        parse: |proxy, args| rule(proxy, args, false, Storing::Response),
    },
];

/// What stands behind `stick-table`, and the section of peers that it names.
pub(super) fn settings(args: &mut Args<'_>) -> Result<(TableSettings, Option<Spanned<String>>), Diagnostic> {
    let span = args.line_span();
    let (mut key, mut size, mut peers) = (None, None, None);
    let mut settings = TableSettings::new(tandem_lb_core::stick::KeyType::Ipv4, 0);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "type" => key = Some(key_type(args)?),
            "size" => size = Some(positive_size(args)?),
            "expire" => settings.expire = args.limit()?,
            "nopurge" => settings.nopurge = true,
            "store" => {
                let word = args.word("what to store")?;
                table::store(&word.text, &mut settings.store).map_err(|error| error.diagnostic(word.span))?;
            }
            "peers" => {
                let name = args.text("the name of a section `peers`")?;
                peers = Some(Spanned::new(name, args.last_span()));
            }
            "srvkey" => settings.by_address = args.choice("`name` or `addr`", &[("name", false), ("addr", true)])?,
            "recv-only" => settings.learns_present = true,
            "write-to" => settings.write_to = Some(args.text("the name of a table")?.into()),
            "brates-factor" => settings.bytes_unit = args.number(1..=1024)?,
            _ => return Err(odd_word(word)),
        }
    }
    let missing = |what: &str| {
        Diagnostic::error(code::MISSING, span, format!("this table has no `{what}`"))
            .help("write `stick-table type ip size 200k`")
    };
    settings.key = key.ok_or_else(|| missing("type"))?;
    settings.size = size.ok_or_else(|| missing("size"))?;
    Ok((settings, peers))
}

fn key_type(args: &mut Args<'_>) -> Result<tandem_lb_core::stick::KeyType, Diagnostic> {
    let kind = args.choice("a type of keys", KEY_TYPES)?;
    if !args.accept("len") {
        return Ok(kind);
    }
    let length = args.number(1..=table::LONGEST.into())?;
    table::with_length(kind, length).ok_or_else(|| {
        let message = "only keys of the types `string` and `binary` have a length";
        Diagnostic::error(code::CONFLICT, args.last_span(), message).help("leave `len` out")
    })
}

fn positive_size(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    match args.size()? {
        0 => Err(Diagnostic::error(
            code::BAD_VALUE,
            args.last_span(),
            "a table needs room for at least one entry",
        )),
        size => Ok(size),
    }
}

fn odd_word(word: &Word) -> Diagnostic {
    let message = format!("unknown keyword `{}` on a `stick-table` line", word.text);
    let known = [
        "type",
        "size",
        "expire",
        "nopurge",
        "store",
        "peers",
        "srvkey",
        "recv-only",
        "write-to",
        "brates-factor",
    ];
    suggest(
        Diagnostic::error(code::UNKNOWN, word.span, message),
        &word.text,
        known.into_iter(),
    )
}

fn rule(proxy: &mut Proxy, args: &mut Args<'_>, matches: bool, stores: Storing) -> Outcome {
    let span = args.line_span();
    let (key, table) = counters::key(proxy, args)?;
    let when = rules::condition(proxy, args)?;
    let place = match stores {
        Storing::Response => Place::Store,
        Storing::Never | Storing::Request => Place::Choice,
    };
    places::fit([&key], &[place], span)?;
    places::ask(when.as_ref(), &proxy.rules.book.acls, &[place], args);
    let rule = Sticking {
        matches,
        stores,
        key,
        table,
        when,
    };
    proxy.stick_rules.push(Spanned::new(rule, span));
    Ok(())
}
