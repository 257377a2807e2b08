//! What pages, dumps and commands show of an instance.

use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use super::{Conditions, Instance, Phase};
use crate::settings::{InstanceSettings, Priority};
use crate::stats::Stats;
use crate::{Stand, State};

#[derive(Clone, Copy, Debug)]
pub struct InstanceView<'a> {
    pub settings: &'a InstanceSettings,
    pub state: State,
    /// What it would be if nothing held it back.
    pub want: State,
    /// Said goodbye, still serving.
    pub leaving: bool,
    /// What keeps it from taking part.
    pub conditions: Conditions,
    pub listening: bool,
    pub stopped: bool,
    pub drained: bool,
    /// It has let another serve, and stays backup until that one is gone.
    pub handed_over: bool,
    /// Let go because nobody took over in time, and nobody was heard since.
    pub abandoned: bool,
    /// A master of lower priority is taken over from at once.
    pub preempts: bool,
    /// Both hosts are, or were, master, and only the pair link says so.
    pub split: bool,
    pub effective: Priority,
    pub source: Option<IpAddr>,
    /// The addresses are on the interface because of us.
    pub holds: bool,
    pub master: Option<MasterView>,
    pub master_interval: Duration,
    pub down_interval: Duration,
    pub changed_at: Mono,
    pub stats: &'a Stats,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterView {
    pub address: IpAddr,
    pub priority: u8,
    pub last_heard: Mono,
}

impl InstanceView<'_> {
    /// It is master, or only waits for the other members of its group.
    pub fn is_or_wants_master(&self) -> bool {
        self.serves_alone() || self.state == State::Backup && self.want == State::Master
    }

    /// It is master, and has not said goodbye.
    pub fn serves_alone(&self) -> bool {
        self.state == State::Master && !self.leaving
    }

    /// It is backup, and would take over.
    pub fn is_ready(&self) -> bool {
        let is_kept = self.listening || self.stopped || self.drained || self.conditions.deaf;
        self.state == State::Backup && !is_kept
    }

    /// What the other host of the pair is told of it.
    pub fn stand(&self) -> Stand {
        match self.state {
            State::Master if self.leaving => Stand::Leaving,
            State::Master => Stand::Master,
            _ if self.split && self.is_ready() => Stand::Yielded,
            _ => Stand::Other,
        }
    }
}

impl Instance {
    pub(crate) fn view(&self) -> InstanceView<'_> {
        let want = match self.phase {
            _ if self.wants => State::Master,
            Phase::Init | Phase::Fault => match self.settings.initial {
                crate::settings::Initial::Master => State::Master,
                crate::settings::Initial::Backup => State::Backup,
            },
            _ => self.state,
        };
        InstanceView {
            settings: &self.settings,
            state: self.state,
            want,
            leaving: matches!(self.phase, Phase::Leaving(_)),
            conditions: self.conditions,
            listening: self.phase == Phase::Listening,
            stopped: self.phase == Phase::Stopped,
            drained: self.drained,
            handed_over: self.held,
            abandoned: self.abandoned,
            preempts: self.preempts_after() == Some(Duration::ZERO),
            split: self.is_split(),
            effective: self.priority,
            source: self.source,
            holds: self.holds(),
            master: self.followed.map(|f| MasterView {
                address: f.address,
                priority: f.priority,
                last_heard: f.last,
            }),
            master_interval: self.master_interval,
            down_interval: self.down_interval(),
            changed_at: self.changed_at,
            stats: &self.stats,
        }
    }
}
