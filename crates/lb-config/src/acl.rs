//! Text to conditions: `acl` lines, `if` and `unless`, tests in braces, and the names that HAProxy brings along.

mod patterns;
mod test;

use std::collections::BTreeMap;

use tandem_lb_core::acl::{Acl, Acls, Condition, Term};
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Span, Spanned, nearest};

use crate::code;
use crate::expr::{ExprError, Parsed, Reference, World};

/// The ACLs of one proxy, as far as they have been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) acls: Acls,
    names: BTreeMap<String, usize>,
    /// What expressions of this proxy name, to be looked for when all is read.
    pub(crate) references: Vec<Spanned<Reference>>,
}

/// What HAProxy defines before the first line.
const PREDEFINED: &[(&str, &[&str])] = &[
    ("TRUE", &["always_true"]),
    ("FALSE", &["always_false"]),
    ("LOCALHOST", &["src", "127.0.0.1/8", "::1"]),
    ("HTTP", &["req.proto_http"]),
    ("REQ_CONTENT", &["req.len", "gt", "0"]),
    ("RDP_COOKIE", &["req.rdp_cookie_cnt", "gt", "0"]),
    ("WAIT_END", &["wait_end"]),
];

const OF_HTTP: &[&str] = &[
    "HTTP_1.0",
    "HTTP_1.1",
    "HTTP_2.0",
    "HTTP_URL_ABS",
    "HTTP_URL_SLASH",
    "HTTP_URL_STAR",
];

impl Book {
    /// `acl NAME EXPRESSION [flags] [patterns]`, behind the first word. Several of one name are alternatives.
    pub(crate) fn define(&mut self, words: &[Word], at: Span, world: World<'_>) -> Result<(), Diagnostic> {
        let [name, rest @ ..] = words else {
            return Err(missing(at, "the name of the ACL is missing").help("write `acl NAME FETCH PATTERN…`"));
        };
        if let Some(odd) = crate::draft::odd_letter(&name.text) {
            return Err(Diagnostic::error(code::BAD_VALUE, name.span, odd).help(crate::draft::NAME_HELP));
        }
        if matches!(name.text.to_ascii_lowercase().as_str(), "or" | "if" | "unless") {
            let message = format!("`{}` cannot be the name of an ACL: conditions use the word", name.text);
            return Err(Diagnostic::error(code::BAD_VALUE, name.span, message));
        }
        let test = test::read(rest, name.span, world, self)?;
        let place = match self.names.get(&name.text) {
            Some(place) => *place,
            None => self.add(Acl::default()),
        };
        self.names.insert(name.text.clone(), place);
        self.acls.0[place].tests.push(test);
        Ok(())
    }

    /// What stands behind `if` or `unless`, to the end of the line.
    pub(crate) fn condition(&mut self, how: &Word, words: &[Word], world: World<'_>) -> Result<Condition, Diagnostic> {
        let mut any = vec![Vec::new()];
        let mut negated = false;
        let mut rest = words;
        let mut last = how.span;
        while let [word, behind @ ..] = rest {
            rest = behind;
            last = word.span;
            let name = word.text.trim_start_matches('!');
            let bangs = word.text.len() - name.len();
            negated ^= bangs % 2 == 1;
            let acl = match name {
                "" if bangs > 0 => continue,
                "or" | "||" if bangs == 0 => {
                    if any.last().is_none_or(Vec::is_empty) {
                        return Err(missing(word.span, "a test is missing before this"));
                    }
                    any.push(Vec::new());
                    continue;
                }
                "{" => {
                    let (inside, behind) = braced(word, rest)?;
                    rest = behind;
                    let test = test::read(inside, word.span, world, self)?;
                    self.add(Acl { tests: vec![test] })
                }
                name => self.find(name, word.part(bangs, word.text.len()), world)?,
            };
            if let Some(all) = any.last_mut() {
                all.push(Term { negated, acl });
            }
            negated = false;
        }
        if negated || any.last().is_none_or(Vec::is_empty) {
            return Err(
                missing(last, "a test is missing behind this").help("write the name of an ACL, or `{ FETCH PATTERN }`")
            );
        }
        Ok(Condition {
            unless: how.text == "unless",
            any,
        })
    }

    /// The place of the ACL of this name.
    fn find(&mut self, name: &str, at: Span, world: World<'_>) -> Result<usize, Diagnostic> {
        if let Some(place) = self.names.get(name) {
            return Ok(*place);
        }
        if let Some((_, words)) = PREDEFINED.iter().find(|(known, _)| *known == name) {
            let words: Vec<Word> = words
                .iter()
                .map(|text| Word {
                    text: (*text).to_owned(),
                    span: at,
                })
                .collect();
            let test = test::read(&words, at, world, self)?;
            let place = self.add(Acl { tests: vec![test] });
            self.names.insert(name.to_owned(), place);
            return Ok(place);
        }
        if OF_HTTP.contains(&name) || name.starts_with("METH_") {
            let message = format!("`{name}` is about HTTP, and this relays TCP");
            return Err(Diagnostic::error(code::UNSUPPORTED, at, message));
        }
        let message = format!("there is no ACL `{name}` before this line");
        let known = self.names.keys().map(String::as_str);
        let known = known.chain(PREDEFINED.iter().map(|(name, _)| *name));
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("define it before: `acl {name} FETCH PATTERN…`"),
        };
        Err(Diagnostic::error(code::UNDEFINED, at, message).help(help))
    }

    fn add(&mut self, acl: Acl) -> usize {
        self.acls.0.push(acl);
        self.acls.0.len() - 1
    }

    /// Reads an expression and keeps in mind what it names.
    pub(crate) fn expr(&mut self, word: &Word, world: World<'_>) -> Result<tandem_lb_core::expr::Expr, Diagnostic> {
        self.part_expr(word, 0, &word.text, world)
    }

    /// The same of a part of a word.
    pub(crate) fn part_expr(
        &mut self,
        word: &Word,
        start: usize,
        text: &str,
        world: World<'_>,
    ) -> Result<tandem_lb_core::expr::Expr, Diagnostic> {
        let Parsed { expr, references } =
            crate::expr::parse(text, world).map_err(|error| at_word(word, start, error))?;
        let placed = references
            .into_iter()
            .map(|(reference, at)| Spanned::new(reference, word.part(start + at.start, start + at.end)));
        self.references.extend(placed);
        Ok(expr)
    }
}

/// A mistake in an expression, as one at its place in the file.
pub(crate) fn at_word(word: &Word, start: usize, error: ExprError) -> Diagnostic {
    let span = word.part(start + error.at.start, start + error.at.end);
    let diagnostic = Diagnostic::error(error.code, span, error.message);
    match error.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn missing(at: Span, message: &str) -> Diagnostic {
    Diagnostic::error(code::MISSING, at, message)
}

/// The words up to the closing brace, and those behind it.
fn braced<'w>(open: &Word, words: &'w [Word]) -> Result<(&'w [Word], &'w [Word]), Diagnostic> {
    match words.iter().position(|word| word.text == "}") {
        Some(end) => Ok((&words[..end], &words[end + 1..])),
        None => Err(missing(open.span, "this brace is not closed")
            .help("write `{ FETCH PATTERN }`, with blanks around the braces")),
    }
}
