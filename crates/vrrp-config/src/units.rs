//! Keepalived's numbers: whole ones, decimal seconds and switches.

use std::time::Duration;

/// Seconds with up to six digits behind the point; what is finer is dropped.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut micros = 0;
    for at in 0..6 {
        let digit = fraction.as_bytes().get(at).map_or(0, |byte| u64::from(byte - b'0'));
        micros = micros * 10 + digit;
    }
    Some(Duration::from_secs(whole) + Duration::from_micros(micros))
}

pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" | "yes" => Some(true),
        "off" | "false" | "no" => Some(false),
        _ => None,
    }
}

/// A whole number, perhaps hexadecimal.
pub(crate) fn number(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_go_down_to_microseconds() {
        for (text, micros) in [
            ("1", Some(1_000_000)),
            ("0.92", Some(920_000)),
            (".5", Some(500_000)),
            ("3.", Some(3_000_000)),
            ("2.7182818", Some(2_718_281)),
            ("0", Some(0)),
            ("", None),
            (".", None),
            ("-1", None),
            ("1s", None),
            ("1e3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(seconds(text), micros.map(Duration::from_micros), "{text}");
        }
    }

    #[test]
    fn numbers_may_be_hexadecimal() {
        for (text, value) in [
            ("12", Some(12)),
            ("-3", Some(-3)),
            ("0x1f", Some(31)),
            ("x", None),
            ("+1", None),
            ("--1", None),
            ("", None),
            ("0x", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
