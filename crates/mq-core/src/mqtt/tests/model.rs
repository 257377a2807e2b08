//! Two clients that do their part of exactly once, a network that loses connections, and a node that is killed: what was
//! confirmed arrives, nothing arrives twice, nothing arrives that was not sent, and the order stays.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The sender gives a message to its client.
    Send,
    /// So many answers are read.
    SenderReads(usize),
    ReceiverReads(usize),
    SenderLost,
    ReceiverLost,
    Store,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        4 => (1usize..4).prop_map(Step::SenderReads),
        4 => (1usize..4).prop_map(Step::ReceiverReads),
        1 => Just(Step::SenderLost),
        1 => Just(Step::ReceiverLost),
        3 => Just(Step::Store),
        1 => Just(Step::Crash),
    ]
}

/// The sender's memory, which outlives everything.
#[derive(Default)]
struct Sender {
    id: u64,
    sent: u64,
    next: u16,
    /// By number: the body, and whether PUBREC has come.
    open: Vec<(u16, u64, bool)>,
    confirmed: BTreeSet<u64>,
}

impl Sender {
    fn connect(&mut self, node: &mut Node) {
        let (id, present) = node.comes(lasting("sender"));
        self.id = id;
        for (packet, body, received) in self.open.clone() {
            match received && present {
                true => node.says(id, Packet::Pubrel(ack(packet))),
                false => self.say(node, packet, body, true),
            }
        }
    }

    fn say(&self, node: &mut Node, packet: u16, body: u64, dup: bool) {
        let publish = publish("t", &body.to_string(), 2, packet);
        node.publish(self.id, Publish { dup, ..publish });
    }

    fn send(&mut self, node: &mut Node) {
        // Few numbers, so that they come back soon.
        let free = (1..=4u16).find(|packet| self.open.iter().all(|(open, ..)| open != packet));
        let Some(packet) = free else { return };
        self.next = packet;
        self.sent += 1;
        self.open.push((packet, self.sent, false));
        self.say(node, packet, self.sent, false);
    }

    fn read(&mut self, node: &mut Node) {
        match node.hears(self.id) {
            Some(Answer::Pubrec(packet, Reason::Success)) => {
                if let Some(open) = self.open.iter_mut().find(|(open, ..)| *open == packet) {
                    open.2 = true;
                    self.confirmed.insert(open.1);
                }
                node.says(self.id, Packet::Pubrel(ack(packet)));
            }
            Some(Answer::Pubcomp(packet, _)) => self.open.retain(|(open, ..)| *open != packet),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
}

/// The receiver's memory.
#[derive(Default)]
struct Receiver {
    id: u64,
    received: BTreeSet<u16>,
    bodies: Vec<u64>,
}

impl Receiver {
    fn connect(&mut self, node: &mut Node) {
        let (id, present) = node.comes(lasting("receiver"));
        self.id = id;
        if !present {
            self.received.clear();
            node.says(
                id,
                Packet::Subscribe(Subscribe {
                    packet: 1,
                    identifier: None,
                    filters: vec![filter("t", 2)],
                }),
            );
        }
    }

    fn read(&mut self, node: &mut Node) {
        match node.hears(self.id) {
            Some(Answer::Publish(publish)) => {
                let body: u64 = std::str::from_utf8(&publish.payload).unwrap().parse().unwrap();
                if self.received.insert(publish.packet) {
                    assert!(!self.bodies.contains(&body), "{body} came twice");
                    self.bodies.push(body);
                } else {
                    assert!(publish.dup, "number {} was in use", publish.packet);
                }
                node.says(self.id, Packet::Pubrec(ack(publish.packet)));
            }
            Some(Answer::Pubrel(packet, _)) => {
                self.received.remove(&packet);
                node.says(self.id, Packet::Pubcomp(ack(packet)));
            }
            Some(Answer::Suback(..)) | None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
}

fn run(steps: Vec<Step>) {
    let mut node = Node::new();
    let (mut sender, mut receiver) = (Sender::default(), Receiver::default());
    receiver.connect(&mut node);
    sender.connect(&mut node);
    node.fast_disk = false;
    for step in steps {
        match step {
            Step::Send => sender.send(&mut node),
            Step::SenderReads(count) => (0..count).for_each(|_| sender.read(&mut node)),
            Step::ReceiverReads(count) => (0..count).for_each(|_| receiver.read(&mut node)),
            Step::SenderLost => {
                node.loses(sender.id);
                sender.connect(&mut node);
            }
            Step::ReceiverLost => {
                node.loses(receiver.id);
                receiver.connect(&mut node);
            }
            Step::Store => node.store(),
            Step::Crash => {
                node.crash();
                receiver.connect(&mut node);
                sender.connect(&mut node);
            }
        }
    }
    for _ in 0..200 {
        node.store();
        sender.read(&mut node);
        receiver.read(&mut node);
    }
    assert!(sender.open.is_empty(), "{:?} are never confirmed", sender.open);
    for body in &sender.confirmed {
        assert!(receiver.bodies.contains(body), "{body} was confirmed and is lost");
    }
    assert!(receiver.bodies.iter().all(|body| *body <= sender.sent));
    let waiting: usize = node.broker.queues().map(|queue| queue.depth + queue.in_flight).sum();
    assert_eq!(waiting, 0, "everything was taken");
}

proptest! {
    #[test]
    fn exactly_once_is_once_over_lost_connections_and_crashes(steps in prop::collection::vec(step(), 0..80)) {
        run(steps);
    }
}
