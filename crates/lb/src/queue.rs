//! Who waits for a place on a server, in the order in which they came.
//!
//! A rule may say who is served sooner ([`Priority`]). A connection that a hash or a stick entry sends to one server waits for that server, any other for whichever server
//! has a place first. A place that becomes free goes to the one of both that has waited longest (reference 2.5). Nobody
//! is handed the place itself: who is called asks the backend again, and if somebody new was faster, stands where he
//! stood before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tandem_lb_core::ServerIdx;
use tandem_lb_core::rules::Priority;
use tandem_time::Mono;

/// The queues of one backend: one for each server, and one for any of them.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lines: Mutex<Lines>,
    /// Connections that wait for one server only: while there are none, nobody has to ask for a server's line.
    bound: AtomicUsize,
    /// Connections that wait for any server.
    open: AtomicUsize,
}

#[derive(Debug, Default)]
struct Lines {
    next: u64,
    lines: BTreeMap<Option<ServerIdx>, Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Rank, Waker>,
    /// The most that ever stood here.
    most: usize,
    /// How many were called from here since the start.
    called: u64,
}

/// Where somebody stands: by class, then by when it came, then by whoever was first of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: i16,
    /// In milliseconds.
    came: i64,
    number: u64,
}

/// One connection's place in the queue, left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    rank: Rank,
    line: Option<ServerIdx>,
    /// We stand in the line, unless somebody has called us meanwhile.
    stands: bool,
    /// The last time that we were told to ask, it was because somebody has called.
    was_called: bool,
    /// How many had been called from the line when we came.
    called_before: u64,
}

/// Where a connection was in the queues it waited in; 0 where it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) server: u64,
    pub(crate) backend: u64,
}

impl Queue {
    /// A server has a place: calls the one who has waited longest for it.
    pub(crate) fn freed(&self, server: ServerIdx) {
        let mut lines = self.lines();
        let first = |line: Option<ServerIdx>| {
            let (rank, _) = lines.lines.get(&line)?.waiting.first_key_value()?;
            Some((*rank, line))
        };
        let longest = [first(None), first(Some(server))].into_iter().flatten().min();
        let called = longest.and_then(|(_, line)| {
            let line = lines.lines.get_mut(&line)?;
            line.called += 1;
            line.waiting.pop_first()
        });
        drop(lines);
        if let Some((_, waker)) = called {
            waker.wake();
        }
    }

    /// The servers have changed: calls everybody.
    pub(crate) fn call_all(&self) {
        let mut lines = self.lines();
        let called: Vec<_> = lines
            .lines
            .values_mut()
            .map(|line| std::mem::take(&mut line.waiting))
            .collect();
        drop(lines);
        called.into_iter().flatten().for_each(|(_, waker)| waker.wake());
    }

    /// How many wait for this server, or for any, and the most that ever did.
    pub(crate) fn waiting(&self, line: Option<ServerIdx>) -> (usize, usize) {
        let lines = self.lines();
        lines
            .lines
            .get(&line)
            .map_or((0, 0), |line| (line.waiting.len(), line.most))
    }

    /// How many wait for this server and would take no other. Costs next to nothing while nobody does.
    pub(crate) fn bound_to(&self, server: ServerIdx) -> u32 {
        if self.bound.load(Relaxed) == 0 {
            return 0;
        }
        u32::try_from(self.waiting(Some(server)).0).unwrap_or(u32::MAX)
    }

    /// How many wait in each line.
    pub(crate) fn standing(&self) -> BTreeMap<Option<ServerIdx>, usize> {
        let lines = self.lines();
        let standing = lines.lines.iter().map(|(line, of)| (*line, of.waiting.len()));
        standing.filter(|(_, count)| *count > 0).collect()
    }

    /// From now on the most is that since now.
    pub(crate) fn forget_maxima(&self) {
        for line in self.lines().lines.values_mut() {
            line.most = line.waiting.len();
        }
    }

    /// So many once waited elsewhere.
    pub(crate) fn resume(&self, line: Option<ServerIdx>, most: u64) {
        if most > 0 {
            let mut lines = self.lines();
            let line = lines.lines.entry(line).or_default();
            line.most = line.most.max(usize::try_from(most).unwrap_or(usize::MAX));
        }
    }

    /// Whether anybody waits for whichever server has a place first.
    pub(crate) fn is_waited_in(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    fn bind(&self, line: Option<ServerIdx>) {
        self.count(line).fetch_add(1, Relaxed);
    }

    fn unbind(&self, line: Option<ServerIdx>) {
        self.count(line).fetch_sub(1, Relaxed);
    }

    fn count(&self, line: Option<ServerIdx>) -> &AtomicUsize {
        match line {
            Some(_) => &self.bound,
            None => &self.open,
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Each operation leaves the lines whole, so a panic elsewhere with the lock held has broken nothing.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Behind all others of its priority, for this server or for any.
    pub(crate) fn last(queue: &Arc<Queue>, line: Option<ServerIdx>, priority: Priority, now: Mono) -> Place {
        queue.bind(line);
        let mut lines = queue.lines();
        lines.next += 1;
        let millis = i64::try_from(now.since(Mono::ZERO).as_millis()).unwrap_or(i64::MAX / 2);
        Place {
            queue: queue.clone(),
            rank: Rank {
                class: priority.class,
                came: millis + i64::from(priority.offset),
                number: lines.next,
            },
            line,
            stands: false,
            was_called: false,
            called_before: lines.lines.entry(line).or_default().called,
        }
    }

    /// Ready when it is time to ask for a server. That includes the first time: between the answer that all are full
    /// and our standing in the line, a place may have become free.
    pub(crate) fn poll_called(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut lines = self.queue.lines();
        let line = lines.lines.entry(self.line).or_default();
        if let Some(waker) = line.waiting.get_mut(&self.rank) {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        line.waiting.insert(self.rank, cx.waker().clone());
        line.most = line.most.max(line.waiting.len());
        // Being called oneself is not somebody before us being called.
        self.was_called = std::mem::replace(&mut self.stands, true);
        self.called_before += u64::from(self.was_called);
        Poll::Ready(())
    }

    /// Whether others wait for whichever server has a place first, and have not been passed over for us.
    pub(crate) fn has_others_before(&self) -> bool {
        let own = usize::from(self.line.is_none());
        !self.was_called && self.queue.open.load(Relaxed) > own
    }

    /// From now on waits for this server, or for any, without losing what was waited already.
    pub(crate) fn wait_for(&mut self, line: Option<ServerIdx>) {
        if line != self.line {
            self.leave();
            self.queue.bind(line);
            self.queue.unbind(self.line);
            self.line = line;
            self.called_before = self.queue.lines().lines.entry(line).or_default().called;
        }
    }

    /// What the log says of it: the position in this queue, 1 being the first.
    pub(crate) fn position(&self) -> Position {
        let called = self.queue.lines().lines.get(&self.line).map_or(0, |line| line.called);
        let position = called.saturating_sub(self.called_before) + 1;
        match self.line {
            Some(_) => Position {
                server: position,
                backend: 0,
            },
            None => Position {
                server: 0,
                backend: position,
            },
        }
    }

    /// Who was called and does not ask passes the call on.
    fn leave(&mut self) {
        if !std::mem::take(&mut self.stands) {
            return;
        }
        let mut lines = self.queue.lines();
        let stood = lines
            .lines
            .get_mut(&self.line)
            .and_then(|line| line.waiting.remove(&self.rank));
        drop(lines);
        if stood.is_none() {
            self.queue.call_all();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        self.queue.unbind(self.line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerIdx = ServerIdx(0);
    const B: ServerIdx = ServerIdx(1);

    fn polled(place: &mut Place) -> Poll<()> {
        place.poll_called(&mut Context::from_waker(Waker::noop()))
    }

    /// Places that stand in the queue, in this order.
    fn standing<const N: usize>(queue: &Arc<Queue>, lines: [Option<ServerIdx>; N]) -> [Place; N] {
        lines.map(|line| {
            let mut place = Place::last(queue, line, Priority::default(), Mono::ZERO);
            assert_eq!(
                (polled(&mut place), polled(&mut place)),
                (Poll::Ready(()), Poll::Pending)
            );
            place
        })
    }

    #[test]
    fn the_longest_waiting_of_those_whom_it_serves() {
        let queue = Arc::default();
        let [mut a, mut any, mut b, mut a_again] = standing(&queue, [Some(A), None, Some(B), Some(A)]);
        queue.freed(B);
        assert_eq!((polled(&mut any), polled(&mut b)), (Poll::Ready(()), Poll::Pending));
        drop(any);
        queue.freed(B);
        assert_eq!((polled(&mut a), polled(&mut b)), (Poll::Pending, Poll::Ready(())));
        drop(b);
        queue.freed(B);
        queue.freed(A);
        assert_eq!((polled(&mut a), polled(&mut a_again)), (Poll::Ready(()), Poll::Pending));
    }

    #[test]
    fn the_lower_class_first_and_then_whoever_came_first() {
        let queue = Arc::default();
        // Class, offset and when it came; who is called in which turn.
        let comers = [
            (0, 0, 10, 2),
            (0, -5, 14, 1),
            (1, -500, 0, 4),
            (-1, 900, 20, 0),
            (0, 3, 11, 3),
        ];
        let mut places = comers.map(|(class, offset, came, _)| {
            let priority = Priority { class, offset };
            let mut place = Place::last(&queue, None, priority, Mono::from_millis(came));
            assert_eq!(polled(&mut place), Poll::Ready(()));
            place
        });
        for turn in 0..comers.len() {
            queue.freed(A);
            for (place, (.., its_turn)) in places.iter_mut().zip(comers) {
                let is_called = place
                    .queue
                    .lines()
                    .lines
                    .values()
                    .all(|line| !line.waiting.contains_key(&place.rank));
                assert_eq!(is_called, its_turn <= turn, "turn {turn}, {its_turn}");
            }
        }
    }

    #[test]
    fn who_comes_too_late_keeps_the_old_place() {
        let queue = Arc::default();
        let [mut first, mut second] = standing(&queue, [None, None]);
        queue.freed(A);
        assert_eq!(
            (polled(&mut first), polled(&mut first)),
            (Poll::Ready(()), Poll::Pending)
        );
        queue.freed(A);
        assert_eq!(
            (polled(&mut second), polled(&mut first)),
            (Poll::Pending, Poll::Ready(()))
        );
    }

    #[test]
    fn a_call_that_nobody_heard_is_passed_on() {
        let queue = Arc::default();
        let [first, mut second] = standing(&queue, [None, Some(A)]);
        queue.freed(A);
        drop(first);
        assert_eq!(polled(&mut second), Poll::Ready(()));
    }

    #[test]
    fn who_leaves_uncalled_disturbs_nobody() {
        let queue = Arc::default();
        let [first, mut second] = standing(&queue, [None, None]);
        drop(first);
        assert_eq!(polled(&mut second), Poll::Pending);
    }

    #[test]
    fn who_waits_for_one_server_counts_there() {
        let queue = Arc::default();
        let [mut mover, any] = standing(&queue, [Some(A), None]);
        assert_eq!((queue.bound_to(A), queue.bound_to(B)), (1, 0));
        assert_eq!(queue.standing(), BTreeMap::from([(None, 1), (Some(A), 1)]));
        mover.wait_for(Some(B));
        assert_eq!((polled(&mut mover), queue.bound_to(B)), (Poll::Ready(()), 1));
        drop((mover, any));
        assert_eq!((queue.bound_to(B), queue.bound.load(Relaxed)), (0, 0));
    }

    #[test]
    fn another_line_from_the_old_place() {
        let queue = Arc::default();
        let [mut mover, mut any] = standing(&queue, [Some(A), None]);
        mover.wait_for(Some(B));
        assert_eq!(
            (polled(&mut mover), polled(&mut mover)),
            (Poll::Ready(()), Poll::Pending)
        );
        queue.freed(B);
        assert_eq!((polled(&mut any), polled(&mut mover)), (Poll::Pending, Poll::Ready(())));
    }

    #[test]
    fn everybody_is_called_when_the_servers_change() {
        let queue = Arc::default();
        let mut all = standing(&queue, [Some(A), None, Some(B)]);
        queue.call_all();
        assert!(all.iter_mut().all(|place| polled(place) == Poll::Ready(())));
    }

    #[test]
    fn positions_count_who_was_called_before() {
        let queue = Arc::default();
        let [mut first, second] = standing(&queue, [Some(A), Some(A)]);
        queue.freed(A);
        assert_eq!(polled(&mut first), Poll::Ready(()));
        assert_eq!(first.position(), Position { server: 1, backend: 0 });
        assert_eq!(second.position(), Position { server: 2, backend: 0 });
    }
}
