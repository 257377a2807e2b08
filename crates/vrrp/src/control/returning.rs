//! Taking part again: by an operator's word, after a moment away, or because this host is back and better.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem_ops::pair::{Entry, Key, Outcome, Position, Wish};
use tandem_vrrp_core::settings::{GroupSettings, InstanceId, Preempt, Tracker, TrackerKind};
use tandem_vrrp_core::{Release, State, Who};
use tokio::time::Instant;

use super::Desk;
use super::reload::tracked;
use crate::brain::Order;
use crate::pair;
use crate::snapshot::{Instance, Snapshot};

/// What a handover by request takes; then the priorities decide.
const RETURNING: Duration = Duration::from_secs(2);

/// Longer than a handover takes, beside what trackers take.
const BRIEF: Duration = Duration::from_secs(2);

/// Who takes part again without another word, and when. An order to leave ends that.
#[derive(Debug, Default)]
pub(super) struct Comeback {
    /// They leave because a better one returns, and are backup as before when they have left.
    letting: BTreeSet<InstanceId>,
    due: BTreeMap<InstanceId, Instant>,
}

impl Comeback {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// Those that would have come back.
    fn cancel(&mut self, is_meant: impl Fn(InstanceId) -> bool) -> BTreeSet<InstanceId> {
        let letting = self.letting.extract_if(.., |id| is_meant(*id));
        let due = self.due.extract_if(.., |id, _| is_meant(*id)).map(|(id, _)| id);
        letting.chain(due).collect()
    }

    fn at(&mut self, when: Instant, instances: impl IntoIterator<Item = InstanceId>) {
        self.due.extend(instances.into_iter().map(|id| (id, when)));
    }

    fn hurry(&mut self, instance: InstanceId, now: Instant) {
        if let Some(when) = self.due.get_mut(&instance) {
            *when = now;
        }
    }

    /// Those of `held` leave by one order, each in its own time: each comes back when it has left.
    fn lets(&mut self, held: BTreeSet<InstanceId>, is_meant: impl Fn(InstanceId) -> bool) {
        self.letting.extend(held.into_iter().filter(|id| is_meant(*id)));
    }

    fn left(&mut self, instance: InstanceId, now: Instant) {
        if self.letting.remove(&instance) {
            self.due.insert(instance, now);
        }
    }

    /// A master takes part.
    pub(super) fn is_master(&mut self, instance: InstanceId) {
        self.due.remove(&instance);
    }

    fn take_due(&mut self, now: Instant) -> Vec<InstanceId> {
        let due = self.due.extract_if(.., |_, when| *when <= now);
        due.map(|(id, _)| id).collect()
    }
}

impl Desk {
    /// An order to leave is the last word.
    pub(super) fn goes_for_good(&mut self, who: Who) {
        let groups = &self.plan.router.groups;
        self.comeback.cancel(|id| is_meant(groups, who, id));
    }

    /// The same for a moment: whom that order will make leave, and who was to come back. Who has left before, by another
    /// order, stays away.
    pub(super) async fn goes_for_a_moment(&mut self, who: Who) -> BTreeSet<InstanceId> {
        let snapshot = self.show().await;
        let groups = &self.plan.router.groups;
        let mut leaving = self.comeback.cancel(|id| is_meant(groups, who, id));
        let all = snapshot.iter().flat_map(|snapshot| &snapshot.instances);
        let holding = all.filter(|i| is_held(i)).map(|i| i.settings.id);
        leaving.extend(holding.filter(|id| is_meant(groups, who, *id)));
        leaving
    }

    /// Once what is tracked has been looked at often enough to be known as gone.
    pub(super) fn come_back_soon(&mut self, instances: BTreeSet<InstanceId>) {
        let looks = |tracker: Tracker| match tracker.kind {
            TrackerKind::Lb(lb) => lb.interval * lb.fall,
            TrackerKind::Script(script) => script.interval * script.fall,
            _ => Duration::ZERO,
        };
        let longest = tracked(&self.plan).into_iter().map(looks).max().unwrap_or_default();
        self.comeback.at(Instant::now() + longest + BRIEF, instances);
    }

    /// The other host would be master again. It is left as in any handover, so connections go on.
    pub(super) fn is_wanted_back(&mut self, key: &Key) -> bool {
        let Some(instance) = self.known(key).map(|settings| settings.id) else {
            return false;
        };
        self.wanted_back.insert(instance);
        true
    }

    pub(super) async fn leave_as_wanted(&mut self) {
        while let Some(instance) = self.wanted_back.pop_first() {
            let Some(snapshot) = self.show().await else { return };
            let held: BTreeSet<InstanceId> = snapshot
                .instances
                .iter()
                .filter(|i| is_held(i))
                .map(|i| i.settings.id)
                .collect();
            if !held.contains(&instance) {
                // It leaves already, perhaps by an order that says more.
                continue;
            }
            let who = Who::One(instance);
            self.keep_connections(who, None, None).await;
            let why = Release::Handover { successor: None };
            self.order(Order::Release { who, why }).await;
            let groups = &self.plan.router.groups;
            self.comeback.lets(held, |id| is_meant(groups, who, id));
        }
    }

    /// The addresses have left. Who only let a better one return is no worse a backup than before.
    pub(super) fn released(&mut self, instance: InstanceId) {
        self.unreleased.remove(&instance);
        self.comeback.left(instance, Instant::now());
    }

    /// Takes part again. A master that would have to yield is asked to hand over, so that its connections go on.
    pub(super) async fn resume(&mut self, who: Who) {
        self.goes_for_good(who);
        let asked = self.ask_back(who).await;
        self.comeback.at(Instant::now() + RETURNING, asked.iter().copied());
        let (groups, instances) = (&self.plan.router.groups, self.plan.router.instances.iter());
        let others: Vec<InstanceId> = instances
            .map(|i| i.id)
            .filter(|id| is_meant(groups, who, *id) && !asked.contains(id))
            .collect();
        for instance in others {
            let who = Who::One(instance);
            self.order(Order::Resume { who }).await;
        }
    }

    async fn ask_back(&self, who: Who) -> BTreeSet<InstanceId> {
        let (Some(shown), Some(snapshot)) = (self.pair.show().await, self.show().await) else {
            return BTreeSet::new();
        };
        let groups = &self.plan.router.groups;
        let may = |own: &Instance| is_meant(groups, who, own.settings.id) && own.settings.preempt != Preempt::Never;
        self.ask_for_what_is_ours(&snapshot, &shown.view, may)
    }

    /// Who would take over from the other host in a moment, because it is back and better, asks for a handover instead.
    pub(super) async fn return_to(&mut self, view: &[Entry]) {
        if !view.iter().any(|entry| entry.position == Position::Master) {
            return;
        }
        let Some(snapshot) = self.show().await else { return };
        let is_asked = |id| {
            let at: Option<&Instant> = self.asked_back.get(&id);
            at.is_some_and(|at| at.elapsed() < RETURNING)
        };
        let may = |own: &Instance| own.preempts && !is_asked(own.settings.id);
        let asked = self.ask_for_what_is_ours(&snapshot, view, may);
        let now = Instant::now();
        self.asked_back.extend(asked.into_iter().map(|id| (id, now)));
    }

    /// Of those that may, which a lesser master has. It is asked to hand them over.
    fn ask_for_what_is_ours(
        &self,
        snapshot: &Snapshot,
        view: &[Entry],
        may: impl Fn(&Instance) -> bool,
    ) -> BTreeSet<InstanceId> {
        let mut asked = BTreeSet::new();
        for own in snapshot.instances.iter().filter(|own| may(own)) {
            let Some(key) = pair::key(&own.settings) else { continue };
            if view.iter().any(|other| other.key == key && is_ours(own, other)) {
                self.pair.wish(key, Wish::Return, None);
                asked.insert(own.settings.id);
            }
        }
        asked
    }

    /// The other host leaves, or does not.
    pub(super) fn returns(&mut self, instance: InstanceId, outcome: Outcome) {
        if outcome != Outcome::Willing {
            self.comeback.hurry(instance, Instant::now());
        }
    }

    /// Whose time has come.
    pub(super) async fn come_back(&mut self) {
        for instance in self.comeback.take_due(Instant::now()) {
            let who = Who::One(instance);
            self.order(Order::Resume { who }).await;
        }
    }
}

/// A member of a sync group does not go alone.
pub(super) fn is_meant(groups: &[GroupSettings], who: Who, instance: InstanceId) -> bool {
    let together = |group: &GroupSettings, one| group.members.contains(&one) && group.members.contains(&instance);
    match who {
        Who::All => true,
        Who::One(one) => one == instance || groups.iter().any(|group| together(group, one)),
    }
}

pub(super) fn is_held(instance: &Instance) -> bool {
    instance.state == State::Master && !instance.leaving
}

/// Trackers count: a master is as good as it is, not as it was meant to be.
fn is_ours(own: &Instance, other: &Entry) -> bool {
    own.ready && other.position == Position::Master && other.priority < own.effective.value()
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::settings::GroupId;

    use super::*;

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    fn later(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_moment_away_ends_by_itself() {
        let mut comeback = Comeback::default();
        comeback.at(later(5), [A, B]);
        assert_eq!(comeback.take_due(later(4)), []);
        assert_eq!(comeback.take_due(later(6)), [A, B]);
        assert_eq!(comeback.take_due(later(6)), [], "once");
    }

    #[test]
    fn what_an_operator_says_meanwhile_is_not_undone() {
        let mut comeback = Comeback::default();
        comeback.at(later(5), [A, B]);
        comeback.cancel(|id| id == A);
        assert_eq!(comeback.take_due(later(6)), [B]);

        comeback.letting.extend([A, B]);
        comeback.cancel(|id| id == A);
        let now = Instant::now();
        [A, B].into_iter().for_each(|id| comeback.left(id, now));
        assert_eq!(
            comeback.take_due(now),
            [B],
            "who lets another return may be told to stay away"
        );
    }

    /// The one that leaves first comes back while the others still leave, which undoes nothing for them.
    #[test]
    fn of_a_group_that_lets_another_return_everybody_comes_back() {
        let other = InstanceId(3);
        let groups = [GroupSettings {
            id: GroupId(0),
            name: "G".into(),
            members: vec![A, B],
            track: Vec::new(),
            member_weights: false,
        }];
        let mut comeback = Comeback::default();
        comeback.lets(BTreeSet::from([A, B, other]), |id| is_meant(&groups, Who::One(A), id));
        let now = Instant::now();
        for id in [A, B, other] {
            comeback.left(id, now);
            let back = if id == other { vec![] } else { vec![id] };
            assert_eq!(comeback.take_due(now), back);
        }
    }

    #[test]
    fn whoever_is_refused_does_not_wait_and_a_master_has_come_back() {
        let mut comeback = Comeback::default();
        comeback.at(later(5), [A, B]);
        comeback.hurry(B, Instant::now());
        assert_eq!(comeback.take_due(Instant::now()), [B]);
        comeback.is_master(A);
        assert!(comeback.is_empty());
    }
}
