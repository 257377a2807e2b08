//! Answers that their clients have not read yet, and the memory that they hold.
//!
//! An answer is as large as the configuration: with a thousand servers the metrics are megabytes, and whoever asks and does
//! not read keeps them here. So all answers together hold a bounded number of bytes. Where a new one does not fit, clients
//! that have taken nothing for a while have to go, and while all of them read, the new one waits until it fits. Those who
//! wait are bounded, too: beyond that, and after some time, the answer is that there is no room. People do not wait behind
//! tools: pages have room of their own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::noted::Taken;

/// Of all answers together that tools read, and again of those that wait for room. A single one that is larger has its
/// turn alone.
const OF_FIGURES: usize = 32 << 20;
/// The same of those that people read.
const OF_PAGES: usize = 8 << 20;
/// Whoever takes nothing for so long does not read. A kernel at the other end that has a window full of unread bytes may take
/// as much as 64 KiB at once and then nothing for as long as those are read.
const IDLE_TIME: Duration = Duration::from_secs(5);
/// The longest wait for room: what is left of a connection's time is for the answer.
const ROOM_TIME: Duration = Duration::from_secs(10);

pub(crate) struct Outgoing {
    pub(crate) figures: Rc<Room>,
    pub(crate) pages: Rc<Room>,
}

/// What answers of one sort may hold.
pub(crate) struct Room {
    most: usize,
    next: Cell<u64>,
    kept: RefCell<BTreeMap<u64, Parcel>>,
    waiting: Cell<usize>,
    freed: Notify,
}

/// Whose answer it is.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) task: AbortHandle,
    pub(crate) taken: Rc<Taken>,
}

struct Parcel {
    bytes: usize,
    reader: Reader,
}

/// The memory of one answer, given back when dropped.
pub(crate) struct Kept {
    room: Rc<Room>,
    number: u64,
}

/// Bytes that wait, until dropped.
struct Waiting<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Default for Outgoing {
    fn default() -> Outgoing {
        Outgoing {
            figures: Room::of(OF_FIGURES),
            pages: Room::of(OF_PAGES),
        }
    }
}

impl Room {
    fn of(most: usize) -> Rc<Room> {
        Rc::new(Room {
            most,
            next: Cell::default(),
            kept: RefCell::default(),
            waiting: Cell::default(),
            freed: Notify::default(),
        })
    }

    /// Room for an answer; `None` where there is none in time.
    pub(crate) async fn keep(self: &Rc<Room>, bytes: usize, reader: Reader) -> Option<Kept> {
        // What fits does not wait behind what does not.
        if !self.has_room(bytes) {
            let _waiting = self.wait(bytes)?;
            timeout(ROOM_TIME, self.make_room(bytes)).await.ok()?;
        }
        let number = self.next.get();
        self.next.set(number + 1);
        reader.taken.begins(Instant::now());
        self.kept.borrow_mut().insert(number, Parcel { bytes, reader });
        Some(Kept {
            room: self.clone(),
            number,
        })
    }

    fn wait(&self, bytes: usize) -> Option<Waiting<'_>> {
        let before = self.waiting.get();
        if before > 0 && before + bytes > self.most {
            return None;
        }
        self.waiting.set(before + bytes);
        Some(Waiting { room: self, bytes })
    }

    async fn make_room(&self, bytes: usize) {
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
        kept.is_empty() || kept.values().map(|parcel| parcel.bytes).sum::<usize>() + bytes <= self.most
    }

    /// The client that has taken nothing for the longest has to go if that is too long; else the time when it will be, if
    /// that is known.
    fn send_away(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept.borrow_mut();
        let (number, taken) = kept
            .iter()
            .map(|(number, parcel)| (*number, parcel.reader.taken.at()))
            .min_by_key(|(_, taken)| *taken)?;
        let idle_at = taken + IDLE_TIME;
        if idle_at > now {
            return Some(idle_at);
        }
        if kept.get(&number).is_some_and(|parcel| parcel.reader.taken.goes_on(now)) {
            return None;
        }
        if let Some(parcel) = kept.remove(&number) {
            tracing::debug!(bytes = parcel.bytes, "a client that does not read has to go");
            parcel.reader.task.abort();
        }
        None
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.room.kept.borrow_mut().remove(&self.number);
        self.room.freed.notify_waiters();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.room.waiting.set(self.room.waiting.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::task::{JoinHandle, LocalSet};

    use super::*;

    const MOST: usize = 1000;

    /// Somebody who is there until he has to go.
    struct Client {
        stays: JoinHandle<()>,
        reader: Reader,
    }

    impl Client {
        fn new() -> Client {
            Client::with(|| 0)
        }

        /// One of whose answer the kernel keeps that much.
        fn with(kept: impl Fn() -> u64 + 'static) -> Client {
            let stays = tokio::task::spawn_local(std::future::pending::<()>());
            let reader = Reader {
                task: stays.abort_handle(),
                taken: Taken::new(kept),
            };
            Client { stays, reader }
        }

        /// As if it had last taken something so long ago.
        fn idle_for(&self, time: Duration) {
            let earlier = Instant::now().checked_sub(time);
            self.reader.taken.begins(earlier.expect("the clock has run for longer"));
        }

        async fn ends(self) -> bool {
            self.stays.await.expect_err("it never ends by itself").is_cancelled()
        }
    }

    #[tokio::test]
    async fn who_takes_nothing_goes_first() {
        let run = async {
            let room = Room::of(MOST);
            let [a, b, c, huge] = [(); 4].map(|()| Client::new());
            let keep = async |of: &Client, bytes| room.keep(bytes, of.reader.clone()).await.expect("room");
            let first = keep(&a, MOST / 2).await;
            let second = keep(&b, MOST / 2).await;
            a.idle_for(2 * IDLE_TIME);
            b.idle_for(3 * IDLE_TIME);
            let third = keep(&c, 1).await;
            assert!(b.ends().await);
            assert!(!a.stays.is_finished() && !c.stays.is_finished());
            // One that is larger than everything has its turn alone.
            c.idle_for(IDLE_TIME);
            let alone = keep(&huge, MOST + 1).await;
            for gone in [a, c] {
                assert!(gone.ends().await);
            }
            assert!(!huge.stays.is_finished());
            drop((first, second, third, alone));
        };
        LocalSet::new().run_until(run).await;
    }

    /// The kernel asks for no more for seconds, and lets go of what it keeps.
    #[tokio::test]
    async fn who_reads_slowly_stays() {
        let run = async {
            let room = Room::of(MOST);
            let left = Rc::new(Cell::new(50));
            let slow = Client::with({
                let left = left.clone();
                move || left.get()
            });
            let [b, c] = [(); 2].map(|()| Client::new().reader);
            slow.reader.taken.wrote(100);
            let _kept = room.keep(MOST, slow.reader.clone()).await.expect("all is free");
            let cx = &mut Context::from_waker(Waker::noop());
            slow.idle_for(2 * IDLE_TIME);
            left.set(40);
            assert!(pin!(room.keep(1, b)).poll(cx).is_pending());
            slow.idle_for(2 * IDLE_TIME);
            assert!(pin!(room.keep(1, c)).poll(cx).is_ready());
            assert!(slow.ends().await);
        };
        LocalSet::new().run_until(run).await;
    }

    #[tokio::test]
    async fn who_reads_stays_and_others_wait() {
        let run = async {
            let room = Room::of(MOST);
            let [a, b, c, d] = [(); 4].map(|()| Client::new());
            let keep = |of: &Client, bytes| {
                let (room, reader) = (room.clone(), of.reader.clone());
                async move { room.keep(bytes, reader).await }
            };
            let first = keep(&a, MOST / 2).await.expect("all is free");
            let second = keep(&b, MOST / 2).await.expect("a half is free");
            let cx = &mut Context::from_waker(Waker::noop());
            let mut third = pin!(keep(&c, MOST / 2));
            assert!(third.as_mut().poll(cx).is_pending());
            // Too much would wait with it.
            assert!(keep(&d, MOST).await.is_none());
            tokio::task::yield_now().await;
            assert!(!a.stays.is_finished() && !b.stays.is_finished());
            drop(second);
            let Poll::Ready(Some(third)) = third.as_mut().poll(cx) else {
                panic!("there is room now");
            };
            assert_eq!(room.waiting.get(), 0);
            tokio::task::yield_now().await;
            assert!(!a.stays.is_finished() && !c.stays.is_finished());
            drop((first, third));
        };
        LocalSet::new().run_until(run).await;
    }

    #[tokio::test]
    async fn what_fits_does_not_count_among_those_who_wait() {
        let run = async {
            let room = Room::of(MOST);
            let [a, b, c, d] = [(); 4].map(|()| Client::new().reader);
            let cx = &mut Context::from_waker(Waker::noop());
            let _half = room.keep(MOST / 2, a).await.expect("all is free");
            let mut large = pin!(room.keep(MOST - 100, b));
            assert!(large.as_mut().poll(cx).is_pending());
            let fits = pin!(room.keep(MOST / 5, c)).poll(cx);
            assert!(matches!(fits, Poll::Ready(Some(_))));
            // What does not fit would wait, and too much waits.
            assert!(matches!(pin!(room.keep(MOST / 2, d)).poll(cx), Poll::Ready(None)));
        };
        LocalSet::new().run_until(run).await;
    }

    #[tokio::test]
    async fn what_fits_passes_what_does_not() {
        let run = async {
            let all = Outgoing::default();
            let [a, b, c, d] = [(); 4].map(|()| Client::new().reader);
            let cx = &mut Context::from_waker(Waker::noop());
            let half = all.figures.keep(OF_FIGURES / 2, a).await.expect("all is free");
            let mut huge = pin!(all.figures.keep(OF_FIGURES / 2 + 1, b));
            assert!(huge.as_mut().poll(cx).is_pending());
            let small = pin!(all.figures.keep(100 << 10, c)).poll(cx);
            assert!(matches!(small, Poll::Ready(Some(_))));
            drop(small);
            // Nor do people wait for tools.
            let page = pin!(all.pages.keep(OF_PAGES, d)).poll(cx);
            assert!(matches!(page, Poll::Ready(Some(_))));
            drop(half);
            assert!(huge.as_mut().poll(cx).is_ready());
        };
        LocalSet::new().run_until(run).await;
    }
}
