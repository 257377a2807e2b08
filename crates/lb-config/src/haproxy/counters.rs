//! The actions that count: `track-sc0 KEY [table T]`, `sc-inc-gpc0(0)`, `sc-set-gpt(1,0) 5` and their like.

use std::sync::Arc;

use tandem_lb_core::expr::{Expr, Fetch, Kind, Sample};
use tandem_lb_core::rules::{Action, Change, How};
use tandem_lb_core::stick::DataType;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::Args;
use super::rules::value;
use crate::code;
use crate::draft::{Proxy, Role};
use crate::expr::{Reference, SLOTS};

/// `None` when the action is none of these.
pub(super) fn action(
    word: &Word,
    name: &str,
    parameter: Option<&str>,
    proxy: &mut Proxy,
    args: &mut Args<'_>,
) -> Result<Option<Action>, Diagnostic> {
    if let Some(number) = name.strip_prefix("track-sc") {
        return track(word, number, proxy, args).map(Some);
    }
    use DataType::{Gpc, Gpc0, Gpc1, Gpt, Gpt0};
    let (data, how) = match name {
        "sc-inc-gpc" | "sc-add-gpc" => (Gpc, How::Add),
        "sc-inc-gpc0" => (Gpc0, How::Add),
        "sc-inc-gpc1" => (Gpc1, How::Add),
        "sc-set-gpt" => (Gpt, How::Set),
        "sc-set-gpt0" => (Gpt0, How::Set),
        _ => return Ok(None),
    };
    let bad = |message: String| Diagnostic::error(code::BAD_VALUE, word.span, message);
    let inside = match parameter {
        None => "0",
        Some(rest) => rest
            .strip_suffix(')')
            .ok_or_else(|| bad(format!("the parenthesis of `{}` is not closed", word.text)))?,
    };
    let (at, slot) = match (data.is_array(), inside.split_once(',')) {
        (false, None) => ("0", inside),
        (true, Some(both)) => both,
        (true, None) => {
            return Err(bad(format!("`{name}` needs a place and the number of a tracked entry"))
                .help(format!("such as `{name}(0,0)`")));
        }
        (false, Some(_)) => return Err(bad(format!("`{name}` needs only the number of a tracked entry"))),
    };
    let place = at.parse().ok().filter(|at| *at < 100u16);
    let change = Change {
        slot: slot_of(slot).ok_or_else(|| bad(format!("`{slot}` is not a number from 0 to {}", SLOTS - 1)))?,
        data,
        at: place.ok_or_else(|| bad(format!("`{at}` is not a place in an array: 0 to 99")))?,
        how,
    };
    let by = match name.starts_with("sc-inc") {
        true => constant(1),
        false => number(proxy, args)?,
    };
    Ok(Some(Action::Change(change, by)))
}

fn track(word: &Word, number: &str, proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Action, Diagnostic> {
    let Some(slot) = slot_of(number) else {
        let message = format!("`{}` has no number from 0 to {}", word.text, SLOTS - 1);
        return Err(Diagnostic::error(code::BAD_VALUE, word.span, message).help("write for example `track-sc0 src`"));
    };
    let (key, table) = key(proxy, args)?;
    Ok(Action::Track { slot, key, table })
}

/// An expression, and the table that finds its value among its keys.
pub(super) fn key(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<(Expr, Arc<str>), Diagnostic> {
    let key = value(proxy, args)?;
    let at = args.last_span();
    let table = table(proxy, args)?;
    let reference = Reference::Keyed(table.to_string(), key.kind());
    proxy.rules.book.references.push(Spanned::new(reference, at));
    Ok((key, table))
}

/// `table NAME`; without it the proxy's own.
pub(super) fn table(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Arc<str>, Diagnostic> {
    let (name, at) = if args.accept("table") {
        let word = args.word("the name of a table")?;
        (word.text.as_str().into(), word.span)
    } else if proxy.role == Role::Defaults {
        let message = "`defaults` have no stick-table of their own";
        return Err(Diagnostic::error(code::MISSING, args.line_span(), message).help("write `table NAME`"));
    } else {
        (proxy.name.value.clone(), args.line_span())
    };
    let reference = Reference::Table(name.to_string());
    proxy.rules.book.references.push(Spanned::new(reference, at));
    Ok(name)
}

fn slot_of(text: &str) -> Option<u8> {
    text.parse().ok().filter(|slot| *slot < SLOTS)
}

pub(super) const fn constant(number: i64) -> Expr {
    Expr {
        fetch: Fetch::Constant(Sample::Int(number)),
        converters: Vec::new(),
    }
}

/// A number, or an expression that gives one.
fn number(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Expr, Diagnostic> {
    if let Some(number) = args.peek().and_then(|word| word.text.parse().ok()) {
        args.skip(1);
        return Ok(constant(number));
    }
    let at = args.peek().map(|word| word.span);
    let expr = value(proxy, args)?;
    if !expr.kind().becomes(Kind::Int) {
        let message = "this expression does not give a number";
        return Err(Diagnostic::error(
            code::BAD_VALUE,
            at.unwrap_or(args.line_span()),
            message,
        ));
    }
    Ok(expr)
}
