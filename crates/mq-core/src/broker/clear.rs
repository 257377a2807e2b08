//! What a queue held is taken away in parts: there may be very much of it, and all other clients would wait for that.
//!
//! A queue that is emptied or removed has nothing any more at once. The journal hears of it a part at a time, one queue after the
//! other, and whoever asked hears that it is safe when it has heard of all. If the node falls before that, what was purged in
//! part is there again for the rest; what was in a queue that is gone is nobody's, and the journal knows that when it is opened.

use std::collections::{BTreeMap, VecDeque};

use super::Broker;
use super::part::Part;
use crate::queue::{Entry, Place};
use crate::{QueueId, Record, SessionId, Token};

#[derive(Debug, Default)]
pub(super) struct Clearing {
    /// In the order in which they were emptied.
    queues: VecDeque<Emptied>,
    /// What has been dealt with since somebody else was heard.
    part: Part,
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
        self.queues.is_empty()
    }

    /// Somebody else is heard.
    pub(super) fn next_part(&mut self) {
        self.part = Part::default();
    }

    /// False where all that the session wanted cleared is written.
    pub(super) fn holds(&mut self, session: SessionId, token: Token) -> bool {
        let last = self.queues.iter_mut().rev().find(|emptied| emptied.by == Some(session));
        last.map(|emptied| emptied.waiting.push(token)).is_some()
    }
}

impl Broker {
    /// These are in the queue no more, and weigh nothing any more. The first part is written with what is written now, unless
    /// others wait already.
    pub(super) fn clear(&mut self, queue: QueueId, entries: BTreeMap<Place, Entry>, by: Option<SessionId>) {
        let mut emptied = Emptied {
            queue,
            entries,
            by,
            waiting: Vec::new(),
        };
        if self.clearing.is_done() {
            self.clear_part(&mut emptied);
        }
        if !emptied.entries.is_empty() {
            self.clearing.queues.push_back(emptied);
        }
    }

    /// The next part, of as many queues as that is.
    pub(super) fn clear_some(&mut self) {
        while let Some(mut emptied) = self.clearing.queues.pop_front() {
            self.clear_part(&mut emptied);
            if !emptied.entries.is_empty() {
                return self.clearing.queues.push_front(emptied);
            }
            for token in emptied.waiting {
                if let Some(session) = emptied.by {
                    self.sync(session, token);
                }
            }
        }
    }

    fn clear_part(&mut self, emptied: &mut Emptied) {
        self.together(emptied.by, |broker| {
            while !emptied.entries.is_empty() && broker.clearing.part.takes(0) {
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
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::tests::{A, B, Node, queue};
    use crate::broker::{Arranged, Arrangement, Declared, Input, Settings};
    use crate::{QueueId, Record, SessionId, Token, Value};
    use tandem_time::Mono;

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

    /// For each message that was said to be gone since, its queue.
    fn gone(node: &Node, from: usize) -> Vec<QueueId> {
        let parts = node.written[from..].iter().flat_map(|(_, record)| match record {
            Record::All(records) => &records[..],
            record => std::slice::from_ref(record),
        });
        let queue = |record: &Record| match record {
            Record::Gone { queue, .. } => Some(*queue),
            _ => None,
        };
        parts.filter_map(queue).collect()
    }

    fn all_gone(node: &Node) -> usize {
        gone(node, 0).len()
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
        // As it falls now, and as it goes on.
        let mut fallen = node.restarted();
        assert_eq!((go_on(&mut fallen), fallen.depth("q"), all_gone(&fallen)), (0, 0, 1000));
        assert_eq!((go_on(&mut node), node.depth("q"), all_gone(&node)), (2, 0, 2500));
        assert_eq!(go_on(&mut node.restarted()), 0);
    }

    /// Each is written for who asked for it, and is not said to be safe with another's.
    #[test]
    fn who_purges_while_another_does_waits_for_its_own() {
        let mut node = with(1500);
        node.send(&queue("r"), "m");
        node.store_all();
        arrange(&mut node, A, Arrangement::Purge("q".into()));
        node.store_all();
        node.sync(1);
        let before = node.written.len();
        arrange(&mut node, B, deletes("r"));
        node.tell(Input::Sync {
            session: B,
            token: Token(2),
        });
        assert_eq!(node.synced, [], "neither is on disk");
        let gone_of = |node: &Node, id| gone(node, before).iter().filter(|queue| **queue == QueueId(id)).count();
        assert_eq!(gone(&node, before), []);
        node.store_all();
        assert_eq!(node.synced, [2], "the queue is gone");
        assert_eq!(node.fell_at(before).depth("q"), 500);
        assert_eq!(go_on(&mut node), 1, "both in one go");
        assert_eq!((gone_of(&node, 1), gone_of(&node, 2)), (500, 1));
        assert_eq!(node.synced, [2]);
        node.store_all();
        assert_eq!(node.synced, [2, 1]);
    }

    /// However many queues end at once, and whatever was in them.
    #[test]
    fn many_queues_end_in_parts() {
        let mut node = Node::new(Settings::default());
        for number in 0..30 {
            let name = format!("q{number}");
            let declared = Declared {
                durable: true,
                arguments: vec![("x-expires".into(), Value::Int(5))],
                ..Declared::default()
            };
            let what = Arrangement::Queue {
                name: name.as_str().into(),
                declared,
            };
            arrange(&mut node, A, what);
            (0..100).for_each(|_| node.send(&queue(&name), "m"));
        }
        node.now = Mono::from_millis(5);
        for gone in [1000, 2000, 3000] {
            node.broker.on_deadline(node.now);
            node.listen();
            assert_eq!((node.broker.figures().queues, all_gone(&node)), (0, gone));
        }
        assert_eq!(go_on(&mut node), 0);
    }

    #[test]
    fn of_what_is_over_a_part_is_dealt_with_at_a_time() {
        let mut node = Node::new(Settings::default());
        for _ in 0..1500 {
            let mut message = crate::broker::tests::message("m");
            message.expires = Some(crate::WallMillis(5));
            node.send_in(None, &queue("q"), message);
        }
        node.now = Mono::from_millis(9);
        node.broker.on_deadline(node.now);
        node.listen();
        assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (500, 1000));
        node.send(&queue("r"), "another client is heard");
        assert_eq!(node.broker.poll_deadline(), Some(node.now));
        assert_eq!(go_on(&mut node), 1);
        assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (0, 1500));
    }
}
