//! What a machine has decided and nobody has carried out yet, and what it needs while deciding.

use std::collections::VecDeque;
use std::time::Duration;

use tandem_time::Mono;

use crate::garp::Pace;
use crate::settings::{InstanceId, PaceId};
use crate::{Event, Output};

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) signals: VecDeque<(InstanceId, Signal)>,
    pub(crate) paces: Vec<Pace>,
}

impl Outbox {
    pub(crate) fn pace(&mut self, id: PaceId) -> Option<&mut Pace> {
        self.paces.get_mut(usize::from(id.0))
    }

    /// Of what was said after the first `said`, these come before the others.
    pub(crate) fn say_first(&mut self, said: usize, which: impl Fn(&Output) -> bool) {
        let (first, rest): (Vec<_>, Vec<_>) = self.outputs.drain(said..).partition(which);
        self.outputs.extend(first.into_iter().chain(rest));
    }
}

/// What a member tells its sync group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It would be master.
    Wants,
    /// It yielded to a better master.
    Yielded,
    /// It follows a master.
    Follows,
    /// It heard a rival, so the addresses of all members may be in doubt.
    Contested,
}

/// The time, and where decisions go.
pub(crate) struct Cx<'a> {
    pub(crate) now: Mono,
    pub(crate) unix: Option<Duration>,
    pub(crate) out: &'a mut Outbox,
}

impl Cx<'_> {
    pub(crate) fn emit(&mut self, output: Output) {
        self.out.outputs.push_back(output);
    }

    pub(crate) fn log(&mut self, instance: InstanceId, event: Event) {
        self.emit(Output::Log {
            instance: Some(instance),
            event,
        });
    }

    pub(crate) fn signal(&mut self, instance: InstanceId, signal: Signal) {
        self.out.signals.push_back((instance, signal));
    }
}
