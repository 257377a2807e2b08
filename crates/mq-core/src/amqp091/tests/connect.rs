//! The way in, the way out, and who may be how quiet.

use super::*;

/// Every method of a connection in every state: only what belongs there is not a mistake.
#[test]
fn each_state_takes_what_belongs_there() {
    let methods: [fn() -> Method; 5] = [
        start_ok,
        || Method::TuneOk {
            channel_max: 0,
            frame_max: 0,
            heartbeat: 0,
        },
        || open("/"),
        || Method::Close {
            code: 200,
            text: "bye".into(),
            class: 0,
            method: 0,
        },
        || Method::Tune {
            channel_max: 0,
            frame_max: 0,
            heartbeat: 0,
        },
    ];
    // After the greeting, start-ok, tune-ok, open: what may come.
    for (steps, good) in [(0, vec![0]), (1, vec![1, 3]), (2, vec![2, 3]), (3, vec![3])] {
        for (which, method) in methods.iter().enumerate() {
            let mut node = Node::new();
            node.stranger(1);
            node.item(1, Item::Greeting);
            for step in &methods[..steps] {
                node.says(1, 0, step());
            }
            let before = node.clients[&1].heard.len();
            node.says(1, 0, method());
            let client = &node.clients[&1];
            let after: Vec<&Frame> = client.heard.iter().skip(before).collect();
            let told = after
                .iter()
                .any(|frame| matches!(frame, Frame::Method(0, Method::Close { code: 503, .. })));
            let answered = after.contains(&&Frame::Method(0, Method::CloseOk {}));
            let refused = told || client.closed && !answered;
            assert_eq!(refused, !good.contains(&which), "{steps} {:?}", method());
        }
    }
}

#[test]
fn whoever_speaks_something_else_is_told_what_is_spoken_here() {
    let mut node = Node::new();
    node.stranger(1);
    let error = Decoder::default()
        .decode(&mut BytesMut::from("AMQP\0\x01\0\0"))
        .unwrap_err();
    node.tell(1, Input::Garbled(error));
    assert_eq!(node.clients[&1].heard, [Frame::Greeting]);
    assert!(node.clients[&1].closed);
}

#[test]
fn who_may_not_come_in_is_told_so_if_it_understands_that() {
    for (method, told) in [
        (start_ok_with("PLAIN", b"\0guest\0wrong"), true),
        (
            Method::StartOk {
                properties: Table::default(),
                mechanism: "PLAIN".into(),
                response: Bytes::from_static(b"\0guest\0wrong"),
                locale: "".into(),
            },
            false,
        ),
        (start_ok_with("GSSAPI", b""), true),
        (start_ok_with("PLAIN", b"guest"), true),
    ] {
        let mut node = Node::new();
        node.stranger(1);
        node.item(1, Item::Greeting);
        node.hears(1);
        node.says(1, 0, method);
        let heard = node.hears_maybe(1);
        assert_eq!(matches!(heard, Some(Method::Close { .. })), told, "{heard:?}");
        assert_eq!(node.clients[&1].closed, !told);
    }
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting);
    node.hears(1);
    node.says(
        1,
        0,
        start_ok_with("AMQPLAIN", b"\x05LOGINS\0\0\0\x01a\x08PASSWORDS\0\0\0\x01b"),
    );
    assert!(matches!(node.hears(1), Method::Tune { .. }));
}

#[test]
fn what_is_negotiated_is_within_bounds() {
    for (channel_max, frame_max, good) in [
        (0, 0, true),
        (10, 4096, true),
        (2047, 131_072, true),
        (2048, 0, false),
        (0, 131_073, false),
        (0, 4095, false),
    ] {
        let mut node = Node::new();
        node.stranger(1);
        node.item(1, Item::Greeting);
        node.says(1, 0, start_ok());
        node.says(
            1,
            0,
            Method::TuneOk {
                channel_max,
                frame_max,
                heartbeat: 0,
            },
        );
        node.clients.get_mut(&1).unwrap().heard.drain(..2);
        let refused = matches!(node.hears_maybe(1), Some(Method::Close { code: 530, .. }));
        assert_eq!(refused, !good, "{channel_max} {frame_max}");
        node.says(1, 0, open("/"));
        node.says(1, 11, Method::ChannelOpen { out_of_band: "".into() });
        if channel_max == 10 {
            node.hears(1);
            assert!(matches!(node.hears(1), Method::Close { code: 504, .. }));
        }
    }
}

#[test]
fn another_host_is_not_here() {
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting);
    node.says(1, 0, start_ok());
    node.says(
        1,
        0,
        Method::TuneOk {
            channel_max: 0,
            frame_max: 0,
            heartbeat: 0,
        },
    );
    node.says(1, 0, open("other"));
    node.clients.get_mut(&1).unwrap().heard.drain(..2);
    let Method::Close {
        code,
        text,
        class,
        method,
    } = node.hears(1)
    else {
        panic!()
    };
    assert_eq!(
        (code, &*text, class, method),
        (530, "NOT_ALLOWED - vhost other not found", 10, 40)
    );
}

#[test]
fn a_stranger_has_little_time_and_little_room() {
    let mut node = Node::new();
    node.stranger(1);
    assert_eq!(node.clients[&1].session.limit(), Decoder::STRANGER);
    node.passes(Duration::from_secs(11));
    assert!(node.clients[&1].closed);
    node.connection(2);
    node.passes(Duration::from_secs(1000));
    assert!(!node.clients[&2].closed, "it wanted no heartbeats");
}

#[test]
fn both_sides_are_heard() {
    let mut node = Node::new();
    node.stranger(1);
    node.item(1, Item::Greeting);
    node.says(1, 0, start_ok());
    let heartbeat = 10;
    node.says(
        1,
        0,
        Method::TuneOk {
            channel_max: 0,
            frame_max: 0,
            heartbeat,
        },
    );
    node.says(1, 0, open("/"));
    node.clients.get_mut(&1).unwrap().heard.clear();
    node.passes(Duration::from_secs(6));
    assert_eq!(node.clients[&1].heard, [Frame::Heartbeat]);
    node.passes(Duration::from_secs(6));
    node.item(1, Item::Heartbeat);
    node.passes(Duration::from_secs(15));
    assert!(!node.clients[&1].closed);
    let now = node.now;
    node.clients.get_mut(&1).unwrap().session.came(now);
    node.passes(Duration::from_secs(15));
    assert!(!node.clients[&1].closed, "half a frame is heard, too");
    node.passes(Duration::from_secs(6));
    assert!(node.clients[&1].closed, "nothing for two intervals");
}

#[test]
fn whoever_sends_is_told_that_memory_is_full() {
    let mut node = Node::new();
    node.client(1);
    node.tell(1, Input::Heard(Heard::Held(Some(broker::Scarce::Memory))));
    node.tell(1, Input::Heard(Heard::Held(Some(broker::Scarce::Memory))));
    assert!(matches!(node.hears(1), Method::Blocked { .. }));
    node.tell(1, Input::Heard(Heard::Held(None)));
    assert_eq!(node.hears(1), Method::Unblocked {});
    assert_eq!(node.hears_maybe(1), None);
}

#[test]
fn the_node_says_goodbye() {
    for (heard, said) in [
        (Heard::Leave("because"), 320),
        (Heard::Stalled("because"), 501),
        (Heard::Dismissed("because"), 403),
    ] {
        let mut node = Node::new();
        node.client(1);
        node.tell(1, Input::Heard(heard));
        assert!(matches!(node.hears(1), Method::Close { code, .. } if code == said));
        // What crosses with it is not answered.
        node.says(1, 1, declare("q", Table::default()));
        assert_eq!(node.hears_maybe(1), None);
        node.says(1, 0, Method::CloseOk {});
        assert!(node.clients[&1].closed);
    }
}

/// Here and where it is decided, the name must begin the same way.
#[test]
fn what_the_node_names_for_a_connection_needs_no_right() {
    let mut node = Node::new();
    node.client(1);
    node.broker.handle(
        broker::Input::Admit {
            connection: SessionId::of_connection(1),
            rights: std::sync::Arc::default(),
        },
        node.now,
    );
    let mut method = declare("", Table::default());
    if let Method::QueueDeclare { exclusive, .. } = &mut method {
        *exclusive = true;
    }
    node.says(1, 1, method);
    assert!(matches!(node.hears(1), Method::QueueDeclareOk { .. }));
    node.says(1, 1, declare("other", Table::default()));
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 403, .. }));
}
