//! A naive channel beside the real one, under random publishing, consuming, acknowledging and crashes: what is out is
//! what a client that counts thinks, no more than it allows, in order; and nothing that was confirmed is lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Publish,
    Qos(u16),
    Ack {
        which: usize,
        multiple: bool,
    },
    Nack {
        which: usize,
        multiple: bool,
        requeue: bool,
    },
    Get,
    Recover,
    Lose,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Publish),
        1 => (0u16..4).prop_map(Step::Qos),
        4 => (0usize..5, any::<bool>()).prop_map(|(which, multiple)| Step::Ack { which, multiple }),
        2 => (0usize..5, any::<bool>(), any::<bool>())
            .prop_map(|(which, multiple, requeue)| Step::Nack { which, multiple, requeue }),
        1 => Just(Step::Get),
        1 => Just(Step::Recover),
        1 => Just(Step::Lose),
        1 => Just(Step::Crash),
    ]
}

#[derive(Default)]
struct Outside {
    sent: u64,
    confirmed: u64,
    /// Acknowledged or refused for good.
    done: BTreeSet<u64>,
    seen: BTreeSet<u64>,
    unacked: BTreeMap<u64, u64>,
    limit: u16,
}

impl Outside {
    fn hear(&mut self, node: &mut Node, client: u64) {
        for frame in std::mem::take(&mut node.clients.get_mut(&client).unwrap().heard) {
            match frame {
                Frame::Content(_, Method::Deliver { tag, redelivered, .. }, _, body)
                | Frame::Content(_, Method::GetOk { tag, redelivered, .. }, _, body) => {
                    let number: u64 = String::from_utf8_lossy(&body).parse().unwrap();
                    assert!(number <= self.sent && !self.done.contains(&number), "{number}");
                    assert!(
                        self.seen.insert(number) || redelivered,
                        "{number} came twice and does not say so"
                    );
                    assert!(
                        self.unacked.values().all(|out| *out != number),
                        "{number} is out already"
                    );
                    assert!(
                        self.unacked.last_key_value().is_none_or(|(last, _)| tag > *last),
                        "tags grow"
                    );
                    self.unacked.insert(tag, number);
                }
                Frame::Method(_, Method::Ack { tag, .. }) => self.confirmed = tag,
                Frame::Method(_, Method::QosOk {} | Method::RecoverOk {} | Method::GetEmpty { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn take(&mut self, which: usize, multiple: bool) -> Option<(u64, Vec<u64>)> {
        let tag = *self.unacked.keys().nth(which)?;
        let tags: Vec<u64> = self
            .unacked
            .keys()
            .copied()
            .filter(|own| *own == tag || multiple && *own < tag)
            .collect();
        Some((tag, tags.iter().filter_map(|tag| self.unacked.remove(tag)).collect()))
    }
}

fn begin(node: &mut Node, client: u64, limit: u16) {
    node.client(client);
    node.says(client, 1, Method::ConfirmSelect { nowait: true });
    node.qos(client, limit, false);
    node.says(
        client,
        1,
        Method::Consume {
            ticket: 0,
            queue: "q".into(),
            tag: "t".into(),
            no_local: false,
            no_ack: false,
            exclusive: false,
            nowait: true,
            arguments: Table::default(),
        },
    );
}

fn run(steps: Vec<Step>) {
    let mut node = Node::new();
    node.client(1000);
    node.declare(1000, "q", Table::default());
    node.loses(1000);
    let mut outside = Outside {
        limit: 3,
        ..Outside::default()
    };
    let mut client = 1;
    let mut confirmed_before = 0;
    begin(&mut node, client, outside.limit);
    for step in steps {
        outside.hear(&mut node, client);
        match step {
            Step::Publish => {
                outside.sent += 1;
                let body = outside.sent.to_string();
                node.publish(client, "", "q", &body);
            }
            // Of the channel: what the consumer may have is less.
            Step::Qos(count) => node.says(
                client,
                1,
                Method::Qos {
                    size: 0,
                    count,
                    global: true,
                },
            ),
            Step::Ack { which, multiple } => {
                if let Some((tag, numbers)) = outside.take(which, multiple) {
                    outside.done.extend(numbers);
                    node.says(client, 1, Method::Ack { tag, multiple });
                }
            }
            Step::Nack {
                which,
                multiple,
                requeue,
            } => {
                if let Some((tag, numbers)) = outside.take(which, multiple) {
                    if !requeue {
                        outside.done.extend(numbers);
                    }
                    node.says(client, 1, Method::Nack { tag, multiple, requeue });
                }
            }
            Step::Get => node.says(
                client,
                1,
                Method::Get {
                    ticket: 0,
                    queue: "q".into(),
                    no_ack: false,
                },
            ),
            Step::Recover => {
                outside.unacked.clear();
                node.says(client, 1, Method::Recover { requeue: true });
            }
            Step::Lose | Step::Crash => {
                confirmed_before = outside.sent;
                assert!(outside.confirmed <= outside.sent);
                outside.confirmed = 0;
                outside.unacked.clear();
                match step {
                    Step::Lose => node.loses(client),
                    _ => {
                        let written = node.written.clone();
                        node = node.restarted();
                        node.written = written;
                    }
                }
                client += 1;
                begin(&mut node, client, outside.limit);
            }
        }
        outside.hear(&mut node, client);
        let waits = node
            .broker
            .queues()
            .find(|queue| &*queue.name == "q")
            .map_or(0, |queue| queue.depth);
        let out = node
            .broker
            .queues()
            .find(|queue| &*queue.name == "q")
            .map_or(0, |queue| queue.in_flight);
        assert_eq!(out, outside.unacked.len(), "what is out");
        let settled = outside.done.len();
        assert_eq!(
            waits + out + settled,
            usize::try_from(outside.sent).unwrap(),
            "nothing is lost, nothing is twice"
        );
    }
    assert_eq!(outside.confirmed + confirmed_before, outside.sent, "all were confirmed");
}

proptest! {
    #[test]
    fn what_is_out_is_what_a_client_thinks(steps in prop::collection::vec(step(), 0..60)) {
        run(steps);
    }
}
