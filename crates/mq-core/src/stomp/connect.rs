//! How a client comes in: version, heart-beats, name and password.

use std::time::Duration;

use tandem_mq_wire::stomp::{Command, Frame, Version};
use tandem_time::Mono;

use super::{Session, State, Timer};

/// From the CONNECT frame.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// How often the client can send, and how often it wants to hear, in milliseconds.
    beat: (u64, u64),
}

/// Silence is forgiven for twice the agreed time, because both clocks and the network are allowed some play.
const GRACE: u32 = 2;

impl Session {
    /// CONNECT, or STOMP, which is the same by another name.
    pub(super) fn connect(&mut self, frame: &Frame) {
        let Some(version) = Version::negotiate(frame.header("accept-version")) else {
            let supported = "this broker speaks STOMP 1.0, 1.1 and 1.2";
            return self.fail("no common version", supported, frame.header("receipt"));
        };
        let Some(beat) = beat_of(frame.header("heart-beat")) else {
            let wanted = "heart-beat is two numbers of milliseconds, such as 10000,10000";
            return self.fail("the heart-beat cannot be read", wanted, frame.header("receipt"));
        };
        self.version = version;
        self.asked = Asked { beat };
        self.client_id = frame.header("client-id").filter(|id| !id.is_empty()).map(Into::into);
        self.state = State::Checking;
        let header = |name| frame.header(name).map(Into::into);
        self.line.authenticate(header("login"), header("passcode"));
    }

    pub(super) fn admit(&mut self, answer: Result<(), Box<str>>, now: Mono) {
        if self.state != State::Checking {
            return;
        }
        if let Err(why) = answer {
            return self.fail("access refused", &why, None);
        }
        self.state = State::Open;
        self.line.timers.disarm(Timer::Login);
        let (can, want) = self.settings.heart_beat;
        let (client_can, client_wants) = self.asked.beat;
        let beat = agreed(can, Duration::from_millis(client_wants));
        let silence = agreed(want, Duration::from_millis(client_can)) * GRACE;
        self.line.agree(beat, silence, now);
        let mut connected = Frame::new(Command::Connected)
            .with("version", self.version.as_str())
            .with("server", concat!("tandem-mq/", env!("CARGO_PKG_VERSION")))
            .with("session", self.line.id.0.to_string());
        if self.version != Version::V1_0 {
            connected = connected.with("heart-beat", format!("{},{}", can.as_millis(), want.as_millis()));
        }
        self.send(connected);
        self.ask(crate::broker::Input::Opened { session: self.line.id });
    }
}

/// The slower of the two, or never when one of them cannot or does not want to (STOMP 1.2, "Heart-beating").
fn agreed(one: Duration, other: Duration) -> Duration {
    match one.is_zero() || other.is_zero() {
        true => Duration::ZERO,
        false => one.max(other),
    }
}

fn beat_of(header: Option<&str>) -> Option<(u64, u64)> {
    let Some(text) = header else { return Some((0, 0)) };
    let (can, want) = text.split_once(',')?;
    Some((can.trim().parse().ok()?, want.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heart_beats_are_the_slower_of_both_or_none() {
        let ms = Duration::from_millis;
        for (one, other, both) in [(0, 5, 0), (5, 0, 0), (10, 20, 20), (20, 10, 20)] {
            assert_eq!(agreed(ms(one), ms(other)), ms(both));
        }
        assert_eq!(beat_of(None), Some((0, 0)));
        assert_eq!(beat_of(Some("1, 2")), Some((1, 2)));
        assert_eq!(beat_of(Some("1")), None);
        assert_eq!(beat_of(Some("x,2")), None);
    }
}
