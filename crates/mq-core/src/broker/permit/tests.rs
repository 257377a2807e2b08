use std::sync::Arc;

use super::*;
use crate::broker::tests::{Node, message, queue, topic};
use crate::broker::{Arranged, Attach, Consume, Expiry, Listen, Listening, Settings, Subscription, Which, Will};
use crate::{ConsumerId, ExchangeRecord, Message, MessageId, PolicyRecord, TransactionId, Value};
use tandem_mq_wire::mqtt::RetainHandling;

/// Of one connection: its own session, and one of its parts.
const WHO: SessionId = SessionId::of_connection(7);
const OTHER: SessionId = SessionId::of_connection(8);

fn rights(configure: &[&str], write: &[&str], read: &[&str]) -> Arc<Rights> {
    let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
    Arc::new(Rights {
        configure: patterns(configure),
        write: patterns(write),
        read: patterns(read),
    })
}

/// A node with queues `q.x` and `r.x` and an exchange `e`, and a client that may do what is said.
fn node(rights: Arc<Rights>) -> Node {
    let mut node = Node::new(Settings::default());
    for session in [WHO, OTHER] {
        node.tell(Input::Opened { session });
    }
    for name in ["q.x", "r.x"] {
        node.tell(arrange(OTHER, declare(name, Declared::default())));
    }
    node.tell(arrange(OTHER, exchange("e", None)));
    node.refused.clear();
    node.arranged.clear();
    node.tell(Input::Admit {
        connection: WHO,
        rights,
    });
    node
}

fn arrange(session: SessionId, what: Arrangement) -> Input {
    Input::Arrange { session, what }
}

fn declare(name: &str, declared: Declared) -> Arrangement {
    let name = name.into();
    Arrangement::Queue { name, declared }
}

fn exclusive() -> Declared {
    Declared {
        exclusive: true,
        ..Declared::default()
    }
}

fn dead_letters(pairs: &[(&str, &str)]) -> Declared {
    let arguments = pairs
        .iter()
        .map(|(name, to)| ((*name).into(), Value::Text((*to).into())));
    Declared {
        arguments: arguments.collect(),
        ..Declared::default()
    }
}

fn exchange(name: &str, alternate: Option<&str>) -> Arrangement {
    let alternate = alternate.map(|to| ("alternate-exchange".into(), Value::Text(to.into())));
    Arrangement::Exchange(ExchangeRecord {
        name: name.into(),
        kind: crate::broker::ExchangeKind::Fanout,
        durable: false,
        auto_delete: false,
        internal: false,
        arguments: alternate.into_iter().collect(),
    })
}

fn bind(source: &str, to: To, key: &str) -> Arrangement {
    Arrangement::Bind(Binding {
        source: source.into(),
        to,
        key: key.into(),
        arguments: Vec::new(),
    })
}

fn send(to: Target) -> Input {
    Input::Send {
        session: WHO,
        transaction: None,
        to,
        message: message("m"),
        once: None,
    }
}

fn publish(exchange: &str, key: &str) -> Input {
    Input::Publish {
        session: WHO,
        transaction: None,
        publish: Box::new(Publish {
            exchange: exchange.into(),
            key: key.into(),
            mandatory: false,
            message: message("m"),
        }),
    }
}

fn subscribe(to: Target, durable: Option<&str>) -> Input {
    Input::Subscribe {
        consumer: ConsumerId {
            session: WHO,
            number: 1,
        },
        to,
        options: Subscription {
            durable: durable.map(Into::into),
            ..Subscription::default()
        },
    }
}

fn browse(name: &str) -> Input {
    match subscribe(queue(name), None) {
        Input::Subscribe { consumer, to, options } => Input::Subscribe {
            consumer,
            to,
            options: Subscription {
                browse: true,
                ..options
            },
        },
        other => other,
    }
}

fn attach(will: Option<&str>) -> Input {
    Input::Attach(Attach {
        session: WHO,
        client: "c".into(),
        fresh: false,
        expiry: Expiry::Never,
        will: will.map(|address| Will {
            address: address.into(),
            message: Message::default(),
            delay: 0,
        }),
    })
}

fn listen(filter: &str) -> Input {
    Input::Listen(Listen {
        session: WHO,
        number: 1,
        filter: filter.into(),
        address: filter.into(),
        group: None,
        options: Listening::default(),
        retained: RetainHandling::Send,
    })
}

type Case = (
    &'static str,
    Input,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// What each request needs: configure, write, read. With exactly that it is done, and with one of them less it is not.
fn needs() -> Vec<Case> {
    let queue_to = |name: &str| To::Queue(name.into());
    let on = |what| arrange(WHO, what);
    vec![
        ("send to a queue", send(queue("q.x")), &[], &["q.*"], &[]),
        (
            "send to a queue that is made",
            send(queue("new")),
            &["new"],
            &["new"],
            &[],
        ),
        ("send to a topic", send(topic("t.a")), &[], &["t.#"], &[]),
        (
            "aim at a topic",
            Input::Aim {
                session: WHO,
                to: topic("t.a"),
            },
            &[],
            &["t.#"],
            &[],
        ),
        ("publish to an exchange", publish("e", "whatever"), &[], &["e"], &[]),
        ("publish to a queue", publish("", "q.x"), &[], &["q.x"], &[]),
        ("publish to a topic", publish("amq.topic", "t.a"), &[], &["t.a"], &[]),
        (
            "publish to no topic",
            publish("amq.topic", ""),
            &[],
            &["amq.topic"],
            &[],
        ),
        ("take from a queue", subscribe(queue("q.x"), None), &[], &[], &["q.x"]),
        (
            "take from one that is made",
            subscribe(queue("new"), None),
            &["new"],
            &[],
            &["new"],
        ),
        ("hear a topic", subscribe(topic("t.*"), None), &[], &[], &["t.#"]),
        (
            "hear by a name",
            subscribe(topic("t.*"), Some("c.s")),
            &[],
            &[],
            &["t.#"],
        ),
        (
            "declare a queue",
            on(declare("new", Declared::default())),
            &["new"],
            &[],
            &[],
        ),
        ("declare its own", on(declare("amq.gen-1", exclusive())), &[], &[], &[]),
        (
            "declare one that looks so",
            on(declare("amq.gen-1", Declared::default())),
            &["amq.#"],
            &[],
            &[],
        ),
        (
            "dead letters to an exchange",
            on(declare("q", dead_letters(&[("x-dead-letter-exchange", "e")]))),
            &["q"],
            &["e"],
            &["q"],
        ),
        (
            "dead letters to a queue; the last one counts",
            on(declare(
                "q",
                dead_letters(&[
                    ("x-dead-letter-exchange", "e"),
                    ("x-dead-letter-exchange", ""),
                    ("x-dead-letter-routing-key", "r.x"),
                ]),
            )),
            &["q"],
            &["r.x"],
            &["q"],
        ),
        (
            "dead letters to wherever their key says",
            on(declare("q", dead_letters(&[("x-dead-letter-exchange", "")]))),
            &["q"],
            &["#"],
            &["q"],
        ),
        ("declare an exchange", on(exchange("n", None)), &["n"], &[], &[]),
        (
            "with another behind it",
            on(exchange("n", Some("e"))),
            &["n"],
            &["e"],
            &["n"],
        ),
        (
            "drop an exchange",
            on(Arrangement::DropExchange {
                name: "e".into(),
                if_unused: false,
            }),
            &["e"],
            &[],
            &[],
        ),
        (
            "drop a queue",
            on(Arrangement::DropQueue {
                name: "q.x".into(),
                if_unused: false,
                if_empty: false,
            }),
            &["q.x"],
            &[],
            &[],
        ),
        (
            "empty a queue",
            on(Arrangement::Purge("q.x".into())),
            &[],
            &[],
            &["q.x"],
        ),
        (
            "set a policy",
            on(Arrangement::SetPolicy(PolicyRecord {
                name: "p".into(),
                pattern: "q.*".into(),
                dead_letter: Some("r.x".into()),
                ..PolicyRecord::default()
            })),
            &["q.*"],
            &["r.x"],
            &["q.*"],
        ),
        (
            "set a policy that leads nowhere",
            on(Arrangement::SetPolicy(PolicyRecord {
                name: "p".into(),
                pattern: "q.*".into(),
                expiry: Some("".into()),
                ttl: Some(1),
                ..PolicyRecord::default()
            })),
            &["q.*"],
            &[],
            &[],
        ),
        (
            "move to a queue",
            on(Arrangement::Move {
                from: "q.x".into(),
                to: "q.y".into(),
                which: Which::Upto(MessageId(1)),
            }),
            &["q.y"],
            &["q.y"],
            &["q.x"],
        ),
        (
            "bind a queue",
            on(bind("e", queue_to("q.x"), "")),
            &[],
            &["q.x"],
            &["e"],
        ),
        (
            "bind to a topic",
            on(bind("amq.topic", queue_to("q.x"), "t.*")),
            &[],
            &["q.x"],
            &["t.*"],
        ),
        (
            "bind an exchange",
            on(bind("e", To::Exchange("amq.fanout".into()), "")),
            &[],
            &["amq.fanout"],
            &["e"],
        ),
        (
            "bind to all topics",
            on(bind("e", To::Exchange("amq.topic".into()), "")),
            &[],
            &["#"],
            &["e"],
        ),
        (
            "take one",
            on(Arrangement::Get {
                number: 1,
                queue: "q.x".into(),
            }),
            &[],
            &[],
            &["q.x"],
        ),
        (
            "consume",
            on(Arrangement::Consume(Consume {
                number: 1,
                queue: "q.x".into(),
                credit: None,
                limited: false,
                exclusive: false,
            })),
            &[],
            &[],
            &["q.x"],
        ),
        (
            "look whether it is there",
            on(Arrangement::FindQueue("q.x".into())),
            &[],
            &[],
            &[],
        ),
        ("come with a will", attach(Some("t.will")), &[], &["t.*"], &[]),
        ("come without one", attach(None), &[], &[], &[]),
    ]
}

#[test]
fn each_request_needs_exactly_these_rights() {
    for at in 0..needs().len() {
        let input = || needs().swap_remove(at).1;
        let (what, _, configure, write, read) = needs().swap_remove(at);
        let refused = |rights: Arc<Rights>| {
            let mut node = node(rights);
            node.tell(input());
            node.refused
        };
        assert_eq!(refused(rights(configure, write, read)), [], "{what}");
        let wrong = &["other.*"][..];
        for (less, right) in [
            (
                (!configure.is_empty()).then(|| rights(wrong, write, read)),
                Right::Configure,
            ),
            (
                (!write.is_empty()).then(|| rights(configure, wrong, read)),
                Right::Write,
            ),
            ((!read.is_empty()).then(|| rights(configure, write, wrong)), Right::Read),
        ] {
            let Some(less) = less else { continue };
            let refused = refused(less);
            let is_that = matches!(&refused[..], [Refusal::Denied { right: missing, .. }] if *missing == right);
            assert!(is_that, "{what} without {right}: {refused:?}");
        }
    }
}

#[test]
fn whose_own_a_queue_is_may_do_with_it_what_he_likes() {
    let mut node = node(rights(&[], &[], &["e"]));
    node.tell(arrange(WHO, declare("amq.gen-1", exclusive())));
    node.tell(arrange(WHO, bind("e", To::Queue("amq.gen-1".into()), "")));
    node.tell(publish("", "amq.gen-1"));
    node.tell(arrange(
        WHO,
        Arrangement::Get {
            number: 1,
            queue: "amq.gen-1".into(),
        },
    ));
    assert_eq!(node.texts(), ["m"]);
    assert_eq!(node.refused, []);
    assert!(
        matches!(node.arranged[..], [_, _, Arranged::Got { .. }]),
        "{:?}",
        node.arranged
    );
}

/// What follows a refusal without having waited for it counts on what was refused.
#[test]
fn no_commit_of_what_was_refused() {
    let mut node = node(rights(&[], &["q.*"], &[]));
    let transaction = TransactionId(1);
    let session = WHO;
    node.tell(Input::Begin { session, transaction });
    for name in ["q.x", "r.x"] {
        node.tell(Input::Send {
            session,
            transaction: Some(transaction),
            to: queue(name),
            message: message("m"),
            once: None,
        });
    }
    node.tell(Input::Commit { session, transaction });
    assert!(
        matches!(node.refused[..], [Refusal::Denied { .. }]),
        "{:?}",
        node.refused
    );
    assert_eq!((node.depth("q.x"), node.depth("r.x")), (0, 0));
}

#[test]
fn a_client_comes_back_to_what_it_may_still_read() {
    let mut node = node(rights(&[], &[], &["#"]));
    node.tell(attach(None));
    for filter in ["a.#", "b"] {
        node.tell(listen(filter));
    }
    node.tell(Input::Closed { session: WHO });
    node.tell(Input::Admit {
        connection: WHO,
        rights: rights(&[], &[], &["b"]),
    });
    node.attached.clear();
    node.tell(attach(None));
    let filters = |node: &Node| -> Vec<Box<str>> {
        let known = node.attached.last().and_then(Option::as_ref);
        let listens = known.into_iter().flat_map(|known| &known.listens);
        listens.map(|(_, filter, _)| filter.clone()).collect()
    };
    assert_eq!(filters(&node), ["b".into()]);
    assert_eq!(node.depth("c:a.#"), 0);
    // That it is gone is written down.
    let mut again = node.restarted();
    again.tell(attach(None));
    assert_eq!(filters(&again), ["b".into()]);
}

#[test]
fn rights_end_with_their_connection_and_are_as_they_were_last_said() {
    let mut node = node(rights(&[], &[], &[]));
    node.tell(send(queue("q.x")));
    node.tell(Input::Admit {
        connection: WHO,
        rights: rights(&[], &["q.x"], &[]),
    });
    node.tell(send(queue("q.x")));
    assert_eq!((node.refused.len(), node.depth("q.x")), (1, 1));
    node.tell(Input::Closed { session: WHO });
    assert!(node.broker.admitted.is_empty());
    // Whoever left before it had said anything, too.
    node.tell(Input::Admit {
        connection: WHO,
        rights: rights(&[], &[], &[]),
    });
    node.tell(Input::Closed { session: WHO });
    assert!(node.broker.admitted.is_empty());
}

/// It goes because of what was taken from it: that must not be how its will comes to where it may not write any more.
#[test]
fn a_will_that_may_not_be_any_more_is_not_sent() {
    for (write, sent) in [(&["t.*"][..], 1), (&["other"], 0), (&[], 0)] {
        let mut node = node(rights(&[], &["t.*"], &[]));
        node.tell(Input::Closed { session: WHO });
        let reader = ConsumerId {
            session: OTHER,
            number: 1,
        };
        node.tell(Input::Subscribe {
            consumer: reader,
            to: topic("t.will"),
            options: Subscription {
                credit: 9,
                ..Subscription::default()
            },
        });
        node.tell(attach(Some("t.will")));
        node.tell(Input::Admit {
            connection: WHO,
            rights: rights(&[], write, &[]),
        });
        node.tell(Input::Closed { session: WHO });
        assert_eq!(node.delivered.len(), sent, "{write:?}");
        let known = node.written.iter().rev().find_map(|(_, record)| match record {
            crate::Record::Client(client) => Some(client.will.is_some()),
            _ => None,
        });
        assert_eq!(known, Some(false), "{write:?}: nor after a restart");
    }
}

#[test]
fn whoever_may_do_more_than_everything_is_asked_nothing() {
    for (rights, asked) in [
        (rights(&["#"], &["#"], &["#"]), false),
        (rights(&["#", "a"], &["a.*", "#"], &["#", "b"]), false),
        (rights(&["#"], &["#"], &["*"]), true),
    ] {
        let node = node(rights.clone());
        assert_eq!(node.broker.admitted.contains_key(&WHO), asked, "{rights:?}");
    }
}

/// It makes no queue, so it needs no right to.
#[test]
fn who_browses_what_is_not_there_is_told_so() {
    let mut node = node(rights(&[], &[], &["new"]));
    node.tell(browse("new"));
    assert_eq!(node.refused, [Refusal::Missing(Thing::Queue, "new".into())]);
}
