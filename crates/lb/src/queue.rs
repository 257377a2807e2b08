//! Who waits for a place on a server, in the order in which they came.
//!
//! A rule may say who is served sooner ([`Priority`]). A connection that a hash or a stick entry sends to one server waits for that server, any other for whichever server
//! has a place first. A place that becomes free goes to the one of both that has waited longest (reference 2.5). Nobody
//! is handed the place itself: who is called asks the backend again, and if somebody new was faster, stands where he
//! stood before.
//!
//! There may be more places than calls: a limit has grown, or who was called goes elsewhere. So whoever was called and
//! leaves a line passes the call on, and the chain ends with those who hear that all is full.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Who was called and has not asked yet, and the servers that had a place. A place that becomes free meanwhile is
    /// found by the asking, so nobody who stands behind is called for it, or he might be faster.
    called: BTreeMap<Rank, Vec<ServerIdx>>,
    /// The most that ever stood here.
    most: usize,
    /// How many were served from here since the start.
    served: u64,
}

/// Where somebody stands: by class, then by when it came, then by whoever was first of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: i16,
    /// In nanoseconds.
    came: i64,
    number: u64,
}

/// One connection's place in the queue, left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    came: Mono,
    rank: Rank,
    line: Option<ServerIdx>,
    /// We stand in the line, unless somebody has called us meanwhile.
    stands: bool,
    /// We ask because somebody has called, and have not heard the answer.
    was_called: bool,
    /// The servers that had a place.
    called_for: Vec<ServerIdx>,
    /// The server that we leave for.
    goes_to: Option<ServerIdx>,
    /// How many had been served from the line when we came.
    served_before: u64,
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
        let first = |line: Option<ServerIdx>| Some((lines.lines.get(&line)?.first()?, line));
        let longest = [first(None), first(Some(server))].into_iter().flatten().min();
        let called = longest.and_then(|(_, line)| lines.call(line, &[server]));
        drop(lines);
        called.into_iter().for_each(Waker::wake);
    }

    /// The servers have changed, or their limits. Who waits for one server may find it gone; of those who would take
    /// any the first is called, and the others follow in their turn.
    pub(crate) fn servers_changed(&self) {
        let mut lines = self.lines();
        let mut called: Vec<_> = lines.call(None, &[]).into_iter().collect();
        for (server, line) in &mut lines.lines {
            let Some(server) = *server else { continue };
            for (rank, waker) in std::mem::take(&mut line.waiting) {
                line.called.insert(rank, vec![server]);
                called.push(waker);
            }
        }
        drop(lines);
        called.into_iter().for_each(Waker::wake);
    }

    /// There may be more places than the one that somebody was called for: calls the first of those who would take any,
    /// and of those who wait for one of these servers.
    fn pass_on(&self, mut servers: Vec<ServerIdx>, others: [Option<ServerIdx>; 2]) {
        servers.extend(others.into_iter().flatten());
        let mut lines = self.lines();
        let mut called = Vec::from_iter(lines.call(None, &servers));
        for server in BTreeSet::from_iter(servers) {
            called.extend(lines.call(Some(server), &[server]));
        }
        drop(lines);
        called.into_iter().for_each(Waker::wake);
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

    /// The same for those who wait for one server.
    pub(crate) fn forget_maximum(&self, server: ServerIdx) {
        if let Some(line) = self.lines().lines.get_mut(&Some(server)) {
            line.most = line.waiting.len();
        }
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

impl Lines {
    fn call(&mut self, line: Option<ServerIdx>, servers: &[ServerIdx]) -> Option<Waker> {
        self.lines.get_mut(&line)?.call(servers)
    }
}

impl Line {
    fn first(&self) -> Option<Rank> {
        let waiting = self.waiting.first_key_value().map(|(rank, _)| *rank);
        let called = self.called.first_key_value().map(|(rank, _)| *rank);
        waiting.into_iter().chain(called).min()
    }

    /// Takes out the first, to be woken, if he has not been called already.
    fn call(&mut self, servers: &[ServerIdx]) -> Option<Waker> {
        let first = self.first()?;
        if let Some(known) = self.called.get_mut(&first) {
            let new = servers.iter().filter(|server| !known.contains(server)).copied();
            let new: Vec<_> = new.collect();
            known.extend(new);
            return None;
        }
        self.called.insert(first, servers.to_vec());
        self.waiting.remove(&first)
    }
}

impl Place {
    /// Behind all others of its priority that came before, for this server or for any.
    pub(crate) fn of(queue: &Arc<Queue>, line: Option<ServerIdx>, priority: Priority, came: Mono) -> Place {
        const MILLISECOND: i64 = 1_000_000;
        queue.bind(line);
        let mut lines = queue.lines();
        lines.next += 1;
        let nanos = i64::try_from(came.as_nanos()).unwrap_or(i64::MAX);
        Place {
            queue: queue.clone(),
            came,
            rank: Rank {
                class: priority.class,
                came: nanos.saturating_add(i64::from(priority.offset) * MILLISECOND),
                number: lines.next,
            },
            line,
            stands: false,
            was_called: false,
            called_for: Vec::new(),
            goes_to: None,
            served_before: lines.lines.entry(line).or_default().served,
        }
    }

    /// Since when it is waited.
    pub(crate) const fn came(&self) -> Mono {
        self.came
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
        self.was_called = std::mem::replace(&mut self.stands, true);
        self.called_for = line.called.remove(&self.rank).unwrap_or_default();
        Poll::Ready(())
    }

    /// Whether others wait for whichever server has a place first, and have not been passed over for us.
    pub(crate) fn has_others_before(&self) -> bool {
        let own = usize::from(self.line.is_none());
        !self.was_called && self.queue.open.load(Relaxed) > own
    }

    /// All are full. From now on waits for this server, or for any, without losing what was waited already.
    pub(crate) fn wait_for(&mut self, line: Option<ServerIdx>) {
        if line != self.line {
            let passes_on = self.leave();
            self.queue.bind(line);
            self.queue.unbind(self.line);
            let left = std::mem::replace(&mut self.line, line);
            self.served_before = self.queue.lines().lines.entry(line).or_default().served;
            if passes_on {
                let servers = std::mem::take(&mut self.called_for);
                self.queue.pass_on(servers, [left, None]);
            }
        } else if self.was_called && line.is_none() {
            // A server that others insist on has no place for us, but for them.
            let mut lines = self.queue.lines();
            let call = |server: &ServerIdx| lines.call(Some(*server), &[*server]);
            let called: Vec<_> = self.called_for.iter().filter_map(call).collect();
            drop(lines);
            called.into_iter().for_each(Waker::wake);
        }
        self.was_called = false;
        self.called_for.clear();
    }

    /// Leaves for a server that has a place and by now counts us, or for none. What the log says of it: the position in
    /// this queue, 1 being the first.
    pub(crate) fn end(mut self, server: Option<ServerIdx>) -> Position {
        let mut lines = self.queue.lines();
        let line = lines.lines.entry(self.line).or_default();
        let position = line.served.saturating_sub(self.served_before) + 1;
        line.served += u64::from(server.is_some());
        drop(lines);
        self.goes_to = server;
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

    /// Whether there is a call to be passed on: ours, or one that came while we asked.
    fn leave(&mut self) -> bool {
        if !std::mem::take(&mut self.stands) {
            return false;
        }
        let mut lines = self.queue.lines();
        let line = lines.lines.entry(self.line).or_default();
        let was_called_again = line.waiting.remove(&self.rank).is_none();
        self.called_for
            .extend(line.called.remove(&self.rank).into_iter().flatten());
        self.was_called || was_called_again
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let passes_on = self.leave();
        // First, or whom we call would still see us before him.
        self.queue.unbind(self.line);
        if passes_on {
            let servers = std::mem::take(&mut self.called_for);
            self.queue.pass_on(servers, [self.goes_to, self.line]);
        }
    }
}

#[cfg(test)]
mod tests;
