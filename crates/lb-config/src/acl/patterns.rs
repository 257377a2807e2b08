//! The words of numbers, where `gt`, `le` and the like stand between them.

use tandem_lb_core::acl::{BadPattern, Comparison, How, Method, Pattern as Parsed};
use tandem_text::Diagnostic;

use super::test::Pattern;
use crate::code;

/// Each as a range that needs no such word; the word holds for what follows it, too.
pub(super) fn numbers(patterns: &[Pattern], how: How) -> Result<Vec<Pattern>, Diagnostic> {
    let mut ranges = Vec::new();
    let mut comparison = Comparison::default();
    let mut waits = None;
    for pattern in patterns {
        if let Some(named) = Comparison::named(&pattern.text) {
            comparison = named;
            waits = Some(pattern.at);
            continue;
        }
        waits = None;
        let Parsed::Range(low, high) = how.parse(&pattern.text).map_err(|why| bad(&why, pattern))? else {
            continue;
        };
        let text = match comparison {
            Comparison::Equal => pattern.text.clone(),
            _ if low == high => match comparison.range(low) {
                (low, high) if low <= high => written(low, high, how.method),
                // No number is above the greatest.
                _ => continue,
            },
            _ => {
                let message = format!("`{}` is a range, and cannot be compared with", pattern.text);
                return Err(Diagnostic::error(code::BAD_VALUE, pattern.at, message));
            }
        };
        ranges.push(Pattern { text, at: pattern.at });
    }
    match waits {
        Some(at) => Err(Diagnostic::error(code::MISSING, at, "a number is missing behind this")),
        None => Ok(ranges),
    }
}

/// A mistake in a pattern, at its place.
pub(super) fn bad(why: &BadPattern, pattern: &Pattern) -> Diagnostic {
    let code = match why {
        BadPattern::Address(_) | BadPattern::Mask(_) => code::BAD_ADDRESS,
        _ => code::BAD_VALUE,
    };
    Diagnostic::error(code, pattern.at, why.to_string())
}

/// `6:`, `:4`
fn written(low: i64, high: i64, method: Method) -> String {
    let number = |n: i64| match method {
        Method::Version => format!("{}.{}", n >> 16, n & 0xffff),
        _ => n.to_string(),
    };
    match (low, high) {
        (i64::MIN, high) => format!(":{}", number(high)),
        (low, i64::MAX) => format!("{}:", number(low)),
        (low, high) => format!("{}:{}", number(low), number(high)),
    }
}
