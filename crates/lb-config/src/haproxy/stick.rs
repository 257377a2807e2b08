//! `stick-table` and `stick …`: clients that come back to their server.

use tandem_lb_core::stick::TableSettings;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, suggest};
use super::section::Sections;
use crate::code;
use crate::draft::Proxy;
use crate::names::KEY_TYPES;
use crate::plan::StickRule;

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "stick-table",
        sections: Sections::BACK,
        summary: "the table: type, size, expire, nopurge",
        parse: table,
    },
    Keyword {
        words: "stick on",
        sections: Sections::BACK,
        summary: "send a known source address to its server, and remember a new one",
        parse: |proxy, args| {
            rule(
                proxy,
                args,
                StickRule {
                    matches: true,
                    stores: true,
                },
            )
        },
    },
    Keyword {
        words: "stick match",
        sections: Sections::BACK,
        summary: "send a known source address to its server",
        parse: |proxy, args| {
            rule(
                proxy,
                args,
                StickRule {
                    matches: true,
                    stores: false,
                },
            )
        },
    },
    Keyword {
        words: "stick store-request",
        sections: Sections::BACK,
        summary: "remember the server of a source address",
        parse: |proxy, args| {
            rule(
                proxy,
                args,
                StickRule {
                    matches: false,
                    stores: true,
                },
            )
        },
    },
];

fn table(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let span = args.line_span();
    let (mut key, mut size, mut expire, mut nopurge) = (None, None, None, false);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "type" => key = Some(key_type(args)?),
            "size" => size = Some(positive_size(args)?),
            "expire" => expire = args.limit()?,
            "nopurge" => nopurge = true,
            _ => return Err(odd_word(word)),
        }
    }
    let missing = |what: &str| {
        Diagnostic::error(code::MISSING, span, format!("this table has no `{what}`"))
            .help("write `stick-table type ip size 200k`")
    };
    let key = key.ok_or_else(|| missing("type"))?;
    let size = size.ok_or_else(|| missing("size"))?;
    if proxy.table.is_some() {
        return Err(Diagnostic::error(
            code::DUPLICATE,
            span,
            "this proxy has a stick-table already",
        ));
    }
    proxy.table = Some(Spanned::new(
        TableSettings {
            key,
            size,
            expire,
            nopurge,
        },
        span,
    ));
    Ok(())
}

fn key_type(args: &mut Args<'_>) -> Result<tandem_lb_core::stick::KeyType, Diagnostic> {
    if let Some(word) = args
        .peek()
        .filter(|word| matches!(word.text.as_str(), "integer" | "string" | "binary"))
    {
        let message = format!("tables of the type `{}` are not supported yet", word.text);
        return Err(Diagnostic::error(code::UNSUPPORTED, word.span, message).help("write `type ip` or `type ipv6`"));
    }
    args.choice("a type of keys", KEY_TYPES)
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
    if matches!(
        word.text.as_str(),
        "store" | "peers" | "recv-only" | "write-to" | "srvkey" | "brates-factor"
    ) {
        let message = format!("`{}` is known to HAProxy, but not supported yet", word.text);
        return Diagnostic::error(code::UNSUPPORTED, word.span, message);
    }
    let message = format!("unknown keyword `{}` on a `stick-table` line", word.text);
    let known = ["type", "size", "expire", "nopurge", "store", "peers"];
    suggest(
        Diagnostic::error(code::UNKNOWN, word.span, message),
        &word.text,
        known.into_iter(),
    )
}

fn rule(proxy: &mut Proxy, args: &mut Args<'_>, rule: StickRule) -> Outcome {
    let key = args.word("what to stick on")?;
    if key.text != "src" {
        let message = format!("sticking on `{}` is not supported yet", key.text);
        return Err(Diagnostic::error(code::UNSUPPORTED, key.span, message).help("write `src`, the source address"));
    }
    if args.accept("table") {
        let name = args.word("the name of a table")?;
        if *name.text != *proxy.name.value {
            let message = "the table of another proxy is not supported yet";
            return Err(Diagnostic::error(code::UNSUPPORTED, name.span, message)
                .help("give this backend a `stick-table` of its own"));
        }
    }
    if let Some(word) = args.peek().filter(|word| matches!(word.text.as_str(), "if" | "unless")) {
        return Err(Diagnostic::error(
            code::UNSUPPORTED,
            word.span,
            "conditions are not supported yet",
        ));
    }
    proxy.stick_rules.push(Spanned::new(rule, args.line_span()));
    Ok(())
}
