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
            return self.fail_as(frame.header("receipt"), no_common_version());
        };
        // There were no heart-beats in 1.0.
        let beat = frame.header("heart-beat").filter(|_| version > Version::V1_0);
        let Some(beat) = beat_of(beat) else {
            let wanted = "heart-beat is two numbers of milliseconds, such as 10000,10000";
            return self.fail("the heart-beat cannot be read", wanted, frame.header("receipt"));
        };
        self.version = version;
        self.asked = Asked { beat };
        // Which version this frame is of is only known now, and in 1.0 what stands around a value does not belong to it.
        let header = |name| {
            let value = frame.header(name)?;
            Some(if version > Version::V1_0 { value } else { value.trim() })
        };
        self.client_id = header("client-id").filter(|id| !id.is_empty()).map(Into::into);
        self.state = State::Checking;
        let header = |name| header(name).map(Into::into);
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

/// The header `version` says what would have been understood (STOMP 1.2, "Protocol Negotiation").
fn no_common_version() -> Frame {
    let all = Version::ALL.map(Version::as_str);
    Frame::new(Command::Error)
        .with("version", all.join(","))
        .with("message", "no common version")
        .body(format!("this broker speaks STOMP {}\n", all.join(", ")).into_bytes())
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
        for wrong in ["1", "x,2", "-1,2", "1,2,3", "1.5,2", ",", ""] {
            assert_eq!(beat_of(Some(wrong)), None, "{wrong}");
        }
    }
}
