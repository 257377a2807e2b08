//! One instance: its draft to what the router runs and what the runtime does beside it.

use std::time::Duration;

use tandem_text::{Diagnostic, Spanned};
use tandem_vrrp_core::settings::{
    Family, Initial, InstanceId, InstanceSettings, PaceSettings, Preempt, Priority, Protocol, Quorum, TrackUse,
};

use super::trackers::Trackers;
use super::{addresses, garp, peers, protocol, strict};
use crate::code;
use crate::draft::{self, Defaults, QuorumDraft};
use crate::load::Machine;
use crate::plan::{Adjusted, Instance, Vmac};
use crate::report::Report;

pub(super) struct Resolving<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) trackers: &'a Trackers,
    pub(super) paces: &'a [PaceSettings],
    pub(super) machine: &'a Machine<'a>,
    pub(super) report: &'a mut Report,
}

impl Resolving<'_> {
    /// Nothing if it cannot be told what it would be; that is an error.
    pub(super) fn instance(
        mut self,
        id: InstanceId,
        mut written: draft::Instance,
    ) -> Option<(InstanceSettings, Instance)> {
        let vrid = written.vrid.as_ref().map(|vrid| vrid.value);
        let Some(vrid) = vrid else {
            if !written.vrid_is_wrong {
                let message = format!("`{}` needs a `virtual_router_id`", written.name.value);
                self.report.push(
                    Diagnostic::error(code::INCOMPLETE, written.name.span, message).help("add a number from 1 to 255"),
                );
            }
            return None;
        };
        let family = addresses::family(&written);
        let mut settings = InstanceSettings::new(id, &written.name.value, vrid, family);
        settings.interface = written.interface.as_ref().map(|name| name.value.clone());
        self.priority(&written, &mut settings);
        settings.hmac = written.hmac.take().map(|hmac| hmac.value);
        self.policy(&written, &mut settings);
        settings.protocol = protocol::of(&written, self.defaults, family, self.report);
        let (transport, source) = peers::transport(&mut written, self.defaults, family, self.report);
        settings.transport = transport;
        settings.source = source;
        // Without a name the interface is the one that has the address, so without the address there is none.
        settings.track_source = written.track_source || settings.interface.is_none();
        settings.needs_peer = written.fault_without_peer;
        settings.late_is_backup = written.late_is_backup;
        addresses::take(&mut written, &mut settings, self.machine.mtu, self.report);
        settings.garp = garp::settings(&written, self.defaults, self.paces);
        settings.track = self.tracks(&written, settings.priority);
        settings.quorum = self.quorum(written.quorum.take());
        let mut vmac = self.vmac(&mut written);
        let is_strict = written.policy.strict.or(self.defaults.policy.strict).unwrap_or(false);
        if is_strict {
            strict::apply(&written, &mut settings, &mut vmac, self.report);
        }
        let interval = written.interval.as_ref().map(|interval| interval.value);
        let adjusted = Adjusted {
            interval: interval.filter(|interval| *interval != settings.protocol.interval()),
            nopreempt: written.nopreempt.is_some() && settings.preempt != Preempt::Never,
            auth: written.auth.is_some() && (is_strict || matches!(settings.protocol, Protocol::V3 { .. })),
        };
        let runtime = Instance {
            id,
            origin: written.origin,
            notify: written.notify,
            routes: written.routes.into_iter().map(|route| route.value).collect(),
            rules: written.rules.into_iter().map(|rule| rule.value).collect(),
            vmac,
            vmac_for_addresses: written.vmac_for_addresses,
            promote_secondaries: written.promote_secondaries,
            receive_buffer: written.receive_buffer,
            adjusted,
        };
        Some((settings, runtime))
    }

    fn warn(&mut self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    fn priority(&mut self, written: &draft::Instance, settings: &mut InstanceSettings) {
        let state = written.state.as_ref();
        settings.priority = match (&written.priority, state) {
            (Some(priority), _) => priority.value,
            (None, Some(state)) if state.value == Initial::Master => {
                let message = "`state MASTER` without a priority makes this the owner of the addresses, priority 255";
                self.warn(
                    Diagnostic::warning(code::DOUBTFUL, state.span, message)
                        .help("tracking cannot change it then; add `priority N`"),
                );
                Priority::OWNER
            }
            (None, _) => Priority::DEFAULT,
        };
        settings.initial = match state {
            Some(state) => state.value,
            None if settings.priority.is_owner() => Initial::Master,
            None => Initial::Backup,
        };
        settings.preempt = self.preempt(written, settings.initial);
    }

    fn preempt(&mut self, written: &draft::Instance, initial: Initial) -> Preempt {
        let begins_as_master = written.state.as_ref().is_some_and(|_| initial == Initial::Master);
        if let Some(span) = written.nopreempt {
            if !begins_as_master {
                if let Some(delay) = &written.preempt_delay {
                    let message = "`preempt_delay` does nothing with `nopreempt`";
                    self.warn(Diagnostic::warning(code::CONFLICT, delay.span, message));
                }
                return Preempt::Never;
            }
            let message = "`nopreempt` does not go with `state MASTER`";
            self.warn(Diagnostic::warning(code::CONFLICT, span, message).help("write `state BACKUP` on both routers"));
        }
        let delay = written.preempt_delay.as_ref();
        if let Some(delay) = delay.filter(|delay| begins_as_master && !delay.value.is_zero()) {
            let message = "`preempt_delay` does not go with `state MASTER`";
            self.warn(Diagnostic::warning(code::CONFLICT, delay.span, message).help("write `state BACKUP`"));
            return Preempt::After(Duration::ZERO);
        }
        Preempt::After(delay.map_or(Duration::ZERO, |delay| delay.value))
    }

    fn policy(&self, written: &draft::Instance, settings: &mut InstanceSettings) {
        let (own, all) = (&written.policy, &self.defaults.policy);
        let either = |pick: fn(&draft::Policy) -> Option<bool>| pick(own).or(pick(all));
        settings.skip_address_check = either(|policy| policy.skip_address_check).unwrap_or(false);
        settings.answer_lower = !either(|policy| policy.lower_no_advert).unwrap_or(false);
        settings.last_word = either(|policy| policy.higher_send_advert).unwrap_or(settings.last_word);
        settings.seeks_rivals = either(|policy| policy.seeks_rivals).unwrap_or(settings.seeks_rivals);
        settings.owner_ignores_adverts = either(|policy| policy.owner_ignores_adverts).unwrap_or(false);
        let down = own.down_adverts.or(all.down_adverts).and_then(std::num::NonZeroU8::new);
        settings.down_adverts = down.unwrap_or(settings.down_adverts);
        settings.accept = written.accept.as_ref().map(|accept| accept.value);
        settings.track_primary = written.track_primary;
    }

    fn tracks(&mut self, written: &draft::Instance, priority: Priority) -> Vec<TrackUse> {
        let uses = self.trackers.uses(&written.tracks, self.report);
        let weighted = uses.iter().any(|tracked| !tracked.weight.is_fault());
        if let (true, true, Some(first)) = (priority.is_owner(), weighted, written.tracks.first()) {
            let message = format!(
                "`{}` is the owner, priority 255: weights never change that",
                written.name.value
            );
            self.warn(
                Diagnostic::warning(code::DOUBTFUL, first.name.span, message).help("give it a priority below 255"),
            );
        }
        uses
    }

    fn quorum(&mut self, written: Option<QuorumDraft>) -> Option<Quorum> {
        let written = written?;
        let need = written.need.as_ref().map_or(1, |need| need.value);
        let there = written.witnesses.len() + usize::from(written.gateway);
        if there >= need {
            return Some(Quorum {
                witnesses: written.witnesses,
                gateway: written.gateway,
                need,
            });
        }
        if let Some(need) = &written.need {
            let message = format!("there are {there} witnesses, so {} can never answer", need.value);
            self.warn(Diagnostic::error(code::CONFLICT, need.span, message).help("add `address IP`, or need fewer"));
        }
        None
    }

    fn vmac(&mut self, written: &mut draft::Instance) -> Option<Vmac> {
        let on_base = written.vmac_transmit_on_base;
        let Some(Spanned { value, span }) = written.vmac.take() else {
            if let Some(span) = on_base {
                let message = "`vmac_xmit_base` does nothing without `use_vmac`";
                self.warn(Diagnostic::warning(code::CONFLICT, span, message));
            }
            return None;
        };
        if written.interface.is_none() {
            let message = "`use_vmac` needs an `interface` to be on";
            self.warn(Diagnostic::error(code::INCOMPLETE, span, message).help("add `interface NAME`"));
        }
        let forced = written.is_unicast() && on_base.is_none();
        if forced {
            let message = "adverts to peers go through the base interface";
            self.warn(Diagnostic::warning(code::ADJUSTED, span, message).help("add `vmac_xmit_base`"));
        }
        Some(Vmac {
            transmit_on_base: on_base.is_some() || forced,
            ..value
        })
    }
}

/// The word for a family in messages.
pub(super) const fn family_word(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}
