//! One virtual router as a state machine.
//!
//! ```text
//!            start                      silence, or the master left
//!   Init ------------> Backup --------------------------------------> Master
//!    |  found+fresh      ^  ^                                        |   |  |
//!    +-----> Listening --+  |   a better advert: last word, let go   |   |  |
//!    |           |          +----------------------------------------+   |  |
//!    |           +--- nobody heard: Master, addresses never left --->|   |  |
//!    |                      ^                                            |  |
//!    |    fault gone        |     release: priority 0, keep serving      |  |
//!    +--> Fault ------------+<--- Leaving <------------------------------+  |
//!           ^                        until the successor serves             |
//!           +---------------------------- any fault ------------------------+
//! ```
//!
//! RFC 9568 section 6.4 and RFC 3768 section 6.4. Departures, all from the reference: a master that yields advertises once
//! more, so that the winner announces the addresses again; a VIP that somebody else removes is put back in place; and a
//! router that leaves keeps serving until its successor does.

mod advert;
mod backup;
mod heal;
mod leave;
mod master;
mod naming;
mod owners;
mod patience;
mod reconfigure;
mod rival;
mod split;
mod transition;
mod view;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::{Mono, TimerName, TimerTable};

use crate::garp::{GarpSchedule, Pace};
use crate::outbox::Cx;
use crate::packet::{Packet, Stamp};
use crate::receive::{Local, Receiver, addresses_differ};
use crate::settings::{InstanceSettings, Priority, Version};
use crate::stats::Stats;
use crate::{Burst, DropReason, Output, State};

pub(crate) use leave::Leaving;
use naming::Naming;
use owners::Ownership;
use patience::Awaited;
pub(crate) use reconfigure::Surroundings;
use rival::Rivalry;
use split::Beside;
pub use view::{InstanceView, MasterView};

/// Where an instance is. Finer than the four states that the world is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    Backup,
    /// After a crash: the addresses are in place, is there a rival?
    Listening,
    Master,
    /// Announced to be leaving, still serving.
    Leaving(Leaving),
    Fault,
    Stopped,
}

/// Everything that keeps an instance from taking part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    pub link_down: bool,
    /// No address of its family to send from.
    pub no_source: bool,
    /// Unicast to nobody.
    pub no_peer: bool,
    /// A tracker without weight is bad, or a file's number is very low.
    pub tracked: bool,
    /// Another member of the sync group is in fault.
    pub group: bool,
    /// An unweighted tracker has no result yet: not a fault, but no reason to begin either.
    pub pending: bool,
    /// The same for another member of the group.
    pub group_pending: bool,
    /// Nobody listens for what it has to hear: no fault either, but silence means nothing.
    pub deaf: bool,
}

impl Conditions {
    /// A fault of this instance's own making.
    pub(crate) const fn own_fault(&self) -> bool {
        self.link_down || self.no_source || self.no_peer || self.tracked
    }

    const fn fault(&self) -> bool {
        self.own_fault() || self.group
    }

    const fn waiting(&self) -> bool {
        self.pending || self.group_pending || self.deaf
    }

    const fn can_send(&self) -> bool {
        !self.link_down && !self.no_source
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Nobody has spoken; whoever is waited for, and why, is what is awaited.
    MasterDown,
    Advert,
    PreemptDelay,
    /// The successor has had its time.
    Settle,
    /// No successor came.
    Cap,
    Heal,
    /// A rival was found, and has not spoken up.
    Rival,
}

impl TimerName for Timer {
    const ALL: &'static [Timer] = &[
        Timer::MasterDown,
        Timer::Advert,
        Timer::PreemptDelay,
        Timer::Settle,
        Timer::Cap,
        Timer::Heal,
        Timer::Rival,
    ];

    fn place(self) -> usize {
        self as usize
    }
}

/// The master we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    address: IpAddr,
    priority: u8,
    last: Mono,
}

/// Lines already said since the last change of state or master.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// The master that it is about, and since when.
    master: Option<(IpAddr, Mono)>,
    naming: Naming,
    drops: u32,
    interval: bool,
    addresses: bool,
    equal: bool,
    lower: bool,
    quorum: bool,
    waiting: bool,
    conflict: bool,
    dialects: u8,
}

#[derive(Debug)]
pub(crate) struct Instance {
    settings: InstanceSettings,
    phase: Phase,
    /// What the world was last told.
    state: State,
    started: bool,
    found: Option<Found>,
    conditions: Conditions,
    priority: Priority,
    /// What it speaks from.
    source: Option<IpAddr>,
    /// What the interface has to offer.
    offered: Option<IpAddr>,
    timers: TimerTable<Timer, 7>,
    receiver: Receiver,
    followed: Option<Followed>,
    /// The interval of the last accepted master; in version 2 always our own.
    master_interval: Duration,
    /// What the down timer stands for.
    awaited: Awaited,
    grouped: bool,
    /// Its group holds it back.
    wants: bool,
    /// As it would be master now, somebody else serves until it says so.
    relieves: bool,
    /// Stay out until resumed.
    drained: bool,
    /// After a handover: do not preempt the successor.
    held: bool,
    /// Let go in a handover, and nobody was heard since.
    abandoned: bool,
    garp: GarpSchedule,
    /// Addresses that somebody took away lately.
    healing: Burst<IpAddr>,
    rivalry: Rivalry,
    beside: Beside,
    ownership: Ownership,
    said: Said,
    stamp: Stamp,
    stats: Stats,
    changed_at: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Fresh,
    Stale,
}

impl Instance {
    pub(crate) fn new(settings: InstanceSettings) -> Instance {
        let source = settings.source.filter(|_| !settings.track_source);
        Instance {
            phase: Phase::Init,
            state: State::Init,
            started: false,
            found: None,
            // Until the runtime says otherwise there is neither a link nor an address.
            conditions: Conditions {
                link_down: settings.interface.is_some() && settings.track_primary,
                no_source: source.is_none(),
                no_peer: settings.lacks_peer(),
                ..Conditions::default()
            },
            priority: settings.priority,
            source,
            offered: None,
            timers: TimerTable::default(),
            receiver: Receiver::default(),
            followed: None,
            master_interval: settings.protocol.interval(),
            awaited: Awaited::default(),
            grouped: false,
            wants: false,
            relieves: false,
            drained: false,
            held: false,
            abandoned: false,
            garp: GarpSchedule::default(),
            healing: Burst::of(settings.heal.burst),
            rivalry: Rivalry::default(),
            beside: Beside::default(),
            ownership: Ownership::default(),
            said: Said::default(),
            stamp: Stamp::default(),
            stats: Stats::default(),
            changed_at: Mono::ZERO,
            settings,
        }
    }

    pub(crate) fn settings(&self) -> &InstanceSettings {
        &self.settings
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    pub(crate) fn is_master(&self) -> bool {
        self.phase == Phase::Master
    }

    /// It is master or would be.
    pub(crate) fn agrees_to_master(&self) -> bool {
        !self.drained && (self.wants || self.is_master())
    }

    pub(crate) fn set_grouped(&mut self, grouped: bool) {
        self.grouped = grouped;
    }

    pub(crate) fn found(&mut self, found: Found) {
        self.found = Some(found);
    }

    pub(crate) fn clear_statistics(&mut self) {
        self.stats = Stats::default();
    }

    /// Drops what the checks refuse; the rest goes to the state it finds.
    pub(crate) fn packet(&mut self, packet: &Packet<'_>, cx: &mut Cx<'_>) {
        self.stand_back_when_late(cx);
        if matches!(self.phase, Phase::Init | Phase::Fault | Phase::Stopped) {
            return self.refuse(packet, DropReason::NotListening, cx);
        }
        let master = self.followed.map(|f| f.address);
        let local = Local {
            source: self.source,
            unix: cx.unix,
            master,
        };
        match self.receiver.check(&self.settings, packet, local) {
            Ok(heard) => self.heard(heard, cx),
            Err(reason) => self.refuse(packet, reason, cx),
        }
    }

    fn refuse(&mut self, packet: &Packet<'_>, reason: DropReason, cx: &mut Cx<'_>) {
        self.stats.count_drop(reason);
        if reason.is_received() {
            self.stats.adverts_received += 1;
            // Keepalived compares the lists before it looks who says them.
            let advert = packet.view().and_then(|view| view.advert().ok());
            let master = self.followed.map(|f| f.address);
            let differ = |advert| addresses_differ(&self.settings, &advert, packet.ends.source, master);
            self.stats.address_mismatches += u64::from(advert.is_some_and(differ));
        }
        let bit = 1 << reason.place();
        let log = self.said.drops & bit == 0;
        self.said.drops |= bit;
        let instance = Some(self.settings.id);
        cx.emit(Output::Drop {
            instance,
            source: packet.ends.source,
            vrid: packet.view().map(|view| view.vrid()),
            reason,
            log,
        });
    }

    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.timers.next().into_iter().chain(self.garp.deadline()).min()
    }

    pub(crate) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        self.stand_back_when_late(cx);
        self.listen_first_when_late(cx);
        while let Some(timer) = self.timers.take_due(cx.now) {
            match timer {
                Timer::MasterDown => self.master_down(cx),
                Timer::Advert => self.beat(cx),
                Timer::PreemptDelay => self.preempt_delay_over(cx),
                Timer::Settle => self.settled(cx),
                Timer::Cap => self.no_successor(cx),
                Timer::Heal => self.heal_later(cx),
                Timer::Rival => self.outlast_rival(cx),
            }
        }
        self.announce(cx);
    }

    /// Sends the announcements that are due.
    fn announce(&mut self, cx: &mut Cx<'_>) {
        if self.garp.deadline().is_none_or(|at| at > cx.now) {
            return;
        }
        let addresses: Vec<IpAddr> = self.settings.addresses().map(|a| a.address).collect();
        let mut sent = Vec::new();
        let mut unpaced = Pace::default();
        let pace = self
            .settings
            .garp
            .pace
            .and_then(|id| cx.out.pace(id))
            .unwrap_or(&mut unpaced);
        self.garp.run(&self.settings.garp, &addresses, pace, cx.now, |address| {
            sent.push(address)
        });
        let instance = self.settings.id;
        if self.garp.take_extra(&self.settings.garp, cx.now) {
            cx.emit(Output::AnnounceElsewhere { instance });
        }
        sent.into_iter()
            .for_each(|address| cx.emit(Output::Announce { instance, address }));
    }

    fn version(&self) -> Version {
        self.settings.protocol.version()
    }

    fn interval(&self) -> Duration {
        self.settings.protocol.interval()
    }

    fn skew(&self) -> Duration {
        crate::timing::skew(self.version(), self.priority, self.master_interval)
    }

    fn down_interval(&self) -> Duration {
        crate::timing::master_down(
            self.version(),
            self.priority,
            self.master_interval,
            self.settings.down_adverts,
        )
    }
}
