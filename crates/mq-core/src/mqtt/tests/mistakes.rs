//! What a client must not do, and what it is told.

use super::*;
use crate::dialect::{Bounds, Origin};

fn refused(node: &mut Node, connect: Connect) -> Reason {
    let id = node.connect_any(connect);
    assert!(node.closed.contains(&id));
    match node.hears(id) {
        Some(Answer::Connack {
            session_present: false,
            reason,
            ..
        }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let mut node = Node::new();
    let named = |name: &str| Connect {
        user: Some(name.into()),
        ..client("c")
    };
    assert_eq!(refused(&mut node, named("nobody")), Reason::BadUserNameOrPassword);
    assert_eq!(refused(&mut node, client(&"x".repeat(300))), Reason::ClientIdentifier);
    let nameless = old(Connect {
        clean: false,
        ..client("")
    });
    assert_eq!(refused(&mut node, nameless), Reason::ClientIdentifier);
    let mut method = client("c");
    method.properties.authentication_method = Some("SCRAM".into());
    assert_eq!(refused(&mut node, method), Reason::BadAuthenticationMethod);
    node.connect(named("somebody"));
}

#[test]
fn whoever_has_no_name_gets_one() {
    let mut node = Node::new();
    let mut names = BTreeSet::new();
    for _ in 0..2 {
        let id = node.connect_any(client(""));
        let Some(Answer::Connack { properties, .. }) = node.hears(id) else {
            panic!();
        };
        names.insert(properties.assigned_client.unwrap());
    }
    assert_eq!(names.len(), 2);
    node.connect(old(client("")));
}

#[test]
fn packets_out_of_place_end_the_connection() {
    let puback = |node: &mut Node, id: u64, packet: u16| node.says(id, Packet::Puback(ack(packet)));
    for (say, reason) in [
        (Packet::Connect(Box::new(client("c"))), Reason::ProtocolError),
        (Packet::Auth, Reason::ProtocolError),
    ] {
        let mut node = Node::new();
        let id = node.connect(client("c"));
        node.says(id, say);
        assert!(matches!(node.hears(id), Some(Answer::Disconnect(said, _)) if said == reason));
        assert!(node.closed.contains(&id));
    }
    let mut node = Node::new();
    let id = node.connect(client("c"));
    node.subscribe(id, vec![filter("t", 2)]);
    node.publish(id, publish("t", "x", 2, 1));
    node.hears(id);
    let Some(Answer::Publish(heard)) = node.hears(id) else {
        panic!()
    };
    puback(&mut node, id, heard.packet);
    assert!(matches!(
        node.hears(id),
        Some(Answer::Disconnect(Reason::ProtocolError, _))
    ));
    // One that nobody waits for changes nothing.
    let id = node.connect(client("c"));
    puback(&mut node, id, 9);
    node.says(id, Packet::Pubcomp(ack(9)));
    node.says(id, Packet::Pubrec(ack(9)));
    assert_eq!(
        node.hears(id),
        Some(Answer::Pubrel(9, Reason::PacketIdentifierNotFound))
    );
    assert_eq!(node.hears(id), None);
}

#[test]
fn strangers_have_little_time_and_clients_must_be_heard() {
    let mut node = Node::new();
    node.clients.insert(
        99,
        Session::open(SessionId(99), Bounds::default(), Origin::default(), node.now),
    );
    node.wait(9);
    assert!(!node.closed.contains(&99));
    node.wait(1);
    assert!(node.closed.contains(&99));
    let id = node.connect(Connect {
        keep_alive: 10,
        ..client("c")
    });
    node.wait(14);
    node.says(id, Packet::Pingreq);
    assert_eq!(node.hears(id), Some(Answer::Pingresp));
    node.wait(14);
    assert!(!node.closed.contains(&id));
    node.wait(1);
    assert!(matches!(
        node.hears(id),
        Some(Answer::Disconnect(Reason::KeepAliveTimeout, _))
    ));
    let held = node.connect(Connect {
        keep_alive: 10,
        ..client("e")
    });
    node.wait(14);
    node.tell(held, Input::Heard(Heard::Unread));
    node.wait(14);
    assert!(!node.closed.contains(&held), "who is not read cannot be missed");
    let silent = node.connect(client("d"));
    node.wait(1 << 30);
    assert!(!node.closed.contains(&silent));
}

#[test]
fn the_brokers_own_topics_are_not_for_clients() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(client("b")));
    node.subscribe(b, vec![filter("#", 0), filter("$SYS/#", 0)]);
    for (qos, answer) in [
        (1, Answer::Puback(3, Reason::TopicNameInvalid)),
        (2, Answer::Pubrec(3, Reason::TopicNameInvalid)),
    ] {
        node.publish(a, publish("$SYS/x", "x", qos, 3));
        assert_eq!(node.hears(a), Some(answer));
    }
    assert_eq!(node.takes(b), None);
    let v3 = node.connect(old(client("c")));
    node.publish(v3, publish("$SYS/x", "x", 2, 3));
    assert_eq!(node.hears(v3), Some(Answer::Pubrec(3, Reason::Success)));
    node.says(v3, Packet::Pubrel(ack(3)));
    assert_eq!(node.hears(v3), Some(Answer::Pubcomp(3, Reason::Success)));
}

#[test]
fn a_name_that_is_too_long_is_refused_and_the_number_is_free_again() {
    for version in [Version::V3_1_1, Version::V5] {
        let mut node = Node::new();
        let mut connect = client("a");
        connect.version = version;
        let a = node.connect(connect);
        let long = "x".repeat(2000);
        let said = |reason| {
            if version == Version::V5 {
                reason
            } else {
                Reason::Success
            }
        };
        node.publish(a, publish(&long, "x", 1, 3));
        assert_eq!(node.hears(a), Some(Answer::Puback(3, said(Reason::TopicNameInvalid))));
        node.publish(a, publish(&long, "x", 2, 4));
        assert_eq!(node.hears(a), Some(Answer::Pubrec(4, said(Reason::TopicNameInvalid))));
        if version == Version::V3_1_1 {
            node.says(a, Packet::Pubrel(ack(4)));
            node.hears(a);
        }
        node.subscribe(a, vec![filter("t", 0)]);
        node.publish(a, publish("t", "taken", 2, 4));
        assert_eq!(
            node.hears(a),
            Some(Answer::Publish(Box::new(publish("t", "taken", 0, 0))))
        );
    }
}

#[test]
fn whoever_leaves_the_node_is_told_why() {
    for (heard, reason) in [
        (Heard::Leave("because"), Reason::ServerShuttingDown),
        (Heard::Stalled("because"), Reason::Malformed),
        (Heard::Dismissed("because"), Reason::NotAuthorized),
    ] {
        let mut node = Node::new();
        let id = node.connect(client("c"));
        node.tell(id, Input::Heard(heard));
        assert_eq!(node.hears(id), Some(Answer::Disconnect(reason, Some("because".into()))));
        assert!(!node.clients.contains_key(&id), "it is over");
    }
}

#[test]
fn words_that_do_not_fit_are_left_out() {
    let mut node = Node::new();
    let mut small = client("c");
    small.properties.maximum_packet = Some(30);
    let id = node.connect(small);
    node.says(id, Packet::Auth);
    assert_eq!(node.hears(id), Some(Answer::Disconnect(Reason::ProtocolError, None)));
}
