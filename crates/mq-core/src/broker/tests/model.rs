//! A naive queue beside the real one, under random steps and crashes: nothing that was confirmed is lost, nothing comes
//! twice without saying so, nothing comes that was not sent, first deliveries keep their order, and what was tried in vain
//! says how often and is left alone for its time, also over a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send,
    Take,
    Settle(usize, Outcome),
    Lose,
    Store,
    /// So many milliseconds.
    Pass(u64),
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
        2 => (1u64..30).prop_map(Step::Pass),
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
    /// How often it was tried in vain, and when it may come again.
    tried: BTreeMap<u64, (u32, Mono)>,
}

impl Outside {
    fn fail(&mut self, number: u64, node: &Node) {
        let (attempts, until) = self.tried.entry(number).or_default();
        *attempts += 1;
        *until = node.now + AGAIN.after(*attempts).unwrap();
    }

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
            let (attempts, until) = self.tried.get(&number).copied().unwrap_or_default();
            assert_eq!(delivery.attempts, attempts, "{number} was tried otherwise");
            assert!(node.now >= until, "{number} came at {}, before {until}", node.now);
            self.out.push((delivery.delivery, number));
        }
    }
}

const AGAIN: Redelivery = Redelivery {
    delay: 5,
    multiplier: 1500,
    max_delay: Some(30),
};

/// A disk that keeps what was synced, and a consumer that may vanish.
fn run(steps: Vec<Step>) {
    let forever = Policy {
        max_attempts: 0,
        redelivery: AGAIN,
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
                match outcome {
                    Outcome::Accepted => drop(outside.accepted.insert(number)),
                    Outcome::Failed => outside.fail(number, &node),
                    _ => {}
                }
                node.settle(B, delivery, outcome);
            }
            Step::Settle(..) => {}
            Step::Lose => {
                node.tell(Input::Closed { session: B });
                node.tell(Input::Opened { session: B });
                let out = std::mem::take(&mut outside.out);
                // The oldest counts as tried, the others had only been sent ahead.
                if let Some((_, number)) = out.into_iter().min() {
                    outside.fail(number, &node);
                }
                consumer = node.subscribe(B, 1, &queue("q"), 0);
            }
            Step::Store => {
                node.store_all();
                stored = node.written.len();
            }
            Step::Pass(millis) => pass(&mut node, millis),
            Step::Crash => {
                outside.take(&mut node);
                outside.confirmed.extend(node.synced.drain(..));
                node.written.truncate(stored);
                node = node.fell(stored, node.now);
                // What the disk does not know of never was; an acceptance that was lost comes again.
                outside.out.clear();
                outside.accepted.clear();
                outside.seen.clear();
                outside.last_first = 0;
                outside.tried.clear();
                consumer = node.subscribe(B, 1, &queue("q"), 0);
                for (_, record) in &node.written {
                    gone(record, &node, &mut outside.accepted);
                    tried(record, &node, &mut outside.tried);
                }
            }
        }
        outside.take(&mut node);
    }
    node.tell(Input::Credit { consumer, more: 10_000 });
    pass(&mut node, 30);
    outside.take(&mut node);
    for number in &outside.confirmed {
        let there = outside.seen.contains(number) || outside.accepted.contains(number);
        assert!(there, "{number} was confirmed and is lost");
    }
}

fn pass(node: &mut Node, millis: u64) {
    node.now += Duration::from_millis(millis);
    node.broker.on_deadline(node.now);
    node.listen();
}

/// Adds the number of the message that a record says is gone.
fn gone(record: &Record, node: &Node, into: &mut BTreeSet<u64>) {
    let Record::Gone { id, .. } = record else { return };
    into.extend(number_of(*id, node));
}

/// What a record says of attempts.
fn tried(record: &Record, node: &Node, into: &mut BTreeMap<u64, (u32, Mono)>) {
    if let Record::Tried {
        id, attempts, until, ..
    } = record
    {
        let said = (*attempts, Mono::from_millis(until.0));
        into.extend(number_of(*id, node).map(|number| (number, said)));
    }
}

fn number_of(wanted: MessageId, node: &Node) -> Option<u64> {
    node.written.iter().find_map(|(_, record)| match record {
        Record::Put { id, message, .. } if *id == wanted => Some(text(message).parse().unwrap()),
        _ => None,
    })
}

proptest! {
    #[test]
    fn nothing_confirmed_is_lost_and_nothing_comes_twice_unsaid(steps in prop::collection::vec(step(), 0..60)) {
        run(steps);
    }
}
