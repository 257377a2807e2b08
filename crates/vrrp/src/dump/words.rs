//! How Keepalived writes an address, as the exporters take it apart: at least three words, the last says if it is set.

use std::fmt::Write;
use std::net::IpAddr;

use tandem_vrrp_core::settings::{Family, Scope, VirtualAddress};

use crate::snapshot::Instance;
use crate::vmac::Vmacs;

pub(super) fn address(instance: &Instance, vmacs: &Vmacs, address: &VirtualAddress) -> String {
    let mut text = address.address.to_string();
    let whole = match address.family() {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    let vmac = vmacs.for_address(&instance.settings, address).map(|vmac| &*vmac.name);
    let device = vmac.or(address.device.as_deref());
    let device = device.or(instance.settings.interface.as_deref());
    // Writing to a String cannot fail.
    if address.prefix != whole {
        let _ = write!(text, "/{}", address.prefix);
    }
    if let Some(IpAddr::V4(broadcast)) = address.broadcast {
        let _ = write!(text, " brd {broadcast}");
    }
    let _ = write!(text, " dev {} scope {}", device.unwrap_or("-"), scope(address.scope));
    if let Some(label) = &address.label {
        let _ = write!(text, " label {label}");
    }
    if instance.holds {
        text.push_str(" set");
    }
    text
}

fn scope(scope: Scope) -> String {
    match scope {
        Scope::Global => "global".into(),
        Scope::Site => "site".into(),
        Scope::Link => "link".into(),
        Scope::Host => "host".into(),
        Scope::Nowhere => "nowhere".into(),
        Scope::Number(number) => number.to_string(),
    }
}
