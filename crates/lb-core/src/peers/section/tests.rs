//! Two machines and a link between them that is slow, cut and restored.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tandem_time::Mono;

use super::super::{Event, Peer, Shared, hash_seed};
use super::*;
use crate::ServerId;
use crate::stick::{DataType, Dumped, Key, KeyType, Learned, StickTable, TableSettings};

const TABLES: [&str; 2] = ["st", "counts"];

struct Node {
    section: Section,
    tables: Vec<StickTable>,
    events: Vec<Event>,
}

/// A connection: who is at each end, and what is on its way there.
struct Link {
    ends: [ConnId; 2],
    underway: [Vec<u8>; 2],
}

struct World {
    nodes: [Node; 2],
    links: Vec<Link>,
    is_up: bool,
    now: Mono,
    next: u64,
}

fn table_settings(place: usize) -> TableSettings {
    let mut settings = TableSettings::new([KeyType::Ipv4, KeyType::Text { most: 8 }][place], 10_000);
    settings.is_shared = true;
    settings.also(DataType::Gpc0);
    if place == 0 {
        settings.also(DataType::ServerId);
        settings.also(DataType::ServerKey);
    }
    settings
}

fn settings(local: &str) -> Settings {
    let peer = |name: &str| Peer {
        name: name.into(),
        place: "".into(),
        is_local: name == local,
        shard: 0,
    };
    let shared = |(place, name): (usize, &&str)| Shared {
        name: (*name).into(),
        settings: table_settings(place),
        hash_seed: hash_seed(name),
    };
    Settings {
        local: local.into(),
        pid: 7,
        shards: 0,
        peers: vec![peer("a"), peer("b")],
        tables: TABLES.iter().enumerate().map(shared).collect(),
    }
}

impl Node {
    fn new(local: &str, now: Mono) -> Node {
        Node {
            section: Section::new(
                settings(local),
                Seed::new(u64::from(local.as_bytes()[0]) + now.as_millis()),
                now,
            ),
            tables: (0..TABLES.len())
                .map(|place| StickTable::new(table_settings(place), [1, 2]))
                .collect(),
            events: Vec::new(),
        }
    }

    fn contents(&self, now: Mono) -> Vec<BTreeMap<Key<'static>, Vec<crate::stick::Value>>> {
        let of = |table: &StickTable| {
            let (entries, _) = table.page(0, u32::MAX, now);
            entries
                .into_iter()
                .map(|Dumped { key, values, .. }| (key, values))
                .collect()
        };
        self.tables.iter().map(of).collect()
    }
}

impl World {
    fn new() -> World {
        let now = Mono::from_millis(1_000);
        World {
            nodes: [Node::new("a", now), Node::new("b", now)],
            links: Vec::new(),
            is_up: true,
            now,
            next: 0,
        }
    }

    fn tell(&mut self, node: usize, input: Input<'_>) {
        self.nodes[node].section.handle(input, self.now);
        self.carry_out(node);
    }

    fn carry_out(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].section.poll_output() {
            match output {
                Output::Connect { peer } if self.is_up => {
                    let ends = [ConnId(self.next), ConnId(self.next + 1)];
                    self.next += 2;
                    self.links.push(Link {
                        ends,
                        underway: Default::default(),
                    });
                    let input = |at: usize| match at == node {
                        true => Input::Connected { peer, conn: ends[at] },
                        false => Input::Accepted(ends[at]),
                    };
                    self.tell(1 - node, input(1 - node));
                    self.tell(node, input(node));
                }
                Output::Connect { peer } => self.tell(node, Input::Unreachable { peer }),
                Output::Send { conn, bytes } => {
                    if let Some(link) = self.links.iter_mut().find(|link| link.ends[node] == conn) {
                        link.underway[1 - node].extend(bytes);
                    }
                }
                Output::Close(conn) => {
                    // What is on its way there comes first.
                    self.deliver(conn, node, usize::MAX);
                    if let Some(place) = self.links.iter().position(|link| link.ends[node] == conn) {
                        let link = self.links.remove(place);
                        self.tell(1 - node, Input::Closed(link.ends[1 - node]));
                    }
                }
                Output::Learn { table, update, unless } => {
                    let learned = Learned {
                        key: &update.key,
                        left: update.left,
                        values: &update.values,
                    };
                    assert!(self.nodes[node].tables[table].learn(&learned, unless, self.now));
                }
                Output::Read {
                    conn,
                    table,
                    since,
                    most,
                } => {
                    let known = &mut self.nodes[node].tables[table];
                    let changes = known.changes(since, most, self.now);
                    let (_, last) = known.last_change();
                    self.tell(
                        node,
                        Input::Entries {
                            conn,
                            table,
                            changes,
                            last,
                        },
                    );
                }
                Output::Event(event) => self.nodes[node].events.push(event),
            }
        }
    }

    /// So many bytes come in at the other end of that connection.
    fn deliver(&mut self, conn: ConnId, from: usize, most: usize) {
        let to = 1 - from;
        let Some(link) = self.links.iter_mut().find(|link| link.ends[from] == conn) else {
            return;
        };
        let count = most.min(link.underway[to].len());
        let bytes: Vec<u8> = link.underway[to].drain(..count).collect();
        let there = link.ends[to];
        self.tell(from, Input::Written { conn, count });
        if count > 0 {
            self.tell(
                to,
                Input::Bytes {
                    conn: there,
                    bytes: &bytes,
                },
            );
        }
    }

    fn deliver_all(&mut self, most: usize) {
        for (place, to) in (0..self.links.len()).flat_map(|place| [(place, 0), (place, 1)]) {
            if let Some(conn) = self.links.get(place).map(|link| link.ends[1 - to]) {
                self.deliver(conn, 1 - to, most);
            }
        }
    }

    fn cut(&mut self) {
        self.is_up = false;
        for link in std::mem::take(&mut self.links) {
            (0..2).for_each(|node| self.tell(node, Input::Closed(link.ends[node])));
        }
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        for node in 0..2 {
            self.nodes[node].section.on_deadline(self.now);
            self.carry_out(node);
        }
    }

    fn change(&mut self, node: usize, table: usize, key: u8) {
        let now = self.now;
        let known = &mut self.nodes[node].tables[table];
        // Nobody changes what the other does: of two changes that cross each other both sides would keep the wrong one.
        let key = key * 2 + u8::try_from(node).unwrap_or(0);
        if table == 0 {
            let key = Key::V4([10, 0, 0, key].into());
            known.store(
                &key,
                ServerId(u32::from(key.to_string().len() as u8)),
                &format!("s{node}"),
                now,
            );
        } else {
            let key = Key::Text(format!("k{key}").into_bytes().into());
            let place = known.obtain(&key, now).expect("there is room");
            known.count(place, DataType::Gpc0, 0, 1, now);
            known.touch(place, now);
        }
        if known.take_news() {
            let (last_own, _) = known.last_change();
            self.tell(node, Input::Changed { table, last_own });
        }
    }

    fn settle(&mut self) {
        self.is_up = true;
        for _ in 0..200 {
            self.deliver_all(1_000);
            self.pass(100);
        }
        while self
            .links
            .iter()
            .any(|link| link.underway.iter().any(|bytes| bytes.len() > 100))
        {
            self.deliver_all(usize::MAX);
        }
        self.deliver_all(usize::MAX);
    }

    fn assert_equal(&self) {
        assert_eq!(self.nodes[0].contents(self.now), self.nodes[1].contents(self.now));
    }
}

#[derive(Clone, Debug)]
enum Act {
    Change { node: usize, table: usize, key: u8 },
    Deliver(usize),
    Pass(u64),
    Cut,
    Restore,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..2usize, 0..2usize, 0..40u8).prop_map(|(node, table, key)| Act::Change { node, table, key }),
        8 => (1..60usize).prop_map(Act::Deliver),
        3 => (0..2_500u64).prop_map(Act::Pass),
        1 => Just(Act::Cut),
        1 => Just(Act::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn both_end_with_the_same(acts in proptest::collection::vec(act(), 1..200)) {
        let mut world = World::new();
        world.pass(0);
        for act in acts {
            match act {
                Act::Change { node, table, key } => world.change(node, table, key),
                Act::Deliver(most) => world.deliver_all(most),
                Act::Pass(millis) => world.pass(millis),
                Act::Cut => world.cut(),
                Act::Restore => world.is_up = true,
            }
        }
        world.settle();
        world.assert_equal();
        prop_assert!(world.nodes.iter().all(|node| node.section.counts() == (1, 1)));
    }
}

#[test]
fn changes_that_cross_end_with_one_of_both() {
    let mut world = World::new();
    world.pass(0);
    world.settle();
    let key = Key::Text(b"k".as_slice().into());
    for node in 0..2 {
        let now = world.now;
        let known = &mut world.nodes[node].tables[1];
        let place = known.obtain(&key, now).expect("there is room");
        known.set(place, DataType::Gpc0, 0, 5 + node as u64, now);
        known.touch(place, now);
        let (last_own, _) = known.last_change();
        world.tell(node, Input::Changed { table: 1, last_own });
    }
    world.settle();
    world.assert_equal();
    let entry = world.nodes[1].tables[1].dump(&key, world.now).expect("it is there");
    assert_eq!(
        entry.value(DataType::Gpc0).map(crate::stick::Value::number),
        Some(5),
        "a is lower"
    );
}

#[test]
fn who_begins_again_is_taught() {
    let mut world = World::new();
    world.pass(0);
    for key in 0..100 {
        (0..2).for_each(|node| world.change(node, 1, key));
    }
    world.settle();
    world.assert_equal();
    world.cut();
    world.nodes[0] = Node::new("a", world.now);
    world.settle();
    assert_eq!(world.nodes[0].contents(world.now)[1].len(), 200, "its own too");
    world.assert_equal();
    let learned = Event::Learned { from: Some(1) };
    assert!(world.nodes[0].events.contains(&learned), "{:?}", world.nodes[0].events);
}

#[test]
fn who_says_nothing_is_gone() {
    let mut world = World::new();
    world.pass(0);
    // Heartbeats keep it.
    world.settle();
    assert_eq!(world.nodes[0].section.counts(), (1, 1));
    assert_eq!(world.nodes[0].section.view()[1].counters.silences, 0);
    assert!(world.nodes[0].section.view()[1].counters.heartbeats_heard > 3);
    world.is_up = false;
    (0..70).for_each(|_| world.pass(100));
    assert_eq!(world.nodes[0].section.view()[1].counters.silences, 1);
    assert_eq!(world.nodes[0].section.counts(), (1, 0));
    let said = |node: &Node| node.events.iter().filter(|e| matches!(e, Event::Down { .. })).count();
    let before = said(&world.nodes[0]);
    (0..300).for_each(|_| world.pass(100));
    assert!(said(&world.nodes[0]) <= before + 1, "{:?}", world.nodes[0].events);
}

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
fn the_process_after_this_one_is_taught() {
    let now = Mono::from_millis(1);
    let mut world = World::new();
    world.nodes[1] = Node::new("a", now);
    world.nodes[0].section.handle(Input::Inherited, now);
    world.is_up = false;
    world.change(0, 1, 3);
    world.nodes[0].section.handle(Input::Leaving, world.now);
    world.carry_out(0);
    world.settle();
    world.assert_equal();
    assert!(
        world.nodes[0].events.contains(&Event::Taught),
        "{:?}",
        world.nodes[0].events
    );
    assert!(world.nodes[1].section.is_taught());
}

#[test]
fn each_shard_gets_its_part() {
    let seed = hash_seed("st");
    let shards: Vec<u32> = (0..50u8).map(|n| shard_of_key(n, seed)).collect();
    assert!((1..=3).all(|shard| shards.contains(&shard)) && shards.iter().all(|shard| (1..=3).contains(shard)));
    let mut world = World::new();
    let mut sharded = settings("a");
    (sharded.shards, sharded.peers[1].shard) = (3, 2);
    world.nodes[0].section.configure(sharded, world.now);
    world.pass(0);
    for key in 0..50 {
        world.change(0, 0, key);
    }
    world.settle();
    let there = &world.nodes[1].contents(world.now)[0];
    let part = (0..50u8).filter(|n| shard_of_key(n * 2, seed) == 2).count();
    assert_eq!(there.len(), part);
    assert!(part > 5);
}

#[test]
fn what_is_of_other_shards_needs_no_confirmation() {
    let mut world = World::new();
    let mut sharded = settings("a");
    (sharded.shards, sharded.peers[1].shard) = (3, 2);
    world.nodes[0].section.configure(sharded, world.now);
    world.pass(0);
    world.settle();
    (0..50).for_each(|key| world.change(0, 0, key));
    world.settle();
    let (last_own, _) = world.nodes[0].tables[0].last_change();
    assert_eq!(world.nodes[0].section.view()[1].tables[0].acked, last_own);
}

/// A second connection takes the place of the first, or the tables are others: what was confirmed stays confirmed.
#[test]
fn what_was_confirmed_is_kept() {
    let mut world = World::new();
    world.pass(0);
    world.settle();
    (0..9).for_each(|key| world.change(0, 1, key));
    world.settle();
    let acked = world.nodes[0].section.view()[1].tables[1].acked;
    assert!(acked > 0);
    let mut without = settings("a");
    without.tables.remove(0);
    world.nodes[0].section.configure(without, world.now);
    assert_eq!(world.nodes[0].section.peers[1].acked, [acked]);
    world.nodes[0].section.configure(settings("a"), world.now);
    world.carry_out(0);
    world.settle();
    let stranger = ConnId(10_000);
    world.tell(0, Input::Accepted(stranger));
    let bytes = b"HAProxyS 2.1\na\nb 1 1\n";
    let conn = stranger;
    world.tell(0, Input::Bytes { conn, bytes });
    assert_eq!(world.nodes[0].section.peers[1].conn, Some(stranger));
    assert_eq!(world.nodes[0].section.peers[1].acked[1], acked);
}

/// What the machine says to this.
fn outputs(section: &mut Section) -> Vec<Output> {
    std::iter::from_fn(|| section.poll_output()).collect()
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

fn shard_of_key(last: u8, seed: u64) -> u32 {
    super::super::shard_of(&Key::V4([10, 0, 0, last].into()), seed, 3)
}
