//! A naive queue beside the real one, under random steps and crashes: nothing that was confirmed is lost, nothing comes
//! twice without saying so, nothing comes that was not sent, and first deliveries keep their order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send,
    Take,
    Settle(usize, Outcome),
    Lose,
    Store,
    /// Only what is on disk survives.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![Outcome::Accepted, Outcome::Released, Outcome::Failed]);
    prop_oneof![
        4 => Just(Step::Send),
        3 => Just(Step::Take),
        4 => (0usize..4, outcome).prop_map(|(which, outcome)| Step::Settle(which, outcome)),
        1 => Just(Step::Lose),
        2 => Just(Step::Store),
        1 => Just(Step::Crash),
    ]
}

/// What the outside knows.
#[derive(Default)]
struct Outside {
    sent: u64,
    confirmed: BTreeSet<u64>,
    accepted: BTreeSet<u64>,
    seen: BTreeSet<u64>,
    /// In a consumer's hands now.
    out: Vec<(DeliveryId, u64)>,
    last_first: u64,
}

impl Outside {
    fn take(&mut self, node: &mut Node) {
        for delivery in node.delivered.drain(..) {
            let number: u64 = text(&delivery.message).parse().unwrap();
            assert!(number <= self.sent, "{number} was never sent");
            assert!(!self.accepted.contains(&number), "{number} was accepted and came again");
            let first = self.seen.insert(number);
            assert!(first || delivery.redelivered, "{number} came twice and does not say so");
            if !delivery.redelivered {
                assert!(number > self.last_first, "{number} came after {}", self.last_first);
                self.last_first = number;
            }
            self.out.push((delivery.delivery, number));
        }
    }
}

/// A disk that keeps what was synced, and a consumer that may vanish.
fn run(steps: Vec<Step>) {
    let forever = Policy {
        max_attempts: 0,
        ..Policy::default()
    };
    let mut node = Node::new(Settings {
        default: forever,
        ..Settings::default()
    });
    let mut outside = Outside::default();
    let mut consumer = node.subscribe(B, 1, &queue("q"), 0);
    let mut stored = 0;
    for step in steps.into_iter().chain([Step::Crash]) {
        match step {
            Step::Send => {
                outside.sent += 1;
                let text = outside.sent.to_string();
                node.send(&queue("q"), &text);
                node.sync(outside.sent);
            }
            Step::Take => node.tell(Input::Credit { consumer, more: 1 }),
            Step::Settle(which, outcome) if which < outside.out.len() => {
                let (delivery, number) = outside.out.remove(which);
                node.settle(B, delivery, outcome);
                if outcome == Outcome::Accepted {
                    outside.accepted.insert(number);
                }
            }
            Step::Settle(..) => {}
            Step::Lose => {
                node.tell(Input::Closed { session: B });
                node.tell(Input::Opened { session: B });
                outside.out.clear();
                consumer = node.subscribe(B, 1, &queue("q"), 0);
            }
            Step::Store => {
                node.store_all();
                stored = node.written.len();
            }
            Step::Crash => {
                outside.take(&mut node);
                outside.confirmed.extend(node.synced.drain(..));
                node.written.truncate(stored);
                node = node.restarted();
                // What the disk does not know of never was; an acceptance that was lost comes again.
                outside.out.clear();
                outside.accepted.clear();
                outside.seen.clear();
                outside.last_first = 0;
                consumer = node.subscribe(B, 1, &queue("q"), 0);
                for (_, record) in &node.written {
                    gone(record, &node, &mut outside.accepted);
                }
            }
        }
        outside.take(&mut node);
    }
    node.tell(Input::Credit { consumer, more: 10_000 });
    outside.take(&mut node);
    for number in &outside.confirmed {
        let there = outside.seen.contains(number) || outside.accepted.contains(number);
        assert!(there, "{number} was confirmed and is lost");
    }
}

/// Adds the number of the message that a record says is gone.
fn gone(record: &Record, node: &Node, into: &mut BTreeSet<u64>) {
    let Record::Gone { id, .. } = record else { return };
    for (_, other) in &node.written {
        if let Record::Put { id: put, message, .. } = other
            && put == id
        {
            into.insert(text(message).parse().unwrap());
        }
    }
}

proptest! {
    #[test]
    fn nothing_confirmed_is_lost_and_nothing_comes_twice_unsaid(steps in prop::collection::vec(step(), 0..60)) {
        run(steps);
    }
}
