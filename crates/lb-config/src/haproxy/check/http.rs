//! The lines of `http-check`: what is asked, and what the answer must be.

use tandem_lb_core::probe::{Action, Answer, Content, Expect, HttpExpect, HttpRequest, Match, Step, Text};
use tandem_text::Diagnostic;
use tandem_text::haproxy::Word;

use super::super::args::{Args, Outcome};
use super::script::{consequence, content, made, nothing_expected, odd, regex};
use crate::checking::Kind;
use crate::code;
use crate::draft::Proxy;

pub(super) fn http_expect(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let mut expect = Expect::new(Answer::Http(HttpExpect::Usual));
    let (mut comment, mut found) = (None, None);
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "status" => {
                found = Some(HttpExpect::Status(codes(
                    args.word("a status such as 200 or 200-399")?,
                )?))
            }
            "rstatus" => found = Some(HttpExpect::StatusText(content("rstring", args)?)),
            kind @ ("string" | "rstring") => found = Some(HttpExpect::Body(content(kind, args)?)),
            "string-lf" => {
                let text = made(proxy, args, "what to expect")?;
                found = Some(HttpExpect::Body(Content::Made { text, is_hex: false }));
            }
            kind @ ("hdr" | "fhdr") => found = Some(header(proxy, args, kind == "fhdr")?),
            "comment" => comment = Some(args.text("a comment")?.into()),
            other if consequence(other, &mut expect, proxy, args)? => {}
            _ => return Err(odd(word, &["status", "rstatus", "string", "rstring", "hdr", "fhdr"])),
        }
    }
    let Some(found) = found else {
        return Err(nothing_expected(args.line_span()));
    };
    expect.answer = Answer::Http(found);
    let action = Action::Expect(expect);
    proxy.settings.checking.http.push(Step { action, comment });
    Ok(())
}

/// `name [-m M] TEXT [value [-m M] TEXT]`
fn header(proxy: &mut Proxy, args: &mut Args<'_>, is_whole: bool) -> Result<HttpExpect, Diagnostic> {
    let word = args.word("`name` or `name-lf`")?;
    if !matches!(word.text.as_str(), "name" | "name-lf") {
        return Err(odd(word, &["name", "name-lf"]));
    }
    let name = matching(proxy, args, word.text == "name-lf")?;
    let is_made = args.peek().is_some_and(|word| word.text == "value-lf");
    let has_value = args.accept("value") || args.accept("value-lf");
    let value = has_value.then(|| matching(proxy, args, is_made)).transpose()?;
    Ok(HttpExpect::Header { name, value, is_whole })
}

fn matching(proxy: &mut Proxy, args: &mut Args<'_>, is_made: bool) -> Result<Match, Diagnostic> {
    type Compares = fn(Text) -> Match;
    const METHODS: &[(&str, Compares)] = &[
        ("str", Match::Is),
        ("beg", Match::Begins),
        ("end", Match::Ends),
        ("sub", Match::Has),
    ];
    let method = match args.accept("-m") {
        true if args.accept("reg") => return Ok(Match::Regex(regex(args.word("an expression")?)?)),
        true => args.choice("a way to compare: str, beg, end, sub or reg", METHODS)?,
        false => Match::Is,
    };
    let text = match is_made {
        true => made(proxy, args, "a text")?,
        false => Text::from(args.word("a text")?.text.as_str()),
    };
    Ok(method(text))
}

/// `200`, `200,204` or `200-399`.
fn codes(word: &Word) -> Result<Vec<(u16, u16)>, Diagnostic> {
    let one = |part: &str| -> Option<(u16, u16)> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse().ok()?, to.parse().ok()?);
        (from <= to && (100..=999).contains(&to)).then_some((from, to))
    };
    let all: Option<Vec<(u16, u16)>> = word.text.split(',').map(one).collect();
    all.ok_or_else(|| {
        let message = format!("`{}` is no list of HTTP statuses", word.text);
        Diagnostic::error(code::BAD_VALUE, word.span, message).help("write 200, or 200,204, or 200-399")
    })
}

pub(super) fn http_send(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let is_first = !proxy.settings.checking.http.has_own();
    let mut request = match &proxy.settings.checking.kind {
        Kind::Http(request) if is_first => request.clone(),
        _ => HttpRequest::default(),
    };
    let mut comment = None;
    while let Some(word) = args.next() {
        match word.text.as_str() {
            "meth" => request.method = args.text("a method")?.into(),
            "uri" => request.uri = args.text("a URI")?.as_str().into(),
            "ver" => request.version = args.text("a version")?.into(),
            "hdr" => {
                let name = args.text("a header's name")?;
                let value = made(proxy, args, "a header's value")?;
                request.headers.push((name.into(), value));
            }
            "body" => request.body = args.text("a body")?.as_str().into(),
            "body-lf" => request.body = made(proxy, args, "a body")?,
            "uri-lf" => request.uri = made(proxy, args, "a URI")?,
            "comment" => comment = Some(args.text("a comment")?.into()),
            _ => return Err(odd(word, &["meth", "uri", "ver", "hdr", "body", "comment"])),
        }
    }
    let action = Action::Request(request);
    proxy.settings.checking.http.push(Step { action, comment });
    Ok(())
}
