//! One test: an expression, flags, patterns.

use std::borrow::Cow;
use std::sync::Arc;

use tandem_lb_core::acl::{How, List, Method, Patterns, Test, TextMatch};
use tandem_lb_core::expr::{Expr, Fetch, Kind, Part};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span, nearest};

use super::Book;
use super::patterns::{self, bad};
use crate::code;
use crate::expr::World;
use crate::shelf::{Shelf, Use};

/// A pattern and where it was written.
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) at: Span,
}

/// `EXPRESSION [flags] [patterns]`; `behind` is what stands before it.
pub(super) fn read(words: &[Word], behind: Span, world: World<'_>, book: &mut Book) -> Result<Test, Diagnostic> {
    let [word, rest @ ..] = words else {
        return Err(
            Diagnostic::error(code::MISSING, behind, "a test is missing behind this")
                .help("write a fetch and its patterns, such as `src 10.0.0.0/8`"),
        );
    };
    let (fetch, implied) = known_as(word);
    let expr = book.expr(&fetch, world)?;
    let flags = Flags::read(rest)?;
    let method = flags.method.or(implied).map_or_else(|| usual(&expr, word), Ok)?;
    if !expr.kind().becomes(method.wants()) {
        let message = format!(
            "`{}` gives a value of the type {}, which cannot be matched as {}",
            word.text,
            expr.kind().word(),
            method.wants().word()
        );
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message));
    }
    let method = match method {
        Method::Int if is_version(&expr) => Method::Version,
        method => method,
    };
    let how = How {
        method,
        // Only letters have a case.
        any_case: flags.any_case && matches!(method, Method::Text(_) | Method::Regex),
    };
    let alone = Shelf::default();
    let shelf = world.lists.unwrap_or(&alone);
    let of_files = flags.files.iter().map(|path| {
        let bad = |why: String| {
            let message = format!("cannot read the patterns in `{}`: {why}", path.text);
            Diagnostic::error(code::BAD_VALUE, path.span, message)
        };
        let list = shelf.file(&path.text, flags.user, world).map_err(bad)?;
        read_as(how, &list, path, shelf)
    });
    let mut any: Vec<_> = of_files.collect::<Result<_, _>>()?;
    let words = flags.words(how)?;
    let fetch = word.text.split(['(', ',']).next().unwrap_or_default();
    let own = shelf.words(fetch, flags.id, &words, world.line);
    any.push(read_as(how, &own, word, shelf)?);
    Ok(Test { expr, any })
}

/// Names that only tests have, for a fetch and how it is compared.
const NAMES: [(&str, &str, Method); 4] = [
    ("payload", "req.payload", Method::Binary),
    ("payload_lv", "req.payload_lv", Method::Binary),
    ("ssl_fc_sni_end", "ssl_fc_sni", Method::Text(TextMatch::Ends)),
    ("ssl_fc_sni_reg", "ssl_fc_sni", Method::Regex),
];

fn known_as(word: &Word) -> (Cow<'_, Word>, Option<Method>) {
    let end = word.text.find(['(', ',']).unwrap_or(word.text.len());
    let (name, rest) = word.text.split_at(end);
    match NAMES.iter().find(|(known, ..)| *known == name) {
        None => (Cow::Borrowed(word), None),
        Some((_, fetch, method)) => {
            let text = format!("{fetch}{rest}");
            (Cow::Owned(Word { text, ..word.clone() }), Some(*method))
        }
    }
}

fn read_as(how: How, list: &Arc<List>, word: &Word, shelf: &Shelf) -> Result<Arc<Patterns>, Diagnostic> {
    let at = |text: String| Pattern { text, at: word.span };
    shelf.patterns(how, list).map_err(|why| bad(&why, &at(String::new())))
}

/// How a value of this type is compared when nothing else is said.
fn usual(expr: &Expr, word: &Word) -> Result<Method, Diagnostic> {
    Ok(match expr.kind() {
        Kind::Bool => Method::True,
        Kind::Int => Method::Int,
        Kind::Ip | Kind::V4 | Kind::V6 => Method::Ip,
        Kind::Text => Method::Text(TextMatch::Equal),
        Kind::Any | Kind::Binary => {
            let message = format!("how to match `{}` has to be said", word.text);
            return Err(Diagnostic::error(code::MISSING, word.span, message)
                .help("write `-m` and one of: found, str, beg, end, sub, reg, len, bin, int, ip, bool"));
        }
    })
}

/// What stands between the expression and the patterns, and the patterns.
struct Flags<'w> {
    any_case: bool,
    method: Option<Method>,
    id: Option<u32>,
    files: Vec<&'w Word>,
    user: Use,
    patterns: Vec<Pattern>,
}

impl<'w> Flags<'w> {
    fn read(words: &'w [Word]) -> Result<Flags<'w>, Diagnostic> {
        let mut flags = Flags {
            any_case: false,
            method: None,
            id: None,
            files: Vec::new(),
            user: Use::Acl,
            patterns: Vec::new(),
        };
        let mut rest = words;
        while let [flag, behind @ ..] = rest {
            if !flag.text.starts_with('-') {
                break;
            }
            rest = behind;
            let mut value = |what: &str| {
                let [word, behind @ ..] = rest else {
                    let message = format!("{what} is missing behind `{}`", flag.text);
                    return Err(Diagnostic::error(code::MISSING, flag.span, message));
                };
                rest = behind;
                Ok(word)
            };
            match flag.text.as_str() {
                "--" => break,
                "-i" => flags.any_case = true,
                // Names are never looked up.
                "-n" => {}
                "-M" => flags.user = Use::AclWithValues,
                "-u" => flags.id = Some(id(value("a number")?)?),
                "-m" => flags.method = Some(method(value("a method")?)?),
                "-f" => flags.files.push(value("a file")?),
                _ => return Err(odd_flag(flag)),
            }
        }
        flags.patterns.extend(rest.iter().map(|word| Pattern {
            text: word.text.clone(),
            at: word.span,
        }));
        Ok(flags)
    }

    /// The patterns of the line, each good.
    fn words(&self, how: How) -> Result<Vec<String>, Diagnostic> {
        let numbers;
        let all = match how.method {
            Method::Int | Method::Version | Method::Length => {
                numbers = patterns::numbers(&self.patterns, how)?;
                &numbers
            }
            _ => &self.patterns,
        };
        let good = |pattern: &Pattern| match how.parse(&pattern.text) {
            Ok(_) => Ok(pattern.text.clone()),
            Err(why) => Err(bad(&why, pattern)),
        };
        all.iter().map(good).collect()
    }
}

fn id(word: &Word) -> Result<u32, Diagnostic> {
    word.text.parse().map_err(|_| {
        let message = format!("`{}` is no number for a list of patterns", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message)
    })
}

fn method(word: &Word) -> Result<Method, Diagnostic> {
    let found = Method::NAMED.iter().find(|(name, _)| *name == word.text);
    found.map(|(_, method)| *method).ok_or_else(|| {
        let names = || Method::NAMED.iter().map(|(name, _)| *name);
        let message = format!("`{}` is no way to match", word.text);
        let help = match nearest(&word.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Diagnostic::error(code::BAD_VALUE, word.span, message).help(help)
    })
}

fn odd_flag(flag: &Word) -> Diagnostic {
    let message = format!("`{}` is no flag of ACLs", flag.text);
    Diagnostic::error(code::UNKNOWN, flag.span, message)
        .help("the flags are -i -f -m -n -u -M; write `--` before a pattern that begins with `-`")
}

/// A version is written with a dot.
fn is_version(expr: &Expr) -> bool {
    expr.fetch == Fetch::Part(Part::HelloVersion) && expr.converters.is_empty()
}
