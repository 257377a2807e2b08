//! `vrrp_strict`: what the RFC does not allow is refused or taken away.

use std::time::Duration;

use tandem_text::{Diagnostic, Span};
use tandem_vrrp_core::settings::{Family, Initial, InstanceSettings, Preempt, Protocol, Transport};

use crate::code;
use crate::draft::Instance;
use crate::plan::Vmac;
use crate::report::Report;

pub(super) fn apply(written: &Instance, settings: &mut InstanceSettings, vmac: &mut Option<Vmac>, report: &mut Report) {
    refuse(written, settings, report);
    let mut taken = |span: Span, what: &str| {
        let message = format!("strict mode does not allow {what}");
        report.push(Diagnostic::warning(code::CONFLICT, span, message).help("leave it out, or strict mode"));
    };
    if let (Some(auth), Protocol::V2 { .. }) = (&written.auth, settings.protocol) {
        taken(auth.span, "authentication");
    }
    if let (Some(delay), Preempt::After(kept)) = (&written.preempt_delay, settings.preempt)
        && kept > Duration::ZERO
    {
        taken(delay.span, "`preempt_delay`");
    }
    if let (Some(accept), Protocol::V2 { .. }) = (&written.accept, settings.protocol) {
        taken(accept.span, "`accept` in version 2");
        settings.accept = None;
    }
    if let (Some(span), Some(vmac)) = (written.vmac_transmit_on_base, vmac) {
        taken(span, "`vmac_xmit_base`");
        vmac.transmit_on_base = false;
    }
    if let Some(state) = &written.state {
        let owner = settings.priority.is_owner();
        if owner != (settings.initial == Initial::Master) {
            let message = "in strict mode MASTER and priority 255 go together; the priority decides";
            report.push(Diagnostic::warning(code::CONFLICT, state.span, message));
        }
    }
    settings.make_strict();
}

fn refuse(written: &Instance, settings: &InstanceSettings, report: &mut Report) {
    let name = &written.name;
    let mut refuse = |what: &str| {
        let message = format!("`{}`: strict mode does not allow {what}", name.value);
        report
            .push(Diagnostic::error(code::CONFLICT, name.span, message).help("change that, or leave out strict mode"));
    };
    if settings.vips.is_empty() {
        refuse("a router without addresses");
    }
    if matches!(settings.transport, Transport::Unicast { .. }) {
        refuse("unicast");
    }
    let first_is_local = settings.vips.first().is_some_and(|vip| match vip.address {
        std::net::IpAddr::V6(ip) => ip.is_unicast_link_local(),
        std::net::IpAddr::V4(_) => true,
    });
    if settings.family == Family::V6 && !settings.vips.is_empty() && !first_is_local {
        refuse("a first IPv6 address that is not link-local (RFC 9568 section 5.2.9)");
    }
}
