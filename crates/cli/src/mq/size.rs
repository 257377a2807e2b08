//! Sizes as people type them: `512`, `10K`, `1M`.

use std::str::FromStr;

/// The largest that brokers take, by far.
const MOST: u64 = 1 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" | "B" => Some(1),
            "K" | "KB" | "KIB" => Some(1 << 10),
            "M" | "MB" | "MIB" => Some(1 << 20),
            "G" | "GB" | "GIB" => Some(1 << 30),
            _ => None,
        };
        let bytes = factor.and_then(|factor| digits.parse::<u64>().ok()?.checked_mul(factor));
        match bytes
            .filter(|bytes| *bytes <= MOST)
            .and_then(|bytes| usize::try_from(bytes).ok())
        {
            Some(bytes) => Ok(Size(bytes)),
            None => Err(format!(
                "'{text}' is no size up to 1G; write for example 512, 10K or 1M"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("10K", 10_240),
            ("1M", 1 << 20),
            ("2mb", 2 << 20),
            ("1G", 1 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "M", "1.5M", "-1", "2G", "1T", "99999999999999999999K"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
