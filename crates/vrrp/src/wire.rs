//! What the daemon and its launcher say to each other: a line of JSON each time, over a stream socket.

use serde::{Deserialize, Serialize};

/// Longer than any command line.
pub const LONGEST: u64 = 256 << 10;

/// Where a launcher listens that the service manager started.
pub const SOCKET: &str = "/run/tandem-vrrp-launch.sock";

/// Its name.
pub const PROGRAM: &str = "tandem-vrrp-launch";

/// To the launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    Run {
        id: u64,
        words: Vec<String>,
        user: String,
        group: Option<String>,
    },
    /// The whole process group of a run.
    Kill {
        id: u64,
        /// SIGKILL; else SIGTERM.
        hard: bool,
    },
}

/// From the launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// Nothing was run.
    Refused { id: u64, why: String },
    /// By itself with a status, or by a signal.
    Ended {
        id: u64,
        code: Option<i32>,
        signal: Option<i32>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_read_what_they_write() {
        let ask = Ask::Run {
            id: 7,
            words: vec!["/bin/true".into(), "two words\n".into()],
            user: "nobody".into(),
            group: None,
        };
        let line = serde_json::to_string(&ask).expect("plain data");
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Ask>(&line).expect("its own"), ask);
        let told: Told = serde_json::from_str(r#"{"ended":{"id":7,"code":0,"signal":null}}"#).expect("as written");
        let ended = Told::Ended {
            id: 7,
            code: Some(0),
            signal: None,
        };
        assert_eq!(told, ended);
    }
}
