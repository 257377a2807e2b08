//! Who talks nonsense, says nothing, takes nothing or comes too late.

use super::*;

/// What somebody says to a machine, and what it answers.
fn dialog(said: &[&[u8]]) -> (Vec<u8>, Section, Vec<Event>) {
    let now = Mono::from_millis(5);
    let mut section = Section::new(settings("a"), Seed::new(1), now);
    section.handle(Input::Accepted(ConnId(1)), now);
    for bytes in said {
        section.handle(Input::Bytes { conn: ConnId(1), bytes }, now);
    }
    let (mut answer, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = section.poll_output() {
        match output {
            Output::Send { bytes, .. } => answer.extend(bytes),
            Output::Event(event) => events.push(event),
            Output::Close(_) => answer.extend(b"<close>"),
            _ => {}
        }
    }
    (answer, section, events)
}

#[test]
fn greetings_and_nonsense() {
    let welcome = b"200\n\x00\x00";
    let hello: &[u8] = b"HAProxyS 2.1\na\nb 1 1\n";
    for (said, answer) in [
        (&[&b"HAProxyS 2.1\nx\nb 1 1\n"[..]][..], &b"503\n<close>"[..]),
        (&[&b"HAProxyS 2.1\na\nx 1 1\n"[..]], b"504\n<close>"),
        (&[&b"HAProxyS 2.7\na\nb 1 1\n"[..]], b"502\n<close>"),
        (&[&b"GET / HTTP/1.0\r\n\r\nxx\n"[..]], b"501\n<close>"),
        (&[&b"HAProxyS 2.1\na\n"[..]], b""),
        (&[&b"HAProxyS 2"[..], b".1\na\nb 1", b" 1\n"], welcome),
        (&[hello, &[9, 9]], b"200\n\x00\x00\x01\x00<close>"),
        (
            &[hello, &[10, 0x82, 255, 255, 255, 0x7f]],
            b"200\n\x00\x00\x01\x01<close>",
        ),
        (&[hello, &[10, 0x82, 40, 1]], welcome),
        (&[hello, &[1, 0]], b"200\n\x00\x00<close>"),
    ] {
        let (said_back, section, events) = dialog(said);
        assert_eq!(said_back, answer, "{said:?}");
        let is_refused = answer.ends_with(b"<close>");
        assert_eq!(section.conns.is_empty(), is_refused, "{said:?}");
        let told = events
            .iter()
            .filter(|e| matches!(e, Event::Down { .. } | Event::Stranger { .. }));
        assert_eq!(told.count(), usize::from(is_refused), "{events:?}");
    }
}

#[test]
fn other_tables_and_peers() {
    let mut world = World::new();
    world.pass(0);
    world.settle();
    world.change(0, 1, 3);
    world.settle();
    let mut without = settings("a");
    without.tables.remove(0);
    let now = world.now;
    let acked = world.nodes[0].section.peers[1].acked.clone();
    world.nodes[0].section.configure(without, now);
    world.carry_out(0);
    assert!(world.links.is_empty(), "they talk about others now");
    assert_eq!(world.nodes[0].section.peers[1].acked.len(), 1);
    assert_eq!(acked.len(), 2);
    world.nodes[0].section.configure(settings("a"), now);
    world.settle();
    world.change(1, 0, 1);
    world.settle();
    world.assert_equal();
    let mut alone = settings("a");
    alone.peers.remove(1);
    world.nodes[0].section.configure(alone, world.now);
    world.carry_out(0);
    assert_eq!(world.nodes[0].section.counts(), (0, 0));
    assert!(world.links.is_empty());
}

#[test]
fn a_connection_that_comes_too_late_is_closed() {
    let now = Mono::from_millis(5);
    let mut section = Section::new(settings("a"), Seed::new(1), now);
    section.on_deadline(now);
    assert_eq!(outputs(&mut section), [Output::Connect { peer: 1 }]);
    section.handle(Input::Leaving, now);
    let conn = ConnId(1);
    section.handle(Input::Connected { peer: 1, conn }, now);
    assert_eq!(outputs(&mut section), [Output::Close(conn)]);
    assert!(section.conns.is_empty());
}

#[test]
fn who_rests_speaks_to_nobody() {
    let mut world = World::new();
    world.pass(0);
    world.settle();
    world.tell(0, Input::Resting(true));
    assert!(world.links.is_empty());
    (0..100).for_each(|_| world.pass(100));
    assert_eq!(world.nodes[0].section.counts(), (1, 0));
    world.change(0, 1, 3);
    world.tell(0, Input::Resting(false));
    world.settle();
    assert_eq!(world.nodes[0].section.counts(), (1, 1));
    world.assert_equal();
}

#[test]
fn who_takes_nothing_is_given_up() {
    let (_, mut section, _) = dialog(&[b"HAProxyS 2.1\na\nb 1 1\n"]);
    let now = Mono::from_millis(9);
    let conn = ConnId(1);
    // Each is confirmed.
    let bytes = [0u8, 1].repeat(8_000);
    let mut left = 200;
    while !section.conns.is_empty() && left > 0 {
        section.handle(Input::Bytes { conn, bytes: &bytes }, now);
        left -= 1;
    }
    assert!(section.conns.is_empty());
    let why = Why::Slow;
    assert!(outputs(&mut section).contains(&Output::Event(Event::Down { peer: 1, why })));
}

#[test]
fn strangers_are_not_many() {
    let mut now = Mono::from_millis(5);
    let mut section = Section::new(settings("a"), Seed::new(1), now);
    for conn in (0..20).map(ConnId) {
        section.handle(Input::Accepted(conn), now);
        let bytes: &[u8] = [&b"x y z\n\n\n"[..], b"HAProxyS 2.1\nz\nb 1 1\n"][conn.0 as usize % 2];
        section.handle(Input::Bytes { conn, bytes }, now);
    }
    let said = |section: &mut Section| {
        let all = outputs(section).into_iter();
        all.filter(|output| matches!(output, Output::Event(_))).count()
    };
    assert_eq!((said(&mut section), section.strangers()), (2, 20));
    // A byte now and then does not keep a place.
    let conn = ConnId(99);
    section.handle(Input::Accepted(conn), now);
    for _ in 0..6 {
        now += Duration::from_secs(1);
        section.handle(Input::Bytes { conn, bytes: b"H" }, now);
        section.on_deadline(now);
    }
    assert!(section.conns.is_empty());
}

/// What the machine says to this.
fn outputs(section: &mut Section) -> Vec<Output> {
    std::iter::from_fn(|| section.poll_output()).collect()
}

#[test]
fn a_teacher_who_falls_silent_is_left() {
    let (_, mut section, _) = dialog(&[b"HAProxyS 2.1\na\nb 1 1\n"]);
    assert!(matches!(section.lesson, Lesson::From { .. }));
    let mut now = Mono::from_millis(5);
    for _ in 0..12 {
        now += Duration::from_secs(1);
        let (conn, bytes) = (ConnId(1), &[0, 4][..]);
        section.handle(Input::Bytes { conn, bytes }, now);
        section.on_deadline(now);
    }
    assert!(section.is_taught(), "there is nobody else");
}
