//! Why a packet was not believed: every line of the receive checks, each with a counter and a remedy.

use std::fmt;

/// In the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    TooShort,
    UnknownVrid,
    NotListening,
    UnwantedKind,
    AuthenticationHeader,
    Length,
    Ttl,
    Version,
    HmacMissing,
    HmacMalformed,
    HmacStale,
    HmacUnknownKey,
    HmacInvalid,
    HmacReplay,
    AuthTypeUnknown,
    AuthTypeMismatch,
    AuthFailure,
    IntervalMismatch,
    Type,
    TotalLength,
    IntervalZero,
    Checksum,
    DestinationKind,
    OwnerIgnores,
    OwnAddress,
    StrangerSource,
    PeerTtl,
}

/// Keepalived's counter that a reason belongs to; several reasons may share one, and some have none there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeepalivedCounter {
    PacketLength,
    AdvertInterval,
    IpTtl,
    InvalidType,
    AddressList,
    InvalidAuthType,
    AuthTypeMismatch,
    AuthFailure,
    ExtMissing,
    ExtMalformed,
    ExtUnknownKey,
    ExtInvalidHmac,
    ExtStale,
    ExtReplay,
}

impl DropReason {
    pub const ALL: [DropReason; 27] = [
        DropReason::TooShort,
        DropReason::UnknownVrid,
        DropReason::NotListening,
        DropReason::UnwantedKind,
        DropReason::AuthenticationHeader,
        DropReason::Length,
        DropReason::Ttl,
        DropReason::Version,
        DropReason::HmacMissing,
        DropReason::HmacMalformed,
        DropReason::HmacStale,
        DropReason::HmacUnknownKey,
        DropReason::HmacInvalid,
        DropReason::HmacReplay,
        DropReason::AuthTypeUnknown,
        DropReason::AuthTypeMismatch,
        DropReason::AuthFailure,
        DropReason::IntervalMismatch,
        DropReason::Type,
        DropReason::TotalLength,
        DropReason::IntervalZero,
        DropReason::Checksum,
        DropReason::DestinationKind,
        DropReason::OwnerIgnores,
        DropReason::OwnAddress,
        DropReason::StrangerSource,
        DropReason::PeerTtl,
    ];

    /// The place of its counter.
    pub const fn place(self) -> usize {
        self as usize
    }

    /// The value of the `reason` label of the metric.
    pub const fn label(self) -> &'static str {
        match self {
            DropReason::TooShort => "too_short",
            DropReason::UnknownVrid => "unknown_vrid",
            DropReason::NotListening => "not_listening",
            DropReason::UnwantedKind => "unwanted_kind",
            DropReason::AuthenticationHeader => "authentication_header",
            DropReason::Length => "length",
            DropReason::Ttl => "ttl",
            DropReason::Version => "version",
            DropReason::HmacMissing => "hmac_missing",
            DropReason::HmacMalformed => "hmac_malformed",
            DropReason::HmacStale => "hmac_stale",
            DropReason::HmacUnknownKey => "hmac_unknown_key",
            DropReason::HmacInvalid => "hmac_invalid",
            DropReason::HmacReplay => "hmac_replay",
            DropReason::AuthTypeUnknown => "auth_type_unknown",
            DropReason::AuthTypeMismatch => "auth_type_mismatch",
            DropReason::AuthFailure => "auth_failure",
            DropReason::IntervalMismatch => "interval_mismatch",
            DropReason::Type => "type",
            DropReason::TotalLength => "total_length",
            DropReason::IntervalZero => "interval_zero",
            DropReason::Checksum => "checksum",
            DropReason::DestinationKind => "destination_kind",
            DropReason::OwnerIgnores => "owner_ignores",
            DropReason::OwnAddress => "own_address",
            DropReason::StrangerSource => "stranger_source",
            DropReason::PeerTtl => "peer_ttl",
        }
    }

    /// What to change, and where, so that the next packet is believed.
    pub const fn remedy(self) -> &'static str {
        match self {
            DropReason::TooShort => {
                "the sender is not speaking VRRP; find what sends IP protocol 112 from that address"
            }
            DropReason::UnknownVrid => {
                "another virtual router shares this network; nothing to do unless the VRID is ours mistyped"
            }
            DropReason::NotListening => "this instance is starting or in fault; nothing to do",
            DropReason::UnwantedKind | DropReason::DestinationKind => {
                "one side has unicast_peer and the other has not; configure both alike"
            }
            DropReason::AuthenticationHeader => {
                "the peer uses auth_type AH, which is not supported; use auth_type PASS or version 3 with auth_hmac on both"
            }
            DropReason::Length => "the address count does not fit the packet; the peer or the path is broken",
            DropReason::Ttl => "the packet came through a router or was forged; adverts must arrive with TTL 255",
            DropReason::Version => "set the same vrrp_version on both",
            DropReason::HmacMissing => "the peer does not sign; give it auth_hmac, or set mode permissive here",
            DropReason::HmacMalformed => {
                "the peer signs in a form not known here; compare the versions of both programs"
            }
            DropReason::HmacStale => "the clocks of both hosts differ by more than time_window; synchronise them",
            DropReason::HmacUnknownKey => "add the peer's key to auth_hmac here before it is made active there",
            DropReason::HmacInvalid => "the key with this id differs between the hosts",
            DropReason::HmacReplay => "a packet came twice or late; if it goes on, somebody replays captured packets",
            DropReason::AuthTypeUnknown => "the peer uses an authentication type that no RFC defines",
            DropReason::AuthTypeMismatch => "set the same auth_type on both",
            DropReason::AuthFailure => "set the same auth_pass on both; only the first 8 bytes count",
            DropReason::IntervalMismatch => "set the same advert_int on both; version 2 has no other way",
            DropReason::Type => "the only type of VRRP is 1; the sender is broken",
            DropReason::TotalLength => "the IP length does not fit the message; the path is broken",
            DropReason::IntervalZero => {
                "the peer advertises an interval of 0 (some Juniper fast-interval setups do); set one of at least 10 ms"
            }
            DropReason::Checksum => "if v3_checksum_as_v2 is set, remove it: the checksum form is then detected",
            DropReason::OwnerIgnores => "another router claims this address although this one owns it",
            DropReason::OwnAddress => {
                "an advert with our own source address came back; look for a loop or a duplicate address"
            }
            DropReason::StrangerSource => "add the sender to unicast_peer, or find out who it is",
            DropReason::PeerTtl => "the hop count is outside min_ttl and max_ttl of this peer",
        }
    }

    /// Whether Keepalived counts it as received all the same: an advert in order, from somebody who is not listened to.
    pub const fn is_received(self) -> bool {
        matches!(
            self,
            DropReason::OwnAddress | DropReason::StrangerSource | DropReason::PeerTtl
        )
    }

    pub const fn keepalived(self) -> Option<KeepalivedCounter> {
        Some(match self {
            DropReason::Length | DropReason::TotalLength => KeepalivedCounter::PacketLength,
            DropReason::IntervalMismatch => KeepalivedCounter::AdvertInterval,
            DropReason::Ttl | DropReason::PeerTtl => KeepalivedCounter::IpTtl,
            DropReason::Type => KeepalivedCounter::InvalidType,
            DropReason::DestinationKind => KeepalivedCounter::AddressList,
            DropReason::AuthTypeUnknown => KeepalivedCounter::InvalidAuthType,
            DropReason::AuthenticationHeader | DropReason::AuthTypeMismatch => KeepalivedCounter::AuthTypeMismatch,
            DropReason::AuthFailure => KeepalivedCounter::AuthFailure,
            DropReason::HmacMissing => KeepalivedCounter::ExtMissing,
            DropReason::HmacMalformed => KeepalivedCounter::ExtMalformed,
            DropReason::HmacUnknownKey => KeepalivedCounter::ExtUnknownKey,
            DropReason::HmacInvalid => KeepalivedCounter::ExtInvalidHmac,
            DropReason::HmacStale => KeepalivedCounter::ExtStale,
            DropReason::HmacReplay => KeepalivedCounter::ExtReplay,
            _ => return None,
        })
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropReason::TooShort => "packet too short",
            DropReason::UnknownVrid => "unknown VRID",
            DropReason::NotListening => "not listening",
            DropReason::UnwantedKind | DropReason::DestinationKind => {
                "multicast where unicast is configured, or the reverse"
            }
            DropReason::AuthenticationHeader => "AH authentication, which is not supported",
            DropReason::Length => "invalid packet length",
            DropReason::Ttl => "invalid TTL/HL",
            DropReason::Version => "invalid version",
            DropReason::HmacMissing => "HMAC trailer missing",
            DropReason::HmacMalformed => "HMAC trailer malformed",
            DropReason::HmacStale => "HMAC time outside the window",
            DropReason::HmacUnknownKey => "HMAC key unknown",
            DropReason::HmacInvalid => "invalid HMAC",
            DropReason::HmacReplay => "HMAC stamp replayed",
            DropReason::AuthTypeUnknown => "invalid authentication type",
            DropReason::AuthTypeMismatch => "authentication type mismatch",
            DropReason::AuthFailure => "received an invalid passwd",
            DropReason::IntervalMismatch => "advertisement interval mismatch",
            DropReason::Type => "invalid type",
            DropReason::TotalLength => "IP length does not fit the packet received",
            DropReason::IntervalZero => "advertisement interval of 0",
            DropReason::Checksum => "invalid checksum",
            DropReason::OwnerIgnores => "advert received by the address owner",
            DropReason::OwnAddress => "advert from our own address",
            DropReason::StrangerSource => "unicast source address not a configured peer",
            DropReason::PeerTtl => "TTL of a unicast peer out of range",
        })
    }
}
