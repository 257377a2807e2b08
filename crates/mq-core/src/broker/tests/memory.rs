//! What is promised of memory: everything that clients can make has an end, and one of them stops nobody else.

use std::time::Duration;

use super::*;
use crate::broker::{Consume, To};
use crate::{Asked, Schedule, WallMillis};

const IDLE: Duration = Duration::from_secs(600);
const MEGABYTE: usize = 1_000_000;

fn declared(name: &str) -> Input {
    let what = Arrangement::Queue {
        name: name.into(),
        declared: Declared {
            durable: true,
            ..Declared::default()
        },
    };
    Input::Arrange { session: A, what }
}

const DAY: u64 = 86_400_000;

fn in_a_day(text: &str) -> Message {
    let asked = Asked {
        delay: DAY,
        ..Asked::default()
    };
    let schedule = Schedule::new(asked, WallMillis(0)).expect("it can be");
    Message {
        schedule: schedule.map(Box::new),
        ..message(text)
    }
}

#[test]
fn there_are_so_many_queues_whoever_makes_them() {
    let mut node = Node::new(Settings {
        memory: 2 * 2 * 2048,
        ..Settings::default()
    });
    (0..1002).for_each(|number| node.send(&queue(&format!("q{number}")), "x"));
    assert_eq!((node.broker.figures().queues, node.refused.len()), (1002, 0));
    let too_many = [Refusal::TooMany(Thing::Queue)];
    let durable = Subscription {
        durable: Some("d".into()),
        ..Subscription::default()
    };
    node.tell(Input::Begin {
        session: A,
        transaction: TransactionId(1),
    });
    node.send_in(Some(1), &queue("q1"), message("never was"));
    node.send_in(Some(1), &queue("new"), message("never was"));
    for (what, act) in [
        (
            "send",
            &(|node: &mut Node| node.send(&queue("new"), "x")) as &dyn Fn(&mut Node),
        ),
        ("take", &|node| {
            node.subscribe(A, 1, &queue("new"), 1);
        }),
        ("listen", &|node| {
            node.subscribe(A, 2, &topic("new"), 1);
        }),
        ("listen for ever", &|node| {
            node.subscribe_with(A, 3, &topic("new"), durable.clone());
        }),
        ("commit", &|node| {
            node.tell(Input::Commit {
                session: A,
                transaction: TransactionId(1),
            });
        }),
        ("send later", &|node| node.send_in(None, &queue("new"), in_a_day("x"))),
        ("declare", &|node| node.tell(declared("new"))),
    ] {
        act(&mut node);
        assert_eq!(std::mem::take(&mut node.refused), too_many, "{what}");
        assert_eq!(node.broker.figures().queues, 1002, "{what}");
    }
    assert_eq!(node.depth("q1"), 1, "nothing of the transaction");
    node.subscribe(B, 1, &queue("q1"), 1);
    let delivery = node.delivered[0].delivery;
    node.settle(B, delivery, Outcome::Rejected);
    assert_eq!(node.depth("DLQ"), 1, "the dead have their place nevertheless");
}

/// Each is counted when what will make it is taken, and is there in time whatever has come meanwhile.
#[test]
fn queues_that_are_made_later_are_counted_now() {
    let mut node = Node::new(Settings {
        memory: 10 * 2 * 2048,
        ..Settings::default()
    });
    (0..1006).for_each(|number| node.send(&queue(&format!("q{number}")), ""));
    let too_many = [Refusal::TooMany(Thing::Queue)];
    for restarts in [false, true] {
        // Those that are there, and each of the others once.
        for name in ["q1", "q1", "a", "a", "b", "c", "amq.gen-x"] {
            node.send_in(None, &queue(name), in_a_day("x"));
        }
        assert_eq!(node.refused, [], "{restarts}");
        if restarts {
            break;
        }
        node = node.restarted();
    }
    node.send(&queue("a"), "its queue has been counted");
    node.send(&queue("d"), "x");
    node.send_in(None, &queue("e"), in_a_day("x"));
    assert_eq!(node.refused, [too_many.clone(), too_many].concat());
    node.now = Mono::from_millis(DAY);
    node.broker.on_deadline(node.now);
    node.listen();
    assert_eq!((node.depth("a"), node.depth("b"), node.depth("c")), (5, 2, 2));
    assert_eq!(node.broker.figures().queues, 1009);
}

/// Queues, what waits for its time and who only passes by have their parts, and there is something for what is sent.
#[test]
fn nobody_is_held_by_what_nobody_can_take_away() {
    let mut node = Node::new(Settings {
        memory: MEGABYTE,
        ..Settings::default()
    });
    for number in 2000..2009 {
        node.subscribe(B, number, &topic("t"), 1000);
    }
    for number in 0..1500 {
        let input = Input::Subscribe {
            consumer: ConsumerId { session: B, number },
            to: queue(&format!("q{number}")),
            options: Subscription {
                credit: 1,
                ..Subscription::default()
            },
        };
        node.broker.handle(input, node.now);
    }
    node.listen();
    let queues = node.broker.figures().queues;
    assert!((1200..1300).contains(&queues), "{queues}");
    for _ in 0..100 {
        node.send_in(None, &queue("q1"), in_a_day(&"x".repeat(10_000)));
    }
    send_megabytes(&mut node, &topic("t"), 2);
    node.delivered.clear();
    let exchange = |node: &mut Node| {
        for number in 0..20 {
            node.send(&queue(&format!("q{number}")), &"x".repeat(10_000));
            node.store_all();
            for delivery in std::mem::take(&mut node.delivered) {
                node.settle(B, delivery.delivery, Outcome::Accepted);
                let consumer = delivery.consumer;
                node.tell(Input::Credit { consumer, more: 1 });
            }
            node.store_all();
            assert_eq!(node.broker.figures().held, None, "{number}");
        }
    };
    exchange(&mut node);
    assert_eq!(node.holds, [] as [bool; 0]);
    // There was more memory when all this came.
    node.broker.settings.memory = MEGABYTE / 4;
    node = node.restarted();
    for number in 0..20 {
        node.subscribe(B, number, &queue(&format!("q{number}")), 1);
    }
    exchange(&mut node);
}

/// Also by those who send what does not stay.
#[test]
fn a_queue_that_is_sent_to_is_not_unused() {
    let mut node = Node::new(Settings {
        queue_idle: Some(IDLE),
        ..Settings::default()
    });
    let purge = |node: &mut Node, seconds: u64| {
        node.now = Mono::from_millis(seconds * 1000);
        node.broker.on_deadline(node.now);
        node.send(&queue("q"), "x");
        let what = Arrangement::Purge("q".into());
        node.tell(Input::Arrange { session: A, what });
    };
    purge(&mut node, 0);
    purge(&mut node, 599);
    for (seconds, queues) in [(600, 1), (1198, 1), (1199, 0)] {
        node.now = Mono::from_millis(seconds * 1000);
        node.broker.on_deadline(node.now);
        node.listen();
        assert_eq!(node.broker.figures().queues, queues, "after {seconds}");
    }
    assert_eq!(node.broker.poll_deadline(), None);
}

#[test]
fn a_queue_that_nobody_declared_goes_when_it_is_empty_and_unused() {
    let mut node = Node::new(Settings {
        queue_idle: Some(IDLE),
        ..Settings::default()
    });
    let pass = |node: &mut Node| {
        node.now += IDLE;
        node.broker.on_deadline(node.now);
        node.listen();
    };
    let names = |node: &Node| node.broker.queues().map(|queue| queue.name).collect::<Vec<_>>();
    node.tell(declared("declared"));
    node.send(&queue("full"), "x");
    node.subscribe(B, 1, &queue("used"), 1);
    for name in ["bound", "idle"] {
        let consumer = node.subscribe(A, 1, &queue(name), 1);
        node.tell(Input::Unsubscribe { consumer });
    }
    let what = Arrangement::Bind(Binding {
        source: "amq.topic".into(),
        to: To::Queue("bound".into()),
        key: "k".into(),
        arguments: Vec::new(),
    });
    node.tell(Input::Arrange { session: A, what });
    pass(&mut node);
    assert_eq!(names(&node), ["bound", "declared", "full", "used"].map(Box::from));
    let mut again = node.restarted();
    pass(&mut again);
    assert_eq!(
        names(&again),
        ["bound", "declared", "full"].map(Box::from),
        "unused since the start"
    );
    let what = Arrangement::Purge("full".into());
    node.tell(Input::Arrange { session: A, what });
    pass(&mut node);
    assert_eq!(names(&node), ["bound", "declared", "used"].map(Box::from));
    assert_eq!(names(&node.restarted()), ["bound", "declared", "used"].map(Box::from));
}

fn send_megabytes(node: &mut Node, to: &Target, megabytes: usize) {
    let body = "x".repeat(10_000);
    for _ in 0..megabytes * 100 {
        node.send(to, &body);
        node.store_all();
    }
}

#[test]
fn who_listens_and_does_not_take_stops_only_itself() {
    for deaf in [1, 2, 9] {
        let mut node = Node::new(Settings {
            memory: MEGABYTE,
            ..Settings::default()
        });
        for number in 0..deaf {
            node.subscribe(B, number, &topic("t"), 1000);
        }
        send_megabytes(&mut node, &topic("t"), 3);
        assert_eq!(node.holds, [] as [bool; 0], "{deaf}");
        let weight = node.broker.figures().weight;
        assert!(weight < MEGABYTE / 2 + 11_000 * deaf as usize, "{deaf}: {weight}");
        assert!(deaf > 1 || (MEGABYTE / 5..MEGABYTE / 3).contains(&weight), "{weight}");
        node.send(&topic("t"), "last");
        for at in 0.. {
            let Some(delivery) = node.delivered.get(at).map(|delivery| delivery.delivery) else {
                break;
            };
            node.settle(B, delivery, Outcome::Accepted);
        }
        let last = node.texts().into_iter().filter(|text| text == "last").count();
        assert_eq!(last, deaf as usize, "whoever takes again has what is newest");
        assert_eq!(node.broker.figures().weight, 0, "{deaf}");
    }
}

/// It acknowledges ten at a time, and the others have taken all the room and acknowledge nothing.
#[test]
fn whoever_acknowledges_several_at_a_time_is_not_stopped_by_those_who_do_not() {
    let mut node = Node::new(Settings {
        memory: 16 << 20,
        ..Settings::default()
    });
    for number in 0..14 {
        node.subscribe(B, number, &topic("t"), 100_000);
        send_megabytes(&mut node, &topic("t"), 5);
    }
    node.delivered.clear();
    let consumer = node.subscribe(A, 1, &topic("t"), 100_000);
    (0..10).for_each(|_| node.send(&topic("t"), &"x".repeat(1000)));
    let heard = node.delivered.iter().filter(|delivery| delivery.consumer == consumer);
    assert_eq!(heard.count(), 10);
    assert_eq!(node.holds, [] as [bool; 0]);
}

#[test]
fn what_happens_to_the_slow_is_the_operators_word() {
    let with = |slow| {
        let mut node = Node::new(Settings {
            memory: MEGABYTE,
            slow,
            ..Settings::default()
        });
        node.subscribe(B, 1, &topic("t"), 1000);
        send_megabytes(&mut node, &topic("t"), 2);
        (node.holds.clone(), node.abandoned.len())
    };
    assert_eq!(with(Some(Slow::Drop)), (vec![], 0));
    assert_eq!(with(Some(Slow::Disconnect)), (vec![], 1));
    assert_eq!(with(None), (vec![true], 0));
}

/// What a named client or a durable subscription is sent is not lost for that.
#[test]
fn senders_wait_for_who_is_to_have_everything() {
    let mut node = Node::new(Settings {
        memory: MEGABYTE,
        ..Settings::default()
    });
    let options = Subscription {
        durable: Some("d".into()),
        ..Subscription::default()
    };
    node.subscribe_with(B, 1, &topic("t"), options);
    send_megabytes(&mut node, &topic("t"), 2);
    assert_eq!(node.holds, [true]);
    assert_eq!(node.depth("d"), 200);
}

/// What is taken at once weighs nothing in its queue, but it is on its way to the disk.
#[test]
fn senders_wait_for_a_disk_that_is_slower_than_they_are() {
    let mut node = Node::new(Settings::default());
    let what = Arrangement::Consume(Consume {
        number: 1,
        queue: "q".into(),
        credit: None,
        limited: false,
        exclusive: false,
    });
    node.tell(declared("q"));
    node.send(&queue("lasting"), "");
    node.tell(Input::Arrange { session: A, what });
    let consumer = node.subscribe(B, 1, &queue("lasting"), 1000);
    let body = "x".repeat(1 << 20);
    for _ in 0..70 {
        node.send(&queue("lasting"), &body);
        let taken = std::mem::take(&mut node.delivered);
        for delivery in taken {
            node.settle(B, delivery.delivery, Outcome::Accepted);
            node.tell(Input::Credit { consumer, more: 1 });
        }
    }
    let figures = node.broker.figures();
    assert_eq!((figures.weight, figures.held), (0, Some(Scarce::Bandwidth)));
    let half = node.written[node.written.len() / 4].0;
    node.tell(Input::Stored { upto: half });
    assert_eq!(node.holds, [true], "not for each batch");
    node.store_all();
    assert_eq!(node.holds, [true, false]);
    assert_eq!(node.broker.figures().held, None);
}
