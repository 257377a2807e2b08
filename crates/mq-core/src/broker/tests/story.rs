//! What a person would try, one thing at a time.

use super::*;
use crate::{Priority, WallMillis};

#[test]
fn a_message_waits_for_its_consumer_and_goes_when_accepted() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "one");
    assert_eq!(node.depth("q"), 1);
    node.subscribe(B, 1, &queue("q"), 10);
    let delivery = node.delivered[0].delivery;
    assert_eq!(node.texts(), ["one"]);
    node.settle(B, delivery, Outcome::Accepted);
    assert_eq!(node.depth("q"), 0);
    assert!(matches!(node.written.last(), Some((_, Record::Gone { .. }))));
}

#[test]
fn nobody_is_told_before_the_disk_has_it() {
    let mut node = Node::new(Settings::default());
    node.sync(1);
    assert_eq!(node.synced, [1], "nothing was written, so nothing is waited for");
    node.send(&queue("q"), "one");
    node.sync(2);
    assert_eq!(node.synced, [1]);
    node.tell(Input::Stored { upto: Lsn(1) });
    assert_eq!(node.synced, [1], "the queue is on disk, the message is not");
    node.store_all();
    assert_eq!(node.synced, [1, 2]);
}

#[test]
fn what_need_not_survive_is_not_written() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "makes the queue");
    let before = node.written.len();
    let fleeting = Message {
        durable: false,
        ..message("x")
    };
    node.send_in(None, &queue("q"), fleeting);
    node.send(&topic("t"), "nobody listens");
    node.subscribe(B, 1, &topic("t"), 10);
    node.send(&topic("t"), "his subscription ends with him");
    assert_eq!(node.written.len(), before);
}

#[test]
fn credit_is_the_most_that_is_out() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c", "d"] {
        node.send(&queue("q"), text);
    }
    let consumer = node.subscribe(B, 1, &queue("q"), 2);
    assert_eq!(node.texts(), ["a", "b"]);
    node.tell(Input::Credit { consumer, more: 1 });
    assert_eq!(node.texts(), ["c"]);
}

#[test]
fn consumers_of_a_queue_share_it_and_subscribers_of_a_topic_each_get_all() {
    let mut node = Node::new(Settings::default());
    for number in [1, 2] {
        node.subscribe(B, number, &queue("q"), 10);
        node.subscribe(A, number, &topic("t"), 10);
    }
    for text in ["a", "b"] {
        node.send(&queue("q"), text);
        node.send(&topic("t"), text);
    }
    let to = |session, number| {
        let all = node
            .delivered
            .iter()
            .filter(move |d| d.consumer == ConsumerId { session, number });
        all.map(|d| text(&d.message)).collect::<Vec<_>>()
    };
    assert_eq!((to(B, 1), to(B, 2)), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(
        (to(A, 1), to(A, 2)),
        (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()])
    );
}

#[test]
fn a_subscription_with_holes_hears_all_that_match() {
    let mut node = Node::new(Settings::default());
    node.subscribe(B, 1, &topic("a.*"), 10);
    for (address, text) in [("a.b", "1"), ("a", "2"), ("a.c", "3"), ("a.b.c", "4")] {
        node.send(&topic(address), text);
    }
    assert_eq!(node.texts(), ["1", "3"]);
}

#[test]
fn what_a_lost_consumer_held_comes_again_in_order_and_says_so() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    node.subscribe(A, 1, &queue("q"), 2);
    assert!(node.delivered.iter().all(|d| !d.redelivered));
    node.delivered.clear();
    node.tell(Input::Closed { session: A });
    node.subscribe(B, 1, &queue("q"), 10);
    let seen: Vec<_> = node
        .delivered
        .iter()
        .map(|d| (text(&d.message), d.redelivered, d.attempts))
        .collect();
    assert_eq!(
        seen,
        [("a".into(), true, 1), ("b".into(), true, 0), ("c".into(), false, 0)]
    );
}

#[test]
fn each_outcome_has_its_end() {
    for (outcome, in_queue, in_dead, redelivered) in [
        (Outcome::Accepted, 0, 0, 0),
        (Outcome::Released, 1, 0, 1),
        (Outcome::Failed, 1, 0, 1),
        (Outcome::Rejected, 0, 1, 0),
    ] {
        let mut node = Node::new(Settings::default());
        node.send(&queue("q"), "x");
        node.subscribe(B, 1, &queue("q"), 2);
        let delivery = node.delivered.remove(0).delivery;
        node.settle(B, delivery, outcome);
        assert_eq!((node.depth("q"), node.depth("DLQ")), (in_queue, in_dead), "{outcome:?}");
        assert_eq!(node.delivered.len(), redelivered, "{outcome:?}");
    }
}

#[test]
fn after_the_most_attempts_it_is_dead_and_says_where_it_came_from() {
    let default = Policy {
        max_attempts: 3,
        ..Policy::default()
    };
    let mut node = Node::new(Settings {
        default,
        ..Settings::default()
    });
    node.send(&queue("q"), "poison");
    node.subscribe(B, 1, &queue("q"), 10);
    for _ in 0..3 {
        let delivery = node.delivered.remove(0).delivery;
        node.settle(B, delivery, Outcome::Failed);
    }
    assert_eq!((node.depth("q"), node.depth("DLQ"), node.delivered.len()), (0, 1, 0));
    node.subscribe(B, 2, &queue("DLQ"), 1);
    let property = &node.delivered[0].message.properties[0];
    assert_eq!(property, &("_AMQ_ORIG_ADDRESS".into(), crate::Value::Text("q".into())));
    let delivery = node.delivered[0].delivery;
    node.settle(B, delivery, Outcome::Rejected);
    assert_eq!(node.depth("DLQ"), 0, "what dies there is gone");
}

#[test]
fn a_message_that_is_too_old_goes_to_the_expiry_queue() {
    let mut node = Node::new(Settings {
        began: 1000,
        ..Settings::default()
    });
    let old = Message {
        expires: Some(WallMillis(1500)),
        ..message("x")
    };
    node.send_in(None, &queue("q"), old.clone());
    assert_eq!(node.broker.poll_deadline(), Some(Mono::from_millis(500)));
    node.now = Mono::from_millis(499);
    node.broker.on_deadline(node.now);
    assert_eq!(node.depth("q"), 1, "a call too early does nothing");
    node.now = Mono::from_millis(500);
    node.broker.on_deadline(node.now);
    node.listen();
    assert_eq!((node.depth("q"), node.depth("ExpiryQueue")), (0, 1));
    assert_eq!(node.broker.poll_deadline(), None);
    assert!(
        matches!(node.written.last(), Some((_, Record::All(both))) if both.len() >= 2),
        "as one step"
    );
}

#[test]
fn higher_priorities_overtake() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "ordinary");
    node.send_in(
        None,
        &queue("q"),
        Message {
            priority: Some(Priority::of(9)),
            ..message("urgent")
        },
    );
    node.subscribe(B, 1, &queue("q"), 10);
    let urgent = node.delivered[0].delivery;
    assert_eq!(node.texts(), ["urgent", "ordinary"]);
    node.settle(B, urgent, Outcome::Accepted);
    let mut node = node.restarted();
    node.subscribe(B, 1, &queue("q"), 10);
    assert_eq!(
        node.texts(),
        ["ordinary"],
        "what was accepted does not return, whatever its priority"
    );
}

#[test]
fn a_transaction_is_one_step_or_none() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "taken");
    node.subscribe(A, 1, &queue("q"), 1);
    let delivery = node.delivered.remove(0).delivery;
    let before = node.written.len();
    node.tell(Input::Begin {
        session: A,
        transaction: TransactionId(7),
    });
    node.send_in(Some(7), &queue("r"), message("one"));
    node.settle_in(A, Some(7), delivery, Outcome::Accepted);
    assert_eq!(
        (node.written.len(), node.depth("r"), node.depth("q")),
        (before, 0, 1),
        "nothing happened yet"
    );
    node.tell(Input::Commit {
        session: A,
        transaction: TransactionId(7),
    });
    assert_eq!(
        (node.written.len(), node.depth("r"), node.depth("q")),
        (before + 1, 1, 0)
    );
}

#[test]
fn what_a_transaction_settled_waits_for_it_also_when_its_consumer_is_gone() {
    let end = |commit: bool| match commit {
        true => Input::Commit {
            session: A,
            transaction: TransactionId(7),
        },
        false => Input::Abort {
            session: A,
            transaction: TransactionId(7),
        },
    };
    // A queue, a subscription that goes with its consumer, and one that is forgotten.
    for (to, durable) in [(queue("q"), false), (topic("t"), false), (topic("t"), true)] {
        for (ending, sent, left) in [
            (end(true), 1, 1),
            (end(false), 0, 2),
            (Input::Closed { session: A }, 0, 2),
        ] {
            let mut node = Node::new(Settings::default());
            let name = durable.then_some("sub");
            let options = Subscription {
                credit: 2,
                durable: name.map(Into::into),
                ..Subscription::default()
            };
            let consumer = node.subscribe_with(A, 1, &to, options);
            node.send(&to, "one");
            node.send(&to, "two");
            let delivery = node.delivered[0].delivery;
            node.tell(Input::Begin {
                session: A,
                transaction: TransactionId(7),
            });
            node.send_in(Some(7), &queue("r"), message("answer"));
            node.settle_in(A, Some(7), delivery, Outcome::Accepted);
            node.tell(Input::Unsubscribe { consumer });
            if let Some(name) = name {
                node.tell(Input::Forget {
                    session: A,
                    name: name.into(),
                });
            }
            node.delivered.clear();
            node.subscribe(B, 1, &queue("q"), 10);
            if to.kind == Kind::Anycast {
                assert_eq!(node.texts(), ["two"], "the other one is in a transaction");
                assert_eq!(node.depth("q"), 2);
            }
            node.tell(ending);
            assert_eq!((&node.refused[..], node.depth("r")), (&[][..], sent));
            if to.kind == Kind::Anycast {
                assert_eq!(node.depth("q"), left);
                assert_eq!(node.texts().len(), left - 1);
            }
            assert!(node.broker.deliveries.values().all(|consumer| consumer.session == B));
            let lingers = node.broker.consumers.keys().any(|consumer| consumer.session == A);
            assert!(!lingers, "nothing is left of it");
        }
    }
}

#[test]
fn an_aborted_transaction_never_was() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "held");
    node.subscribe(A, 1, &queue("q"), 1);
    let delivery = node.delivered[0].delivery;
    node.tell(Input::Begin {
        session: A,
        transaction: TransactionId(7),
    });
    node.send_in(Some(7), &queue("r"), message("one"));
    node.settle_in(A, Some(7), delivery, Outcome::Accepted);
    node.settle_in(A, Some(7), delivery, Outcome::Accepted);
    assert_eq!(node.refused, [Refusal::NoDelivery], "it is settled in the transaction");
    node.tell(Input::Abort {
        session: A,
        transaction: TransactionId(7),
    });
    assert_eq!((node.depth("r"), node.depth("q")), (0, 1));
    node.settle(A, delivery, Outcome::Accepted);
    assert_eq!(node.depth("q"), 0, "it can be settled again");
}

#[test]
fn a_durable_subscription_collects_while_nobody_listens() {
    let mut node = Node::new(Settings::default());
    let options = || Subscription {
        credit: 10,
        durable: Some("me.sub".into()),
        ..Subscription::default()
    };
    let consumer = node.subscribe_with(B, 1, &topic("t"), options());
    node.subscribe_with(A, 1, &topic("t"), options());
    assert_eq!(node.refused, [Refusal::SubscriptionInUse("me.sub".into())]);
    node.tell(Input::Unsubscribe { consumer });
    node.send(&topic("t"), "missed");
    let mut node = node.restarted();
    node.subscribe_with(B, 1, &topic("t"), options());
    assert_eq!(node.texts(), ["missed"]);
    node.tell(Input::Closed { session: B });
    node.tell(Input::Forget {
        session: A,
        name: "me.sub".into(),
    });
    node.tell(Input::Forget {
        session: A,
        name: "me.sub".into(),
    });
    assert_eq!(node.refused, [Refusal::NoSubscription("me.sub".into())]);
    assert_eq!(node.depth("me.sub"), 0);
}

#[test]
fn a_browser_sees_all_and_takes_nothing() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    let options = Subscription {
        credit: 2,
        browse: true,
        ..Subscription::default()
    };
    let consumer = node.subscribe_with(B, 1, &queue("q"), options);
    assert_eq!((node.texts(), node.browsed), (vec!["a".to_owned(), "b".to_owned()], 0));
    node.tell(Input::Credit { consumer, more: 2 });
    assert_eq!((node.texts(), node.browsed), (vec!["c".to_owned()], 1));
    assert_eq!(node.depth("q"), 3);
}

/// Whoever only looks, perhaps by a name that he has mistyped, makes nothing, and needs no right to.
#[test]
fn who_browses_makes_no_queue() {
    let mut node = Node::new(Settings::default());
    let options = Subscription {
        credit: 1,
        browse: true,
        ..Subscription::default()
    };
    node.subscribe_with(B, 1, &queue("ordres"), options);
    assert_eq!(node.refused, [Refusal::Missing(Thing::Queue, "ordres".into())]);
    assert_eq!((node.broker.queues().count(), node.written.len()), (0, 0));
}

/// A topic is copied anyway: what its subscription took would be nobody's.
#[test]
fn who_browses_a_topic_subscribes_to_it() {
    let mut node = Node::new(Settings::default());
    for (number, durable) in [(1, None), (2, Some("me.sub".into()))] {
        let options = Subscription {
            credit: 1,
            browse: true,
            durable,
            ..Subscription::default()
        };
        node.subscribe_with(B, number, &topic("t"), options);
    }
    node.send(&topic("t"), "a");
    for delivery in node.delivered.drain(..).map(|d| d.delivery).collect::<Vec<_>>() {
        node.settle(B, delivery, Outcome::Accepted);
    }
    let counts = node
        .broker
        .queues()
        .map(|queue| (queue.depth, queue.counts.acknowledged));
    assert_eq!(counts.collect::<Vec<_>>(), [(0, 1), (0, 1)]);
}

/// It expires for the second time, when somebody has had it already.
#[test]
fn what_dies_again_after_a_crash_says_that_it_may_have_been_seen() {
    for falls in [false, true] {
        let mut node = Node::new(Settings::default());
        let message = Message {
            expires: Some(WallMillis(100)),
            ..message("short")
        };
        node.send_in(None, &queue("q"), message);
        if falls {
            node = node.fell(node.written.len(), Mono::from_millis(50));
        }
        node.subscribe(A, 1, &queue("ExpiryQueue"), 9);
        node.now = Mono::from_millis(100);
        node.broker.on_deadline(node.now);
        node.listen();
        let told: Vec<bool> = node.delivered.iter().map(|delivery| delivery.redelivered).collect();
        assert_eq!(told, [falls]);
    }
}

#[test]
fn producers_wait_while_memory_is_full() {
    let mut node = Node::new(Settings {
        memory: 10_000,
        ..Settings::default()
    });
    let big = "x".repeat(4000);
    (0..3).for_each(|_| node.send(&queue("q"), &big));
    assert_eq!(node.holds, [true]);
    node.subscribe(B, 1, &queue("q"), 10);
    for delivery in node.delivered.drain(..).map(|d| d.delivery).collect::<Vec<_>>() {
        node.settle(B, delivery, Outcome::Accepted);
    }
    assert_eq!(node.holds, [true, false]);
}

#[test]
fn what_is_not_there_is_refused_and_nothing_else_happens() {
    let mut node = Node::new(Settings::default());
    let consumer = ConsumerId { session: A, number: 9 };
    node.settle(A, DeliveryId(99), Outcome::Accepted);
    node.tell(Input::Commit {
        session: A,
        transaction: TransactionId(1),
    });
    node.tell(Input::Unsubscribe { consumer });
    node.send(&queue(""), "x");
    node.subscribe(A, 1, &queue("q"), 1);
    node.subscribe(A, 1, &queue("q"), 1);
    let kinds: Vec<String> = node.refused.iter().map(ToString::to_string).collect();
    assert_eq!(
        kinds,
        [
            "this delivery is settled, or never was",
            "there is no transaction 1",
            "there is no consumer 9",
            "\"\" is not a name for an address: it is empty",
            "consumer 1 exists already",
        ]
    );
    node.send(&queue("q"), "x");
    let delivery = node.delivered[0].delivery;
    node.settle(B, delivery, Outcome::Accepted);
    assert_eq!(
        node.refused.last(),
        Some(&Refusal::NoDelivery),
        "it is another session's"
    );
    assert_eq!(node.depth("q"), 1);
}

#[test]
fn a_crash_keeps_what_was_written_in_its_order() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    node.subscribe(B, 1, &queue("q"), 2);
    let second = node.delivered[1].delivery;
    node.settle(B, second, Outcome::Accepted);
    let mut node = node.restarted();
    node.send(&queue("q"), "d");
    node.subscribe(B, 1, &queue("q"), 10);
    let seen: Vec<_> = node
        .delivered
        .iter()
        .map(|d| (text(&d.message), d.redelivered))
        .collect();
    assert_eq!(seen, [("a".into(), true), ("c".into(), true), ("d".into(), false)]);
}

#[test]
fn a_selector_passes_over_what_others_take_and_looks_again_when_it_comes_back() {
    let mut node = Node::new(Settings::default());
    let red = Subscription {
        credit: 10,
        selector: Some(crate::Selector::parse("JMSPriority > 4").unwrap()),
        ..Subscription::default()
    };
    let selective = node.subscribe_with(B, 1, &queue("q"), red.clone());
    let with = |text: &str, priority: u8| Message {
        priority: Some(Priority::of(priority)),
        ..message(text)
    };
    for (text, priority) in [("a", 1), ("b", 5), ("c", 1), ("d", 5)] {
        node.send_in(None, &queue("q"), with(text, priority));
    }
    assert_eq!(node.texts(), ["b", "d"]);
    node.tell(Input::Unsubscribe { consumer: selective });
    let all = node.subscribe(A, 2, &queue("q"), 2);
    assert_eq!(
        node.texts(),
        ["b", "d"],
        "what it held is there again, and the highest comes first"
    );
    node.subscribe_with(B, 1, &queue("q"), red);
    assert_eq!(node.texts(), [""; 0]);
    // What comes back is looked at again.
    node.tell(Input::Unsubscribe { consumer: all });
    assert_eq!(node.texts(), ["b", "d"]);
    assert_eq!(node.depth("q"), 4);
}

#[test]
fn a_topics_selector_is_its_subscriptions_and_outlives_the_node() {
    let mut node = Node::new(Settings::default());
    let named = |selector: &str| Subscription {
        credit: 10,
        durable: Some("s".into()),
        selector: Some(crate::Selector::parse(selector).unwrap()),
        ..Subscription::default()
    };
    let first = node.subscribe_with(B, 1, &topic("t"), named("x = 'y'"));
    node.tell(Input::Unsubscribe { consumer: first });
    let mut node = node.restarted();
    let wanted = Message {
        properties: vec![("x".into(), crate::Value::Text("y".into()))],
        ..message("wanted")
    };
    node.send(&topic("t"), "other");
    node.send_in(None, &topic("t"), wanted);
    assert_eq!(node.depth("s"), 1);
    let same = node.subscribe_with(B, 1, &topic("t"), named("x = 'y'"));
    assert_eq!(node.texts(), ["wanted"]);
    node.tell(Input::Unsubscribe { consumer: same });
    node.subscribe_with(B, 1, &topic("t"), named("x = 'z'"));
    assert_eq!(
        (node.texts().len(), node.depth("s")),
        (0, 0),
        "another selector is another subscription"
    );
}

/// Whoever knew the name of a queue for answers that is gone, or guessed one that is to come, cannot take its place.
#[test]
fn a_name_that_only_we_give_makes_no_queue() {
    let missing = |name: &str| Refusal::Missing(Thing::Queue, name.into());
    for name in ["stomp.temp-1.1.1", "amqp.dynamic-1.1.1", "amq.gen-1.1.1"] {
        let mut node = Node::new(Settings::default());
        node.subscribe(A, 1, &queue(name), 9);
        assert_eq!(node.refused, [missing(name)]);
        let declared = Declared {
            exclusive: true,
            ..Declared::default()
        };
        let what = Arrangement::SameQueue {
            name: name.into(),
            declared,
        };
        node.tell(Input::Arrange { session: B, what });
        assert_eq!(node.refused, [missing(name), missing(name)]);
        assert_eq!(node.broker.queues().count(), 0);
    }
}

/// As ActiveMQ has it: one takes all, in order, and the others stand by.
#[test]
fn an_exclusive_consumer_has_the_queue_for_itself_until_it_goes() {
    let mut node = Node::new(Settings::default());
    let alone = |credit| Subscription {
        credit,
        exclusive: true,
        ..Subscription::default()
    };
    node.subscribe(A, 1, &queue("q"), 100);
    let first = node.subscribe_with(B, 1, &queue("q"), alone(2));
    let second = node.subscribe_with(A, 2, &queue("q"), alone(100));
    for text in ["1", "2", "3"] {
        node.send(&queue("q"), text);
    }
    let takers = |node: &mut Node| node.delivered.drain(..).map(|d| d.consumer).collect::<Vec<_>>();
    assert_eq!(takers(&mut node), [first, first], "also when it has no credit for more");
    node.tell(Input::Unsubscribe { consumer: first });
    assert_eq!(takers(&mut node), [second; 3]);
    node.tell(Input::Unsubscribe { consumer: second });
    assert_eq!(takers(&mut node).len(), 3);
}
