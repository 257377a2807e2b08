//! What a node counts, as a whole: for those who watch it.

use super::{Broker, Scarce};
use crate::queue::Counts;

/// The figures of one moment. What is counted in `counts` never becomes less, also when its queue has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub queues: usize,
    pub exchanges: usize,
    pub consumers: usize,
    /// Clients with a name, here or away.
    pub clients: usize,
    /// Addresses that keep a message for those who come later.
    pub retained: usize,
    /// Messages that wait.
    pub ready: usize,
    /// Messages that wait for their time.
    pub scheduled: usize,
    /// Times of a crontab that began no series, because there was no room.
    pub omitted: u64,
    /// Messages that came again by an id that was known.
    pub doubled: u64,
    /// Messages in somebody's hands.
    pub unacknowledged: usize,
    pub counts: Counts,
    /// What all messages weigh, and what they may.
    pub weight: usize,
    pub memory: usize,
    /// Whoever sends is held back.
    pub held: Option<Scarce>,
    /// Requests that somebody had no right to.
    pub denied: u64,
}

impl Broker {
    pub fn figures(&self) -> Figures {
        Figures {
            queues: self.queues.len(),
            exchanges: self.exchanges.count(),
            consumers: self.consumers.len(),
            clients: self.clients.len(),
            retained: self.retained(),
            scheduled: self.later.len(),
            omitted: self.later.omitted,
            doubled: self.doubled,
            ready: self.sums.ready,
            unacknowledged: self.sums.in_flight,
            counts: self.sums.counts,
            weight: self.weight,
            memory: self.settings.memory,
            held: self.held,
            denied: self.denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::tests::{A, Node, queue};
    use crate::broker::{Arrangement, Input, Outcome, Scarce, Settings};

    fn disk(full: bool) -> Input {
        let room = usize::MAX;
        Input::Disk { full, room }
    }

    /// Producers are told once, however many reasons come and go meanwhile.
    #[test]
    fn memory_and_disk_hold_producers_until_there_is_enough_of_both() {
        let mut node = Node::new(Settings {
            memory: 1000,
            ..Settings::default()
        });
        node.tell(disk(true));
        assert_eq!(node.broker.figures().held, Some(Scarce::Disk));
        node.send(&queue("q"), &"x".repeat(2000));
        assert_eq!(node.broker.figures().held, Some(Scarce::Memory));
        node.tell(disk(false));
        assert_eq!(node.broker.figures().held, Some(Scarce::Memory));
        node.tell(disk(true));
        node.subscribe(A, 1, &queue("q"), 1);
        let delivery = node.delivered[0].delivery;
        node.settle(A, delivery, Outcome::Accepted);
        assert_eq!(node.broker.figures().held, Some(Scarce::Disk), "taking goes on");
        node.tell(disk(false));
        assert_eq!(node.broker.figures().held, None);
        assert_eq!(node.holds, [true, true, true, false]);
    }

    #[test]
    fn what_was_counted_stays_when_its_queue_goes() {
        let mut node = Node::new(Settings::default());
        for text in ["a", "b", "c"] {
            node.send(&queue("q"), text);
        }
        node.subscribe(A, 1, &queue("q"), 2);
        let first = node.delivered[0].delivery;
        node.settle(A, first, Outcome::Accepted);
        let before = node.broker.figures();
        assert_eq!(
            (before.queues, before.consumers, before.ready, before.unacknowledged),
            (1, 1, 1, 1)
        );
        assert!(before.weight > 0 && before.held.is_none());
        let what = Arrangement::DropQueue {
            name: "q".into(),
            if_unused: false,
            if_empty: false,
        };
        node.tell(Input::Arrange { session: A, what });
        let after = node.broker.figures();
        assert_eq!((after.queues, after.ready, after.counts), (0, 0, before.counts));
        assert_eq!(
            (after.counts.added, after.counts.delivered, after.counts.acknowledged),
            (3, 2, 1)
        );
    }
}
