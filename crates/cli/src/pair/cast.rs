//! Which program plays which part: ours, or the one it replaces, on either host.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tandem_lab::{Missing, programs};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Ours,
    /// HAProxy, Keepalived.
    Original,
}

/// The same part on both hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both(pub [Origin; 2]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    pub balancers: Both,
    pub routers: Both,
}

impl Cast {
    pub const OURS: Cast = Cast {
        balancers: Both([Origin::Ours; 2]),
        routers: Both([Origin::Ours; 2]),
    };
    pub const ORIGINALS: Cast = Cast {
        balancers: Both([Origin::Original; 2]),
        routers: Both([Origin::Original; 2]),
    };
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {}",
            self.balancers.names("tandem-lb", "HAProxy"),
            self.routers.names("tandem-vrrp", "Keepalived")
        )
    }
}

impl Both {
    fn names(self, ours: &str, original: &str) -> String {
        let [a, b] = self.0.map(|origin| match origin {
            Origin::Ours => ours,
            Origin::Original => original,
        });
        if a == b { a.into() } else { format!("{a} | {b}") }
    }
}

impl FromStr for Both {
    type Err = String;

    /// `ours`, `original`, or one for each host: `ours,original`.
    fn from_str(text: &str) -> Result<Both, String> {
        let one = |word: &str| match word {
            "ours" => Ok(Origin::Ours),
            "original" => Ok(Origin::Original),
            _ => Err(format!("`{word}` is neither `ours` nor `original`")),
        };
        match text.split_once(',') {
            Some((a, b)) => Ok(Both([one(a)?, one(b)?])),
            None => one(text).map(|origin| Both([origin; 2])),
        }
    }
}

impl Origin {
    pub fn balancer(self) -> Result<PathBuf, Missing> {
        match self {
            Origin::Ours => programs::built("tandem-lb"),
            Origin::Original => programs::installed("haproxy"),
        }
    }

    pub fn router(self) -> Result<PathBuf, Missing> {
        match self {
            Origin::Ours => programs::built("tandem-vrrp"),
            Origin::Original => programs::installed("keepalived"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_both_hosts() {
        assert_eq!("original".parse(), Ok(Cast::ORIGINALS.routers));
        assert_eq!("ours,original".parse(), Ok(Both([Origin::Ours, Origin::Original])));
        assert!("ours,".parse::<Both>().is_err());
        let mixed = Cast {
            routers: Both([Origin::Ours, Origin::Original]),
            ..Cast::OURS
        };
        assert_eq!(mixed.to_string(), "tandem-lb and tandem-vrrp | Keepalived");
    }
}
