//! Two machines and a link between them that is slow, cut and restored.

mod manners;
mod shards;

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
