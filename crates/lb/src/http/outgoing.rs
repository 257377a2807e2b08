//! Answers that their clients have not read yet, and the memory that they hold.
//!
//! An answer is as large as the configuration: with a thousand servers the metrics are megabytes, and whoever asks and does
//! not read keeps them here. So all answers together hold a bounded number of bytes. Where a new one does not fit, clients
//! that have taken nothing for a while have to go, and while all of them read, the new one waits for its turn. Those who
//! wait are bounded, too: beyond that, and after some time, the answer is that there is no room.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// Of all answers together. A single one that is larger has its turn alone.
const MOST_BYTES: usize = 32 << 20;
/// Of all answers together that wait for room. A single one that is larger waits alone.
const MOST_WAITING: usize = 32 << 20;
/// Whoever takes nothing for so long does not read.
const IDLE_TIME: Duration = Duration::from_secs(2);
/// The longest wait for room: what is left of a connection's time is for the answer.
const ROOM_TIME: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Outgoing {
    next: Cell<u64>,
    kept: RefCell<BTreeMap<u64, Parcel>>,
    /// Who waits for room has it in the order of coming.
    turn: Mutex<()>,
    waiting: Cell<usize>,
    freed: Notify,
}

struct Parcel {
    bytes: usize,
    /// When its client last took of it.
    taken: Instant,
    client: AbortHandle,
}

/// The memory of one answer, given back when dropped.
pub(crate) struct Kept {
    outgoing: Rc<Outgoing>,
    number: u64,
}

/// Bytes that wait, until dropped.
struct Waiting<'a> {
    outgoing: &'a Outgoing,
    bytes: usize,
}

impl Outgoing {
    /// Room for an answer; `None` where there is none in time.
    pub(crate) async fn keep(self: &Rc<Outgoing>, bytes: usize, client: AbortHandle) -> Option<Kept> {
        let _waiting = self.wait(bytes)?;
        timeout(ROOM_TIME, self.make_room(bytes)).await.ok()?;
        let number = self.next.get();
        self.next.set(number + 1);
        let taken = Instant::now();
        self.kept.borrow_mut().insert(number, Parcel { bytes, taken, client });
        Some(Kept {
            outgoing: self.clone(),
            number,
        })
    }

    fn wait(&self, bytes: usize) -> Option<Waiting<'_>> {
        let before = self.waiting.get();
        if before > 0 && before + bytes > MOST_WAITING {
            return None;
        }
        self.waiting.set(before + bytes);
        Some(Waiting { outgoing: self, bytes })
    }

    async fn make_room(&self, bytes: usize) {
        let _turn = self.turn.lock().await;
        while !self.has_room(bytes) {
            let Some(idle_at) = self.send_away(Instant::now()) else {
                continue;
            };
            // What comes first: somebody is done, or has taken nothing for too long.
            let _either = timeout_at(idle_at, self.freed.notified()).await;
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        let kept = self.kept.borrow();
        kept.is_empty() || kept.values().map(|parcel| parcel.bytes).sum::<usize>() + bytes <= MOST_BYTES
    }

    /// The client that has taken nothing for the longest has to go if that is too long; else the time when it will be.
    fn send_away(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept.borrow_mut();
        let (number, taken) = kept
            .iter()
            .map(|(number, parcel)| (*number, parcel.taken))
            .min_by_key(|(_, taken)| *taken)?;
        let idle_at = taken + IDLE_TIME;
        if idle_at > now {
            return Some(idle_at);
        }
        if let Some(parcel) = kept.remove(&number) {
            tracing::debug!(bytes = parcel.bytes, "a client that does not read has to go");
            parcel.client.abort();
        }
        None
    }
}

impl Kept {
    /// Its client takes more of it.
    pub(crate) fn taken(&self) {
        if let Some(parcel) = self.outgoing.kept.borrow_mut().get_mut(&self.number) {
            parcel.taken = Instant::now();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.outgoing.kept.borrow_mut().remove(&self.number);
        self.outgoing.freed.notify_one();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.outgoing.waiting.set(self.outgoing.waiting.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::task::{JoinHandle, LocalSet};

    use super::*;

    /// Somebody who is there until he has to go.
    fn client() -> JoinHandle<()> {
        tokio::task::spawn_local(std::future::pending::<()>())
    }

    impl Outgoing {
        /// As if its client had last taken of it so long ago.
        fn age(&self, kept: &Kept, by: Duration) {
            let mut list = self.kept.borrow_mut();
            let parcel = list.get_mut(&kept.number).expect("it is kept");
            parcel.taken = parcel.taken.checked_sub(by).expect("the clock has run for longer");
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_goes_first() {
        let run = async {
            let outgoing = Rc::new(Outgoing::default());
            let [a, b, c, huge] = [(); 4].map(|()| client());
            let keep = async |of: &JoinHandle<()>, bytes| outgoing.keep(bytes, of.abort_handle()).await.expect("room");
            let first = keep(&a, MOST_BYTES / 2).await;
            let second = keep(&b, MOST_BYTES / 2).await;
            outgoing.age(&first, 2 * IDLE_TIME);
            outgoing.age(&second, 3 * IDLE_TIME);
            let third = keep(&c, 1).await;
            assert!(b.await.expect_err("it never ends by itself").is_cancelled());
            assert!(!a.is_finished() && !c.is_finished());
            // One that is larger than everything has its turn alone.
            outgoing.age(&third, IDLE_TIME);
            let alone = keep(&huge, MOST_BYTES + 1).await;
            for gone in [a, c] {
                assert!(gone.await.expect_err("it never ends by itself").is_cancelled());
            }
            assert!(!huge.is_finished());
            drop((first, second, third, alone));
        };
        LocalSet::new().run_until(run).await;
    }

    #[tokio::test]
    async fn who_reads_stays_and_others_wait() {
        let run = async {
            let outgoing = Rc::new(Outgoing::default());
            let [a, b, c, d] = [(); 4].map(|()| client());
            let keep = |of: &JoinHandle<()>, bytes| {
                let (outgoing, handle) = (outgoing.clone(), of.abort_handle());
                async move { outgoing.keep(bytes, handle).await }
            };
            let first = keep(&a, MOST_BYTES / 2).await.expect("all is free");
            let second = keep(&b, MOST_BYTES / 2).await.expect("a half is free");
            outgoing.age(&first, 2 * IDLE_TIME);
            first.taken();
            let cx = &mut Context::from_waker(Waker::noop());
            let mut third = pin!(keep(&c, MOST_BYTES / 2));
            assert!(third.as_mut().poll(cx).is_pending());
            // Too much would wait with it.
            assert!(keep(&d, MOST_WAITING).await.is_none());
            tokio::task::yield_now().await;
            assert!(!a.is_finished() && !b.is_finished());
            drop(second);
            let Poll::Ready(Some(third)) = third.as_mut().poll(cx) else {
                panic!("there is room now");
            };
            assert_eq!(outgoing.waiting.get(), 0);
            tokio::task::yield_now().await;
            assert!(!a.is_finished() && !c.is_finished());
            drop((first, third));
        };
        LocalSet::new().run_until(run).await;
    }
}
