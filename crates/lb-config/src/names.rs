//! The words for enumerated values, the same in both dialects.

use std::num::NonZeroU32;

use tandem_lb_core::backend::{InitState, OnError};
use tandem_lb_core::balance::{Algorithm, HashFunction, HashKey, HashMethod};
use tandem_lb_core::conn::Redispatch;
use tandem_lb_core::forward::Key;
use tandem_lb_core::stick::KeyType;

use crate::plan::{Facility, Level, LogFormat, Sample, ServerStates, Severity, SeverityOutput};

/// What a word means in one of these tables.
pub(crate) fn meant<T: Copy>(word: &str, table: &[(&str, T)]) -> Option<T> {
    let found = table.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value)
}

pub(crate) const LOG_FORMATS: &[(&str, LogFormat)] = &[
    ("rfc3164", LogFormat::Rfc3164),
    ("rfc5424", LogFormat::Rfc5424),
    ("local", LogFormat::Local),
    ("short", LogFormat::Short),
    ("timed", LogFormat::Timed),
    ("iso", LogFormat::Iso),
    ("priority", LogFormat::Priority),
    ("raw", LogFormat::Raw),
];

/// In the order of their numbers.
pub(crate) const FACILITIES: &[(&str, Facility)] = &[
    ("kern", Facility(0)),
    ("user", Facility(1)),
    ("mail", Facility(2)),
    ("daemon", Facility(3)),
    ("auth", Facility(4)),
    ("syslog", Facility(5)),
    ("lpr", Facility(6)),
    ("news", Facility(7)),
    ("uucp", Facility(8)),
    ("cron", Facility(9)),
    ("auth2", Facility(10)),
    ("ftp", Facility(11)),
    ("ntp", Facility(12)),
    ("audit", Facility(13)),
    ("alert", Facility(14)),
    ("cron2", Facility(15)),
    ("local0", Facility(16)),
    ("local1", Facility(17)),
    ("local2", Facility(18)),
    ("local3", Facility(19)),
    ("local4", Facility(20)),
    ("local5", Facility(21)),
    ("local6", Facility(22)),
    ("local7", Facility(23)),
];

pub(crate) const SEVERITIES: &[(&str, Severity)] = &[
    ("emerg", Severity::Emerg),
    ("alert", Severity::Alert),
    ("crit", Severity::Crit),
    ("err", Severity::Err),
    ("warning", Severity::Warning),
    ("notice", Severity::Notice),
    ("info", Severity::Info),
    ("debug", Severity::Debug),
];

/// The longest line if none is given.
pub(crate) const LOG_LENGTH: u16 = 1024;

pub(crate) const ON_ERROR: &[(&str, OnError)] = &[
    ("fastinter", OnError::FastInter),
    ("fail-check", OnError::FailCheck),
    ("sudden-death", OnError::SuddenDeath),
    ("mark-down", OnError::MarkDown),
];

pub(crate) const INIT_STATES: &[(&str, InitState)] = &[
    ("up", InitState::Up),
    ("none", InitState::Up),
    ("fully-up", InitState::FullyUp),
    ("down", InitState::Down),
    ("fully-down", InitState::FullyDown),
];

/// A file of its own has a name of its own elsewhere.
pub(crate) const SERVER_STATES: &[(&str, ServerStates)] = &[
    ("none", ServerStates::None),
    ("global", ServerStates::Global),
    ("local", ServerStates::Local(None)),
];

pub(crate) const LEVELS: &[(&str, Level)] = &[
    ("user", Level::User),
    ("operator", Level::Operator),
    ("admin", Level::Admin),
];

pub(crate) const SEVERITY_OUTPUTS: &[(&str, SeverityOutput)] = &[
    ("none", SeverityOutput::None),
    ("number", SeverityOutput::Number),
    ("string", SeverityOutput::Word),
];

pub(crate) const HASH_KEYS: &[(&str, HashKey)] = &[
    ("id", HashKey::Id),
    ("id32", HashKey::Id32),
    ("guid", HashKey::Guid),
    ("addr", HashKey::Addr),
    ("addr-port", HashKey::AddrPort),
];

pub(crate) const HASH_METHODS: &[(&str, HashMethod)] = &[
    ("map-based", HashMethod::MapBased),
    ("consistent", HashMethod::Consistent),
    ("maglev", HashMethod::Maglev),
];

pub(crate) const FORWARD_KEYS: &[(&str, Key)] = &[("source", Key::Source), ("source-port", Key::SourcePort)];

/// How many forwarded connections of one address can be remembered; each takes some hundred bytes of the kernel's memory.
pub(crate) const MOST_PINS: u32 = 16_000_000;

pub(crate) const HASH_FUNCTIONS: &[(&str, HashFunction)] = &[
    ("sdbm", HashFunction::Sdbm),
    ("djb2", HashFunction::Djb2),
    ("wt6", HashFunction::Wt6),
    ("crc32", HashFunction::Crc32),
    ("none", HashFunction::None),
];

/// `ip` means IPv4: a table has one family. Texts and bytes have the length that they have when none is said.
pub(crate) const KEY_TYPES: &[(&str, KeyType)] = &[
    ("ip", KeyType::Ipv4),
    ("ipv4", KeyType::Ipv4),
    ("ipv6", KeyType::Ipv6),
    ("integer", KeyType::Integer),
    ("string", KeyType::Text { most: 31 }),
    ("binary", KeyType::Binary { length: 32 }),
];

/// Those without a parameter.
pub(crate) const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("roundrobin", Algorithm::RoundRobin),
    ("static-rr", Algorithm::StaticRr),
    ("leastconn", Algorithm::LeastConn),
    ("first", Algorithm::First),
    ("source", Algorithm::Source),
];

/// As many draws as HAProxy makes.
pub(crate) const DRAWS: u32 = 2;

/// HAProxy's number: -1 is the last retry, 1 every retry, 3 every third, 0 never.
pub(crate) fn redispatch(text: &str) -> Option<Redispatch> {
    let number: i32 = text.parse().ok()?;
    Some(match number {
        0 => Redispatch::Never,
        1.. => Redispatch::Every(number.unsigned_abs()),
        _ => Redispatch::FromLast(number.unsigned_abs()),
    })
}

/// The number of [`redispatch`].
pub(crate) fn redispatch_number(redispatch: Redispatch) -> i64 {
    match redispatch {
        Redispatch::Never => 0,
        Redispatch::Every(every) => every.into(),
        Redispatch::FromLast(last) => -i64::from(last),
    }
}

/// The text of [`sample`].
pub(crate) fn sample_text(sample: &Sample) -> String {
    let ranges = sample.ranges.iter().map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    });
    format!("{}:{}", ranges.collect::<Vec<_>>().join(","), sample.of)
}

/// `RANGES:SIZE`, such as `1,3-4:5`.
pub(crate) fn sample(text: &str) -> Result<Sample, String> {
    let Some((ranges, size)) = text.rsplit_once(':') else {
        return Err(format!("the size is missing in `{text}`"));
    };
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
    let bad = |text: &str| format!("`{text}` is not a number from 1");
    let of = size.parse::<NonZeroU32>().map_err(|_| bad(size))?;
    let ranges = ranges.split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (
            number(first).ok_or_else(|| bad(first))?,
            number(last).ok_or_else(|| bad(last))?,
        );
        if first > last || last > of.get() {
            return Err(format!("the range `{range}` does not fit into {of} lines"));
        }
        Ok(first..=last)
    });
    let ranges = ranges.collect::<Result<_, _>>()?;
    Ok(Sample { ranges, of })
}
