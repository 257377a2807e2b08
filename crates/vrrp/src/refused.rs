//! The line about a packet that was not believed: whose it was for, why, who sent it, and what to change.

use std::net::IpAddr;

use tandem_vrrp_core::DropReason;

pub(crate) fn line(instance: Option<&str>, reason: DropReason, vrid: Option<u8>, source: IpAddr) -> String {
    let whose = instance.map_or_else(String::new, |name| format!("({name}) "));
    let vrid = match (reason, vrid) {
        (DropReason::UnknownVrid, Some(vrid)) => format!(" {vrid}"),
        _ => String::new(),
    };
    format!("{whose}{reason}{vrid} from {source}: {}", reason.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_names_the_peer_and_the_remedy() {
        let source = IpAddr::from([10, 9, 0, 2]);
        for reason in DropReason::ALL {
            let line = line(Some("VI_1"), reason, Some(52), source);
            let (what, remedy) = line.split_once(" from 10.9.0.2: ").unwrap_or_else(|| panic!("{line}"));
            assert!(what.starts_with("(VI_1) ") && what.len() > "(VI_1) ".len(), "{line}");
            assert!(remedy.contains(' '), "{line}");
        }
        assert_eq!(
            line(None, DropReason::UnknownVrid, Some(52), source),
            "unknown VRID 52 from 10.9.0.2: another virtual router shares this network; nothing to do unless the VRID is \
             ours mistyped"
        );
    }
}
