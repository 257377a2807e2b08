//! What a queue held is taken away in parts: there may be very much of it, and all other clients would wait for that.
//!
//! A queue that is emptied or removed has nothing any more at once. The journal hears of it a part at a time, and whoever asked
//! hears that it is safe when it has heard of all. If the node falls before that, what was purged in part is there again for the
//! rest; what was in a queue that is gone is nobody's, and the journal is told so when the node is here again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Broker;
use crate::queue::{Entry, Place};
use crate::{MessageId, QueueId, Record, SessionId, Token};

/// So many messages are dealt with before anybody else is.
pub(super) const AT_ONCE: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Clearing {
    /// In the order in which they were emptied.
    queues: VecDeque<Emptied>,
    /// The journal has them still, for queues that are gone.
    orphans: BTreeSet<(QueueId, MessageId)>,
}

#[derive(Debug)]
struct Emptied {
    queue: QueueId,
    entries: BTreeMap<Place, Entry>,
    by: Option<SessionId>,
    /// Answered when all of it is written.
    waiting: Vec<Token>,
}

impl Clearing {
    pub(super) fn is_done(&self) -> bool {
        self.queues.is_empty() && self.orphans.is_empty()
    }

    /// While the journal is read: it has this one for a queue that is not there.
    pub(super) fn is_left(&mut self, queue: QueueId, id: MessageId) {
        self.orphans.insert((queue, id));
    }

    pub(super) fn is_gone(&mut self, queue: QueueId, id: MessageId) {
        self.orphans.remove(&(queue, id));
    }

    /// False where all that the session wanted cleared is written.
    pub(super) fn holds(&mut self, session: SessionId, token: Token) -> bool {
        let last = self.queues.iter_mut().rev().find(|emptied| emptied.by == Some(session));
        last.map(|emptied| emptied.waiting.push(token)).is_some()
    }
}

impl Broker {
    /// These are in the queue no more, and weigh nothing any more.
    pub(super) fn clear(&mut self, queue: QueueId, entries: BTreeMap<Place, Entry>, by: Option<SessionId>) {
        if entries.is_empty() {
            return;
        }
        self.clearing.queues.push_back(Emptied {
            queue,
            entries,
            by,
            waiting: Vec::new(),
        });
        self.clear_some();
    }

    /// One part.
    pub(super) fn clear_some(&mut self) {
        let Some(mut emptied) = self.clearing.queues.pop_front() else {
            return self.clear_orphans();
        };
        self.together(emptied.by, |broker| {
            for _ in 0..AT_ONCE {
                let Some((place, entry)) = emptied.entries.pop_first() else {
                    return;
                };
                if let Some(at) = entry.expires {
                    broker.expiries.remove(&(at, emptied.queue, place));
                }
                // The journal frees its segments by what it is told, message by message.
                if entry.stored {
                    let (queue, id) = (emptied.queue, entry.id);
                    broker.write(Record::Gone { queue, id }, emptied.by);
                }
            }
        });
        if !emptied.entries.is_empty() {
            return self.clearing.queues.push_front(emptied);
        }
        for token in emptied.waiting {
            if let Some(session) = emptied.by {
                self.sync(session, token);
            }
        }
    }

    fn clear_orphans(&mut self) {
        self.together(None, |broker| {
            for _ in 0..AT_ONCE {
                let Some((queue, id)) = broker.clearing.orphans.pop_first() else {
                    return;
                };
                broker.write(Record::Gone { queue, id }, None);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::tests::{A, B, Node, queue};
    use crate::broker::{Arranged, Arrangement, Input, Settings};
    use crate::{Record, SessionId, Token};

    fn with(count: usize) -> Node {
        let mut node = Node::new(Settings::default());
        for _ in 0..count {
            node.send(&queue("q"), "m");
        }
        node.store_all();
        node
    }

    fn arrange(node: &mut Node, session: SessionId, what: Arrangement) {
        node.tell(Input::Arrange { session, what });
    }

    fn deletes(name: &str) -> Arrangement {
        Arrangement::DropQueue {
            name: name.into(),
            if_unused: false,
            if_empty: false,
        }
    }

    /// The largest of what was written since.
    fn parts(node: &Node, from: usize) -> Vec<usize> {
        let parts = node.written[from..].iter().map(|(_, record)| match record {
            Record::All(records) => records.len(),
            _ => 1,
        });
        parts.collect()
    }

    /// Until nothing is due; how often that was.
    fn go_on(node: &mut Node) -> usize {
        let mut turns = 0;
        while node.broker.poll_deadline().is_some_and(|at| at <= node.now) {
            node.broker.on_deadline(node.now);
            node.listen();
            turns += 1;
        }
        turns
    }

    #[test]
    fn a_purge_is_written_in_parts_and_safe_after_the_last() {
        let mut node = with(2500);
        let before = node.written.len();
        arrange(&mut node, A, Arrangement::Purge("q".into()));
        assert_eq!(node.arranged, [Arranged::Count(2500)]);
        assert_eq!((node.depth("q"), node.broker.weight), (0, 0));
        node.sync(1);
        node.store_all();
        assert!(node.synced.is_empty(), "there is more to be written");
        // What comes meanwhile is not meant, and another client is served.
        node.tell(Input::Sync {
            session: B,
            token: Token(2),
        });
        node.send(&queue("q"), "new");
        assert_eq!(node.synced, [2]);
        assert_eq!(go_on(&mut node), 2);
        node.store_all();
        assert_eq!(node.synced, [2, 1]);
        assert_eq!(parts(&node, before), [1000, 1, 1000, 500]);
        assert_eq!(node.depth("q"), 1);
        assert_eq!(node.restarted().depth("q"), 1);
        // What was not written is there again.
        assert_eq!(node.fell_at(before + 1).depth("q"), 1500);
    }

    #[test]
    fn a_queue_that_is_removed_is_gone_at_once_and_nothing_of_it_is_left_in_the_journal() {
        let mut node = with(2500);
        let before = node.written.len();
        arrange(&mut node, A, deletes("q"));
        node.sync(1);
        node.store_all();
        assert_eq!(
            (node.arranged.as_slice(), node.synced.as_slice()),
            (&[Arranged::Count(2500)][..], &[1][..])
        );
        assert_eq!(parts(&node, before), [1001]);
        let gone = |node: &Node| {
            let all = node.written.iter().flat_map(|(_, record)| match record {
                Record::All(records) => records.clone(),
                record => vec![record.clone()],
            });
            all.filter(|record| matches!(record, Record::Gone { .. })).count()
        };
        // As it falls now, and as it goes on.
        let mut fallen = node.restarted();
        for node in [&mut fallen, &mut node] {
            assert_eq!(go_on(node), 2);
            assert_eq!((node.depth("q"), gone(node)), (0, 2500));
            assert_eq!(go_on(&mut node.restarted()), 0);
        }
    }

    #[test]
    fn of_what_is_over_a_part_is_dealt_with_at_a_time() {
        let mut node = Node::new(Settings::default());
        for _ in 0..1500 {
            let mut message = crate::broker::tests::message("m");
            message.expires = Some(crate::WallMillis(5));
            node.send_in(None, &queue("q"), message);
        }
        node.now = tandem_time::Mono::from_millis(9);
        node.broker.on_deadline(node.now);
        node.listen();
        assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (500, 1000));
        node.send(&queue("r"), "another client is heard");
        assert_eq!(node.broker.poll_deadline(), Some(node.now));
        assert_eq!(go_on(&mut node), 1);
        assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (0, 1500));
    }
}
