//! What clients have half sent, all together: large messages of which the rest has not come. Who would go over the limit is not
//! read from until others are done; one at a time goes on nevertheless, so that there is always one who can get done. One who
//! does not go on loses its connection, and with that its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tandem_mq_core::SessionId;
use tokio::sync::watch;
use tokio::time::Instant;

/// So much of each connection is not counted: what is read in one go.
const FREE: usize = 64 << 10;
/// Whoever sends nothing of the rest for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Halves {
    most: usize,
    used: AtomicUsize,
    /// The session that goes on, whatever the others hold; 0 is nobody.
    turn: AtomicU64,
    freed: watch::Sender<()>,
}

impl Halves {
    pub(crate) fn new(most: usize) -> Arc<Halves> {
        Arc::new(Halves {
            most,
            used: AtomicUsize::new(0),
            turn: AtomicU64::new(0),
            freed: watch::Sender::new(()),
        })
    }

    fn is_short(&self) -> bool {
        self.used.load(SeqCst) > self.most
    }
}

/// Whether one is read from that has more to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Yes,
    /// Not until it takes what it is sent.
    Deaf,
    /// Not until we can.
    Held,
}

/// What one connection has half sent.
#[derive(Debug)]
pub(crate) struct Half {
    all: Arc<Halves>,
    id: u64,
    counted: usize,
    freed: watch::Receiver<()>,
    /// What there was when it last went on, and when that was.
    mark: Option<(usize, Instant)>,
}

impl Half {
    pub(crate) fn new(all: &Arc<Halves>, id: SessionId) -> Half {
        Half {
            all: all.clone(),
            id: id.0,
            counted: 0,
            freed: all.freed.subscribe(),
            mark: None,
        }
    }

    /// It holds so many bytes now. False when no more of it may be read until [`freed`](Half::freed).
    pub(crate) fn holds(&mut self, bytes: usize) -> bool {
        let counted = bytes.saturating_sub(FREE);
        if counted == 0 && self.counted == 0 {
            return true;
        }
        // Whatever is freed from now on is heard of.
        self.freed.borrow_and_update();
        let before = std::mem::replace(&mut self.counted, counted);
        self.all.used.fetch_add(counted, SeqCst);
        self.all.used.fetch_sub(before, SeqCst);
        if counted == 0 {
            self.leave_turn();
        }
        if counted < before {
            self.all.freed.send_replace(());
        }
        counted == 0 || !self.all.is_short() || self.takes_turn()
    }

    fn takes_turn(&self) -> bool {
        let taken = self.all.turn.compare_exchange(0, self.id, SeqCst, SeqCst);
        taken.map_or_else(|whose| whose == self.id, |_| true)
    }

    fn has_turn(&self) -> bool {
        self.all.turn.load(SeqCst) == self.id
    }

    fn leave_turn(&self) {
        self.all.turn.compare_exchange(self.id, 0, SeqCst, SeqCst).ok();
    }

    /// Somebody holds less.
    pub(crate) async fn freed(&mut self) {
        // The sender is in `all`.
        self.freed.changed().await.ok();
    }

    /// Until when more has to come, if `frame` bytes of what cannot be understood without their rest, and `begun` of messages
    /// in several pieces, have come; while we read nothing from it, it need not. Such messages may take their time while there
    /// is room for all, and so may whoever does not take what it is sent, if it has nobody's turn.
    pub(crate) fn patience(&mut self, reads: Reads, frame: usize, begun: usize, now: Instant) -> Option<Instant> {
        let is_missed = match reads {
            Reads::Yes => true,
            Reads::Deaf => self.has_turn(),
            Reads::Held => false,
        };
        if !is_missed || frame == 0 && begun <= FREE {
            self.mark = None;
            return None;
        }
        let all = frame + begun;
        let enough = if all > FREE { FREE } else { 1 };
        let is_still = |(before, _): &(usize, Instant)| all >= *before && all < before + enough;
        let mark = self.mark.filter(is_still).unwrap_or((all, now));
        self.mark = Some(mark);
        Some(mark.1 + PATIENCE)
    }

    /// The time has passed: whether it is over, or has some more because nobody waits for it.
    pub(crate) fn has_stopped(&mut self, reads: Reads, frame: usize) -> bool {
        let is_over = frame > 0 && reads == Reads::Yes || self.all.is_short();
        self.mark = None;
        is_over
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        self.holds(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = FREE + 1000;

    fn three(most: usize) -> (Arc<Halves>, [Half; 3]) {
        let all = Halves::new(most);
        let halves = [1, 2, 3].map(|id| Half::new(&all, SessionId::of_connection(id)));
        (all, halves)
    }

    #[test]
    fn of_those_who_go_over_the_limit_one_goes_on() {
        let (all, [mut a, mut b, mut c]) = three(1500);
        assert!(a.holds(LARGE) && b.holds(FREE), "little is not counted");
        assert!(b.holds(LARGE), "it is the first over the limit");
        assert!(!a.holds(LARGE) && !c.holds(LARGE));
        assert!(c.holds(FREE), "others are served");
        assert!(b.holds(LARGE + 5000), "as long as it takes");
        assert!(b.holds(0));
        assert!(a.holds(LARGE));
        drop((a, b, c));
        assert_eq!(all.used.load(SeqCst), 0);
    }

    #[test]
    fn a_turn_ends_with_its_connection_and_that_is_heard_of() {
        let (_, [mut a, mut b, _c]) = three(0);
        assert!(a.holds(LARGE) && !b.holds(LARGE));
        assert!(!b.freed.has_changed().unwrap());
        drop(a);
        assert!(b.freed.has_changed().unwrap());
        assert!(b.holds(LARGE));
    }

    #[test]
    fn who_goes_on_has_time_and_who_stops_has_a_minute() {
        let (_, [mut a, mut b, _c]) = three(0);
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(a.patience(Reads::Yes, 0, 0, began), None);
        assert_eq!(a.patience(Reads::Yes, 10, 0, began), Some(after(60)));
        assert_eq!(a.patience(Reads::Yes, 10, 0, after(30)), Some(after(60)));
        assert_eq!(a.patience(Reads::Yes, 11, 0, after(40)), Some(after(100)));
        assert_eq!(a.patience(Reads::Held, 11, 0, after(50)), None);
        assert_eq!(a.patience(Reads::Yes, 11, 0, after(70)), Some(after(130)));
        assert!(a.has_stopped(Reads::Yes, 11));
        // Of what is large, a drop at a time is not enough.
        assert_eq!(a.patience(Reads::Yes, LARGE, 0, after(100)), Some(after(160)));
        assert_eq!(a.patience(Reads::Yes, LARGE + 10, 0, after(110)), Some(after(160)));
        assert_eq!(a.patience(Reads::Yes, LARGE + FREE, 0, after(120)), Some(after(180)));
        assert_eq!(
            a.patience(Reads::Yes, 5, 0, after(130)),
            Some(after(190)),
            "the next one"
        );
        // What comes in pieces may take its time, until somebody waits for the room.
        assert_eq!(b.patience(Reads::Yes, 0, 100, began), None);
        assert_eq!(b.patience(Reads::Yes, 0, LARGE, began), Some(after(60)));
        assert!(!b.has_stopped(Reads::Yes, 0));
        a.holds(LARGE);
        assert!(b.has_stopped(Reads::Yes, 0));
    }

    /// It blocks in its own writing, as clients with one thread do, and nobody else's large message would come any more.
    #[test]
    fn whose_turn_it_is_cannot_keep_it_by_not_taking_what_it_is_sent() {
        let (_, [mut a, mut b, _c]) = three(LARGE);
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        assert!(a.holds(LARGE));
        assert_eq!(a.patience(Reads::Deaf, LARGE, 0, began), None, "nobody waits for it");
        assert!(a.holds(3 * LARGE), "it is its turn now");
        assert!(!b.holds(LARGE));
        assert_eq!(b.patience(Reads::Deaf, LARGE, 0, began), None);
        assert_eq!(a.patience(Reads::Deaf, 3 * LARGE, 0, began), Some(after(60)));
        assert_eq!(a.patience(Reads::Deaf, 3 * LARGE, 0, after(59)), Some(after(60)));
        assert!(a.has_stopped(Reads::Deaf, 3 * LARGE));
        // There is room for all again, for now.
        assert!(a.holds(LARGE) && b.holds(LARGE));
        assert_eq!(a.patience(Reads::Deaf, LARGE, 0, after(70)), Some(after(130)));
        assert!(!a.has_stopped(Reads::Deaf, LARGE));
        assert!(!b.holds(3 * LARGE), "it has the turn still");
        drop(a);
        assert!(b.holds(3 * LARGE));
    }
}
