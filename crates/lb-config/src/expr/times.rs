//! The converters that write moments.

use tandem_lb_core::expr::{Converter, TimeFormat, TimeUnit};

use super::ExprError;
use super::args::Args;
use super::converters::{Build, Built};
use crate::code;

pub(super) const TABLE: &[(&str, Build)] = &[
    ("http_date", |args| {
        let offset = args.maybe_number(i64::MIN..=i64::MAX)?.unwrap_or(0);
        let unit = unit(args)?;
        Ok(Converter::Time(TimeFormat::http(unit).moved_by(offset)))
    }),
    ("ltime", |args| formatted(args, TimeUnit::Seconds, true)),
    ("ms_ltime", |args| formatted(args, TimeUnit::Millis, true)),
    ("ms_utime", |args| formatted(args, TimeUnit::Millis, false)),
    ("us_ltime", |args| formatted(args, TimeUnit::Micros, true)),
    ("us_utime", |args| formatted(args, TimeUnit::Micros, false)),
    ("utime", |args| formatted(args, TimeUnit::Seconds, false)),
];

/// What a moment is counted in; seconds where nothing is said.
pub(super) fn unit(args: &mut Args<'_>) -> Result<TimeUnit, ExprError> {
    Ok(match args.filled() {
        None | Some("s") => TimeUnit::Seconds,
        Some("ms") => TimeUnit::Millis,
        Some("us") => TimeUnit::Micros,
        Some(other) => return Err(args.bad(format!("`{other}` is no unit")).help("write s, ms or us")),
    })
}

fn formatted(args: &mut Args<'_>, unit: TimeUnit, is_local: bool) -> Built {
    let format = args.text("a format such as %Y-%m-%d")?;
    let at = args.at();
    let offset = args.maybe_number(i64::MIN..=i64::MAX)?.unwrap_or(0);
    match TimeFormat::parse(format, unit, is_local) {
        Ok(format) => Ok(Converter::Time(format.moved_by(offset))),
        Err(odd) => {
            let message = format!("`%{odd}` is not supported in this format");
            let error = ExprError::new(code::UNSUPPORTED, at, message);
            Err(error.help("use the letters of strftime(3); %N is for ms and us, %Z for UTC, %E and %O change nothing"))
        }
    }
}
