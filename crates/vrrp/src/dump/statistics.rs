//! `keepalived.stats`: the counters as text.

use std::fmt::Write;

use tandem_vrrp_core::KeepalivedCounter;

use crate::snapshot::Snapshot;

pub(crate) fn statistics(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for instance in &snapshot.instances {
        let stats = &instance.stats;
        let error = |counter| stats.keepalived(counter);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "VRRP Instance: {}
  Advertisements:
    Received: {}
    Sent: {}
  Became master: {}
  Released master: {}
  Packet Errors:
    Length: {}
    TTL: {}
    Invalid Type: {}
    Advertisement Interval: {}
    Address List: {}
  Authentication Errors:
    Invalid Type: {}
    Type Mismatch: {}
    Failure: {}
  Priority Zero:
    Received: {}
    Sent: {}
",
            instance.settings.name,
            stats.adverts_received,
            stats.adverts_sent,
            stats.became_master,
            stats.released_master,
            error(KeepalivedCounter::PacketLength),
            error(KeepalivedCounter::IpTtl),
            error(KeepalivedCounter::InvalidType),
            error(KeepalivedCounter::AdvertInterval),
            error(KeepalivedCounter::AddressList),
            error(KeepalivedCounter::InvalidAuthType),
            error(KeepalivedCounter::AuthTypeMismatch),
            error(KeepalivedCounter::AuthFailure),
            stats.zero_received,
            stats.zero_sent,
        );
    }
    text
}
