//! What operators see and do.

use super::*;
use crate::{Pattern, PolicyRecord, Right};

const ALL: Which = Which::Upto(MessageId(u64::MAX));

fn all() -> Rights {
    Rights::everything()
}

fn names(node: &Node, rights: &Rights, part: &str, most: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut after: Option<(Kind, Box<str>)> = None;
    loop {
        let page = node.broker.list_queues(&Wanted {
            rights,
            part,
            after: after.as_ref().map(|(kind, name)| (*kind, &**name)),
            most,
        });
        pages.push(page.rows.iter().map(|view| view.name.to_string()).collect());
        after = page.next;
        if after.is_none() {
            return pages;
        }
    }
}

#[test]
fn queues_are_listed_page_by_page_to_those_who_may_do_something_with_them() {
    let mut node = Node::new(Settings::default());
    for name in ["c", "a", "b.x"] {
        node.send(&queue(name), "1");
    }
    node.subscribe(B, 7, &topic("t"), 1);
    assert_eq!(names(&node, &all(), "", 10), [["a", "b.x", "c", "t@2.7"]]);
    assert_eq!(names(&node, &all(), "", 2), [vec!["a", "b.x"], vec!["c", "t@2.7"]]);
    assert_eq!(names(&node, &all(), "x", 10), [["b.x"]]);
    let some = Rights {
        write: vec![Pattern::new("b.#")],
        ..Rights::default()
    };
    assert_eq!(names(&node, &some, "", 10), [["b.x"]]);
    assert_eq!(node.broker.find_queue(&some, "b.x").unwrap().depth, 1);
    let missing = Err(Refusal::Missing(Thing::Queue, "a".into()));
    assert_eq!(node.broker.find_queue(&some, "a"), missing);
}

#[test]
fn messages_are_listed_from_where_the_last_look_ended() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c", "d"] {
        node.send(&queue("q"), text);
    }
    let look = |node: &Node, after| {
        let page = node.broker.list_messages(&all(), "q", after, 2).unwrap();
        let texts: Vec<String> = page.rows.iter().map(|seen| text(&seen.message)).collect();
        (texts.concat(), page.next)
    };
    let (first, next) = look(&node, None);
    assert_eq!(first, "ab");
    // The one where it ended goes meanwhile.
    node.tell(Input::Arrange {
        session: A,
        what: Arrangement::Move {
            from: "q".into(),
            to: "r".into(),
            which: Which::Upto(MessageId(2)),
        },
    });
    let next = next.map(|place| place.to_string().parse().unwrap());
    assert_eq!(look(&node, next), ("cd".to_owned(), None));
    let denied = node.broker.list_messages(&Rights::default(), "q", None, 2);
    assert!(matches!(denied, Err(Refusal::Denied { right: Right::Read, .. })));
    assert!(node.broker.list_messages(&all(), "nowhere", None, 2).is_err());
    assert!("5".parse::<Place>().is_err() && "x.y".parse::<Place>().is_err());
}

#[test]
fn consumers_are_listed() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "1");
    let one = node.subscribe(A, 1, &queue("q"), 5);
    let two = node.subscribe(B, 2, &topic("t"), 3);
    let page = node.broker.list_consumers(None, 1);
    assert_eq!(
        (page.rows[0].id, page.rows[0].in_flight, page.rows[0].credit),
        (one, 1, Some(4))
    );
    let rest = node.broker.list_consumers(page.next, 9);
    assert_eq!((rest.rows.len(), rest.rows[0].id, rest.next), (1, two, None));
    assert_eq!(node.broker.consumers_of("q", 9), page.rows);
}

fn moves(node: &mut Node, from: &str, to: &str, which: Which) {
    let what = Arrangement::Move {
        from: from.into(),
        to: to.into(),
        which,
    };
    node.tell(Input::Arrange { session: A, what });
}

#[test]
fn what_is_moved_is_in_one_of_both_after_a_crash() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    let before = node.written.len();
    moves(&mut node, "q", "r", Which::Upto(MessageId(2)));
    assert_eq!(node.arranged, [Arranged::Count(2)]);
    assert_eq!((node.depth("q"), node.depth("r")), (1, 2));
    assert_eq!(node.written.len(), before + 1, "one record");
    // It is confirmed when that is on disk.
    node.sync(1);
    assert!(node.synced.is_empty());
    node.store_all();
    assert_eq!(node.synced, [1]);
    for (written, depths) in [(before, (3, 0)), (before + 1, (1, 2))] {
        let node = node.fell_at(written);
        assert_eq!((node.depth("q"), node.depth("r")), depths);
    }
    node.subscribe(B, 1, &queue("r"), 9);
    assert_eq!(node.delivered[0].address.as_ref(), "r");
    assert_eq!(node.texts(), ["a", "b"]);
}

#[test]
fn chosen_ones_are_moved_and_those_that_have_gone_are_not_missed() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    let page = node.broker.list_messages(&all(), "q", None, 9).unwrap();
    let ids: Vec<MessageId> = page.rows.iter().map(|seen| seen.id()).collect();
    node.subscribe(B, 1, &queue("q"), 1);
    assert_eq!(node.texts(), ["a"]);
    moves(
        &mut node,
        "q",
        "r",
        Which::These(vec![ids[0], ids[2], MessageId(77), ids[2]]),
    );
    assert_eq!(node.arranged, [Arranged::Count(1)]);
    node.subscribe(B, 2, &queue("r"), 9);
    assert_eq!(node.texts(), ["c"]);
}

#[test]
fn what_has_no_room_stays_where_it_is() {
    let mut node = Node::new(Settings::default());
    for text in ["a", "b", "c"] {
        node.send(&queue("q"), text);
    }
    for (name, overflow) in [("r", "reject-publish"), ("d", "drop-head")] {
        let declared = Declared {
            durable: true,
            arguments: vec![
                ("x-max-length".into(), crate::Value::Int(1)),
                ("x-overflow".into(), crate::Value::Text(overflow.into())),
            ],
            ..Declared::default()
        };
        let what = Arrangement::Queue {
            name: name.into(),
            declared,
        };
        node.tell(Input::Arrange { session: B, what });
    }
    node.arranged.clear();
    moves(&mut node, "q", "r", ALL);
    moves(&mut node, "q", "d", ALL);
    assert_eq!(node.arranged, [Arranged::Count(1), Arranged::Count(1)]);
    assert_eq!((node.depth("q"), node.depth("r"), node.depth("d")), (1, 1, 1));
    moves(&mut node, "q", "d", ALL);
    assert_eq!((node.depth("q"), node.refused.as_slice()), (1, &[Refusal::Full][..]));
}

/// A message has a size, and none that is there has to go for it, itself least of all.
#[test]
fn what_would_be_too_much_for_the_other_queue_stays_where_it_is() {
    let mut node = Node::new(Settings::default());
    for record in [
        PolicyRecord {
            max_bytes: Some(100),
            ..named("small")
        },
        PolicyRecord {
            max_length: Some(0),
            ..named("none")
        },
    ] {
        let what = Arrangement::SetPolicy(record);
        node.tell(Input::Arrange { session: A, what });
    }
    node.arranged.clear();
    node.send(&queue("small"), &"x".repeat(90));
    node.send(&queue("q"), &"x".repeat(10));
    node.send(&queue("q"), "x");
    node.send(&queue("q2"), &"x".repeat(500));
    moves(&mut node, "q", "small", ALL);
    assert_eq!(
        (node.arranged.as_slice(), node.depth("q"), node.depth("small")),
        (&[Arranged::Count(1)][..], 1, 2)
    );
    moves(&mut node, "q2", "small", ALL);
    let written = node.written.len();
    node.tell(Input::Opened { session: B });
    let what = Arrangement::Move {
        from: "q2".into(),
        to: "none".into(),
        which: ALL,
    };
    node.tell(Input::Arrange { session: B, what });
    assert_eq!(node.refused, [Refusal::Full, Refusal::Full]);
    assert_eq!((node.depth("q2"), node.depth("small")), (1, 2));
    assert_eq!(
        (node.written.len(), node.broker.queues().count()),
        (written, 3),
        "no queue is made for nothing"
    );
}

fn named(name: &str) -> PolicyRecord {
    PolicyRecord {
        name: name.into(),
        pattern: name.into(),
        ..PolicyRecord::default()
    }
}

/// Those that wait when it is asked for, of whatever priority the others are.
#[test]
fn what_comes_meanwhile_is_not_moved() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "a");
    let before = Which::Upto(node.broker.newest());
    let mut urgent = message("urgent");
    urgent.priority = Some(crate::Priority::of(9));
    node.send_in(None, &queue("q"), urgent);
    assert_eq!(node.broker.count_messages("q", &before), 1);
    moves(&mut node, "q", "r", before.clone());
    moves(&mut node, "q", "r", before.clone());
    assert_eq!(node.arranged, [Arranged::Count(1), Arranged::Count(0)]);
    assert_eq!((node.depth("q"), node.depth("r")), (1, 1));
    assert_eq!(node.broker.count_messages("q", &before), 0);
}

#[test]
fn of_many_that_have_gone_the_last_is_found() {
    let mut node = Node::new(Settings::default());
    node.send(&queue("q"), "a");
    let newest = node.broker.newest();
    let ids = (1000..2500).map(MessageId).chain([newest]).collect();
    moves(&mut node, "q", "r", Which::These(ids));
    assert_eq!(node.arranged, [Arranged::Count(1)]);
}

/// As for clients: nobody looks into what one connection has for itself, and what it is called is a secret that opens it.
#[test]
fn what_one_connection_has_for_itself_is_not_shown() {
    let mut node = Node::new(Settings::default());
    let what = Arrangement::Queue {
        name: "amq.gen-x".into(),
        declared: Declared {
            exclusive: true,
            ..Declared::default()
        },
    };
    node.tell(Input::Arrange { session: B, what });
    node.send(&queue("amq.gen-x"), "an answer");
    let reads = Rights {
        read: vec![Pattern::new("#")],
        ..Rights::default()
    };
    assert_eq!(names(&node, &reads, "", 9), [[""; 0]]);
    assert!(matches!(
        node.broker.find_queue(&reads, "amq.gen-x"),
        Err(Refusal::Missing(..))
    ));
    assert_eq!(names(&node, &all(), "", 9), [["amq.gen-x"]]);
    assert!(node.broker.find_queue(&all(), "amq.gen-x").unwrap().owned);
    let locked = node.broker.list_messages(&all(), "amq.gen-x", None, 9);
    assert_eq!(locked, Err(Refusal::Locked("amq.gen-x".into())));
    assert!(node.broker.keeps_what_comes_to("amq.gen-x") && !node.broker.keeps_what_comes_to("amq.gen-y"));
}

#[test]
fn where_nothing_can_be_moved_it_says_why() {
    let transient = Declared::default();
    for (from, to, says) in [
        ("nowhere", "r", "no queue 'nowhere'"),
        ("q", "q", "that is where the messages are"),
        ("q", "", "it is empty"),
        ("q", "t", "does not last"),
        ("q", "amq.gen-x", "no queue 'amq.gen-x'"),
    ] {
        let mut node = Node::new(Settings::default());
        node.send(&queue("q"), "a");
        let what = Arrangement::Queue {
            name: "t".into(),
            declared: transient.clone(),
        };
        node.tell(Input::Arrange { session: B, what });
        moves(&mut node, from, to, ALL);
        assert!(
            node.refused[0].to_string().contains(says),
            "{from} {to}: {:?}",
            node.refused
        );
        assert_eq!(node.depth("q"), 1);
    }
}

#[test]
fn one_request_moves_a_bounded_part() {
    let mut node = Node::new(Settings::default());
    for _ in 0..3 {
        node.send(&queue("q"), &"x".repeat(3 << 20));
    }
    moves(&mut node, "q", "r", ALL);
    for _ in 0..1100 {
        node.send(&queue("small"), "x");
    }
    moves(&mut node, "small", "r", ALL);
    assert_eq!(node.arranged, [Arranged::Count(1), Arranged::Count(1000)]);
}
