//! One test: an expression, flags, patterns.

use tandem_lb_core::acl::{Matcher, Numbers, Regex, Test, TextMatch, Texts};
use tandem_lb_core::expr::{Expr, Fetch, Kind, Part};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span, nearest};

use super::{Book, patterns};
use crate::code;
use crate::expr::{World, file_lines};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Found,
    True,
    Int,
    Ip,
    Binary,
    Length,
    Text(TextMatch),
    Regex,
}

const METHODS: &[(&str, Method)] = &[
    ("found", Method::Found),
    ("bool", Method::True),
    ("int", Method::Int),
    ("ip", Method::Ip),
    ("bin", Method::Binary),
    ("len", Method::Length),
    ("str", Method::Text(TextMatch::Equal)),
    ("beg", Method::Text(TextMatch::Begins)),
    ("end", Method::Text(TextMatch::Ends)),
    ("sub", Method::Text(TextMatch::Contains)),
    ("dir", Method::Text(TextMatch::Directory)),
    ("dom", Method::Text(TextMatch::Domain)),
    ("reg", Method::Regex),
];

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
    let expr = book.expr(word, world)?;
    let flags = Flags::read(rest, world)?;
    let method = flags.method.map_or_else(|| usual(&expr, word), Ok)?;
    let matcher = matcher(method, &flags, &expr)?;
    if !expr.kind().becomes(matcher.wants()) {
        let message = format!(
            "`{}` gives a value of the type {}, which cannot be matched as {}",
            word.text,
            expr.kind().word(),
            matcher.wants().word()
        );
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message));
    }
    Ok(Test { expr, matcher })
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
struct Flags {
    any_case: bool,
    method: Option<Method>,
    patterns: Vec<Pattern>,
}

impl Flags {
    fn read(words: &[Word], world: World<'_>) -> Result<Flags, Diagnostic> {
        let mut flags = Flags {
            any_case: false,
            method: None,
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
                // Names are never looked up, and a file with values serves as one of patterns.
                "-n" | "-M" => {}
                "-u" => {
                    value("a number")?;
                }
                "-m" => flags.method = Some(method(value("a method")?)?),
                "-f" => flags.patterns.extend(of_file(value("a file")?, world)?),
                _ => return Err(odd_flag(flag)),
            }
        }
        flags.patterns.extend(rest.iter().map(|word| Pattern {
            text: word.text.clone(),
            at: word.span,
        }));
        Ok(flags)
    }
}

fn method(word: &Word) -> Result<Method, Diagnostic> {
    let found = METHODS.iter().find(|(name, _)| *name == word.text);
    found.map(|(_, method)| *method).ok_or_else(|| {
        let names = || METHODS.iter().map(|(name, _)| *name);
        let message = format!("`{}` is no way to match", word.text);
        let help = match nearest(&word.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Diagnostic::error(code::BAD_VALUE, word.span, message).help(help)
    })
}

fn of_file(path: &Word, world: World<'_>) -> Result<Vec<Pattern>, Diagnostic> {
    let bad = |why: String| {
        let message = format!("cannot read the patterns in `{}`: {why}", path.text);
        Diagnostic::error(code::BAD_VALUE, path.span, message)
    };
    let content = (world.file)(&path.text).map_err(bad)?;
    let lines = file_lines(&content).map_err(bad)?;
    let pattern = |line: &str| Pattern {
        text: line.to_owned(),
        at: path.span,
    };
    Ok(lines.into_iter().map(pattern).collect())
}

fn odd_flag(flag: &Word) -> Diagnostic {
    let message = format!("`{}` is no flag of ACLs", flag.text);
    Diagnostic::error(code::UNKNOWN, flag.span, message)
        .help("the flags are -i -f -m -n -u -M; write `--` before a pattern that begins with `-`")
}

fn matcher(method: Method, flags: &Flags, expr: &Expr) -> Result<Matcher, Diagnostic> {
    let all = &flags.patterns;
    let texts = |how| Texts::of(how, flags.any_case, all.iter().map(|p| p.text.as_bytes().into()));
    Ok(match method {
        Method::Found => Matcher::Found,
        Method::True => Matcher::True,
        Method::Int => Matcher::Int(Numbers(patterns::numbers(all, is_version(expr))?)),
        Method::Length => Matcher::Length(Numbers(patterns::numbers(all, false)?)),
        Method::Ip => Matcher::Ip(patterns::addresses(all)?),
        Method::Text(how) => Matcher::Text(texts(how)),
        Method::Binary => Matcher::Binary(patterns::binary(all)?),
        Method::Regex => {
            let regex = |p: &Pattern| {
                Regex::new(&p.text, flags.any_case)
                    .map_err(|error| Diagnostic::error(code::BAD_VALUE, p.at, error.to_string()))
            };
            Matcher::Regex(all.iter().map(regex).collect::<Result<_, _>>()?)
        }
    })
}

/// A version is written with a dot.
fn is_version(expr: &Expr) -> bool {
    expr.fetch == Fetch::Part(Part::HelloVersion) && expr.converters.is_empty()
}
