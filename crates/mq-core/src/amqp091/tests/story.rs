//! What clients do on good days, on slow disks, and over restarts.

use super::*;

#[test]
fn confirmed_is_on_disk() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.says(1, 1, Method::ConfirmSelect { nowait: false });
    assert_eq!(node.hears(1), Method::ConfirmSelectOk {});
    node.fast_disk = false;
    for body in ["a", "b", "c"] {
        node.publish(1, "", "q", body);
    }
    assert_eq!(node.hears_maybe(1), None);
    node.store();
    assert_eq!(node.hears(1), Method::Ack { tag: 3, multiple: true });
    // What goes nowhere is confirmed, too.
    node.publish(1, "", "nowhere", "d");
    assert_eq!(
        node.hears(1),
        Method::Ack {
            tag: 4,
            multiple: false
        }
    );
}

#[test]
fn what_is_declared_is_on_disk_when_that_is_said() {
    let mut node = Node::new();
    node.client(1);
    node.fast_disk = false;
    node.says(1, 1, declare("q", Table::default()));
    assert_eq!(node.hears_maybe(1), None);
    node.store();
    assert!(matches!(node.hears(1), Method::QueueDeclareOk { .. }));
}

#[test]
fn everything_durable_is_there_after_a_restart() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default().with("x-max-length", Field::Int(2)));
    let exchange = Method::ExchangeDeclare {
        ticket: 0,
        exchange: "x".into(),
        kind: "topic".into(),
        passive: false,
        durable: true,
        auto_delete: false,
        internal: false,
        nowait: false,
        arguments: Table::default(),
    };
    node.says(1, 1, exchange.clone());
    assert_eq!(node.hears(1), Method::ExchangeDeclareOk {});
    let bind = |key: &str| Method::QueueBind {
        ticket: 0,
        queue: "q".into(),
        exchange: "x".into(),
        key: key.into(),
        nowait: false,
        arguments: Table::default(),
    };
    for key in ["a.*", "b.#"] {
        node.says(1, 1, bind(key));
        assert_eq!(node.hears(1), Method::QueueBindOk {});
    }
    let unbind = Method::QueueUnbind {
        ticket: 0,
        queue: "q".into(),
        exchange: "x".into(),
        key: "b.#".into(),
        arguments: Table::default(),
    };
    node.says(1, 1, unbind);
    assert_eq!(node.hears(1), Method::QueueUnbindOk {});
    for (key, body) in [("a.b", "1"), ("b.c", "not bound any more"), ("a.c", "2"), ("a.d", "3")] {
        node.publish(1, "x", key, body);
    }
    let mut node = node.restarted();
    node.client(1);
    node.consume(1, "q", "t", false);
    let heard = node.hears(1);
    let Method::Deliver {
        exchange: from,
        key,
        redelivered,
        ..
    } = heard
    else {
        panic!("{heard:?}")
    };
    assert_eq!(
        (&*from, &*key, redelivered),
        ("x", "a.c", true),
        "the first had no room"
    );
    assert_eq!(node.bodies(1), ["3"]);
    node.publish(1, "x", "a.e", "bound");
    assert_eq!(node.bodies(1), ["bound"]);
    // As it was, it may be declared again; not otherwise.
    node.says(1, 1, exchange);
    assert_eq!(node.hears(1), Method::ExchangeDeclareOk {});
    node.says(1, 1, declare("q", Table::default()));
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 406, .. }));
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "q", "t", false);
    for body in ["a", "b"] {
        node.publish(1, "", "q", body);
    }
    node.says(
        1,
        1,
        Method::Ack {
            tag: 1,
            multiple: false,
        },
    );
    node.loses(1);
    node.client(2);
    node.consume(2, "q", "t", false);
    assert_eq!(node.delivered(2), [(1, true, "b".to_owned())]);
    // A message that kills its consumers goes on doing so: RabbitMQ's classic queues do not count.
    for client in 3..20 {
        node.loses(client - 1);
        node.client(client);
        node.consume(client, "q", "t", false);
        assert_eq!(node.bodies(client), ["b"]);
    }
}

#[test]
fn a_cancelled_consumer_keeps_what_it_holds() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "q", "t", false);
    node.publish(1, "", "q", "a");
    assert_eq!(node.bodies(1), ["a"]);
    node.says(
        1,
        1,
        Method::Cancel {
            tag: "t".into(),
            nowait: false,
        },
    );
    assert_eq!(node.hears(1), Method::CancelOk { tag: "t".into() });
    node.publish(1, "", "q", "b");
    assert_eq!((node.bodies(1), node.depth("q")), (vec![], 2));
    node.says(
        1,
        1,
        Method::Ack {
            tag: 1,
            multiple: false,
        },
    );
    assert_eq!(node.depth("q"), 1);
}

#[test]
fn a_limit_counts_for_a_consumer_and_for_the_channel() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.qos(1, 2, false);
    node.consume(1, "q", "a", false);
    node.qos(1, 3, true);
    for number in 0..9 {
        node.publish(1, "", "q", &number.to_string());
    }
    assert_eq!(node.bodies(1), ["0", "1"], "its own limit");
    node.qos(1, 0, false);
    node.consume(1, "q", "b", false);
    assert_eq!(node.bodies(1), ["2"], "the channel's limit");
    // Lowered below what is out: nothing comes until that is acknowledged.
    node.qos(1, 1, true);
    for tag in [1, 2] {
        node.says(1, 1, Method::Ack { tag, multiple: false });
        assert_eq!(node.bodies(1), Vec::<String>::new());
    }
    node.says(
        1,
        1,
        Method::Ack {
            tag: 3,
            multiple: false,
        },
    );
    assert_eq!(node.bodies(1), ["3"]);
    node.qos(1, 0, true);
    assert_eq!(node.delivered(1).len(), 5, "no limit for b any more");
}

#[test]
fn a_transaction_is_all_or_nothing_and_acknowledgements_belong_to_it() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.publish(1, "", "q", "before");
    node.says(1, 1, Method::TxSelect {});
    assert_eq!(node.hears(1), Method::TxSelectOk {});
    node.consume(1, "q", "t", false);
    assert_eq!(node.bodies(1), ["before"]);
    node.publish(1, "", "q", "in it");
    node.says(
        1,
        1,
        Method::Ack {
            tag: 1,
            multiple: false,
        },
    );
    assert_eq!((node.bodies(1), node.depth("q")), (vec![], 1));
    node.says(1, 1, Method::TxRollback {});
    assert_eq!(node.hears(1), Method::TxRollbackOk {});
    node.says(
        1,
        1,
        Method::Ack {
            tag: 1,
            multiple: false,
        },
    );
    node.publish(1, "", "q", "again");
    node.fast_disk = false;
    node.says(1, 1, Method::TxCommit {});
    assert_eq!(node.bodies(1), ["again"], "deliveries do not wait for the disk");
    node.says(
        1,
        1,
        Method::Ack {
            tag: 2,
            multiple: false,
        },
    );
    node.store();
    assert_eq!(node.hears(1), Method::TxCommitOk {});
    assert_eq!(node.restarted().depth("q"), 1, "what is not committed is still there");
}

/// A queue for one connection.
fn of_its_own(queue: &str) -> Method {
    Method::QueueDeclare {
        ticket: 0,
        queue: queue.into(),
        passive: false,
        durable: false,
        exclusive: true,
        auto_delete: false,
        nowait: false,
        arguments: Table::default(),
    }
}

#[test]
fn an_exclusive_queue_goes_with_its_connection() {
    let mut node = Node::new();
    node.client(1);
    node.client(2);
    let exclusive = of_its_own("mine");
    node.says(1, 1, exclusive.clone());
    node.hears(1);
    node.says(2, 1, consume("mine", "t", false));
    assert!(matches!(node.hears(2), Method::ChannelClose { code: 405, .. }));
    node.says(
        1,
        0,
        Method::Close {
            code: 200,
            text: "".into(),
            class: 0,
            method: 0,
        },
    );
    assert_eq!(node.hears(1), Method::CloseOk {});
    node.client(3);
    node.says(3, 1, exclusive);
    assert!(matches!(node.hears(3), Method::QueueDeclareOk { .. }));
    assert_eq!(node.restarted().depth("mine"), 0);
    assert!(node.restarted().broker.queues().all(|queue| &*queue.name != "mine"));
}

/// Such a name is given by the broker, and only who has the queue says it again.
#[test]
fn a_name_that_the_broker_gives_is_made_by_nobody_else() {
    let mut node = Node::new();
    for (number, name) in ["amq.gen-1.1.1", "stomp.temp-1.1.1", "amqp.dynamic-1.1.1"]
        .iter()
        .enumerate()
    {
        let number = number as u64 + 1;
        node.client(number);
        node.says(number, 1, of_its_own(name));
        let heard = node.hears(number);
        assert!(
            matches!(heard, Method::ChannelClose { code: 404, .. }),
            "{name}: {heard:?}"
        );
        assert_eq!(node.broker.queues().count(), 0, "{name}");
    }
    node.client(9);
    node.says(9, 1, of_its_own(""));
    let Method::QueueDeclareOk { queue, .. } = node.hears(9) else {
        panic!("it is made")
    };
    node.says(9, 1, of_its_own(&queue));
    assert!(matches!(node.hears(9), Method::QueueDeclareOk { queue: again, .. } if again == queue));
}

/// A message dies of old age in one queue, goes to the next, and round: it ends.
#[test]
fn the_dead_do_not_walk_in_circles() {
    let mut node = Node::new();
    node.client(1);
    let mortal = |to: &str| {
        Table::default()
            .with("x-message-ttl", Field::Int(100))
            .with("x-dead-letter-exchange", Field::Text("".into()))
            .with("x-dead-letter-routing-key", Field::Text(to.into()))
    };
    node.declare(1, "a", mortal("b"));
    node.declare(1, "b", mortal("a"));
    node.publish(1, "", "a", "x");
    node.passes(Duration::from_millis(110));
    assert_eq!((node.depth("a"), node.depth("b")), (0, 1));
    node.passes(Duration::from_millis(110));
    assert_eq!((node.depth("a"), node.depth("b")), (0, 0));
}

#[test]
fn a_deadline_counts_over_a_restart() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default().with("x-message-ttl", Field::Int(1000)));
    node.publish(1, "", "q", "x");
    node.now += Duration::from_millis(600);
    let mut again = Node::new();
    again.now = node.now;
    again.broker.restore(node.written.iter().cloned());
    again.broker.restored(again.now);
    assert_eq!(again.depth("q"), 1);
    again.passes(Duration::from_millis(500));
    assert_eq!(again.depth("q"), 0);
}

fn bind(exchange: &str, key: &str) -> Method {
    Method::QueueBind {
        ticket: 0,
        queue: "q".into(),
        exchange: exchange.into(),
        key: key.into(),
        nowait: false,
        arguments: Table::default(),
    }
}

fn exchange(name: &str, internal: bool) -> Method {
    Method::ExchangeDeclare {
        ticket: 0,
        exchange: name.into(),
        kind: "fanout".into(),
        passive: false,
        durable: false,
        auto_delete: false,
        internal,
        nowait: false,
        arguments: Table::default(),
    }
}

#[test]
fn a_message_is_in_a_queue_once() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    for key in ["a.#", "#", "a.b"] {
        node.says(1, 1, bind("amq.topic", key));
        assert_eq!(node.hears(1), Method::QueueBindOk {});
    }
    node.publish(1, "amq.topic", "a.b", "x");
    assert_eq!(node.depth("q"), 1);
}

#[test]
fn nobody_touches_the_default_exchange() {
    for method in [exchange("", false), bind("", "k")] {
        let mut node = Node::new();
        node.client(1);
        node.declare(1, "q", Table::default());
        node.says(1, 1, method);
        assert!(matches!(node.hears(1), Method::ChannelClose { code: 403, .. }));
    }
}

#[test]
fn an_exchange_that_is_used_stays() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.says(1, 1, exchange("x", false));
    node.says(1, 1, bind("x", ""));
    node.clients.get_mut(&1).unwrap().heard.clear();
    let drop = |if_unused| Method::ExchangeDelete {
        ticket: 0,
        exchange: "x".into(),
        if_unused,
        nowait: false,
    };
    node.says(1, 1, drop(false));
    assert_eq!(node.hears(1), Method::ExchangeDeleteOk {});
    node.says(1, 1, exchange("x", false));
    node.says(1, 1, bind("x", ""));
    node.clients.get_mut(&1).unwrap().heard.clear();
    node.says(1, 1, drop(true));
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 406, .. }));
}

#[test]
fn internal_exchanges_take_nothing_from_clients() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, 1, exchange("x", true));
    assert_eq!(node.hears(1), Method::ExchangeDeclareOk {});
    node.publish(1, "x", "", "x");
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 403, .. }));
}

#[test]
fn an_empty_name_is_the_last_queue() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "", "t", false);
    node.publish(1, "", "q", "x");
    assert_eq!(node.bodies(1), ["x"]);
    node.client(2);
    node.says(2, 1, consume("", "t", false));
    assert!(matches!(node.hears(2), Method::ChannelClose { code: 404, .. }));
}

#[test]
fn what_is_out_is_not_purged() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.qos(1, 1, false);
    node.consume(1, "q", "t", false);
    for body in ["a", "b", "c"] {
        node.publish(1, "", "q", body);
    }
    assert_eq!(node.bodies(1), ["a"]);
    let purge = |queue: &str| Method::QueuePurge {
        ticket: 0,
        queue: queue.into(),
        nowait: false,
    };
    node.says(1, 1, purge("q"));
    assert_eq!(node.hears(1), Method::QueuePurgeOk { messages: 2 });
    assert_eq!((node.depth("q"), node.restarted().depth("q")), (1, 1));
    node.says(1, 1, purge("nowhere"));
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 404, .. }));
}

#[test]
fn what_need_not_be_acknowledged_is_gone_when_it_has_left() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "q", "t", true);
    node.publish(1, "", "q", "a");
    assert_eq!((node.bodies(1), node.depth("q")), (vec!["a".to_owned()], 1));
    node.tell(1, Input::Heard(Heard::Flushed));
    assert_eq!(node.depth("q"), 0);
}

#[test]
fn what_is_mandatory_comes_back_before_it_is_confirmed() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, 1, Method::ConfirmSelect { nowait: true });
    node.publish_with(1, "", "nowhere", "x", Properties::default(), true);
    assert!(matches!(node.hears(1), Method::Return { code: 312, .. }));
    assert_eq!(
        node.hears(1),
        Method::Ack {
            tag: 1,
            multiple: false
        }
    );
}

#[test]
fn zero_is_all() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "q", "t", false);
    for body in ["a", "b", "c"] {
        node.publish(1, "", "q", body);
    }
    node.says(1, 1, Method::Ack { tag: 0, multiple: true });
    node.says(1, 1, Method::Ack { tag: 0, multiple: true });
    assert_eq!(node.depth("q"), 0);
}

/// A queue that goes takes what is out with it, from the journal, too.
#[test]
fn what_is_out_of_a_queue_that_is_gone_is_gone() {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    node.consume(1, "q", "t", false);
    node.publish(1, "", "q", "a");
    let delete = Method::QueueDelete {
        ticket: 0,
        queue: "q".into(),
        if_unused: false,
        if_empty: false,
        nowait: true,
    };
    node.says(1, 1, delete);
    assert_eq!(node.bodies(1), ["a"]);
    node.loses(1);
    let puts = node
        .written
        .iter()
        .filter(|record| matches!(record, crate::Record::Put { .. }))
        .count();
    let gone = node
        .written
        .iter()
        .filter(|record| matches!(record, crate::Record::Gone { .. }))
        .count();
    assert_eq!((puts, gone), (1, 1), "the journal can free it");
}
