//! What a client must not do, and what it hears: a soft error ends the channel, a hard one the connection.

use super::*;

/// What the client says on channel 1, and the code it hears.
fn refused(methods: impl IntoIterator<Item = Method>) -> (u16, bool) {
    let mut node = Node::new();
    node.client(1);
    node.declare(1, "q", Table::default());
    for method in methods {
        node.says(1, 1, method);
    }
    while let Some(heard) = node.hears_maybe(1) {
        match heard {
            Method::ChannelClose { code, .. } => return (code, true),
            Method::Close { code, .. } => return (code, false),
            _ => {}
        }
    }
    panic!("nothing was refused");
}

fn publish(immediate: bool) -> Method {
    Method::Publish {
        ticket: 0,
        exchange: "".into(),
        key: "q".into(),
        mandatory: false,
        immediate,
    }
}

#[test]
fn hard_errors_end_the_connection() {
    let qos = |size| Method::Qos {
        size,
        count: 1,
        global: false,
    };
    for (code, methods) in [
        (504, vec![Method::ChannelOpen { out_of_band: "".into() }]),
        (540, vec![publish(true)]),
        (540, vec![qos(1)]),
        (540, vec![Method::Flow { active: false }]),
        (540, vec![Method::Recover { requeue: false }]),
        (505, vec![publish(false), qos(0)]),
        (503, vec![Method::QosOk {}]),
        (
            503,
            vec![Method::Tune {
                channel_max: 0,
                frame_max: 0,
                heartbeat: 0,
            }],
        ),
        (530, vec![consume("q", "t", false), consume("q", "t", false)]),
    ] {
        assert_eq!(refused(methods.clone()), (code, false), "{methods:?}");
    }
}

#[test]
fn soft_errors_end_the_channel() {
    for (code, methods) in [
        (
            406,
            vec![Method::Ack {
                tag: 1,
                multiple: false,
            }],
        ),
        (406, vec![Method::Ack { tag: 1, multiple: true }]),
        (406, vec![Method::Reject { tag: 0, requeue: true }]),
        (406, vec![Method::TxCommit {}]),
        (406, vec![Method::TxSelect {}, Method::ConfirmSelect { nowait: false }]),
        (
            406,
            vec![declare("bad", Table::default().with("x-message-ttl", Field::Int(-1)))],
        ),
        (404, vec![consume("nowhere", "t", false)]),
        (403, vec![declare("amq.q", Table::default())]),
    ] {
        assert_eq!(refused(methods.clone()), (code, true), "{methods:?}");
    }
}

#[test]
fn a_channel_that_is_over_hears_nothing_and_can_be_opened_again() {
    let mut node = Node::new();
    node.client(1);
    node.says(1, 1, consume("nowhere", "t", false));
    assert!(matches!(
        node.hears(1),
        Method::ChannelClose {
            code: 404,
            class: 60,
            method: 20,
            ..
        }
    ));
    node.publish(1, "", "q", "crossed with it");
    node.says(1, 1, declare("q", Table::default()));
    assert_eq!((node.hears_maybe(1), node.depth("q")), (None, 0));
    node.says(1, 1, Method::ChannelCloseOk {});
    node.says(1, 1, Method::ChannelOpen { out_of_band: "".into() });
    assert!(matches!(node.hears(1), Method::ChannelOpenOk { .. }));
    node.declare(1, "q", Table::default());
}

#[test]
fn nothing_is_said_on_a_channel_that_is_not_open() {
    for item in [
        Item::Method(2, declare("q", Table::default())),
        Item::Header(2, 0, Box::default()),
        Item::Body(2, bytes("x")),
    ] {
        let mut node = Node::new();
        node.client(1);
        node.item(1, item);
        assert!(matches!(node.hears(1), Method::Close { code: 504, .. }));
    }
}

#[test]
fn a_message_comes_in_its_order() {
    let header = |size| Item::Header(1, size, Box::default());
    let body = |text| Item::Body(1, bytes(text));
    for (code, items) in [
        (505, vec![header(1)]),
        (505, vec![body("x")]),
        (505, vec![Item::Method(1, publish(false)), body("x")]),
        (505, vec![Item::Method(1, publish(false)), header(1), header(1)]),
        (505, vec![Item::Method(1, publish(false)), header(1), body("xx")]),
        (406, vec![Item::Method(1, publish(false)), header(u64::MAX)]),
    ] {
        let mut node = Node::new();
        node.client(1);
        for item in items.clone() {
            node.item(1, item);
        }
        let heard = match node.hears(1) {
            Method::Close { code, .. } | Method::ChannelClose { code, .. } => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(heard, code, "{items:?}");
    }
}

/// Many channels, each with a message that never ends.
#[test]
fn what_is_not_whole_takes_no_more_than_one_message_may() {
    let mut node = Node::new();
    node.connection(1);
    let most = Settings::default().message as u64;
    let part = Bytes::from(vec![0; 1 << 20]);
    for channel in 1..=3 {
        node.says(1, channel, Method::ChannelOpen { out_of_band: "".into() });
        node.says(1, channel, publish(false));
        node.item(1, Item::Header(channel, most, Box::default()));
        for _ in 0..40 {
            node.item(1, Item::Body(channel, part.clone()));
        }
    }
    let last = node.clients[&1].heard.back().cloned();
    assert!(
        matches!(last, Some(Frame::Method(0, Method::Close { code: 506, .. }))),
        "{last:?}"
    );
}

#[test]
fn nobody_sends_in_the_name_of_another() {
    let mut node = Node::new();
    node.client(1);
    let properties = Properties {
        user_id: Some("somebody".into()),
        ..Properties::default()
    };
    node.publish_with(1, "", "q", "x", properties, false);
    assert!(matches!(node.hears(1), Method::ChannelClose { code: 406, .. }));
}
