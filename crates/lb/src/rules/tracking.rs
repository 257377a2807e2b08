//! The entries of stick tables in which a connection is counted, each under its number (`track-sc0`).

use std::sync::Arc;

use tandem_lb_core::expr::{Ask, Sample, Subject};
use tandem_lb_core::handover::Held;
use tandem_lb_core::rules::Change;
use tandem_ops::clock::Clock;
use tandem_time::Mono;

use crate::directory::Directory;
use crate::tables::{Table, Tracked};

#[derive(Debug, Default)]
pub(crate) struct Trackers(Vec<(u8, Tracked)>);

impl Trackers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first rule that has an entry tracked under a number counts.
    pub(crate) fn track(&mut self, slot: u8, key: Sample<'_>, table: &Arc<Table>, clock: Clock) {
        if self.at(slot).is_none() {
            self.0.extend(table.track(key, clock).map(|tracked| (slot, tracked)));
        }
    }

    pub(crate) fn change(&self, change: Change, by: u64, now: Mono) {
        if let Some(tracked) = self.at(change.slot) {
            tracked.change(change, by, now);
        }
    }

    pub(crate) fn answer(
        &self,
        of: Subject<'_>,
        table: Option<&Arc<str>>,
        ask: Ask,
        directory: &Directory,
        now: Mono,
    ) -> Option<Sample<'static>> {
        let named = || directory.tables.named(table?);
        let slot = match of {
            Subject::Key(key) => return named()?.answer(key, ask, now),
            Subject::Tracked(slot) => slot,
        };
        match self.at(slot) {
            None => (ask == Ask::IsThere).then_some(Sample::Bool(false)),
            Some(tracked) if table.is_none_or(|name| *name == *tracked.table().name()) => tracked.answer(ask, now),
            Some(tracked) => tracked.elsewhere(&*named()?, ask, now),
        }
    }

    /// The connection has become a session.
    pub(crate) fn began(&self, now: Mono) {
        self.0.iter().for_each(|(_, tracked)| tracked.began(now));
    }

    pub(crate) fn carried(&self, from_client: u64, to_client: u64, now: Mono) {
        for (_, tracked) in &self.0 {
            tracked.carried(from_client, to_client, now);
        }
    }

    /// As another process must know them.
    pub(crate) fn held(&self) -> Vec<Held> {
        let held = |(slot, tracked): &(u8, Tracked)| Held {
            slot: *slot,
            table: tracked.table().name().to_string(),
            key: tracked.key(),
        };
        self.0.iter().map(held).collect()
    }

    /// Those of a connection that another process has led so far.
    pub(crate) fn of(held: &[Held], directory: &Directory, clock: Clock) -> Trackers {
        let tracked = |held: &Held| {
            let table = directory.tables.named(&held.table)?;
            Some((held.slot, table.hold(held.key.sample(), clock)?))
        };
        Trackers(held.iter().filter_map(tracked).collect())
    }

    fn at(&self, slot: u8) -> Option<&Tracked> {
        self.0
            .iter()
            .find(|(number, _)| *number == slot)
            .map(|(_, tracked)| tracked)
    }
}
