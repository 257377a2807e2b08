//! Links come and go, and how much may be on its way on them.

use tandem_mq_wire::amqp10::{Accepted, Detach, Symbol};

use super::*;

fn topic(address: &str) -> Source {
    Source {
        capabilities: vec!["topic".into()],
        ..source(address)
    }
}

fn lasting(address: &str) -> Source {
    Source {
        expiry_policy: Some("never".into()),
        ..topic(address)
    }
}

fn detach(handle: u32, closed: bool) -> Detach {
    Detach {
        handle,
        closed: Some(closed),
        error: None,
    }
}

#[test]
fn a_link_that_cannot_be_has_no_end_and_ends() {
    let selector = |text: &str| {
        let descriptor = Value::symbol("apache.org:selector-filter:string");
        let filter = Value::Described(Box::new((descriptor, Value::Text(text.into()))));
        Source {
            filter: vec![(Value::symbol("selector"), filter)],
            ..source("q")
        }
    };
    for attach in [
        receiver("a", 0, source("/nowhere/x")),
        receiver("a", 0, Source::default()),
        receiver("a", 0, selector("= =")),
        receiver("a", 0, source(&"x".repeat(1025))),
        receiver(&"n".repeat(513), 0, source("q")),
        sender("a", 0, Some("/exchange/x")),
        Attach {
            target: None,
            ..sender("a", 0, None)
        },
    ] {
        let mut node = Node::new();
        node.client(1);
        node.says(1, attach.clone());
        let Performative::Attach(answer) = node.hears(1) else {
            panic!("it is answered")
        };
        assert_eq!((&answer.name, answer.role), (&attach.name, !attach.role));
        let end = if attach.role {
            answer.source.is_none()
        } else {
            answer.target.is_none()
        };
        assert!(end, "{answer:?}");
        let Performative::Detach(detached) = node.hears(1) else {
            panic!("it ends")
        };
        assert_eq!(
            (detached.closed, condition(&detached.error)),
            (Some(true), "amqp:invalid-field")
        );
        // What crosses with that is nothing new, and then the handle is free.
        node.says(1, credit(0, 5));
        node.says(1, detach(0, true));
        node.hears_nothing(1);
        node.attaches(1, receiver("b", 0, source("q")));
    }
}

#[test]
fn links_may_have_the_same_name_in_both_directions_and_only_so() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("same", 0, Some("q")));
    node.attaches(1, receiver("same", 1, source("q")));
    node.puts(1, 0, 0, "one");
    // Whoever says it again has lost the first one.
    node.says(1, receiver("same", 2, source("q")));
    let Performative::Detach(stolen) = node.hears(1) else {
        panic!("the first one ends")
    };
    assert_eq!((stolen.handle, condition(&stolen.error)), (1, "amqp:link:stolen"));
    assert!(matches!(node.hears(1), Performative::Attach(_)));
    node.says(1, credit(2, 1));
    assert_eq!(node.gets(1).1, "one");
}

#[test]
fn what_comes_before_the_answer_counts_after_it() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.puts(1, 0, 0, "one");
    node.fast_disk = false;
    node.sends(1, transfer(0, 1), payload("two"));
    node.says(1, receiver("r", 1, source("q")));
    node.says(1, credit(1, 1));
    node.hears_nothing(1);
    node.store();
    let heard = [node.hears(1), node.hears(1)];
    assert!(
        heard.iter().any(|said| matches!(said, Performative::Attach(_))),
        "{heard:?}"
    );
    assert_eq!(node.gets(1).1, "one");
}

#[test]
fn no_more_comes_than_was_asked_for() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    for id in 0..5 {
        node.puts(1, 0, id, &id.to_string());
    }
    node.attaches(1, receiver("r", 1, source("q")));
    node.hears_nothing(1);
    node.says(1, credit(1, 2));
    let (first, text) = node.gets(1);
    assert_eq!((first.delivery_id, &*text), (Some(0), "0"));
    assert_eq!(node.gets(1).1, "1");
    node.hears_nothing(1);
    // Two that were counted, and one more.
    node.says(1, credit(1, 3));
    assert_eq!(node.gets(1).1, "2");
    node.hears_nothing(1);
    // Less than is out is nothing.
    node.says(1, credit(1, 1));
    node.puts(1, 0, 5, "5");
    node.hears_nothing(1);
}

#[test]
fn credit_can_be_taken_back() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, receiver("r", 0, source("q")));
    node.attaches(1, sender("s", 1, Some("q")));
    node.says(1, credit(0, 10));
    node.says(1, credit(0, 0));
    node.puts(1, 1, 0, "late");
    node.hears_nothing(1);
    node.says(1, credit(0, 1));
    let (transfer, text) = node.gets(1);
    assert_eq!((&*text, transfer.delivery_id), ("late", Some(0)));
}

#[test]
fn a_drain_uses_up_what_is_left() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.puts(1, 0, 0, "one");
    node.attaches(1, receiver("r", 1, source("q")));
    let drain = Flow {
        drain: Some(true),
        ..credit(1, 10)
    };
    node.says(1, drain);
    assert_eq!(node.gets(1).1, "one");
    let Performative::Flow(flow) = node.hears(1) else {
        panic!("it says that there is no more")
    };
    assert_eq!(
        (flow.handle, flow.delivery_count, flow.link_credit, flow.drain),
        (Some(1), Some(10), Some(0), Some(true))
    );
    node.puts(1, 0, 1, "two");
    node.hears_nothing(1);
    let more = Flow {
        delivery_count: Some(10),
        ..credit(1, 1)
    };
    node.says(1, more);
    assert_eq!(node.gets(1).1, "two");
}

#[test]
fn whoever_asks_where_it_stands_is_told() {
    let mut node = Node::new();
    node.client(1);
    let echo = Flow {
        echo: Some(true),
        handle: None,
        ..credit(0, 0)
    };
    node.says(1, echo);
    let Performative::Flow(flow) = node.hears(1) else {
        panic!("it is told")
    };
    assert_eq!((flow.handle, flow.next_incoming_id), (None, Some(0)));
    node.attaches(1, receiver("r", 0, source("q")));
    let echo = Flow {
        echo: Some(true),
        ..credit(0, 3)
    };
    node.says(1, echo);
    let Performative::Flow(flow) = node.hears(1) else {
        panic!("it is told")
    };
    assert_eq!(
        (flow.handle, flow.delivery_count, flow.link_credit),
        (Some(0), Some(0), Some(3))
    );
}

#[test]
fn a_subscription_outlives_its_link_if_that_is_wanted() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("/topic/t")));
    let answer = node.attaches(1, receiver("sub", 1, lasting("t")));
    let expiry = answer.source.and_then(|source| source.expiry_policy);
    assert_eq!(expiry, Some(Symbol::from("never")));
    node.attaches(1, receiver("passing", 2, topic("t")));
    node.says(1, detach(1, false));
    node.says(1, detach(2, false));
    assert_eq!(node.hears(1), Performative::Detach(detach(1, false)));
    assert_eq!(node.hears(1), Performative::Detach(detach(2, false)));
    node.puts(1, 0, 0, "kept");
    let answer = node.attaches(1, receiver("passing", 2, topic("t")));
    assert_eq!(answer.source.and_then(|source| source.expiry_policy), None);
    node.attaches(1, receiver("sub", 1, lasting("t")));
    node.says(1, credit(2, 1));
    node.hears_nothing(1);
    node.says(1, credit(1, 1));
    let (transfer, text) = node.gets(1);
    assert_eq!((transfer.handle, &*text), (1, "kept"));
    // Whoever closes it wants it no more; nor does who looks it up for that.
    for lookup in [false, true] {
        node.says(1, detach(1, true));
        node.clients.get_mut(&1).unwrap().heard.clear();
        assert!(node.broker.queues().all(|queue| !queue.durable));
        if !lookup {
            node.attaches(1, receiver("sub", 1, lasting("t")));
            node.says(1, detach(1, false));
            node.clients.get_mut(&1).unwrap().heard.clear();
            node.attaches(
                1,
                Attach {
                    source: None,
                    ..receiver("sub", 1, topic("t"))
                },
            );
        }
    }
}

/// As JMS clients ask for each subscription to a topic.
#[test]
fn a_copy_of_a_topic_is_the_subscribers() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("/topic/t")));
    let copies = Source {
        durable: Some(2),
        distribution_mode: Some("copy".into()),
        ..lasting("t")
    };
    node.attaches(1, receiver("sub", 1, copies.clone()));
    node.puts(1, 0, 0, "one");
    node.says(1, credit(1, 1));
    let (came, text) = node.gets(1);
    assert_eq!(text, "one");
    node.says(1, settled(came.delivery_id.unwrap(), Accepted {}));
    node.says(1, detach(1, false));
    node.clients.get_mut(&1).unwrap().heard.clear();
    node.attaches(1, receiver("sub", 1, copies));
    node.says(1, credit(1, 1));
    node.hears_nothing(1);
}

#[test]
fn two_cannot_have_one_subscription() {
    let mut node = Node::new();
    node.client(1);
    node.client(2);
    node.attaches(1, receiver("sub", 0, lasting("t")));
    node.says(2, receiver("sub", 0, lasting("t")));
    assert!(matches!(
        node.hears(2),
        Performative::Attach(Attach { source: None, .. })
    ));
    let Performative::Detach(detached) = node.hears(2) else {
        panic!("it ends")
    };
    assert_eq!(condition(&detached.error), "amqp:resource-locked");
}

#[test]
fn a_queue_of_ones_own_is_gone_with_its_link() {
    let mut node = Node::new();
    node.client(1);
    node.client(2);
    let dynamic = Source {
        dynamic: Some(true),
        ..Source::default()
    };
    let answer = node.attaches(1, receiver("own", 0, dynamic));
    let address = answer.source.and_then(|source| source.address).unwrap();
    node.says(1, credit(0, 1));
    node.attaches(2, sender("reply", 0, Some(&address)));
    node.puts(2, 0, 0, "answer");
    assert_eq!(node.gets(1).1, "answer");
    // Others may send to it, and take nothing from it.
    node.says(2, receiver("thief", 1, source(&address)));
    assert!(matches!(
        node.hears(2),
        Performative::Attach(Attach { source: None, .. })
    ));
    assert_eq!(node.broker.queues().count(), 1);
    node.says(1, detach(0, true));
    assert_eq!(node.broker.queues().count(), 0);
    let mut wanted = sender("made", 1, None);
    wanted.target = Some(
        Target {
            dynamic: Some(true),
            ..Target::default()
        }
        .into(),
    );
    node.hears(1);
    let answer = node.attaches(1, wanted);
    assert!(matches!(
        answer.target,
        Some(tandem_mq_wire::amqp10::Terminus::Target(Target {
            address: Some(_),
            ..
        }))
    ));
    assert_eq!(node.broker.queues().count(), 1);
    node.says(1, Close::default());
    assert_eq!(node.broker.queues().count(), 0);
}

#[test]
fn what_was_not_settled_goes_back() {
    let mut node = Node::new();
    node.client(1);
    node.attaches(1, sender("s", 0, Some("q")));
    node.puts(1, 0, 0, "one");
    node.attaches(1, receiver("r", 1, source("q")));
    node.says(1, credit(1, 1));
    node.gets(1);
    node.says(1, detach(1, true));
    node.hears(1);
    // What is said of it now is too late.
    node.says(1, settled(0, Accepted {}));
    node.attaches(1, receiver("r", 1, source("q")));
    node.says(1, credit(1, 1));
    assert_eq!(node.gets(1).1, "one");
}
