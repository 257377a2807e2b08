//! Subscriptions: which there are, which are shared, and what each says of its messages.

use super::*;

#[test]
fn filters_reach_what_mqtt_says() {
    for (wanted, topic, reaches) in [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("Accounts", "ACCOUNTS", false),
        ("a.b/c", "a.b/c", true),
        ("a/b/c", "a.b/c", false),
        ("a/*", "a/b", false),
        ("a/*", "a/*", true),
        ("\u{feff}a", "\u{feff}a", true),
        ("a", "\u{feff}a", false),
    ] {
        let mut node = Node::new();
        let a = node.connect(client("a"));
        node.subscribe(a, vec![filter(wanted, 0)]);
        node.publish(a, publish(topic, "x", 0, 0));
        let heard = node.takes(a);
        assert_eq!(
            heard.as_ref().map(|publish| &*publish.topic),
            reaches.then_some(topic),
            "{wanted} {topic}"
        );
    }
}

#[test]
fn each_filter_has_its_answer() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    let long = "x".repeat(2000);
    let answers = node.subscribe(
        a,
        vec![
            filter("a", 0),
            filter("b/#/c", 1),
            filter("c", 1),
            filter("d", 2),
            filter(&long, 0),
            filter("$share/g", 1),
        ],
    );
    let expected = [
        Reason::Success,
        Reason::TopicFilterInvalid,
        Reason::GrantedQos1,
        Reason::GrantedQos2,
        Reason::TopicNameInvalid,
        Reason::TopicFilterInvalid,
    ];
    assert_eq!(answers, expected);
    assert_eq!(node.unsubscribe(a, "a"), Reason::Success);
    assert_eq!(node.unsubscribe(a, "a"), Reason::NoSubscriptionExisted);
    node.publish(a, publish("a", "x", 0, 0));
    assert_eq!(node.takes(a), None);
}

#[test]
fn the_same_filter_again_changes_the_subscription_and_loses_nothing() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(lasting("b")));
    node.publish(a, retained("t", "kept"));
    node.subscribe(b, vec![filter("t", 0)]);
    assert_eq!(node.bodies(b), ["kept"]);
    for (handling, bodies) in [
        (RetainHandling::Send, vec!["kept"]),
        (RetainHandling::SendWhenNew, vec![]),
        (RetainHandling::DoNotSend, vec![]),
    ] {
        let mut again = filter("t", 1);
        again.retain_handling = handling;
        node.subscribe(b, vec![again]);
        assert_eq!(node.bodies(b), bodies);
    }
    node.publish(a, publish("t", "x", 1, 1));
    assert_eq!(node.takes(b).unwrap().qos, Qos::AtLeastOnce);
    assert_eq!(node.queues(), 1);
    node.unsubscribe(b, "t");
    for (handling, bodies) in [
        (RetainHandling::DoNotSend, vec![]),
        (RetainHandling::SendWhenNew, vec!["kept"]),
    ] {
        let mut new = filter("t", 0);
        new.retain_handling = handling;
        node.subscribe(b, vec![new]);
        assert_eq!(node.bodies(b), bodies);
        node.unsubscribe(b, "t");
    }
}

#[test]
fn each_subscription_that_matches_gets_a_copy_and_says_which_it_is() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    node.subscribe_as(a, vec![filter("t/#", 0)], Some(1));
    node.subscribe_as(a, vec![filter("t/+", 1)], Some(2));
    node.publish(a, publish("t/x", "x", 1, 1));
    node.hears(a);
    let mut heard: Vec<(Vec<u32>, u8)> = Vec::new();
    while let Some(answer) = node.hears(a) {
        if let Answer::Publish(publish) = answer {
            heard.push((publish.properties.subscription_identifiers, publish.qos.number()));
        }
    }
    heard.sort();
    assert!(
        heard.contains(&(vec![2], 1)) || heard.contains(&(vec![1], 0)),
        "{heard:?}"
    );
}

#[test]
fn a_group_shares_its_messages() {
    let mut node = Node::new();
    let a = node.connect(client("a"));
    node.publish(a, retained("t", "kept"));
    let members: Vec<u64> = ["b", "c"].map(|name| node.connect(client(name))).into();
    for member in &members {
        node.subscribe(*member, vec![filter("$share/g/t", 1)]);
    }
    let other = node.connect(client("d"));
    node.subscribe(other, vec![filter("$share/h/t", 1), filter("t", 0)]);
    assert_eq!(node.bodies(other), ["kept"], "a group is not given what is retained");
    for n in 0..6 {
        node.publish(a, publish("t", &n.to_string(), 1, 1));
    }
    for member in &members {
        assert_eq!(node.bodies(*member).len(), 3);
    }
    assert_eq!(node.bodies(other).len(), 12);
    // Whoever goes leaves what was not acknowledged to the others.
    node.loses(members[0]);
    assert_eq!(node.bodies(members[1]).len(), 3);
    node.loses(members[1]);
    node.loses(other);
    assert_eq!(node.queues(), 0);
}

#[test]
fn exactly_once_stays_with_the_member_that_may_have_it() {
    let mut node = Node::new();
    let (a, b, c) = (
        node.connect(client("a")),
        node.connect(lasting("b")),
        node.connect(lasting("c")),
    );
    for member in [b, c] {
        node.subscribe(member, vec![filter("$share/g/t", 2)]);
    }
    node.publish(a, publish("t", "x", 2, 1));
    let (has, other) = match node.takes(b) {
        Some(_) => (b, c),
        None => (c, b),
    };
    node.loses(has);
    assert_eq!(node.takes(other), None);
    node.crash();
    let names = if has == b { ["b", "c"] } else { ["c", "b"] };
    let (has, other) = (node.connect(lasting(names[0])), node.connect(lasting(names[1])));
    assert_eq!(node.takes(other), None);
    let again = node.takes(has).unwrap();
    assert!(again.dup && again.payload == "x");
}

#[test]
fn a_group_outlives_the_node_with_its_members() {
    let mut node = Node::new();
    let (b, c) = (node.connect(lasting("b")), node.connect(client("c")));
    node.subscribe(c, vec![filter("$share/g/t", 1)]);
    node.subscribe(b, vec![filter("$share/g/t", 1)]);
    node.crash();
    assert_eq!(node.queues(), 1);
    let a = node.connect(client("a"));
    node.publish(a, publish("t", "x", 1, 1));
    let b = node.connect(lasting("b"));
    assert_eq!(node.bodies(b), ["x"]);
    node.unsubscribe(b, "$share/g/t");
    assert_eq!(node.queues(), 0);
}

#[test]
fn messages_say_whether_they_were_kept() {
    let mut node = Node::new();
    let (a, b) = (node.connect(client("a")), node.connect(client("b")));
    let mut published = filter("t/#", 0);
    published.retain_as_published = true;
    node.subscribe(b, vec![published]);
    node.subscribe(b, vec![filter("u/#", 0)]);
    for (topic, retain, said) in [("t/x", true, true), ("t/x", false, false), ("u/x", true, false)] {
        node.publish(
            a,
            Publish {
                retain,
                ..publish(topic, "x", 0, 0)
            },
        );
        assert_eq!(node.takes(b).unwrap().retain, said, "{topic} {retain}");
    }
}

#[test]
fn a_group_knows_after_a_crash_who_has_gone() {
    let mut node = Node::new();
    for name in ["a", "b"] {
        let id = node.connect(lasting(name));
        node.subscribe(id, vec![filter("$share/g/t", 1)]);
        node.loses(id);
    }
    // Nothing is left of its old session.
    let a = node.connect(client("a"));
    node.loses(a);
    node.crash();
    assert_eq!(node.queues(), 1);
    let b = node.connect(lasting("b"));
    assert_eq!(node.unsubscribe(b, "$share/g/t"), Reason::Success);
    assert_eq!(node.queues(), 0, "the last one takes the queue with it");
}
