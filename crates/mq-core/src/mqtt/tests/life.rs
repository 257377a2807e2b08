//! Sessions, wills, what is retained, and what each outlives.

use tandem_mq_wire::mqtt::{Disconnect, Will};

use super::*;

fn leave(reason: u8, session_expiry: Option<u32>) -> Packet {
    Packet::Disconnect(Disconnect { reason, session_expiry })
}

fn willing(connect: Connect, delay: u32) -> Connect {
    let properties = Properties {
        will_delay: Some(delay),
        ..Properties::default()
    };
    let will = Will {
        topic: "will".into(),
        payload: Bytes::from_static(b"dead"),
        qos: Qos::AtLeastOnce,
        retain: false,
        properties,
    };
    Connect {
        will: Some(will),
        ..connect
    }
}

#[test]
fn a_session_lives_as_long_as_it_says() {
    let v5 = |clean: bool, expiry: Option<u32>| {
        let mut connect = client("c");
        connect.clean = clean;
        connect.properties.session_expiry = expiry;
        connect
    };
    let v3 = |clean: bool| old(Connect { clean, ..client("c") });
    for (first, wait, second, present) in [
        (v5(true, None), 0, v5(false, None), false),
        (v5(true, Some(10)), 9, v5(false, None), true),
        (v5(true, Some(10)), 10, v5(false, None), false),
        (v5(false, Some(u32::MAX)), 1 << 30, v5(false, None), true),
        (v5(false, Some(10)), 0, v5(true, Some(10)), false),
        (v3(false), 1 << 30, v3(false), true),
        (v3(false), 0, v3(true), false),
        (v3(true), 0, v3(false), false),
    ] {
        let mut node = Node::new();
        let id = node.connect(first.clone());
        node.subscribe(id, vec![filter("t", 1)]);
        node.loses(id);
        assert_eq!(
            node.queues(),
            usize::from(first.properties.session_expiry.is_some() || first == v3(false))
        );
        node.wait(wait);
        let (id, known) = node.comes(second.clone());
        assert_eq!(known, present, "{first:?} {wait} {second:?}");
        assert_eq!(node.queues(), usize::from(present));
        node.publish(id, publish("t", "x", 1, 1));
        assert_eq!(matches!(node.hears(id), Some(Answer::Publish(_))), present);
    }
}

#[test]
fn a_number_whose_subscription_ended_takes_no_room_later() {
    for qos in 1..=2 {
        let mut node = Node::new();
        let (a, b) = (node.connect(client("a")), node.connect(narrow("b")));
        node.subscribe(b, vec![filter("t", qos)]);
        node.publish(a, publish("t", "x", qos, 1));
        let packet = node.takes(b).unwrap().packet;
        assert_eq!(node.unsubscribe(b, "t"), Reason::Success);
        node.loses(b);
        let b = node.connect(narrow("b"));
        node.subscribe(b, vec![filter("u", 1)]);
        node.publish(a, publish("u", "y", 1, 2));
        assert_eq!(node.bodies(b), ["y"], "QoS {qos}");
        let freed = |record: &Record| match record {
            Record::Packet {
                packet: freed, step, ..
            } => *freed == packet && *step == crate::PacketStep::Freed,
            _ => false,
        };
        assert_eq!(node.written.iter().any(freed), qos == 2, "only QoS 2 is written down");
    }
}

#[test]
fn the_end_of_a_session_may_be_said_when_leaving() {
    let mut node = Node::new();
    let id = node.connect(lasting("c"));
    node.says(id, leave(0, Some(5)));
    node.wait(5);
    assert!(!node.comes(lasting("c")).1);
    let id = node.connect(client("d"));
    node.says(id, leave(0, Some(5)));
    assert!(matches!(
        node.hears(id),
        Some(Answer::Disconnect(Reason::ProtocolError, _))
    ));
}

#[test]
fn what_comes_while_it_is_away_waits_if_it_must_not_be_lost() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 2)]);
    node.loses(b);
    for qos in 0..3 {
        node.publish(a, publish("t", &qos.to_string(), qos, u16::from(qos)));
    }
    node.crash();
    let b = node.connect(lasting("b"));
    assert_eq!(node.bodies(b), ["1", "2"]);
}

#[test]
fn a_subscription_has_an_end_to_its_patience() {
    let mut node = Node::new();
    let settings = broker::Settings {
        subscription_depth: 2,
        ..broker::Settings::default()
    };
    node.broker = Broker::new(settings);
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 1)]);
    node.loses(b);
    for body in ["1", "2", "3"] {
        node.publish(a, publish("t", body, 1, 1));
    }
    let b = node.connect(lasting("b"));
    assert_eq!(node.bodies(b), ["2", "3"]);
}

#[test]
fn whoever_comes_twice_is_one() {
    for version in [Version::V3_1_1, Version::V5] {
        let with = |connect| if version == Version::V5 { connect } else { old(connect) };
        let mut node = Node::new();
        let first = node.connect(with(lasting("c")));
        node.subscribe(first, vec![filter("t", 1)]);
        let (second, present) = node.comes(with(lasting("c")));
        assert!(present && node.closed.contains(&first));
        let told = node.hears(first);
        assert!(
            matches!(told, Some(Answer::Disconnect(Reason::SessionTakenOver, _))),
            "{told:?}"
        );
        node.publish(second, publish("t", "x", 1, 1));
        assert!(matches!(node.hears(second), Some(Answer::Publish(_))));
    }
}

#[test]
fn a_will_is_sent_for_whoever_dies_and_not_for_whoever_leaves() {
    for (delay, end, at_once, later) in [
        (0, None, 1, 1),
        (5, None, 0, 1),
        (0, Some(leave(0, None)), 0, 0),
        (0, Some(leave(4, None)), 1, 1),
        (5, Some(leave(4, None)), 0, 1),
    ] {
        let mut node = Node::new();
        let heir = node.connect(client("heir"));
        node.subscribe(heir, vec![filter("will", 1)]);
        let dies = node.connect(willing(lasting("c"), delay));
        match end.clone() {
            None => node.loses(dies),
            Some(packet) => node.says(dies, packet),
        }
        assert_eq!(node.bodies(heir).len(), at_once, "{delay} {end:?}");
        node.wait(5);
        assert_eq!(at_once + node.bodies(heir).len(), later, "{delay} {end:?}");
    }
}

#[test]
fn a_will_waits_for_the_session_to_end_but_not_longer() {
    let mut node = Node::new();
    let heir = node.connect(client("heir"));
    node.subscribe(heir, vec![filter("will", 1)]);
    let short = |delay| {
        let mut connect = willing(lasting("c"), delay);
        connect.properties.session_expiry = Some(3);
        connect
    };
    let id = node.connect(short(100));
    node.loses(id);
    node.wait(3);
    assert_eq!(node.bodies(heir), ["dead"], "the session has ended");
    let id = node.connect(short(2));
    node.loses(id);
    node.wait(1);
    let id = node.connect(lasting("c"));
    node.wait(10);
    assert!(node.bodies(heir).is_empty(), "it came back in time");
    node.loses(id);
    let id = node.connect(short(2));
    node.loses(id);
    let fresh = Connect {
        clean: true,
        ..lasting("c")
    };
    node.connect(fresh);
    assert_eq!(node.bodies(heir), ["dead"], "whoever begins anew has ended the session");
}

#[test]
fn a_will_outlives_the_node() {
    for connect in [willing(lasting("c"), 0), willing(client("d"), 0)] {
        let mut node = Node::new();
        let heir = node.connect(lasting("heir"));
        node.subscribe(heir, vec![filter("will", 1)]);
        node.connect(connect);
        node.crash();
        node.wait(0);
        let heir = node.connect(lasting("heir"));
        assert_eq!(node.bodies(heir), ["dead"]);
        node.crash();
        node.wait(0);
        assert!(!node.written.is_empty());
    }
}

#[test]
fn the_last_message_is_kept_for_those_who_come_later() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    for (topic, body) in [("r", "old"), ("r", "new"), ("r/x", "x"), ("rx", "other"), ("s", "")] {
        node.publish(a, retained(topic, body));
    }
    for crash in [false, true] {
        if crash {
            node.crash();
        }
        for (wanted, bodies) in [
            ("r", vec!["new"]),
            ("r/#", vec!["new", "x"]),
            ("+", vec!["new", "other"]),
            ("s", vec![]),
        ] {
            let b = node.connect(client("b"));
            node.subscribe(b, vec![filter(wanted, 1)]);
            let mut heard: Vec<Publish> = std::iter::from_fn(|| node.takes(b)).collect();
            heard.sort_by(|one, other| one.payload.cmp(&other.payload));
            assert!(heard.iter().all(|publish| publish.retain));
            let found: Vec<&Bytes> = heard.iter().map(|publish| &publish.payload).collect();
            assert_eq!(found, bodies, "{wanted}");
        }
    }
    let a = node.connect(client("a"));
    node.publish(a, retained("r", ""));
    node.crash();
    let b = node.connect(client("b"));
    node.subscribe(b, vec![filter("r", 1)]);
    assert_eq!(node.takes(b), None);
    assert_eq!(node.broker.retained(), 2);
}

#[test]
fn what_is_kept_ends_when_it_says() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let mut brief = retained("r", "x");
    brief.properties.message_expiry = Some(10);
    node.publish(a, brief);
    node.wait(4);
    let b = node.connect(client("b"));
    node.subscribe(b, vec![filter("r", 1)]);
    assert_eq!(node.takes(b).unwrap().properties.message_expiry, Some(6));
    node.wait(6);
    assert_eq!(node.broker.retained(), 0);
}

#[test]
fn a_message_that_is_over_is_not_delivered() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 1)]);
    node.loses(b);
    for (body, seconds) in [("brief", 5), ("long", 50)] {
        let mut message = publish("t", body, 1, 1);
        message.properties.message_expiry = Some(seconds);
        node.publish(a, message);
    }
    node.wait(5);
    let b = node.connect(lasting("b"));
    let heard = node.takes(b).unwrap();
    assert_eq!(
        (&heard.payload[..], heard.properties.message_expiry),
        (&b"long"[..], Some(45))
    );
    assert_eq!(node.takes(b), None);
}

#[test]
fn everything_of_a_client_outlives_the_node() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    let mut options = filter("t/+", 2);
    options.retain_as_published = true;
    options.no_local = true;
    node.subscribe_as(b, vec![options], Some(7));
    node.subscribe(b, vec![filter("u", 1)]);
    node.unsubscribe(b, "u");
    node.publish(a, publish("t/x", "1", 2, 1));
    node.crash();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    let heard = node.takes(b).unwrap();
    assert_eq!(heard.properties.subscription_identifiers, [7]);
    node.publish(
        a,
        Publish {
            retain: true,
            ..publish("t/y", "2", 1, 1)
        },
    );
    assert!(node.takes(b).unwrap().retain);
    node.publish(b, publish("t/z", "own", 0, 0));
    assert_eq!(node.hears(b), None);
    assert_eq!(node.queues(), 1);
}

#[test]
fn a_will_may_be_kept_like_any_message() {
    for retain in [false, true] {
        let mut node = Node::new();
        let mut connect = willing(client("c"), 0);
        connect.will.as_mut().unwrap().retain = retain;
        let dies = node.connect(connect);
        node.loses(dies);
        let later = node.connect(client("later"));
        node.subscribe(later, vec![filter("will", 1)]);
        assert_eq!(node.bodies(later).len(), usize::from(retain));
    }
}

#[test]
fn what_is_kept_outlives_the_session_that_sent_it() {
    let mut node = Node::new();
    let a = node.connect(old(client("a")));
    node.publish(a, retained("t", "kept"));
    node.publish(a, publish("t", "passing", 0, 0));
    node.says(a, leave(0, None));
    let b = node.connect(client("b"));
    node.subscribe(b, vec![filter("t", 1)]);
    assert_eq!(node.bodies(b), ["kept"]);
}
