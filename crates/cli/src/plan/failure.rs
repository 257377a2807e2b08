//! What can happen to a pair, and how long the other takes by the protocol's arithmetic.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_vrrp_core::settings::{Initial, InstanceSettings, Preempt, Transport};
use tandem_vrrp_core::timing::{master_down, skew};

use super::side::{Looks, Side, Tracked};

/// The two routers as the files describe them; the first is the one that becomes master.
#[derive(Clone, Debug)]
pub struct Pair {
    pub hosts: [Side; 2],
    /// Both have a `pair_link`, and they fit.
    pub linked: bool,
}

/// Of the first host, where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Stopped,
    RouterDies,
    PowerLost,
    CablePulled,
    /// Nothing gets through, and nobody sees a carrier go.
    CutOff,
    /// The backup does not hear the master's adverts.
    OneWay,
    BalancerDies,
    BalancerHangs,
    /// Something that the master's file tracks fails.
    Tracked(Tracked),
    /// The lost host comes back.
    Returns,
    StandbyLost,
    /// The standby was cut off for a while and is not any more.
    StandbyReturns,
}

/// What looks at the balancer, of what the first host tracks.
pub struct Seen {
    /// Those that together move the address; all of them, if they do not.
    pub by: Vec<Tracked>,
    pub noticed: Duration,
}

impl Pair {
    /// The one with more priority while all is well; of equals the one with the higher address, RFC 9568 section 6.4.3.
    pub fn new(a: Side, b: Side) -> Pair {
        let rank = |side: &Side| (side.explain(&[]).effective, side.source);
        let hosts = if rank(&b) > rank(&a) { [b, a] } else { [a, b] };
        Pair { hosts, linked: false }
    }

    pub fn first(&self) -> &InstanceSettings {
        self.hosts[0].instance()
    }

    pub fn second(&self) -> &InstanceSettings {
        self.hosts[1].instance()
    }

    /// Everything that can be told of these files.
    pub fn failures(&self) -> Vec<Failure> {
        let mut all = vec![
            Failure::BalancerDies,
            Failure::BalancerHangs,
            Failure::Stopped,
            Failure::RouterDies,
            Failure::PowerLost,
            Failure::CablePulled,
            Failure::CutOff,
            Failure::OneWay,
        ];
        all.extend(self.hosts[0].tracked.iter().cloned().map(Failure::Tracked));
        all.extend([Failure::Returns, Failure::StandbyLost, Failure::StandbyReturns]);
        all
    }

    pub fn left_out(&self) -> impl Iterator<Item = String> {
        let of = |side: &Side| {
            side.left_out
                .iter()
                .map(|what| format!("{}: {what}", side.name))
                .collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of)
    }

    pub(super) fn down(&self) -> Duration {
        let (interval, second) = (self.first().protocol.interval(), self.second());
        let priority = self.hosts[1].explain(&[]).effective;
        master_down(second.protocol.version(), priority, interval, second.down_adverts)
    }

    fn skew(&self) -> Duration {
        let priority = self.hosts[1].explain(&[]).effective;
        let version = self.second().protocol.version();
        skew(version, priority, self.first().protocol.interval())
    }

    /// How long nobody serves, at most, by RFC 9568 section 6.1 and 6.4.2; `None` where nobody ever does.
    pub fn arithmetic(&self, failure: &Failure) -> Option<Duration> {
        match failure {
            Failure::Stopped
            | Failure::RouterDies
            | Failure::OneWay
            | Failure::Returns
            | Failure::StandbyLost
            | Failure::StandbyReturns => Some(Duration::ZERO),
            Failure::PowerLost | Failure::CablePulled | Failure::CutOff => Some(self.down()),
            Failure::BalancerDies | Failure::BalancerHangs => self.without(&self.seen(failure).by),
            Failure::Tracked(tracked) => self.without(std::slice::from_ref(tracked)),
        }
    }

    /// How long until the failure is noticed at all, at most.
    pub fn noticed(&self, failure: &Failure) -> Duration {
        match failure {
            Failure::Tracked(tracked) => tracked.noticed,
            Failure::BalancerDies | Failure::BalancerHangs => self.seen(failure).noticed,
            _ => Duration::ZERO,
        }
    }

    /// Until the other has the address when these have failed, or it stays where it is.
    pub fn without(&self, failed: &[Tracked]) -> Option<Duration> {
        let [first, second] = &self.hosts;
        let after = first.explain(failed);
        if after.has_fault() {
            return Some(self.skew());
        }
        if after.effective >= second.explain(&[]).effective {
            return None;
        }
        match self.second().preempt {
            Preempt::Never => None,
            // It does not listen to the lesser one, and waits in vain for another.
            Preempt::After(delay) if delay.is_zero() || self.second().initial == Initial::Master => Some(self.down()),
            // The delay begins with the first advert that is less than its own.
            Preempt::After(delay) => Some(self.first().protocol.interval() + delay),
        }
    }

    /// Who sees the balancer die or hang: the first that move the address together, one after the other as they notice.
    pub fn seen(&self, failure: &Failure) -> Seen {
        let noticed = |tracked: &Tracked| match (tracked.looks, failure) {
            (Looks::IfItAnswers(_), Failure::BalancerHangs) => Some(tracked.noticed),
            (Looks::IfItAnswers(gone) | Looks::IfItIsThere(gone), Failure::BalancerDies) => Some(gone),
            _ => None,
        };
        let tracked = self.hosts[0].tracked.iter();
        let mut all: Vec<(Duration, &Tracked)> = tracked.filter_map(|each| Some((noticed(each)?, each))).collect();
        all.sort_by_key(|(noticed, _)| *noticed);
        let mut seen = Seen {
            by: Vec::new(),
            noticed: Duration::ZERO,
        };
        for (noticed, tracked) in all {
            seen.by.push(tracked.clone());
            seen.noticed = noticed;
            if self.without(&seen.by).is_some() {
                break;
            }
        }
        seen
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Stopped => f.write_str("router stopped, or handover"),
            Failure::RouterDies => f.write_str("router dies (SIGKILL)"),
            Failure::PowerLost => f.write_str("host loses its power"),
            Failure::CablePulled => f.write_str("cable pulled"),
            Failure::CutOff => f.write_str("cut off without a sign"),
            Failure::OneWay => f.write_str("backup does not hear it"),
            Failure::BalancerDies => f.write_str("balancer dies"),
            Failure::BalancerHangs => f.write_str("balancer hangs"),
            Failure::Tracked(Tracked { name, costs: None, .. }) => write!(f, "{name} fails: a fault"),
            Failure::Tracked(Tracked {
                name,
                costs: Some(costs),
                ..
            }) => write!(f, "{name} fails: {:+}", -costs),
            Failure::Returns => f.write_str("the lost host comes back"),
            Failure::StandbyLost => f.write_str("the standby loses its power"),
            Failure::StandbyReturns => f.write_str("the standby is cut off, and back"),
        }
    }
}

/// Where adverts of one router leave from: as its file says, or as the other's file expects it.
pub fn source(own: &InstanceSettings, other: &InstanceSettings) -> Option<Ipv4Addr> {
    let named = own.source.or_else(|| match &other.transport {
        Transport::Unicast { peers, .. } => peers.first().map(|peer| peer.address),
        Transport::Multicast { .. } => None,
    });
    match named {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    }
}
