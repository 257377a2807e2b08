//! What somebody makes up, or puts in a long row, has an end.

use super::*;

fn dead(to: &str) -> Table {
    Table::default()
        .with("x-dead-letter-exchange", Field::Text("".into()))
        .with("x-dead-letter-routing-key", Field::Text(to.into()))
}

fn exchange(name: &str, auto_delete: bool) -> Method {
    Method::ExchangeDeclare {
        ticket: 0,
        exchange: name.into(),
        kind: "fanout".into(),
        passive: false,
        durable: true,
        auto_delete,
        internal: false,
        nowait: true,
        arguments: Table::default(),
    }
}

fn refuses(queue: &str, behaviour: &str) -> Method {
    let full = Table::default()
        .with("x-max-length", Field::Int(1))
        .with("x-overflow", Field::Text(behaviour.into()));
    declare(queue, full)
}

#[test]
fn a_death_that_a_client_made_up_opens_no_circle() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "a", dead("a").with("x-message-ttl", Field::Int(0)));
    let death = Table::default()
        .with("queue", Field::Text("z".into()))
        .with("reason", Field::Text("rejected".into()));
    let properties = Properties {
        headers: Some(Table::default().with("x-death", Field::List(vec![Field::Table(death)]))),
        ..Properties::default()
    };
    node.publish_with(1, "", "a", "x", properties, false);
    node.passes(Duration::ZERO);
    assert_eq!((node.depth("a"), node.broker.poll_deadline()), (0, None));
}

#[test]
fn a_long_row_of_full_queues_has_an_end() {
    let mut node = Node::new();
    node.client(1);
    for number in 0..3000 {
        let to = dead(&format!("q{}", number + 1)).with("x-max-length", Field::Int(0));
        node.declare(1, &format!("q{number}"), to);
    }
    node.publish(1, "", "q0", "x");
    let depth: usize = node.broker.queues().map(|view| view.depth).sum();
    let counts: u64 = node.broker.queues().map(|view| view.counts.dropped).sum();
    assert_eq!(depth, 0);
    assert!((2..100).contains(&counts), "{counts}");
}

#[test]
fn a_long_row_of_exchanges_goes_with_its_end() {
    let mut node = Node::new();
    node.client(1);
    let many = 5000;
    for number in 0..many {
        node.says(1, 1, exchange(&format!("x{number}"), number + 1 < many));
    }
    for number in 1..many {
        let bind = Method::ExchangeBind {
            ticket: 0,
            destination: format!("x{number}").into(),
            source: format!("x{}", number - 1).into(),
            key: "".into(),
            nowait: true,
            arguments: Table::default(),
        };
        node.says(1, 1, bind);
    }
    let delete = Method::ExchangeDelete {
        ticket: 0,
        exchange: format!("x{}", many - 1).into(),
        if_unused: false,
        nowait: false,
    };
    node.says(1, 1, delete);
    assert_eq!(node.hears(1), Method::ExchangeDeleteOk {});
    node.publish(1, "x0", "", "x");
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 404, .. }));
}

/// Also when it is another protocol's client that sends, which hears of it.
#[test]
fn a_queue_that_rejects_loses_nothing() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, 1, refuses("q", "reject-publish"));
    assert!(matches!(node.hears(1), Method::QueueDeclareOk { .. }));
    node.publish(1, "", "q", "first");
    let session = SessionId::of_connection(9);
    node.broker.handle(broker::Input::Opened { session }, node.now);
    for kind in [crate::Kind::Anycast, crate::Kind::Multicast] {
        let to = broker::Target {
            address: "q".into(),
            kind,
        };
        let bind = Method::QueueBind {
            ticket: 0,
            queue: "q".into(),
            exchange: "amq.topic".into(),
            key: "q".into(),
            nowait: true,
            arguments: Table::default(),
        };
        node.says(1, 1, bind);
        let send = broker::Input::Send {
            session,
            transaction: None,
            to,
            message: crate::Message::default(),
            once: None,
        };
        node.broker.handle(send, node.now);
        let full = |output: &broker::Output| matches!(output, broker::Output::Refused { .. });
        let outputs: Vec<_> = std::iter::from_fn(|| node.broker.poll_output()).collect();
        assert_eq!(outputs.iter().any(full), kind == crate::Kind::Anycast);
    }
    node.consume(1, "q", "t", true);
    assert_eq!(node.bodies(1), ["first"]);
}

#[test]
fn a_commit_that_a_queue_has_no_room_for_does_not_happen_and_ends_the_channel() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, 1, refuses("q", "reject-publish"));
    assert!(matches!(node.hears(1), Method::QueueDeclareOk { .. }));
    node.declare(1, "free", Table::default());
    node.publish(1, "", "free", "work");
    node.consume(1, "free", "t", false);
    assert_eq!(node.bodies(1), ["work"]);
    node.says(1, 1, Method::TxSelect {});
    assert_eq!(node.hears(1), Method::TxSelectOk {});
    for queue in ["free", "q", "q"] {
        node.publish(1, "", queue, "in it");
    }
    let ack = Method::Ack {
        tag: 1,
        multiple: false,
    };
    node.says(1, 1, ack);
    node.says(1, 1, Method::TxCommit {});
    let Method::ChannelClose {
        code: 406,
        text,
        class: 90,
        method: 20,
    } = node.hears(1)
    else {
        panic!("the channel ends")
    };
    assert!(text.contains("no room"), "{text}");
    assert_eq!(node.hears_maybe(1), None, "nothing is said to be committed");
    assert_eq!(
        (node.depth("q"), node.depth("free")),
        (0, 1),
        "what was acknowledged is there"
    );
}

/// The client does not wait for the answer to what it sent wrongly.
#[test]
fn nothing_is_committed_after_a_mistake() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    let client = node.clients.get_mut(&1).unwrap();
    let publish = |exchange: &str| Method::Publish {
        ticket: 0,
        exchange: exchange.into(),
        key: "q".into(),
        mandatory: false,
        immediate: false,
    };
    let mut says = |item| client.session.handle(Input::Item(item), Mono::ZERO);
    says(Item::Method(1, Method::TxSelect {}));
    for exchange in ["", "nowhere", ""] {
        says(Item::Method(1, publish(exchange)));
        says(Item::Header(1, 0, Box::default()));
        if exchange.is_empty() {
            continue;
        }
        says(Item::Method(1, Method::TxCommit {}));
    }
    says(Item::Method(1, Method::TxCommit {}));
    node.turn();
    assert_eq!(node.hears(1), Method::TxSelectOk {});
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 404, .. }));
    assert_eq!((node.hears_maybe(1), node.depth("q")), (None, 0));
}

#[test]
fn a_transaction_is_not_larger_than_a_record_may_be() {
    let mut node = Node::new();
    node.broker = broker::Broker::new(broker::Settings {
        memory: 10_000,
        ..broker::Settings::default()
    });
    node.client(1);
    node.declare(1, "q", Table::default());
    for round in 0..3 {
        node.says(1, 1, Method::TxSelect {});
        assert_eq!(node.hears(1), Method::TxSelectOk {});
        for _ in 0..4 {
            node.publish(1, "", "q", &"x".repeat(1500));
        }
        node.says(1, 1, Method::TxRollback {});
        assert_eq!(
            node.hears(1),
            Method::TxRollbackOk {},
            "{round}: what was given up counts no more"
        );
    }
    for _ in 0..8 {
        node.publish(1, "", "q", &"x".repeat(1500));
        if node.clients[&1].heard.front().is_some() {
            break;
        }
    }
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 406, .. }));
    assert_eq!(node.depth("q"), 0);
}

#[test]
fn arguments_are_small() {
    let mut node = Node::new();
    node.client(1);
    let large = Table::default().with("x-anything", Field::Text("x".repeat(5000).into()));
    node.says(1, 1, declare("q", large));
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 406, .. }));
}

#[test]
fn a_binding_with_what_is_no_number_is_one_and_can_be_undone() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    let arguments = || Table::default().with("a", Field::Float(f64::NAN));
    for _ in 0..2 {
        let bind = Method::QueueBind {
            ticket: 0,
            queue: "q".into(),
            exchange: "amq.fanout".into(),
            key: "".into(),
            nowait: true,
            arguments: arguments(),
        };
        node.says(1, 1, bind);
    }
    let unbind = Method::QueueUnbind {
        ticket: 0,
        queue: "q".into(),
        exchange: "amq.fanout".into(),
        key: "".into(),
        arguments: arguments(),
    };
    node.says(1, 1, unbind);
    assert_eq!(node.hears(1), Method::QueueUnbindOk {});
    node.publish(1, "amq.fanout", "", "x");
    assert_eq!(node.depth("q"), 0);
}

#[test]
fn a_queue_that_is_used_again_ends_once() {
    let mut node = Node::new();
    node.client(1);
    let mortal = || Table::default().with("x-expires", Field::Int(1000));
    for _ in 0..5 {
        node.declare(1, "q", mortal());
        node.passes(Duration::from_millis(500));
    }
    assert_eq!(node.broker.poll_deadline(), Some(node.now + Duration::from_millis(500)));
    // A consumer of any protocol uses it.
    let session = SessionId::of_connection(9);
    node.broker.handle(broker::Input::Opened { session }, node.now);
    let subscribe = broker::Input::Subscribe {
        consumer: ConsumerId { session, number: 1 },
        to: broker::Target {
            address: "q".into(),
            kind: crate::Kind::Anycast,
        },
        options: broker::Subscription::default(),
    };
    node.broker.handle(subscribe, node.now);
    assert_eq!(node.broker.poll_deadline(), None);
}

#[test]
fn headers_of_what_is_not_whole_count() {
    let mut node = Node::new();
    node.client(1);
    let heavy = Field::List(vec![Field::Void; 500_000]);
    let properties = Properties {
        headers: Some(Table::default().with("a", heavy)),
        ..Properties::default()
    };
    let most = 100 << 20;
    for channel in 1..=100 {
        if channel > 1 {
            node.says(1, channel, Method::ChannelOpen { out_of_band: "".into() });
            assert!(matches!(node.hears(1), Method::ChannelOpenOk { .. }));
        }
        let publish = Method::Publish {
            ticket: 0,
            exchange: "".into(),
            key: "q".into(),
            mandatory: false,
            immediate: false,
        };
        node.says(1, channel, publish);
        node.item(1, Item::Header(channel, most, Box::new(properties.clone())));
        if let Some(method) = node.hears_maybe(1) {
            return assert!(matches!(method, Method::Close { code: 506, .. }), "{method:?}");
        }
    }
    panic!("it is never enough");
}
