//! A disk that gets full: nobody loses anything, those who take messages away go on, and all go on when there is room.

use std::collections::BTreeSet;

use tandem_mq_core::Lsn;
use tandem_time::Seed;

use super::*;
use crate::Line;

/// Writes as the broker's thread does, and knows what must be there.
struct Node {
    disk: Disk,
    line: Line<Disk>,
    lsn: u64,
    ids: u64,
    /// What is alive after each record, from the last that is on disk.
    alive: Vec<(u64, BTreeSet<u64>)>,
}

impl Node {
    fn on(disk: &Disk) -> Node {
        let (journal, records) = open(disk).unwrap();
        let alive = alive(&records).into_iter().collect::<BTreeSet<u64>>();
        let mut node = Node {
            disk: disk.clone(),
            line: Line::new(journal),
            lsn: 0,
            ids: alive.last().copied().unwrap_or(0),
            alive: vec![(0, alive)],
        };
        node.line.prepare().unwrap();
        node
    }

    fn now(&self) -> BTreeSet<u64> {
        self.alive.last().unwrap().1.clone()
    }

    fn say(&mut self, record: Record) {
        self.lsn += 1;
        let mut now = self.now();
        live(&mut now, &record);
        self.alive.push((self.lsn, now));
        self.line.take(Lsn(self.lsn), record).unwrap();
    }

    fn put(&mut self) {
        self.ids += 1;
        self.say(put(self.ids));
    }

    /// What no disk here has room for.
    fn put_large(&mut self) {
        self.ids += 1;
        let message = Message {
            body: vec![1; 30_000].into(),
            ..Message::default()
        };
        self.say(Record::Put {
            id: MessageId(self.ids),
            queues: vec![QueueId(1)],
            message: Arc::new(message),
        });
    }

    /// Says up to where all is on disk.
    fn commit(&mut self) -> u64 {
        let stored = self.line.commit().unwrap().0;
        self.alive.retain(|(lsn, _)| *lsn >= stored);
        self.line.prepare().unwrap();
        stored
    }

    /// Puts until it should not.
    fn fill(&mut self) {
        for _ in 0..2000 {
            if self.line.is_full() {
                return;
            }
            self.put();
            self.commit();
        }
        panic!("it is never full");
    }

    /// Ends, without a word, and begins again: nothing is lost that was on disk, nor comes back.
    fn again(self) -> Node {
        let (stored, before) = self.alive[0].clone();
        let sure = self.alive.iter().fold(before.clone(), |sure, (_, at)| &sure & at);
        let perhaps = self.alive.iter().fold(before, |perhaps, (_, at)| &perhaps | at);
        self.disk.cut(|| false);
        let node = Node::on(&self.disk);
        let found = node.now();
        assert!(found.is_superset(&sure), "{stored}: {found:?} without some of {sure:?}");
        assert!(
            found.is_subset(&perhaps),
            "{stored}: {found:?} has more than {perhaps:?}"
        );
        node
    }
}

#[test]
fn who_takes_from_a_full_disk_makes_room_for_who_sends() {
    // From two segments, of which one is made ahead.
    for room in [2 * 2048 + 500, 10_000, 20_000, 40_000] {
        let mut node = Node::on(&Disk::of(room));
        node.say(made());
        for _ in 0..3 {
            node.fill();
            // What is under way is taken still, or waits.
            for _ in 0..30 {
                node.put();
            }
            node.commit();
            node = node.again();
            for id in node.now() {
                node.say(gone(id));
                assert_eq!(node.commit(), node.lsn, "{room}: what lets go is on disk");
            }
            assert!(!node.line.is_full(), "{room}: {:?}", node.disk.files());
        }
    }
}

/// Also where some messages that nobody takes lie everywhere.
#[test]
fn a_few_messages_that_stay_do_not_keep_a_disk_full() {
    let mut node = Node::on(&Disk::of(30_000));
    node.say(made());
    node.put();
    for round in 0..20 {
        node.fill();
        let stay = node.now().into_iter().step_by(40).collect::<BTreeSet<_>>();
        for id in &node.now() - &stay {
            node.say(gone(id));
            node.commit();
        }
        assert!(
            !node.line.is_full(),
            "round {round}: {stay:?} in {:?}",
            node.disk.files()
        );
        node = node.again();
        assert_eq!(node.now(), stay);
    }
}

#[test]
fn what_is_too_large_for_the_room_waits_until_there_is_room_or_it_is_gone() {
    for is_taken in [false, true] {
        let disk = Disk::of(20_000);
        let mut node = Node::on(&disk);
        node.say(made());
        node.put();
        node.commit();
        node.put_large();
        assert_eq!(node.commit(), 2);
        assert!(node.line.is_full(), "nobody else need come");
        node.put();
        // It passes what waits, but it is not said before those are there.
        node.say(gone(1));
        assert_eq!(node.commit(), 2);
        match is_taken {
            true => node.say(gone(2)),
            false => disk.resize(Some(60_000)),
        }
        node.line.rest().unwrap();
        assert_eq!(node.commit(), node.lsn);
        assert!(!node.line.is_full());
        let left: &[u64] = if is_taken { &[3] } else { &[2, 3] };
        assert_eq!(node.again().now(), left.iter().copied().collect::<BTreeSet<_>>());
    }
}

/// Whether it was moved meanwhile, or came with something else: nothing asks for room that is not needed.
#[test]
fn what_moves_while_it_waits_is_not_waited_for_when_it_is_gone() {
    let mut node = Node::on(&Disk::of(20_000));
    node.say(made());
    node.put();
    node.commit();
    node.put_large();
    let large = |id| Record::Put {
        id: MessageId(id),
        queues: vec![QueueId(1), QueueId(2)],
        message: Arc::new(Message {
            body: vec![1; 30_000].into(),
            ..Message::default()
        }),
    };
    node.say(Record::All(vec![gone(2), large(3), gone(1), put(4)]));
    node.ids = 4;
    assert_eq!(node.commit(), 2);
    let of_other = Record::Gone {
        queue: QueueId(2),
        id: MessageId(3),
    };
    node.say(gone(3));
    assert_eq!(node.commit(), 2, "another queue has it");
    node.say(of_other);
    assert_eq!(node.commit(), node.lsn);
    assert!(!node.line.is_full());
    assert_eq!(node.again().now(), BTreeSet::from([4]));
}

/// Where the file system has less than it has promised, at each byte.
#[test]
fn no_room_at_any_byte_of_a_write_is_nothing_lost() {
    for bytes in 0..900 {
        let disk = Disk::default();
        let mut node = Node::on(&disk);
        disk.full_after(Some(bytes));
        node.say(made());
        for _ in 0..6 {
            node.put();
            node.put();
            node.say(gone(node.ids - 1));
            node.commit();
        }
        if bytes % 2 == 0 {
            disk.full_after(None);
            node = node.again();
        } else {
            // It has, after all.
            disk.full_after(None);
            node.line.rest().unwrap();
            assert_eq!(node.commit(), node.lsn);
            assert!(!node.line.is_full());
        }
        node.put();
        assert_eq!(node.commit(), node.lsn);
        node.again();
    }
}

/// Neither is anything where the older one of two could go, but what says so finds no room.
#[test]
fn no_room_for_what_would_make_some_is_nothing_lost() {
    for bytes in 0..800 {
        // For three, of which one is made ahead.
        let disk = Disk::of(3 * 2048 + 600);
        let mut node = Node::on(&disk);
        node.say(made());
        node.fill();
        assert_eq!(disk.images().len(), 2);
        disk.full_after(Some(bytes));
        for id in node.now() {
            node.say(gone(id));
            node.commit();
        }
        disk.full_after(None);
        if bytes % 2 == 0 {
            node = node.again();
            for id in node.now() {
                node.say(gone(id));
                node.commit();
            }
        }
        node.line.rest().unwrap();
        assert_eq!(node.commit(), node.lsn, "{bytes}");
        assert!(!node.line.is_full(), "{bytes}: {:?}", disk.files());
        assert_eq!(node.again().now(), BTreeSet::new());
    }
}

/// What each segment begins with grows with them, and those that are made ahead may be too small for it.
#[test]
fn a_disk_full_of_queues_has_room_for_what_lets_messages_go() {
    for room in (4_300..20_000).step_by(50) {
        let (mut journal, _) = open(&Disk::of(room)).unwrap();
        let says = |journal: &mut Journal<Disk>, record: &Record| {
            let done = journal.append(record);
            journal.commit().unwrap();
            journal.prepare().unwrap();
            done
        };
        says(&mut journal, &made()).unwrap();
        (1..=5).for_each(|id| says(&mut journal, &put(id)).unwrap());
        for id in 2..=100 {
            let name = format!("{id:0>200}");
            let made = Record::QueueMade(QueueRecord {
                id: QueueId(id),
                name: name.as_str().into(),
                address: name.into(),
                kind: Kind::Anycast,
                filter: None,
                declared: None,
            });
            match says(&mut journal, &made) {
                Err(CommitError::Full(_)) => break,
                done => done.unwrap(),
            }
        }
        for id in (1..=5).cycle().take(10) {
            says(&mut journal, &gone(id)).unwrap_or_else(|error| panic!("{room}: {error}"));
        }
    }
}

/// Whoever sends, takes, restarts and finds another size of disk, in any order.
#[test]
fn a_disk_of_any_size_loses_nothing() {
    for seed in 0..100 {
        let mut chance = Seed::new(seed);
        let disk = Disk::of(5_000 + chance.below(20_000) as usize);
        let mut node = Node::on(&disk);
        node.say(made());
        node.commit();
        for _ in 0..200 {
            let alive = node.now();
            match chance.below(21) {
                0 => node = node.again(),
                20 if chance.chance(1, 4) => node.put_large(),
                1 => disk.resize(Some(5_000 + chance.below(20_000) as usize)),
                2 => node.line.rest().unwrap(),
                // Those who are held back send no more.
                3..12 if !node.line.is_full() || chance.chance(1, 5) => node.put(),
                3..16 => {
                    let pick = chance.below(alive.len() as u64) as usize;
                    if let Some(id) = alive.into_iter().nth(pick) {
                        node.say(gone(id));
                    }
                }
                _ => drop(node.commit()),
            }
        }
        disk.resize(None);
        node.line.rest().unwrap();
        assert_eq!(node.commit(), node.lsn, "seed {seed}");
        assert!(!node.line.is_full(), "seed {seed}");
        node.again();
    }
}

#[test]
fn a_segment_is_there_before_it_is_needed() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&made()).unwrap();
    for id in 1..=200 {
        journal.prepare().unwrap();
        let before = disk.files();
        journal.append(&put(id)).unwrap();
        journal.commit().unwrap();
        let after = disk.files();
        assert!(
            after.iter().all(|number| before.contains(number)),
            "{before:?} {after:?}"
        );
    }
}
