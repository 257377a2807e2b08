//! The control packet: 24 bytes, without authentication (RFC 5880 section 4.1).

use std::time::Duration;

pub const LENGTH: usize = 24;
const VERSION: u8 = 1;

/// With their numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionState {
    AdminDown = 0,
    Down = 1,
    Init = 2,
    Up = 3,
}

/// Why the sender's session last went down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diagnostic {
    #[default]
    None,
    /// Nothing came in time.
    Expired,
    NeighbourDown,
    AdminDown,
    Other(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    pub diagnostic: Diagnostic,
    pub state: SessionState,
    /// Answer this at once.
    pub poll: bool,
    /// This is the answer.
    pub is_final: bool,
    /// The sender wants no packets while both are up.
    pub demand: bool,
    /// Not 0.
    pub multiplier: u8,
    /// Not 0.
    pub own: u32,
    /// 0 while the sender does not know it.
    pub yours: u32,
    pub min_tx: Duration,
    pub min_rx: Duration,
}

/// Why a packet is discarded, in the order of RFC 5880 section 6.8.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is not of version 1")]
    Version,
    #[error("its length is wrong")]
    Length,
    #[error("its multiplier is 0")]
    Multiplier,
    #[error("it is for many receivers")]
    Multipoint,
    #[error("its discriminator is 0")]
    Discriminator,
    #[error("it knows no discriminator of ours and is not down")]
    Stranger,
    #[error("it is authenticated, which this session is not")]
    Authenticated,
}

const POLL: u8 = 0x20;
const FINAL: u8 = 0x10;
const AUTHENTICATED: u8 = 0x04;
const DEMAND: u8 = 0x02;
const MULTIPOINT: u8 = 0x01;

impl Control {
    pub fn encode(&self) -> [u8; LENGTH] {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut bytes = [0; LENGTH];
        bytes[0] = VERSION << 5 | self.diagnostic.number();
        bytes[1] =
            (self.state as u8) << 6 | flag(self.poll, POLL) | flag(self.is_final, FINAL) | flag(self.demand, DEMAND);
        bytes[2] = self.multiplier;
        bytes[3] = LENGTH as u8;
        let words = [self.own, self.yours, micros(self.min_tx), micros(self.min_rx), 0];
        for (place, word) in bytes[4..].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Control, Refusal> {
        let head: &[u8; LENGTH] = bytes.first_chunk().ok_or(Refusal::Length)?;
        let flags = head[1];
        if head[0] >> 5 != VERSION {
            return Err(Refusal::Version);
        }
        if usize::from(head[3]) < LENGTH || usize::from(head[3]) > bytes.len() {
            return Err(Refusal::Length);
        }
        if head[2] == 0 {
            return Err(Refusal::Multiplier);
        }
        if flags & MULTIPOINT != 0 {
            return Err(Refusal::Multipoint);
        }
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (own, yours) = (word(4), word(8));
        let state = SessionState::of(flags >> 6);
        if own == 0 {
            return Err(Refusal::Discriminator);
        }
        if yours == 0 && state > SessionState::Down {
            return Err(Refusal::Stranger);
        }
        if flags & AUTHENTICATED != 0 {
            return Err(Refusal::Authenticated);
        }
        Ok(Control {
            diagnostic: Diagnostic::of(head[0] & 0x1f),
            state,
            poll: flags & POLL != 0,
            is_final: flags & FINAL != 0,
            demand: flags & DEMAND != 0,
            multiplier: head[2],
            own,
            yours,
            min_tx: Duration::from_micros(word(12).into()),
            min_rx: Duration::from_micros(word(16).into()),
        })
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

impl SessionState {
    const fn of(number: u8) -> SessionState {
        match number & 3 {
            0 => SessionState::AdminDown,
            1 => SessionState::Down,
            2 => SessionState::Init,
            _ => SessionState::Up,
        }
    }
}

impl Diagnostic {
    const fn number(self) -> u8 {
        match self {
            Diagnostic::None => 0,
            Diagnostic::Expired => 1,
            Diagnostic::NeighbourDown => 3,
            Diagnostic::AdminDown => 7,
            Diagnostic::Other(number) => number & 0x1f,
        }
    }

    const fn of(number: u8) -> Diagnostic {
        match number {
            0 => Diagnostic::None,
            1 => Diagnostic::Expired,
            3 => Diagnostic::NeighbourDown,
            7 => Diagnostic::AdminDown,
            other => Diagnostic::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn control() -> Control {
        Control {
            diagnostic: Diagnostic::NeighbourDown,
            state: SessionState::Up,
            poll: true,
            is_final: false,
            demand: false,
            multiplier: 5,
            own: 0x0102_0304,
            yours: 0x0506_0708,
            min_tx: Duration::from_millis(10),
            min_rx: Duration::from_millis(20),
        }
    }

    #[test]
    fn byte_for_byte() {
        let bytes = [
            0x23, 0xe0, 5, 24, 1, 2, 3, 4, 5, 6, 7,
            8, // version and diagnostic, state and poll, multiplier, length, names
            0, 0, 0x27, 0x10, 0, 0, 0x4e, 0x20, 0, 0, 0, 0, // microseconds: transmit, receive, echo
        ];
        assert_eq!(control().encode(), bytes);
        assert_eq!(Control::decode(&bytes), Ok(control()));
    }

    #[test]
    fn refusals() {
        let refused = |at: usize, byte: u8| {
            let mut bytes = control().encode();
            bytes[at] = byte;
            Control::decode(&bytes)
        };
        assert_eq!(refused(0, 0x43), Err(Refusal::Version));
        assert_eq!(refused(3, 23), Err(Refusal::Length));
        assert_eq!(refused(3, 25), Err(Refusal::Length));
        assert_eq!(refused(2, 0), Err(Refusal::Multiplier));
        assert_eq!(refused(1, 0xc1), Err(Refusal::Multipoint));
        assert_eq!(refused(1, 0xc4), Err(Refusal::Authenticated));
        let nameless = Control { own: 0, ..control() };
        assert_eq!(Control::decode(&nameless.encode()), Err(Refusal::Discriminator));
        let stranger = Control { yours: 0, ..control() };
        assert_eq!(Control::decode(&stranger.encode()), Err(Refusal::Stranger));
        for length in 0..LENGTH {
            assert_eq!(Control::decode(&control().encode()[..length]), Err(Refusal::Length));
        }
    }

    proptest! {
        #[test]
        fn what_decodes_means_what_it_says(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(control) = Control::decode(&bytes) {
                prop_assert_eq!(Control::decode(&control.encode()), Ok(control));
            }
        }
    }
}
