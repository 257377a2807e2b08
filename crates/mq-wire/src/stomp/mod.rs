//! STOMP 1.0, 1.1 and 1.2: a text protocol with four traps, which are why this is written by hand.
//!
//! A body may hold NUL when its length is said; header escapes differ by version and are absent from CONNECT and
//! CONNECTED; CRLF ends a line only from 1.2, and is forgiven before; and nothing in it bounds the size of a frame, so
//! [`Limits`] do.

mod command;
mod decode;
mod encode;
mod escape;
mod frame;

pub use command::Command;
pub use decode::{DecodeError, Decoder, Item, Limits, publishes};
pub use encode::{HEART_BEAT, encode};
pub use frame::{Frame, Headers};

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    #[default]
    V1_0,
    V1_1,
    V1_2,
}

impl Version {
    pub const ALL: [Version; 3] = [Version::V1_0, Version::V1_1, Version::V1_2];

    pub const fn as_str(self) -> &'static str {
        match self {
            Version::V1_0 => "1.0",
            Version::V1_1 => "1.1",
            Version::V1_2 => "1.2",
        }
    }

    /// The best that is in a client's `accept-version` list (STOMP 1.2, "Protocol Negotiation"). No list means 1.0.
    pub fn negotiate(accepted: Option<&str>) -> Option<Version> {
        let Some(accepted) = accepted else {
            return Some(Version::V1_0);
        };
        let offered = |version: &&Version| accepted.split(',').any(|word| word.trim() == version.as_str());
        Version::ALL.iter().rev().find(offered).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_common_version_is_chosen() {
        for (accepted, chosen) in [
            (None, Some(Version::V1_0)),
            (Some("1.0"), Some(Version::V1_0)),
            (Some("1.0,1.1,1.2"), Some(Version::V1_2)),
            (Some("1.2 , 1.1"), Some(Version::V1_2)),
            (Some("1.1,2.0"), Some(Version::V1_1)),
            (Some("2.0"), None),
            (Some(""), None),
        ] {
            assert_eq!(Version::negotiate(accepted), chosen, "{accepted:?}");
        }
    }
}
