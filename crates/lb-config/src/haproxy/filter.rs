//! `filter`: what stands between a connection's two sides. Limits of bandwidth are all there are.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::bandwidth::{Among, Limiter, Quota, Way};
use tandem_lb_core::expr::Expr;
use tandem_lb_core::rules::Action;
use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, Spanned};

use super::args::{Args, Outcome};
use super::keyword::{Keyword, suggest};
use super::section::Sections;
use super::{counters, rules, unsupported};
use crate::draft::Proxy;
use crate::expr::Reference;
use crate::{code, units};

pub(super) const KEYWORDS: &[Keyword<Proxy>] = &[Keyword {
    words: "filter",
    sections: Sections::PROXIES,
    summary: "how fast rules may make connections: bwlim-in|bwlim-out NAME default-limit SIZE default-period TIME, or \
              limit SIZE key EXPRESSION [table T]; [min-size SIZE]",
    parse: line,
}];

/// What else HAProxy has between two sides.
pub(super) const OTHERS: &[(&str, &str)] = &[
    ("cache", "it is about HTTP, and this relays TCP"),
    ("comp*", "it is about HTTP, and this relays TCP"),
    ("fcgi-app", "it is about HTTP, and this relays TCP"),
    (
        "opentracing",
        "there is no such library: the log and `show sess` tell of connections",
    ),
    (
        "spoe",
        "agents are out of scope: decide with `acl`, maps and stick tables, which `set map` changes while it runs",
    ),
    (
        "trace",
        "what happens is seen by `show events`, `show sess` and in the log",
    ),
];

fn refused(name: &str) -> Option<&'static str> {
    let is_it = |words: &str| match words.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == words,
    };
    OTHERS.iter().find(|(words, _)| is_it(words)).map(|(_, why)| *why)
}

fn line(proxy: &mut Proxy, args: &mut Args<'_>) -> Outcome {
    let kind = args.word("a filter")?;
    let way = match kind.text.as_str() {
        "bwlim-in" => Way::Up,
        "bwlim-out" => Way::Down,
        other => {
            if let Some(why) = refused(other) {
                return Err(unsupported::refusal(&format!("the filter `{other}`"), kind.span).help(why));
            }
            let message = format!("`{}` is no filter", kind.text);
            let error = Diagnostic::error(code::UNKNOWN, kind.span, message);
            return Err(suggest(error, &kind.text, ["bwlim-in", "bwlim-out"].into_iter()));
        }
    };
    let name: Arc<str> = args.text("a name")?.into();
    if proxy.rules.limiters.iter().any(|known| known.value.name == name) {
        let message = format!("there is a filter `{name}` already");
        return Err(Diagnostic::error(code::DUPLICATE, args.last_span(), message).help("give it another name"));
    }
    let limiter = limiter(proxy, args, way, name)?;
    proxy
        .rules
        .limiters
        .push(Spanned::new(Arc::new(limiter), args.line_span()));
    Ok(())
}

#[derive(Default)]
struct Said {
    usual: Option<NonZero<u32>>,
    period: Option<Duration>,
    limit: Option<NonZero<u32>>,
    key: Option<Expr>,
    table: Option<Arc<str>>,
    least: u32,
}

fn limiter(proxy: &mut Proxy, args: &mut Args<'_>, way: Way, name: Arc<str>) -> Result<Limiter, Diagnostic> {
    let mut said = Said::default();
    while let Some(word) = args.peek() {
        let word = word.text.as_str();
        // Which table counts is asked where the key is known to be there.
        if word == "table" {
            said.table = Some(counters::table(proxy, args)?);
            continue;
        }
        args.skip(1);
        match word {
            "default-limit" => said.usual = Some(args.positive_size()?),
            "default-period" => said.period = Some(args.positive_time()?),
            "limit" => said.limit = Some(args.positive_size()?),
            "key" => said.key = Some(rules::value(proxy, args)?),
            "min-size" => said.least = args.size()?,
            other => {
                let message = format!("unknown keyword `{other}` on a `filter` line");
                let error = Diagnostic::error(code::UNKNOWN, args.last_span(), message);
                let known = ["default-limit", "default-period", "limit", "key", "table", "min-size"];
                return Err(suggest(error, other, known.into_iter()));
            }
        }
    }
    let among = among(proxy, args, way, &mut said)?;
    Ok(Limiter {
        proxy: proxy.name.value.clone(),
        name,
        way,
        among,
        least: said.least,
    })
}

fn among(proxy: &mut Proxy, args: &mut Args<'_>, way: Way, said: &mut Said) -> Result<Among, Diagnostic> {
    let at = args.line_span();
    let Some(key) = said.key.take() else {
        let wrong = if said.limit.is_some() || said.table.is_some() {
            Some((
                code::CONFLICT,
                "`limit` and `table` are of connections that share what they may carry",
            ))
        } else if said.usual.is_none() || said.period.is_none() {
            Some((code::MISSING, "how much may be carried in what time is not said"))
        } else {
            None
        };
        let quota = said.usual.zip(said.period).filter(|_| wrong.is_none());
        let Some((limit, period)) = quota else {
            let (code, message) = wrong.unwrap_or((code::MISSING, "no limit"));
            return Err(Diagnostic::error(code, at, message)
                .help("write `default-limit SIZE default-period TIME`, or `limit SIZE key EXPRESSION`"));
        };
        return Ok(Among::Alone(Quota { limit, period }));
    };
    if said.usual.is_some() || said.period.is_some() {
        let message = "what connections share is said by `limit`, and the time by the table\'s rate";
        return Err(Diagnostic::error(code::CONFLICT, at, message).help("write `limit SIZE key EXPRESSION`"));
    }
    let Some(limit) = said.limit else {
        return Err(
            Diagnostic::error(code::MISSING, at, "how much may be carried is not said").help("write `limit SIZE`"),
        );
    };
    let table = match said.table.take() {
        Some(table) => table,
        None => counters::table(proxy, args)?,
    };
    let stored = Reference::Stored(table.to_string(), way.rate());
    let keyed = Reference::Keyed(table.to_string(), key.kind());
    let references = &mut proxy.rules.book.references;
    references.extend([stored, keyed].map(|reference| Spanned::new(reference, at)));
    Ok(Among::Key { key, table, limit })
}

/// `set-bandwidth-limit NAME [limit SIZE|EXPRESSION] [period TIME|EXPRESSION]`
pub(super) fn action(proxy: &mut Proxy, args: &mut Args<'_>) -> Result<Action, Diagnostic> {
    let limiter: Arc<str> = args.text("the name of a filter")?.into();
    let at = args.last_span();
    let (mut limit, mut period) = (None, None);
    loop {
        if args.accept("limit") {
            limit = Some(amount(proxy, args, |text| units::size(text).ok())?);
        } else if args.accept("period") {
            let millis = |text: &str| u32::try_from(units::time(text).ok()?.as_millis()).ok();
            period = Some(amount(proxy, args, millis)?);
        } else {
            break;
        }
    }
    let named = match limit.is_some() || period.is_some() {
        true => Reference::OwnLimiter(limiter.to_string()),
        false => Reference::Limiter(limiter.to_string()),
    };
    proxy.rules.book.references.push(Spanned::new(named, at));
    Ok(Action::Slow { limiter, limit, period })
}

fn amount(proxy: &mut Proxy, args: &mut Args<'_>, read: fn(&str) -> Option<u32>) -> Result<Expr, Diagnostic> {
    let number = |word: &&Word| read(&word.text);
    if let Some(number) = args.peek().as_ref().and_then(number) {
        args.skip(1);
        return Ok(counters::constant(number.into()));
    }
    rules::value(proxy, args)
}
