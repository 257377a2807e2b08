//! QoS 0, 1 and 2 both ways, and when each is acknowledged.

use super::*;

#[test]
fn the_lesser_quality_of_both_counts() {
    for sent in 0..3 {
        for asked in 0..3 {
            let mut node = Node::new();
            let (a, b) = (node.connect(client("a")), node.connect(client("b")));
            node.subscribe(b, vec![filter("t", asked)]);
            node.publish(a, publish("t", "x", sent, u16::from(sent > 0)));
            let heard = node.takes(b).unwrap();
            assert_eq!(heard.qos.number(), sent.min(asked), "{sent} {asked}");
            assert_eq!(heard.packet == 0, heard.qos == Qos::AtMostOnce);
            assert!(!heard.dup && !heard.retain);
        }
    }
}

#[test]
fn a_message_is_acknowledged_when_it_is_on_disk() {
    let mut node = Node::new();
    let b = node.connect(lasting("b"));
    node.subscribe(b, vec![filter("t", 1)]);
    node.fast_disk = false;
    let a = node.connect(client("a"));
    node.publish(a, publish("t", "1", 1, 5));
    assert_eq!(node.hears(a), None);
    node.store();
    assert_eq!(node.hears(a), Some(Answer::Puback(5, Reason::Success)));
    node.publish(a, publish("t", "2", 2, 6));
    assert_eq!(node.hears(a), None);
    node.store();
    assert_eq!(node.hears(a), Some(Answer::Pubrec(6, Reason::Success)));
    // Whoever listens only while here needs no disk.
    node.publish(a, publish("other", "3", 1, 7));
    assert_eq!(node.hears(a), Some(Answer::Puback(7, Reason::Success)));
}

#[test]
fn exactly_once_from_the_client_is_once() {
    let mut node = Node::new();
    let (a, b) = (node.connect(lasting("a")), node.connect(client("b")));
    node.subscribe(b, vec![filter("t", 0)]);
    let send = |node: &mut Node, a: u64| {
        node.publish(a, publish("t", "x", 2, 9));
        assert_eq!(node.hears(a), Some(Answer::Pubrec(9, Reason::Success)));
    };
    send(&mut node, a);
    send(&mut node, a);
    node.loses(a);
    let (a, present) = node.comes(lasting("a"));
    assert!(present);
    send(&mut node, a);
    assert_eq!(node.bodies(b), ["x"]);
    node.says(a, Packet::Pubrel(ack(9)));
    assert_eq!(node.hears(a), Some(Answer::Pubcomp(9, Reason::Success)));
    node.says(a, Packet::Pubrel(ack(9)));
    assert_eq!(
        node.hears(a),
        Some(Answer::Pubcomp(9, Reason::PacketIdentifierNotFound))
    );
    send(&mut node, a);
    assert_eq!(node.bodies(b), ["x"], "the number is free, so this is another one");
}

#[test]
fn a_number_that_is_released_twice_is_answered_when_it_is_safe() {
    let mut node = Node::new();
    let a = node.connect(lasting("a"));
    node.publish(a, publish("t", "x", 2, 9));
    assert_eq!(node.hears(a), Some(Answer::Pubrec(9, Reason::Success)));
    node.fast_disk = false;
    node.says(a, Packet::Pubrel(ack(9)));
    node.says(a, Packet::Pubrel(ack(9)));
    assert_eq!(node.hears(a), None, "that it is finished is not on disk");
    node.store();
    assert_eq!(node.hears(a), Some(Answer::Pubcomp(9, Reason::Success)));
    assert_eq!(node.hears(a), None);
}

#[test]
fn room_that_one_message_did_not_need_is_the_next_ones() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 1), filter("u", 1)]);
    for (topic, packet) in [("t", 1), ("t", 2), ("u", 3)] {
        node.publish(a, publish(topic, topic, 1, packet));
    }
    node.loses(b);
    let b = node.connect(narrow("b"));
    let first = node.takes(b).unwrap();
    assert_eq!(node.takes(b), None);
    assert_eq!(node.unsubscribe(b, "t"), Reason::Success);
    node.says(b, Packet::Puback(ack(first.packet)));
    assert_eq!(node.bodies(b), ["u"]);
}

#[test]
fn exactly_once_to_the_client_is_written_down_before_it_is_said() {
    let mut node = Node::new();
    let b = node.connect(lasting("b"));
    node.subscribe(b, vec![filter("t", 2)]);
    node.fast_disk = false;
    let a = node.connect(client("a"));
    node.publish(a, publish("t", "x", 2, 1));
    assert_eq!(node.takes(b), None, "its number is not on disk");
    node.store();
    let packet = node.takes(b).unwrap().packet;
    node.says(b, Packet::Pubrec(ack(packet)));
    assert_eq!(node.hears(b), None, "that it has arrived is not on disk");
    node.store();
    assert_eq!(node.hears(b), Some(Answer::Pubrel(packet, Reason::Success)));
    node.crash();
    let b = node.connect(lasting("b"));
    assert_eq!(
        node.hears(b),
        Some(Answer::Pubrel(packet, Reason::Success)),
        "it is said again"
    );
    node.says(b, Packet::Pubcomp(ack(packet)));
    node.store();
    node.crash();
    let b = node.connect(lasting("b"));
    assert_eq!(node.hears(b), None);
}

#[test]
fn what_was_not_acknowledged_comes_again_by_its_number() {
    for qos in [1, 2] {
        let mut node = Node::new();
        let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
        node.subscribe(b, vec![filter("t", 2)]);
        for body in ["1", "2", "3"] {
            node.publish(a, publish("t", body, qos, 1));
            node.hears(a);
            node.says(a, Packet::Pubrel(ack(1)));
        }
        let first: Vec<Publish> = (0..3).map(|_| node.takes(b).unwrap()).collect();
        if qos == 1 {
            node.says(b, Packet::Puback(ack(first[1].packet)));
        }
        node.loses(b);
        let b = node.connect(lasting("b"));
        let again: Vec<Publish> = std::iter::from_fn(|| node.takes(b)).collect();
        let expected = first.iter().filter(|p| qos == 2 || p.payload != "2");
        let expected: Vec<(u16, &Bytes)> = expected.map(|p| (p.packet, &p.payload)).collect();
        let found: Vec<(u16, &Bytes)> = again.iter().map(|p| (p.packet, &p.payload)).collect();
        assert_eq!(found, expected);
        assert!(again.iter().all(|p| p.dup));
    }
}

#[test]
fn a_number_is_not_given_twice_after_a_crash() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 2)]);
    node.publish(a, publish("t", "1", 2, 1));
    let first = node.takes(b).unwrap();
    node.crash();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.publish(a, publish("t", "2", 2, 1));
    let again = node.takes(b).unwrap();
    assert_eq!(
        (again.packet, &again.payload, again.dup),
        (first.packet, &first.payload, true)
    );
    let second = node.takes(b).unwrap();
    assert!(second.packet != first.packet && !second.dup);
}

#[test]
fn as_many_are_under_way_as_the_client_allows() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let mut narrow = lasting("b");
    narrow.properties.receive_maximum = Some(2);
    let b = node.connect(narrow.clone());
    node.subscribe(b, vec![filter("t", 1), filter("u", 2)]);
    for n in 0..4 {
        node.publish(a, publish("t", &format!("t{n}"), 1, 1));
        node.publish(a, publish("u", &format!("u{n}"), 1, 1));
    }
    let (first, second) = (node.takes(b).unwrap(), node.takes(b).unwrap());
    assert_eq!(node.takes(b), None);
    node.says(b, Packet::Puback(ack(second.packet)));
    let third = node.takes(b).unwrap();
    assert_eq!(node.takes(b), None);
    // What comes again counts, too.
    narrow.properties.receive_maximum = Some(1);
    node.loses(b);
    let b = node.connect(narrow);
    assert_eq!(node.takes(b).unwrap().packet, first.packet);
    assert_eq!(node.takes(b), None);
    node.says(b, Packet::Puback(ack(first.packet)));
    assert_eq!(node.takes(b).unwrap().packet, third.packet);
    let mut left = 1;
    node.says(b, Packet::Puback(ack(third.packet)));
    while let Some(next) = node.takes(b) {
        left += 1;
        node.says(b, Packet::Puback(ack(next.packet)));
    }
    assert_eq!(left + 2, 8);
}

#[test]
fn a_client_that_sends_more_than_it_may_is_told() {
    let mut node = Node::new();
    let b = node.connect(lasting("b"));
    node.subscribe(b, vec![filter("t", 1)]);
    let a = node.connect(client("a"));
    node.fast_disk = false;
    for packet in 1..=1001 {
        node.publish(a, publish("t", "x", 1, packet));
    }
    assert!(matches!(
        node.hears(a),
        Some(Answer::Disconnect(Reason::ReceiveMaximumExceeded, _))
    ));
    assert!(node.closed.contains(&a));
}

#[test]
fn numbers_of_topics_stand_for_them_on_one_connection() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let mut short = client("b");
    short.properties.topic_alias_maximum = Some(1);
    let b = node.connect(short);
    node.subscribe(b, vec![filter("#", 0)]);
    let alias = |topic: &str, alias: u16| {
        let mut publish = publish(topic, "x", 0, 0);
        publish.properties.topic_alias = Some(alias);
        publish
    };
    for (said, topic, known_as) in [("t", "t", 1), ("", "", 1), ("u", "u", 0), ("", "u", 0)] {
        node.publish(a, alias(said, 3));
        let heard = node.takes(b).unwrap();
        assert_eq!(
            (&*heard.topic, heard.properties.topic_alias.unwrap_or(0)),
            (topic, known_as)
        );
    }
    for (topic, number, reason) in [
        ("", 4, Reason::ProtocolError),
        ("t", 0, Reason::TopicAliasInvalid),
        ("t", 33, Reason::TopicAliasInvalid),
    ] {
        let a = node.connect(client("c"));
        node.publish(a, alias(topic, number));
        assert!(
            matches!(node.hears(a), Some(Answer::Disconnect(said, _)) if said == reason),
            "{topic} {number}"
        );
    }
}

#[test]
fn what_is_too_large_for_a_client_is_not_sent() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let mut small = lasting("b");
    small.properties.maximum_packet = Some(40);
    small.properties.receive_maximum = Some(1);
    let b = node.connect(small);
    node.subscribe(b, vec![filter("t", 2)]);
    for qos in 0..3 {
        for body in ["x".repeat(50).as_str(), "fits"] {
            node.publish(a, publish("t", body, qos, 1));
            node.says(a, Packet::Pubrel(ack(1)));
        }
        let heard = node.takes(b).unwrap();
        assert_eq!(heard.payload, "fits");
        match qos {
            1 => node.says(b, Packet::Puback(ack(heard.packet))),
            2 => node.says(b, Packet::Pubrec(ack(heard.packet))),
            _ => {}
        }
    }
    let waiting: usize = node.broker.queues().map(|queue| queue.depth + queue.in_flight).sum();
    assert_eq!(waiting, 0);
}

#[test]
fn a_refused_message_is_not_sent_again() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.subscribe(b, vec![filter("t", 2)]);
    for (qos, answer) in [
        (1, Packet::Puback as fn(tandem_mq_wire::mqtt::Ack) -> Packet),
        (2, Packet::Pubrec),
    ] {
        node.publish(a, publish("t", "x", qos, 1));
        let packet = node.takes(b).unwrap().packet;
        node.says(b, answer(tandem_mq_wire::mqtt::Ack { packet, reason: 0x83 }));
        assert_eq!(node.hears(b), None);
    }
    node.loses(b);
    let b = node.connect(lasting("b"));
    assert_eq!(node.hears(b), None);
}

#[test]
fn the_order_of_a_topic_stays_also_when_it_comes_again() {
    for qos in 0..3 {
        let mut node = Node::new();
        let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
        node.subscribe(b, vec![filter("t/#", 2)]);
        let bodies: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        for (packet, body) in (1..).zip(&bodies) {
            node.publish(a, publish("t/x", body, qos, packet));
        }
        assert_eq!(node.bodies(b), bodies, "{qos}");
        node.loses(b);
        let b = node.connect(lasting("b"));
        assert_eq!(node.bodies(b), if qos == 0 { Vec::new() } else { bodies }, "{qos}");
    }
}

#[test]
fn a_number_that_is_free_means_another_message() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(client("b")));
    node.subscribe(b, vec![filter("t", 0)]);
    for dup in [false, true] {
        node.publish(
            a,
            Publish {
                dup,
                ..publish("t", "x", 1, 5)
            },
        );
        assert_eq!(node.hears(a), Some(Answer::Puback(5, Reason::Success)));
        assert!(
            !node.takes(b).unwrap().dup,
            "whether it came twice to us is not the receiver's matter"
        );
    }
}

#[test]
fn what_has_begun_to_go_out_is_finished_after_an_unsubscription() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(client("b")));
    node.subscribe(b, vec![filter("t", 2)]);
    node.publish(a, publish("t", "x", 2, 1));
    node.publish(a, publish("t", "y", 1, 2));
    let (x, y) = (node.takes(b).unwrap().packet, node.takes(b).unwrap().packet);
    assert_eq!(node.unsubscribe(b, "t"), Reason::Success);
    node.publish(a, publish("t", "late", 1, 3));
    node.says(b, Packet::Pubrec(ack(x)));
    assert_eq!(node.hears(b), Some(Answer::Pubrel(x, Reason::Success)));
    node.says(b, Packet::Pubcomp(ack(x)));
    node.says(b, Packet::Puback(ack(y)));
    assert_eq!(node.hears(b), None);
}

#[test]
fn others_are_served_while_there_is_no_room() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let mut narrow = client("b");
    narrow.properties.receive_maximum = Some(1);
    let b = node.connect(narrow);
    node.subscribe(b, vec![filter("t", 1), filter("u", 0)]);
    for _ in 0..2 {
        node.publish(a, publish("t", "x", 1, 1));
    }
    assert!(node.takes(b).is_some());
    node.says(b, Packet::Pingreq);
    assert_eq!(node.hears(b), Some(Answer::Pingresp));
    assert_eq!(node.unsubscribe(b, "u"), Reason::Success);
}
