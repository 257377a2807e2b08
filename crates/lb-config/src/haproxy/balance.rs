//! `balance` and `hash-type`.

use tandem_lb_core::balance::{Algorithm, HashFunction, HashMethod, HashType};
use tandem_lb_core::expr::{Kind, Place};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, nearest};

use super::args::{Args, Outcome, number};
use super::keyword::Keyword;
use super::section::Sections;
use super::{places, unsupported};
use crate::acl::Book;
use crate::code;
use crate::draft::Proxy;
use crate::expr::Spelled;
use crate::names::{ALGORITHMS, DRAWS, HASH_FUNCTIONS, HASH_METHODS};

const HERE: Sections = Sections::BACK.and_defaults();

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[
    Keyword {
        words: "balance",
        sections: HERE,
        summary: "how a server is chosen: roundrobin, static-rr, leastconn, first, source, random, hash EXPRESSION",
        parse: balance,
    },
    Keyword {
        words: "hash-type",
        sections: HERE,
        summary: "map-based, consistent or (ours) maglev, with a function and `avalanche`",
        parse: hash_type,
    },
    Keyword {
        words: "hash-balance-factor",
        sections: HERE,
        summary: "no server gets more than so many percent of the average: above 100, or 0 for no limit",
        parse: |proxy, args| {
            let factor = args.number(0..=i32::MAX as u32)?;
            if (1..=100).contains(&factor) {
                let message = "a bound must be above 100 percent, or somebody would be turned away";
                return Err(Diagnostic::error(code::BAD_VALUE, args.last_span(), message)
                    .help("write 0 for no bound, or a number such as 150"));
            }
            proxy.settings.policy.balance_factor = factor;
            Ok(())
        },
    },
];

const UNSUPPORTED: &[&str] = &["uri", "url_param", "hdr", "rdp-cookie", "log-hash", "sticky"];

fn balance(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let word = args.word("an algorithm")?;
    let (name, parameter) = split(word)?;
    proxy.settings.policy.algorithm = match (name, parameter) {
        ("random", None) => Algorithm::Random { draws: DRAWS },
        ("random", Some(draws)) => Algorithm::Random {
            draws: number(word, draws, 1..=u32::MAX)?,
        },
        ("hash", None) => hash_key(proxy, args)?,
        _ => simple(word, name, parameter)?,
    };
    Ok(())
}

/// `name(parameter)`
fn split(word: &Word) -> Result<(&str, Option<&str>), Diagnostic> {
    let Some((name, rest)) = word.text.split_once('(') else {
        return Ok((&word.text, None));
    };
    let parameter = rest.strip_suffix(')').ok_or_else(|| {
        Diagnostic::error(code::BAD_VALUE, word.span, "this parenthesis is not closed").help("write random(2)")
    })?;
    Ok((name, Some(parameter)))
}

fn simple(word: &Word, name: &str, parameter: Option<&str>) -> Result<Algorithm, Diagnostic> {
    let found = ALGORITHMS
        .iter()
        .find(|(known, _)| *known == name && parameter.is_none());
    if let Some((_, algorithm)) = found {
        return Ok(*algorithm);
    }
    if UNSUPPORTED.contains(&name) {
        let what = format!("`balance {name}`");
        return Err(unsupported::refusal(&what, word.span));
    }
    let message = format!("`{}` is not a way to balance", word.text);
    let known = || ALGORITHMS.iter().map(|(known, _)| *known).chain(["random", "hash"]);
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of: {}", known().collect::<Vec<_>>().join(", ")),
    };
    Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help(help))
}

fn hash_key(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Algorithm, Diagnostic> {
    let key = args.word("what to hash")?;
    if key.text == "src" {
        return Ok(Algorithm::HashSrc);
    }
    let mut book = Book::default();
    let expr = book.expr(key, args.world)?;
    proxy.settings.references.append(&mut book.references);
    places::fit([&expr], &[Place::Choice], key.span)?;
    if !expr.kind().becomes(Kind::Binary) {
        let message = format!("`{}` gives a {}, which cannot be hashed", key.text, expr.kind().word());
        return Err(Diagnostic::error(code::BAD_VALUE, key.span, message));
    }
    proxy.settings.hash_key = Some(Spelled {
        text: key.text.clone(),
        expr,
    });
    Ok(Algorithm::Hash)
}

fn hash_type(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let method = args.choice("a hash type", HASH_METHODS)?;
    proxy.settings.policy.hash = if args.peek().is_some() {
        let function = args.choice("a hash function", HASH_FUNCTIONS)?;
        HashType {
            method,
            function,
            avalanche: args.accept("avalanche"),
        }
    } else {
        // Alone, `consistent` brings the avalanche with it, and so does what is like it.
        HashType {
            method,
            function: HashFunction::Sdbm,
            avalanche: method != HashMethod::MapBased,
        }
    };
    Ok(())
}
