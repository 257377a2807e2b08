//! What a node counts, as a whole: for those who watch it.

use super::Broker;
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
    /// Messages in somebody's hands.
    pub unacknowledged: usize,
    pub counts: Counts,
    /// What all messages weigh, and what they may.
    pub weight: usize,
    pub memory: usize,
    /// Whoever sends is held back.
    pub held: bool,
    /// Requests that somebody had no right to.
    pub denied: u64,
}

impl Broker {
    pub fn figures(&self) -> Figures {
        let mut figures = Figures {
            queues: self.queues.len(),
            exchanges: self.exchanges.count(),
            consumers: self.consumers.len(),
            clients: self.clients.len(),
            retained: self.retained(),
            counts: self.gone,
            weight: self.weight,
            memory: self.settings.memory,
            held: self.held,
            denied: self.denied,
            ..Figures::default()
        };
        for queue in self.queues.values() {
            figures.ready += queue.depth();
            figures.unacknowledged += queue.in_flight;
            figures.counts += queue.counts;
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::tests::{A, Node, queue};
    use crate::broker::{Arrangement, Input, Outcome, Settings};

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
        assert!(before.weight > 0 && !before.held);
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
