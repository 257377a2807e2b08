//! Names that are looked up, in the native form.

use tandem_text::{Diagnostic, Spanned};

use super::lower::Lowering;
use super::model::{Hold, Lookup, Resolvers};
use super::value::{Span, Value};
use crate::plan::{self, Nameserver};
use crate::{code, draft, lookup};

impl Lowering<'_> {
    pub(super) fn resolvers(&mut self, written: toml::Spanned<Resolvers>) -> Option<Spanned<plan::Resolvers>> {
        let at = self.span(written.span());
        let written = written.into_inner();
        let name = self.name(written.name, at)?;
        let mut resolvers = plan::Resolvers::new(name.value);
        let mut servers: Vec<Nameserver> = written.nameservers.into_iter().map(|server| server.0).collect();
        if written.system {
            match lookup::of_this_host(self.world) {
                Ok(found) => servers.extend(found),
                Err(why) => self.report.push(Diagnostic::error(code::BAD_VALUE, at, why)),
            }
        }
        resolvers.nameservers = servers;
        if let Some(size) = written.payload_size {
            resolvers.payload = u16::try_from(size.0.0).unwrap_or(u16::MAX);
        }
        resolvers.tries = written.retries.map_or(resolvers.tries, |tries| tries.0.0);
        resolvers.resolve = written.resolve_interval.map_or(resolvers.resolve, |time| time.0.0);
        resolvers.retry = written.retry_interval.map_or(resolvers.retry, |time| time.0.0);
        hold(&mut resolvers.hold, &written.hold);
        Some(Spanned::new(resolvers, name.span))
    }

    pub(super) fn lookup(&mut self, target: &mut draft::Lookup, written: &Lookup) {
        if let Some(by) = &written.by {
            let span = self.span(by.span());
            target.section = Some(Spanned::new(by.get_ref().clone(), span));
        }
        let preference = &mut target.preference;
        preference.v4 = written.prefer_ipv4.unwrap_or(preference.v4);
        preference.may_share = written.share_addresses.unwrap_or(preference.may_share);
        if let Some(networks) = &written.networks {
            preference.networks = networks.iter().map(|network| network.0).collect();
        }
        target.ignores_weight = written.ignore_weight.unwrap_or(target.ignores_weight);
    }
}

fn hold(target: &mut tandem_lb_core::dns::Hold, written: &Hold) {
    let pairs: [(&mut std::time::Duration, &Option<Value<Span>>); 6] = [
        (&mut target.valid, &written.valid),
        (&mut target.obsolete, &written.obsolete),
        (&mut target.no_name, &written.nx),
        (&mut target.refused, &written.refused),
        (&mut target.timeout, &written.timeout),
        (&mut target.other, &written.other),
    ];
    for (place, time) in pairs {
        if let Some(time) = time {
            *place = time.0.0;
        }
    }
}
