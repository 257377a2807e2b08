//! Whether a connection may leave for another process.

use tandem_lb_core::conn::Relayed;

use super::Session;
use super::upstream::Upstream;
use crate::live::Call;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    Now,
    /// Something is under way that only this process can finish.
    NotYet,
    /// It holds what no record can say, and drains here.
    Never,
}

/// How far the way to the server is, as far as that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    None,
    Connecting,
    /// With what is to be known of the relay, when nothing of it is under way.
    Up(Option<Relayed>),
}

impl Session {
    /// Whether it is to go to the gate now.
    pub(super) fn departs(&self) -> bool {
        let Some(call) = self.entry.call() else { return false };
        let way = match self.upstream {
            Upstream::None | Upstream::Queued(_) => Way::None,
            Upstream::Connecting(..) | Upstream::Greeting(_) => Way::Connecting,
            // Rules that wait for the server's answer are asked here.
            Upstream::Up(_) => Way::Up(self.conn.relayed().filter(|_| self.answer.is_over())),
        };
        match departure(self.is_tied(), way, call) {
            Departure::Now => true,
            Departure::NotYet => false,
            Departure::Never => {
                self.entry.stays();
                false
            }
        }
    }
}

/// A connect is waited for, but not for long: no byte of the client's has gone that way, so the next process can begin
/// anew.
fn departure(is_tied: bool, way: Way, call: Call) -> Departure {
    match (way, call) {
        _ if is_tied => Departure::Never,
        (Way::Connecting, Call::WhenAtRest) | (Way::Up(None), _) => Departure::NotYet,
        (Way::None | Way::Up(Some(_)), _) | (Way::Connecting, Call::WhileConnecting) => Departure::Now,
    }
}

#[cfg(test)]
mod tests {
    use tandem_lb_core::conn::Ending;
    use tandem_time::Mono;

    use super::*;

    #[test]
    fn every_state_and_every_call() {
        let relayed = Relayed {
            chosen: None,
            connected: None,
            client_seen: Mono::ZERO,
            server_seen: Mono::ZERO,
            retries: 0,
            redispatched: false,
            finished: None,
            ending: Ending::NORMAL,
        };
        let calls = [Call::WhenAtRest, Call::WhileConnecting];
        for (way, expected) in [
            (Way::None, [Departure::Now; 2]),
            (Way::Connecting, [Departure::NotYet, Departure::Now]),
            (Way::Up(None), [Departure::NotYet; 2]),
            (Way::Up(Some(relayed)), [Departure::Now; 2]),
        ] {
            assert_eq!(calls.map(|call| departure(false, way, call)), expected, "{way:?}");
            assert_eq!(
                calls.map(|call| departure(true, way, call)),
                [Departure::Never; 2],
                "{way:?}"
            );
        }
    }
}
