//! Values as brokers write them.

use toml::Value;

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number; below zero it is no limit.
    Count,
    /// The same for 32 bits.
    Connections,
    /// `100 mb`, `1G`; below zero it is no limit.
    Bytes,
    /// Those of one message, of which there is a largest.
    Frame,
    /// What the kernel holds; zero and below is what it finds right.
    Buffer,
    /// Hundredths; below zero it is no limit.
    Hundredths,
    /// So often is a message handed out; below zero for ever.
    Attempts,
    /// So often is it handed out again.
    Retries,
    Milliseconds,
    /// The same, where none is usual.
    Delay,
    /// So many times longer, which once is usual.
    Factor,
    /// So many message groups are told from each other.
    Buckets,
    /// So many ids of messages are known.
    Ids,
    /// So many messages are sent ahead.
    Ahead,
    /// Milliseconds that are written in seconds here.
    Seconds,
    /// The name of a queue.
    Name,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Read {
    Value(Value),
    /// It is as it would be.
    Usual,
    Changed(Value, String),
    Wrong(String),
}

/// What `tandem-mq` takes at most.
const LARGEST_FRAME: i64 = 512 << 20;
const MOST_BUCKETS: i64 = 65_536;
const MOST_IDS: i64 = 100_000;
const LARGEST_FACTOR: f64 = 1000.0;
const LONGEST_DELAY: i64 = 366 * 24 * 3_600_000;

impl Unit {
    pub(crate) fn read(self, text: &str) -> Read {
        let text = text.trim();
        if self == Unit::Name {
            return match text.is_empty() {
                true => Read::Usual,
                false => Read::Value(text.into()),
            };
        }
        if self == Unit::Factor {
            return match text.parse::<f64>() {
                Ok(1.0) => Read::Usual,
                Ok(factor) if (1.0..=LARGEST_FACTOR).contains(&factor) => Read::Value(factor.into()),
                _ => Read::Wrong(format!("{text:?} is no number from 1 to 1000")),
            };
        }
        let number = match self {
            Unit::Bytes | Unit::Frame | Unit::Buffer => bytes(text),
            _ => text.parse().ok(),
        };
        let Some(number) = number else {
            return Read::Wrong(format!("{text:?} is {}", self.expected()));
        };
        match self {
            Unit::Attempts | Unit::Retries if number < 0 => Read::Value(0.into()),
            Unit::Retries => Read::Value(number.saturating_add(1).into()),
            Unit::Buffer if number == 0 => Read::Usual,
            Unit::Connections if number == 0 || number > u32::MAX.into() => Read::Usual,
            _ if number < 0 => Read::Usual,
            Unit::Delay if number == 0 => Read::Usual,
            Unit::Delay if number > LONGEST_DELAY => most(LONGEST_DELAY),
            Unit::Ahead if number == 0 => Read::Changed(1.into(), "each consumer is sent one ahead".to_owned()),
            Unit::Buckets if number > MOST_BUCKETS => most(MOST_BUCKETS),
            Unit::Ids if number > MOST_IDS => most(MOST_IDS),
            Unit::Ahead if number > u32::MAX.into() => most(u32::MAX.into()),
            Unit::Frame if number > LARGEST_FRAME => {
                let why = format!("{LARGEST_FRAME} bytes are the most that there may be");
                Read::Changed(LARGEST_FRAME.into(), why)
            }
            Unit::Hundredths if number == 0 || number > 100 => {
                Read::Wrong(format!("{number} is no number of hundredths from 1 to 100"))
            }
            Unit::Seconds if number % 1000 != 0 => {
                let seconds = number / 1000 + 1;
                Read::Changed(
                    seconds.into(),
                    format!("{number} milliseconds are {seconds} seconds here"),
                )
            }
            Unit::Seconds => Read::Value((number / 1000).into()),
            _ => Read::Value(number.into()),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Unit::Bytes | Unit::Frame | Unit::Buffer => "no size such as 1048576 or \"64 mb\"",
            _ => "no number",
        }
    }
}

fn most(number: i64) -> Read {
    Read::Changed(number.into(), format!("{number} is the most that there may be"))
}

/// `64 mb`, `1g`, `100Mb`, `10 MiB`: all of them by 1024, as brokers count.
pub(crate) fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match &lower[digits.len()..] {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    digits.trim().parse::<i64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_brokers_write_them() {
        for (unit, text, number) in [
            (Unit::Bytes, "20 mb", 20 << 20),
            (Unit::Bytes, "1g", 1 << 30),
            (Unit::Bytes, "62k", 62 << 10),
            (Unit::Bytes, " 100Mb ", 100 << 20),
            (Unit::Bytes, "10 MiB", 10 << 20),
            (Unit::Bytes, "7", 7),
            (Unit::Frame, "104857600", 104_857_600),
            (Unit::Buffer, "1048576", 1_048_576),
            (Unit::Attempts, "10", 10),
            (Unit::Attempts, "-1", 0),
            (Unit::Retries, "6", 7),
            (Unit::Retries, "-1", 0),
            (Unit::Hundredths, "90", 90),
            (Unit::Milliseconds, "500", 500),
            (Unit::Seconds, "30000", 30),
            (Unit::Connections, "1000", 1000),
        ] {
            assert_eq!(unit.read(text), Read::Value(number.into()), "{unit:?} {text}");
        }
        assert_eq!(Unit::Name.read(" DLQ "), Read::Value("DLQ".into()));
        for (unit, text) in [
            (Unit::Bytes, "-1"),
            (Unit::Buffer, "0"),
            (Unit::Hundredths, "-1"),
            (Unit::Connections, "2147483648000"),
            (Unit::Name, " "),
        ] {
            assert_eq!(unit.read(text), Read::Usual, "{unit:?} {text}");
        }
        for (unit, text) in [
            (Unit::Bytes, "1 mile"),
            (Unit::Bytes, "9999999999999999999"),
            (Unit::Bytes, "9999999999 tb"),
            (Unit::Count, "many"),
            (Unit::Count, ""),
            (Unit::Hundredths, "101"),
            (Unit::Hundredths, "0"),
        ] {
            assert!(matches!(unit.read(text), Read::Wrong(_)), "{unit:?} {text}");
        }
        assert!(matches!(
            Unit::Frame.read("1 gb"),
            Read::Changed(Value::Integer(LARGEST_FRAME), _)
        ));
        assert_eq!(Unit::Factor.read("2.5"), Read::Value(2.5.into()));
        assert_eq!(
            (Unit::Factor.read("1.0"), Unit::Delay.read("0")),
            (Read::Usual, Read::Usual)
        );
        for text in ["0.5", "NaN", "1001", "x"] {
            assert!(matches!(Unit::Factor.read(text), Read::Wrong(_)), "{text}");
        }
        for (unit, text, number) in [
            (Unit::Ahead, "0", 1),
            (Unit::Ids, "200000", MOST_IDS),
            (Unit::Buckets, "70000", MOST_BUCKETS),
        ] {
            assert!(
                matches!(unit.read(text), Read::Changed(Value::Integer(least), _) if least == number),
                "{unit:?}"
            );
        }
        assert!(matches!(
            Unit::Seconds.read("1500"),
            Read::Changed(Value::Integer(2), _)
        ));
    }
}
