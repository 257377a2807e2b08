//! What kind of site a seed makes, and the settings that its routers share.

use std::sync::Arc;
use std::time::Duration;

use tandem_sim::{LanSettings, NodeId};
use tandem_time::Seed;
use tandem_vrrp_core::settings::*;

use crate::net::{CLIENTS, interface, own_address, vip};

#[derive(Clone)]
pub struct Shape {
    pub routers: usize,
    pub segments: usize,
    pub grouped: bool,
    /// No two of a priority: equals that take over at once serve for some microseconds both, then one.
    pub distinct: bool,
    /// Who yields says no last word, as Keepalived at its defaults does not.
    pub mute: bool,
    pub lan: LanSettings,
    pub protocol: Protocol,
    pub family: Family,
    pub unicast: bool,
    /// Nobody takes over on silence before a witness has answered.
    pub quorum: bool,
    /// One of them has priority 255.
    pub owner: Option<NodeId>,
    /// One of them computes the checksum of version 3 over IPv4 otherwise, and hears nothing else; the rest find out.
    pub dialect: Option<NodeId>,
    pub nopreempt: bool,
    /// Trackers: a script whose failure costs this, and one whose failure is a fault.
    pub weight: Option<Weight>,
    /// Of every router: an address that is not advertised.
    pub excluded: bool,
    /// Announcements come again and again.
    pub refresh: bool,
    /// A script without a result may count as failed.
    pub init_fail: bool,
}

impl Shape {
    pub fn any(seed: &mut Seed) -> Shape {
        let routers = 2 + seed.below(4) as usize;
        let family = if seed.chance(1, 3) { Family::V6 } else { Family::V4 };
        Shape {
            routers,
            segments: 1,
            grouped: false,
            distinct: false,
            mute: false,
            lan: LanSettings::default(),
            protocol: any_protocol(family, seed),
            family,
            unicast: seed.chance(1, 3),
            quorum: seed.chance(1, 4),
            owner: seed.chance(1, 4).then(|| NodeId(seed.below(routers as u64) as usize)),
            dialect: seed.chance(1, 4).then(|| NodeId(seed.below(routers as u64) as usize)),
            nopreempt: seed.chance(1, 6),
            weight: any_weight(seed),
            excluded: seed.chance(1, 3),
            refresh: seed.chance(1, 3),
            init_fail: true,
        }
    }

    /// A master announces everything again after this.
    pub fn second_round(&self) -> Duration {
        self.protocol.interval() * 5
    }

    pub fn settings(&self, id: NodeId, seed: &mut Seed) -> RouterSettings {
        let initial = if seed.chance(1, 3) && !self.nopreempt {
            Initial::Master
        } else {
            Initial::Backup
        };
        let priority = self.priority(id, seed);
        let instances = (0..self.segments).map(|segment| InstanceSettings {
            priority,
            initial,
            ..self.instance(id, segment)
        });
        let instances: Vec<InstanceSettings> = instances.collect();
        RouterSettings {
            groups: if self.grouped { vec![self.group()] } else { Vec::new() },
            instances,
            trackers: self.trackers(seed),
            ..RouterSettings::default()
        }
    }

    /// Of all instances.
    pub fn group(&self) -> GroupSettings {
        GroupSettings {
            id: GroupId(0),
            name: "G".into(),
            members: (0..self.segments).map(|segment| InstanceId(segment as u32)).collect(),
            track: self.track(),
            member_weights: false,
        }
    }

    /// Few values, so that equal ones happen.
    fn priority(&self, id: NodeId, seed: &mut Seed) -> Priority {
        let value = match self.distinct {
            _ if self.owner == Some(id) => 255,
            // Nor so near to each other, or to the owner, that the skews differ by less than a frame takes: 16 of 256 of
            // 10 ms are 625 us.
            true => [150, 50, 200, 100, 239][id.0],
            false => [50, 100, 100, 150, 200, 254][seed.below(6) as usize],
        };
        Priority::new(value).expect("not 0")
    }

    fn instance(&self, id: NodeId, segment: usize) -> InstanceSettings {
        let vrid = Vrid::new(51 + segment as u8).expect("not 0");
        let number = InstanceId(segment as u32);
        let mut s = InstanceSettings::new(number, &format!("VI_{segment}"), vrid, self.family);
        s.interface = Some(interface(segment).as_str().into());
        s.protocol = self.protocol;
        if let Protocol::V3 { checksum, .. } = &mut s.protocol
            && self.dialect == Some(id)
        {
            *checksum = ChecksumPolicy::Without;
        }
        s.vips = vec![VirtualAddress::host(vip(self.family, segment, 0))];
        if self.excluded {
            s.excluded = vec![VirtualAddress::host(vip(self.family, segment, 1))];
        }
        s.garp.delay = self.second_round();
        s.garp.lower_delay = self.second_round();
        s.garp.refresh = self.protocol.interval() * if self.refresh { 3 } else { 0 };
        s.last_word = !self.mute;
        if self.nopreempt {
            s.preempt = Preempt::Never;
        }
        if self.unicast {
            s.transport = self.peers_of(id, segment);
        }
        s.quorum = self.quorum.then(|| Quorum {
            witnesses: CLIENTS.iter().map(|c| own_address(self.family, segment, *c)).collect(),
            gateway: false,
            need: 1,
        });
        if !self.grouped {
            s.track = self.track();
        }
        s
    }

    fn peers_of(&self, id: NodeId, segment: usize) -> Transport {
        let others = (0..self.routers).map(NodeId).filter(|other| *other != id);
        let peers = others.map(|other| Peer {
            address: own_address(self.family, segment, other),
            ttl: None,
        });
        Transport::Unicast {
            peers: peers.collect(),
            check_source: true,
            ttl: None,
        }
    }

    pub fn track(&self) -> Vec<TrackUse> {
        let uses = self.weight.into_iter().chain(self.weight.map(|_| Weight::FAULT));
        let tracker = |number| TrackerId(number as u16);
        uses.enumerate()
            .map(|(number, weight)| TrackUse {
                tracker: tracker(number),
                weight,
            })
            .collect()
    }

    fn trackers(&self, seed: &mut Seed) -> Vec<Tracker> {
        let mut script = |name: &str| {
            let kind = TrackerKind::Script(ScriptSettings {
                rise: 1 + seed.below(2) as u32,
                fall: 1 + seed.below(3) as u32,
                init_fail: self.init_fail && seed.chance(1, 8),
                ..ScriptSettings::new(&["/bin/check"])
            });
            (Arc::from(name), kind)
        };
        let both = [script("weighs"), script("faults")];
        let trackers = both.into_iter().filter(|_| self.weight.is_some());
        let tracker = |(number, (name, kind))| Tracker {
            id: TrackerId(number as u16),
            name,
            kind,
        };
        trackers.enumerate().map(tracker).collect()
    }

    /// What the network, its delays and the routers' clocks may add to a bound.
    pub fn slack(&self) -> Duration {
        self.lan.latency_max * 3 + self.lan.reorder_by + self.protocol.interval() / 50
    }
}

fn any_protocol(family: Family, seed: &mut Seed) -> Protocol {
    match seed.below(4) {
        0 if family == Family::V4 => Protocol::V2 {
            interval: Seconds::ONE,
            auth: AuthV2::None,
        },
        n => Protocol::V3 {
            interval: Centis::new([100, 1, 10, 100][n as usize]).expect("in range"),
            checksum: ChecksumPolicy::Auto,
        },
    }
}

fn any_weight(seed: &mut Seed) -> Option<Weight> {
    let value = [-60, 30, -253, 120][seed.below(4) as usize];
    let reverse = seed.chance(1, 4);
    seed.chance(1, 3).then_some(Weight { value, reverse })
}
