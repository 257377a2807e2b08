//! What governs a connection: its timeouts, and when a failed connect is tried again or elsewhere.

use std::time::Duration;

/// What governs one connection, from the frontend and the backend it belongs to. `None` never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnSettings {
    /// Rules decide first what becomes of it, perhaps on what the client sends.
    pub inspects: bool,
    pub client: Option<Duration>,
    pub client_fin: Option<Duration>,
    /// For a place on a server, when all that may be used are full.
    pub queue: Option<Duration>,
    pub connect: Option<Duration>,
    pub server: Option<Duration>,
    pub server_fin: Option<Duration>,
    pub tunnel: Option<Duration>,
    /// That something was written to a side says nothing about whether it is still there.
    pub client_independent: bool,
    pub server_independent: bool,
    /// Attempts after the first.
    pub retries: u32,
    pub redispatch: Redispatch,
}

impl ConnSettings {
    /// The pause before the same server is tried again: a second, or the connect timeout when that is shorter.
    pub fn turn_around(&self) -> Duration {
        const LONGEST: Duration = Duration::from_secs(1);
        self.connect.map_or(LONGEST, |connect| connect.min(LONGEST))
    }
}

/// When a retry may go to another server (`option redispatch [n]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redispatch {
    #[default]
    Never,
    /// `-n`: only on the n-th retry counted from the last one; the bare option is `FromLast(1)`.
    FromLast(u32),
    /// `n`: on every n-th retry.
    Every(u32),
}

impl Redispatch {
    pub fn allowed(self) -> bool {
        !matches!(self, Redispatch::Never | Redispatch::Every(0) | Redispatch::FromLast(0))
    }

    /// Whether the `retry`-th retry (from 1) of `retries` goes elsewhere. Counting from the last, HAProxy repeats the
    /// period too: with 4 retries, `-3` moves on the second and on the fourth.
    pub fn due(self, retry: u32, retries: u32) -> bool {
        if !self.allowed() {
            return false;
        }
        let period = match self {
            Redispatch::Never => 0,
            Redispatch::FromLast(n) => (retries + 1).abs_diff(n),
            Redispatch::Every(n) => n,
        };
        period != 0 && retry.is_multiple_of(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves(r: Redispatch, retries: u32) -> Vec<u32> {
        (1..=retries).filter(|&n| r.due(n, retries)).collect()
    }

    #[test]
    fn which_retries_go_elsewhere() {
        let table: &[(Redispatch, u32, &[u32])] = &[
            (Redispatch::Never, 3, &[]),
            (Redispatch::FromLast(0), 3, &[]),
            (Redispatch::Every(0), 3, &[]),
            (Redispatch::FromLast(1), 3, &[3]),
            (Redispatch::FromLast(1), 1, &[1]),
            (Redispatch::FromLast(1), 0, &[]),
            (Redispatch::FromLast(2), 3, &[2]),
            (Redispatch::FromLast(3), 4, &[2, 4]),
            (Redispatch::FromLast(4), 3, &[]),
            (Redispatch::Every(1), 3, &[1, 2, 3]),
            (Redispatch::Every(2), 5, &[2, 4]),
        ];
        for &(r, retries, expected) in table {
            assert_eq!(moves(r, retries), expected, "{r:?} of {retries}");
        }
    }

    #[test]
    fn the_pause_is_at_most_a_second() {
        let connect = |ms| ConnSettings {
            connect: Some(Duration::from_millis(ms)),
            ..ConnSettings::default()
        };
        assert_eq!(connect(300).turn_around(), Duration::from_millis(300));
        assert_eq!(connect(5000).turn_around(), Duration::from_secs(1));
        assert_eq!(ConnSettings::default().turn_around(), Duration::from_secs(1));
    }
}
