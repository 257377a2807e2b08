//! Why a packet cannot be understood.

use super::Reason;

/// After any of these the connection ends; a client of MQTT 5 is told the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct DecodeError {
    pub reason: Reason,
    pub what: &'static str,
}

impl DecodeError {
    pub(super) const fn malformed(what: &'static str) -> DecodeError {
        let reason = Reason::Malformed;
        DecodeError { reason, what }
    }

    pub(super) const fn protocol(what: &'static str) -> DecodeError {
        let reason = Reason::ProtocolError;
        DecodeError { reason, what }
    }
}
