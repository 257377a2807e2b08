//! HAProxy's times and sizes: a number with a unit, where a bare time means milliseconds.

use std::time::Duration;

use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum UnitError {
    #[error("`{0}` does not start with a number")]
    NoNumber(String),
    #[error("`{unit}` is not a unit of {quantity}")]
    Unit { unit: String, quantity: &'static str },
    #[error("`{text}` is too large; the largest is {limit}")]
    TooLarge { text: String, limit: &'static str },
}

impl UnitError {
    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoNumber(_) => Some("write a whole number, with a unit if needed"),
            Self::Unit { quantity: "time", .. } => {
                Some("write one of us ms s m h d; without a unit it is milliseconds")
            }
            Self::Unit { .. } => Some("write one of k m g, each 1024 times the one before"),
            Self::TooLarge { .. } => None,
        }
    }
}

/// Times are kept as milliseconds in 31 bits there, so what HAProxy refuses as an overflow is refused here too.
const LONGEST_MS: u64 = i32::MAX as u64;

pub(crate) fn time(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text)?;
    let too_large = || UnitError::TooLarge {
        text: text.to_owned(),
        limit: "2147483647ms, about 24.8 days",
    };
    let number: u64 = number.parse().map_err(|_| too_large())?;
    let micros_per_unit: u64 = match unit {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => {
            return Err(UnitError::Unit {
                unit: unit.to_owned(),
                quantity: "time",
            });
        }
    };
    let micros = number.checked_mul(micros_per_unit).ok_or_else(too_large)?;
    let millis = micros.div_ceil(1_000);
    if millis > LONGEST_MS {
        return Err(too_large());
    }
    Ok(Duration::from_millis(millis))
}

/// For the few keywords where a bare time means seconds.
pub(crate) fn time_in_seconds(text: &str) -> Result<Duration, UnitError> {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if bare { time(&format!("{text}s")) } else { time(text) }
}

/// A count or a size: `200k` is 200 × 1024.
pub(crate) fn size(text: &str) -> Result<u32, UnitError> {
    let (number, unit) = split(text)?;
    let too_large = || UnitError::TooLarge {
        text: text.to_owned(),
        limit: "4294967295",
    };
    let number: u32 = number.parse().map_err(|_| too_large())?;
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => {
            return Err(UnitError::Unit {
                unit: unit.to_owned(),
                quantity: "size",
            });
        }
    };
    number.checked_mul(1 << shift).ok_or_else(too_large)
}

fn split(text: &str) -> Result<(&str, &str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 {
        return Err(UnitError::NoNumber(text.to_owned()));
    }
    Ok(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_are_milliseconds_without() {
        for (text, ms) in [
            ("0", 0),
            ("5", 5),
            ("5ms", 5),
            ("5s", 5_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("24d", 2_073_600_000),
            ("2147483647", 2_147_483_647),
            ("1500us", 2),
            ("0us", 0),
            ("9us", 1),
            ("999us", 1),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn bad_times_say_why() {
        for (text, why) in [
            ("", "`` does not start with a number"),
            ("s", "`s` does not start with a number"),
            ("-5s", "`-5s` does not start with a number"),
            ("5x", "`x` is not a unit of time"),
            ("1.5s", "`.5s` is not a unit of time"),
            ("5 s", "` s` is not a unit of time"),
            (
                "25d",
                "`25d` is too large; the largest is 2147483647ms, about 24.8 days",
            ),
            (
                "99999999999999999999",
                "`99999999999999999999` is too large; the largest is 2147483647ms, about 24.8 days",
            ),
        ] {
            assert_eq!(time(text).map_err(|error| error.to_string()), Err(why.to_owned()));
        }
    }

    #[test]
    fn sizes_count_in_1024s() {
        for (text, value) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("200k", Some(204_800)),
            ("1m", Some(1 << 20)),
        ] {
            assert_eq!(size(text).ok(), value, "{text}");
        }
        assert_eq!(size("3g"), Ok(3 << 30));
        for text in ["4g", "20x", "k", "-1", "1kb"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
