//! Secrets: the eight bytes of version 2 and the keys of Keepalived 2.4's HMAC trailer.

use std::fmt;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

/// Authentication of version 2. AH is not among them: it is refused when the configuration is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthV2 {
    #[default]
    None,
    /// Clear text; it guards against mistakes, not against anybody.
    Simple(Password),
}

/// Eight bytes, right-padded with NUL, as on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; 8]);

impl Password {
    /// The first eight bytes of `text`. Bytes, not characters: Keepalived cuts inside a UTF-8 sequence and so must we.
    pub fn cut(text: &[u8]) -> Password {
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Password(bytes)
    }

    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(********)")
    }
}

/// `auth_hmac`: the trailer of Keepalived 2.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacSettings {
    /// Every key that is accepted; more than one while keys are rotated.
    pub keys: Vec<(KeyId, HmacKey)>,
    /// The key that signs; it is one of `keys`.
    pub active: KeyId,
    pub mode: HmacMode,
    pub replay: Replay,
}

impl HmacSettings {
    /// How much two clocks may differ; `None` when stamps need only rise, or nothing at all.
    pub fn window(&self, interval: Duration) -> Option<Duration> {
        match self.replay {
            Replay::Window(window) => Some(window.unwrap_or((interval * 3).max(Duration::from_secs(5)))),
            Replay::Off | Replay::Monotonic => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(NonZeroU8);

impl KeyId {
    pub const fn new(value: u8) -> Option<KeyId> {
        match NonZeroU8::new(value) {
            Some(v) => Some(KeyId(v)),
            None => None,
        }
    }

    pub const fn value(self) -> u8 {
        self.0.get()
    }
}

/// 32 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey(Arc<[u8]>);

impl HmacKey {
    pub fn new(bytes: &[u8]) -> Option<HmacKey> {
        (32..=64).contains(&bytes.len()).then(|| HmacKey(bytes.into()))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(********)")
    }
}

/// The three steps in which a cluster turns signing on without an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HmacMode {
    /// Send unsigned; a trailer that comes must be right, none need come.
    ReceiveOnly,
    /// Send signed; still accept what is unsigned.
    Permissive,
    /// Send signed; drop what is unsigned.
    Enforce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    Off,
    /// The sender's clock may differ from ours by this much; `None` is max(3 intervals, 5 s).
    Window(Option<Duration>),
    /// A sender's stamps must rise.
    Monotonic,
}
