//! How many connections there may be: of the process and of each frontend.
//!
//! A frontend that is full stops accepting; its clients wait in the kernel's backlog, as with HAProxy. The permit that a
//! connection holds goes back when the connection ends, and wakes whoever waits to accept. Each limit has its [`Paces`]:
//! how many may come in a second.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::backend::Tuned;
use tandem_ops::clock::Clock;
use tandem_time::Mono;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use crate::pace::Paces;
use crate::tunable::Tunable;

/// A limit on connections. Copies are the same limit.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    places: Arc<Semaphore>,
    most: Arc<Tunable>,
    paces: Arc<Paces>,
}

impl Limit {
    pub(crate) fn new(most: u32) -> Limit {
        Limit {
            places: Arc::new(Semaphore::new(most as usize)),
            most: Arc::new(Tunable::new(most)),
            paces: Arc::default(),
        }
    }

    pub(crate) fn most(&self) -> u32 {
        self.most.now()
    }

    /// So many sessions a second.
    pub(crate) fn paced(self, sessions: Option<u32>) -> Limit {
        self.paces.sessions.most.configure(sessions.unwrap_or(0));
        self
    }

    pub(crate) fn configure(&self, most: u32) {
        self.adjust(self.most.configure(most.min(MOST)));
    }

    pub(crate) fn order(&self) -> Option<Tuned<u32>> {
        self.most.order()
    }

    pub(crate) fn follow(&self, order: Option<Tuned<u32>>) {
        self.adjust(self.most.follow(order));
    }

    pub(crate) fn paces(&self) -> &Paces {
        &self.paces
    }

    /// Places that are held.
    pub(crate) fn used(&self) -> usize {
        (self.most() as usize).saturating_sub(self.places.available_permits())
    }

    /// From now on so many. Where more are there already, nobody is sent away: places that become free are not given
    /// again until it holds. To be called by one thread only.
    pub(crate) fn set(&self, most: u32) {
        self.adjust(self.most.set(most.min(MOST)));
    }

    fn adjust(&self, before: u32) {
        let most = self.most();
        if most >= before {
            return self.places.add_permits((most - before) as usize);
        }
        let too_many = before - most;
        let taken = u32::try_from(self.places.forget_permits(too_many as usize)).unwrap_or(too_many);
        if taken == too_many {
            return;
        }
        let places = self.places.clone();
        tokio::task::spawn_local(async move {
            // An error would mean a closed semaphore, and nobody closes it.
            if let Ok(rest) = places.acquire_many(too_many - taken).await {
                rest.forget();
            }
        });
    }

    fn place(&self) -> Option<Place> {
        self.places.clone().try_acquire_owned().ok().map(Place::Held)
    }

    fn owed(&self) -> Place {
        let places = self.places.clone();
        let holding = tokio::task::spawn_local(async move {
            let _place = places.acquire_owned().await;
            std::future::pending::<()>().await;
        });
        Place::Owed(Owed(holding.abort_handle()))
    }

    /// Waits until nobody holds a place. It looks again and again: whoever queues for all places is served in turn, and
    /// keeps out those whom a closing listener still has to take.
    pub(crate) async fn emptied(&self) {
        const LOOK: Duration = Duration::from_millis(20);
        while self.used() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The right to one connection: a place within each limit.
#[derive(Debug)]
pub(crate) struct Permit {
    _places: Vec<Place>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "kept until it is dropped")]
enum Place {
    Held(OwnedSemaphorePermit),
    Owed(Owed),
}

/// A place that its holder has before it is free: the next one that becomes free is taken for it.
#[derive(Debug)]
struct Owed(AbortHandle);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One may come now. He is counted before anybody knows whether he comes, since other threads accept at the same time; what
/// was counted for nobody is undone when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    admission: &'a Admission,
    at: Mono,
    /// What it counts for and nobody has used.
    connection: bool,
    tls: bool,
}

impl Turn<'_> {
    /// Somebody has connected.
    pub(crate) fn came(&mut self) {
        self.connection = false;
    }

    /// He begins to speak TLS.
    pub(crate) fn begins_tls(&mut self) {
        self.tls = false;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let paces = self.admission.0.iter().map(|limit| &limit.paces);
        if self.connection {
            paces.clone().for_each(|paces| paces.connections.give_back(self.at));
        }
        if self.tls {
            paces.for_each(|paces| paces.tls.give_back(self.at));
        }
    }
}

/// The limits that a listener's connection needs a place in: the listener's own, its frontend's, the process's.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Vec<Limit>);

impl Admission {
    pub(crate) fn new(limits: impl IntoIterator<Item = Limit>) -> Admission {
        Admission(limits.into_iter().collect())
    }

    /// Waits for a place, and until the next one may come.
    pub(crate) async fn admit(&self, clock: Clock, speaks_tls: bool) -> Option<(Permit, Turn<'_>)> {
        loop {
            while let Some(wait) = self.early(clock.now(), speaks_tls) {
                tokio::time::sleep(wait).await;
            }
            let permit = self.place().await?;
            // Nobody holds a place that others may need while he waits for his time.
            if let Some(turn) = self.turn(clock.now(), speaks_tls) {
                return Some((permit, turn));
            }
        }
    }

    async fn place(&self) -> Option<Permit> {
        let mut places = Vec::with_capacity(self.0.len());
        for limit in &self.0 {
            // An error would mean a closed semaphore, and nobody closes it.
            places.push(Place::Held(limit.places.clone().acquire_owned().await.ok()?));
        }
        Some(Permit { _places: places })
    }

    /// How long to wait because too many have come just now.
    fn early(&self, now: Mono, speaks_tls: bool) -> Option<Duration> {
        let waits = self.0.iter().filter_map(|limit| limit.paces.wait(now, speaks_tls));
        waits.max()
    }

    /// `None` when it is too early for one more.
    fn turn(&self, now: Mono, speaks_tls: bool) -> Option<Turn<'_>> {
        let mut paces = self.0.iter().map(|limit| &limit.paces);
        // Who becomes a session is known later, when the rules have been asked.
        if paces.clone().any(|paces| paces.sessions.wait(now).is_some()) {
            return None;
        }
        // Of all limits only the process's has the other paces: no two of them could disagree.
        let connection = paces.clone().all(|paces| paces.connections.take(now));
        let turn = Turn {
            admission: self,
            at: now,
            connection,
            tls: connection && speaks_tls && paces.all(|paces| paces.tls.take(now)),
        };
        (turn.connection && turn.tls == speaks_tls).then_some(turn)
    }

    /// He was let in.
    pub(crate) fn began(&self, now: Mono) {
        self.0.iter().for_each(|limit| limit.paces.sessions.count(now));
    }

    /// `None` when one of the limits is reached, or it is too early.
    pub(crate) fn try_admit_at(&self, now: Mono, speaks_tls: bool) -> Option<(Permit, Turn<'_>)> {
        let turn = self.turn(now, speaks_tls)?;
        Some((self.try_admit()?, turn))
    }

    /// `None` when one of the limits is reached.
    fn try_admit(&self) -> Option<Permit> {
        Some(Permit {
            _places: self.0.iter().map(Limit::place).collect::<Option<_>>()?,
        })
    }

    /// For one whom another process has let in. Nobody is sent away for a limit; until it holds again, nobody new is let
    /// in. On the control runtime.
    pub(crate) fn admit_moved(&self) -> Permit {
        let places = self.0.iter();
        Permit {
            _places: places
                .map(|limit| limit.place().unwrap_or_else(|| limit.owed()))
                .collect(),
        }
    }
}

/// The most client connections that this many open files allow: each needs one file towards the client and one towards
/// the server, beside what the process needs for itself.
pub(crate) fn connections_within(files: u64, own: u64) -> u32 {
    let left = files.saturating_sub(own) / 2;
    u32::try_from(left).unwrap_or(u32::MAX).clamp(1, MOST)
}

/// A semaphore of this size still counts in 32 bits.
pub(crate) const MOST: u32 = 1 << 28;

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(frontend: u32, process: u32) -> Admission {
        Admission::new([Limit::new(frontend), Limit::new(process)])
    }

    #[test]
    fn the_smaller_limit_counts_and_places_come_back() {
        for (frontend, process) in [(2, 9), (9, 2)] {
            let a = admission(frontend, process);
            let (one, two) = (a.try_admit(), a.try_admit());
            assert!(one.is_some() && two.is_some() && a.try_admit().is_none());
            drop(one);
            assert!(a.try_admit().is_some());
        }
    }

    #[tokio::test(flavor = "local")]
    async fn a_limit_may_move_while_it_is_used() {
        let limit = Limit::new(3);
        let a = Admission::new([limit.clone()]);
        let held: Vec<_> = (0..3).map(|_| a.try_admit()).collect();
        limit.set(1);
        tokio::task::yield_now().await;
        assert!(a.try_admit().is_none());
        drop(held);
        // Two of the three places are taken away first.
        let one = a.admit(Clock::start(), false).await;
        assert!(one.is_some() && a.try_admit().is_none());
        limit.set(2);
        let two = a.try_admit();
        assert!(two.is_some() && a.try_admit().is_none());
        assert_eq!(limit.most(), 2);
        drop((one, two));
        limit.emptied().await;
    }

    #[tokio::test(flavor = "local")]
    async fn whoever_is_moved_here_is_never_sent_away_and_counts() {
        let limit = Limit::new(1);
        let a = Admission::new([limit.clone()]);
        let [one, two, three] = [(); 3].map(|()| a.admit_moved());
        for gone in [one, two] {
            tokio::task::yield_now().await;
            assert!(a.try_admit().is_none());
            drop(gone);
        }
        tokio::task::yield_now().await;
        assert!(a.try_admit().is_none() && limit.used() == 1);
        drop(three);
        let next = tokio::time::timeout(Duration::from_secs(20), a.admit(Clock::start(), false)).await;
        assert!(next.is_ok_and(|permit| permit.is_some()));
    }

    #[tokio::test(flavor = "local")]
    async fn an_order_lasts_until_the_configuration_says_something_else() {
        let (limit, heir, edited) = (Limit::new(10), Limit::new(10), Limit::new(11));
        assert_eq!(limit.order(), None);
        limit.set(3);
        heir.follow(limit.order());
        edited.follow(limit.order());
        assert_eq!((heir.most(), edited.most()), (3, 11));
        assert_eq!(heir.order(), limit.order());
        heir.configure(7);
        assert_eq!((heir.most(), heir.order()), (7, None));
    }

    #[tokio::test(flavor = "local")]
    async fn whose_turn_is_not_used_leaves_it_to_the_next() {
        let limit = Limit::new(9);
        limit.paces().tls.most.set(1);
        let (a, now) = (Admission::new([limit]), Mono::ZERO);
        drop(a.try_admit_at(now, true));
        let (_permit, mut turn) = a.try_admit_at(now, true).expect("nobody came");
        assert!(a.try_admit_at(now, true).is_none() && a.try_admit_at(now, false).is_some());
        turn.begins_tls();
        drop(turn);
        assert!(a.try_admit_at(now, true).is_none());
    }

    #[tokio::test(flavor = "local")]
    async fn the_last_turn_is_one_ones() {
        let limit = Limit::new(9);
        limit.paces().connections.most.set(2);
        limit.paces().tls.most.set(1);
        let (a, now) = (Admission::new([Limit::new(9), limit]), Mono::ZERO);
        let [one, other] = [true, false].map(|speaks_tls| a.try_admit_at(now, speaks_tls));
        assert!(one.is_some() && other.is_some() && a.try_admit_at(now, false).is_none());
        drop(other);
        assert!(a.try_admit_at(now, true).is_none(), "there is no other with TLS");
        let (_permit, mut turn) = a.try_admit_at(now, false).expect("the one before it took nothing");
        turn.came();
        drop(turn);
        assert!(a.try_admit_at(now, false).is_none());
        drop(one);
        assert!(a.try_admit_at(now, true).is_some());
    }

    #[test]
    fn half_of_the_files() {
        assert_eq!(connections_within(1024, 24), 500);
        assert_eq!(connections_within(10, 24), 1);
        assert_eq!(connections_within(u64::MAX, 0), MOST);
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_keeps_nobody_out() {
        let process = Limit::new(4);
        let a = Admission::new([process.clone()]);
        let held = a.try_admit();
        let came = tokio::select! {
            biased;
            () = process.emptied() => None,
            came = a.admit(Clock::start(), false) => came,
        };
        assert!(held.is_some() && came.is_some());
    }

    #[tokio::test]
    async fn emptied_waits_for_the_last_one() {
        let process = Limit::new(4);
        let a = Admission::new([process.clone()]);
        let permit = a.admit(Clock::start(), false).await;
        let waits = tokio::time::timeout(Duration::from_millis(20), process.emptied()).await;
        assert!(permit.is_some() && waits.is_err());
        drop(permit);
        process.emptied().await;
    }
}
