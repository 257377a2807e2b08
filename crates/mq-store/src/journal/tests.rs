//! The journal on a disk that tears, forgets, fills and rots.

mod disk;
mod faults;
mod full;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use tandem_mq_core::broker::ExchangeKind;
use tandem_mq_core::{
    Asked, BindingRecord, Destination, Doubles, DoublesRecord, ExchangeRecord, Kind, Message, MessageId, MessageKey,
    PolicyRecord, QueueId, QueueRecord, Schedule, WallMillis,
};

use super::*;
use disk::{Disk, Image};

const SMALL: Settings = Settings { segment: 2048 };

/// The queue that all messages are in.
fn made() -> Record {
    Record::QueueMade(QueueRecord {
        id: QueueId(1),
        name: "q".into(),
        address: "q".into(),
        kind: Kind::Anycast,
        filter: None,
        declared: None,
    })
}

fn put(id: u64) -> Record {
    let message = Message {
        body: vec![b'x'; (id * 37 % 300) as usize].into(),
        durable: true,
        ..Message::default()
    };
    Record::Put {
        id: MessageId(id),
        queues: vec![QueueId(1)],
        message: Arc::new(message),
    }
}

fn gone(id: u64) -> Record {
    Record::Gone {
        queue: QueueId(1),
        id: MessageId(id),
    }
}

fn open(disk: &Disk) -> Result<(Journal<Disk>, Vec<Record>), OpenError> {
    let mut records = Vec::new();
    let journal = Journal::open(disk.clone(), SMALL, |record| records.push(record))?;
    Ok((journal, records))
}

/// The messages that are alive after all records, whatever else they say.
fn alive(records: &[Record]) -> Vec<u64> {
    let mut alive = BTreeSet::new();
    records.iter().for_each(|record| live(&mut alive, record));
    alive.into_iter().collect()
}

fn live(alive: &mut BTreeSet<u64>, record: &Record) {
    match record {
        Record::Put { id, .. } => drop(alive.insert(id.0)),
        Record::Gone { id, .. } => drop(alive.remove(&id.0)),
        Record::All(records) => records.iter().for_each(|record| live(alive, record)),
        _ => {}
    }
}

#[test]
fn what_was_committed_is_there_again() {
    let disk = Disk::default();
    let (mut journal, records) = open(&disk).unwrap();
    assert!(records.is_empty());
    for id in 1..=40 {
        journal.append(&put(id)).unwrap();
        if id % 3 == 0 {
            journal.commit().unwrap();
        }
    }
    disk.cut(|| false);
    let (_, records) = open(&disk).unwrap();
    assert_eq!(
        alive(&records),
        (1..=39).collect::<Vec<_>>(),
        "the fortieth was never committed"
    );
    assert!(disk.images().len() > 3, "over several segments");
}

#[test]
fn a_segment_goes_when_all_in_it_are_gone_and_the_queues_stay_known() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    let made = made();
    journal.append(&made).unwrap();
    for id in 1..=200 {
        journal.append(&put(id)).unwrap();
        journal.append(&gone(id)).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images().len() <= 2, "{:?}", disk.images());
    assert!(disk.images()[0] > 10);
    let (_, records) = open(&disk).unwrap();
    assert!(records.contains(&made));
    assert_eq!(alive(&records), []);
    let numbers = records.iter().find_map(|r| match r {
        Record::Numbers { message, .. } => Some(message.0),
        _ => None,
    });
    assert!(
        numbers.is_some_and(|n| n > 100),
        "numbers are not given away twice: {numbers:?}"
    );
}

#[test]
fn what_was_out_when_its_queue_went_is_freed_by_the_next_start() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    for record in [made(), put(1), Record::QueueGone(QueueId(1))] {
        journal.append(&record).unwrap();
    }
    journal.commit().unwrap();
    let (mut journal, _) = open(&disk).unwrap();
    let numbers = Record::Numbers {
        message: MessageId(2),
        queue: QueueId(2),
    };
    for _ in 0..100 {
        journal.append(&numbers).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images()[0] > 1, "{:?}", disk.images());
}

#[test]
fn what_went_of_exchanges_and_policies_stays_away() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    let exchange = |name: &str| {
        Record::ExchangeMade(ExchangeRecord {
            name: name.into(),
            kind: ExchangeKind::Fanout,
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: Vec::new(),
        })
    };
    let bound = |source: &str, destination| {
        Record::Bound(BindingRecord {
            source: source.into(),
            destination,
            key: "".into(),
            arguments: Vec::new(),
        })
    };
    let stays = bound("x", Destination::Queue(QueueId(1)));
    let policy = |name: &str, most| {
        Record::PolicyMade(PolicyRecord {
            name: name.into(),
            pattern: "#".into(),
            max_length: Some(most),
            ..PolicyRecord::default()
        })
    };
    for record in [
        made(),
        exchange("x"),
        exchange("y"),
        stays.clone(),
        bound("y", Destination::Queue(QueueId(1))),
        bound("x", Destination::Exchange("y".into())),
        Record::ExchangeGone("y".into()),
        exchange("y"),
        policy("p", 1),
        policy("q", 1),
        Record::PolicyGone("q".into()),
        policy("p", 2),
    ] {
        journal.append(&record).unwrap();
    }
    // Until the segment with all this has gone.
    for id in 1..=200 {
        journal.append(&put(id)).unwrap();
        journal.append(&gone(id)).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images()[0] > 1);
    let (_, records) = open(&disk).unwrap();
    let bindings = records.iter().filter(|record| matches!(record, Record::Bound(_)));
    assert!(bindings.clone().count() > 0);
    assert!(bindings.clone().all(|binding| *binding == stays), "{bindings:?}");
    let policies = records.iter().filter(|record| matches!(record, Record::PolicyMade(_)));
    assert!(policies.clone().count() > 0);
    assert!(policies.clone().all(|made| *made == policy("p", 2)), "{policies:?}");
}

#[test]
fn queues_that_fill_a_segment_leave_room_for_messages() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    for id in 1..=100 {
        let name = format!("a queue with a name, number {id}");
        let made = QueueRecord {
            id: QueueId(id),
            name: name.as_str().into(),
            address: name.into(),
            kind: Kind::Anycast,
            filter: None,
            declared: None,
        };
        journal.append(&Record::QueueMade(made)).unwrap();
    }
    journal.commit().unwrap();
    let before = disk.images().len();
    for _ in 0..100 {
        journal.append(&put(1)).unwrap();
        journal.commit().unwrap();
    }
    let made = disk.images().last().unwrap() + 1 - before as u64;
    assert!(made <= 20, "{made} segments for 100 small records");
}

#[test]
fn what_another_version_wrote_is_refused_with_a_word() {
    let disk = Disk::default();
    drop(open(&disk).unwrap().0);
    for (begins, version) in [(b"tandem-mq log 3\n", true), (b"somebody else's\n", false)] {
        disk.change(1, |data| data[..16].copy_from_slice(begins));
        match open(&disk) {
            Err(OpenError::Version(1)) => assert!(version),
            Err(OpenError::Foreign(1)) => assert!(!version),
            other => panic!("{:?}", other.map(|(_, records)| records)),
        }
    }
}

fn later(id: u64) -> Record {
    let message = Message {
        durable: true,
        schedule: Some(Box::new(Schedule {
            at: WallMillis(7),
            asked: Asked::default(),
        })),
        ..Message::default()
    };
    Record::All(vec![Record::Put {
        id: MessageId(id),
        queues: vec![QueueId::LATER_TO_QUEUES],
        message: Arc::new(message),
    }])
}

/// A journal of several segments as the version before has left it.
fn of_version_before() -> Disk {
    let disk = Disk::default();
    let mut journal = Journal::open(disk.clone(), Settings { segment: 200 }, |_| {}).unwrap();
    journal.append(&made()).unwrap();
    for id in 1..=20 {
        journal.append(&put(id)).unwrap();
        journal.commit().unwrap();
    }
    let segments = disk.images();
    assert!(segments.len() > 2, "{segments:?}");
    for number in segments {
        disk.change(number, |data| data[..16].copy_from_slice(b"tandem-mq log 4\n"));
    }
    disk
}

/// The versions of all segments, the oldest first.
fn versions(disk: &Disk) -> String {
    let inside = disk.0.borrow();
    let says = inside.files.values().map(|image| image.synced[14]);
    // What is made ahead says nothing yet.
    says.filter(|byte| *byte != 0).map(char::from).collect()
}

/// It is read and written to as it is: whoever goes back to the older version finds what that can read.
#[test]
fn what_the_version_before_wrote_stays_so_until_something_waits_for_its_time() {
    let disk = of_version_before();
    let segments = disk.images();
    let (mut journal, records) = open(&disk).unwrap();
    assert_eq!(alive(&records), (1..=20).collect::<Vec<_>>());
    drop(journal);
    assert!(versions(&disk).bytes().all(|byte| byte == b'4'), "{}", versions(&disk));
    journal = Journal::open(disk.clone(), Settings { segment: 200 }, |_| {}).unwrap();
    for id in 21..=40 {
        journal.append(&put(id)).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images().len() > segments.len());
    assert!(versions(&disk).bytes().all(|byte| byte == b'4'), "{}", versions(&disk));
    // From here on that version refuses it, instead of taking the record for damage.
    journal.append(&later(41)).unwrap();
    journal.commit().unwrap();
    assert!(versions(&disk).bytes().all(|byte| byte == b'5'), "{}", versions(&disk));
    journal.append(&put(42)).unwrap();
    journal.commit().unwrap();
    drop(journal);
    let expect: Vec<u64> = (1..=42).filter(|id| *id != 41).collect();
    let found = alive(&open(&disk).unwrap().1);
    assert_eq!(found.into_iter().filter(|id| *id != 41).collect::<Vec<_>>(), expect);
    // A later segment of a newer version is no torn one that can go.
    disk.change(segments[1], |data| data[..16].copy_from_slice(b"tandem-mq log 8\n"));
    match open(&disk) {
        Err(OpenError::Version(number)) => assert_eq!(number, segments[1]),
        other => panic!("{:?}", other.map(|(_, records)| records)),
    }
}

/// To an older program a policy would be damage.
#[test]
fn a_policy_makes_a_journal_one_that_older_programs_refuse() {
    let policy = Record::PolicyMade(PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        ..PolicyRecord::default()
    });
    for version in [b'4', b'5'] {
        let disk = of_version_before();
        for number in disk.images() {
            disk.change(number, |data| data[14] = version);
        }
        let (mut journal, _) = open(&disk).unwrap();
        journal.append(&put(21)).unwrap();
        journal.commit().unwrap();
        assert!(
            versions(&disk).bytes().all(|byte| byte == version),
            "{}",
            versions(&disk)
        );
        journal.append(&policy).unwrap();
        journal.commit().unwrap();
        assert!(versions(&disk).bytes().all(|byte| byte == b'6'), "{}", versions(&disk));
        drop(journal);
        // There were programs that wrote them into one of version 5.
        for number in disk.images() {
            disk.change(number, |data| data[14] = version);
        }
        let (_, records) = open(&disk).unwrap();
        assert!(records.contains(&policy));
        assert!(versions(&disk).bytes().all(|byte| byte == b'6'), "{}", versions(&disk));
    }
}

fn tried(id: u64, attempts: u32) -> Record {
    Record::Tried {
        queue: QueueId(1),
        id: MessageId(id),
        attempts,
        until: WallMillis(attempts.into()),
    }
}

/// The same for what a policy says of attempts, and for how many there were.
#[test]
fn attempts_make_a_journal_one_that_older_programs_refuse() {
    let policy = Record::PolicyMade(PolicyRecord {
        name: "p".into(),
        pattern: "#".into(),
        redelivery_delay: Some(1),
        ..PolicyRecord::default()
    });
    for (record, sixth) in [
        (policy, false),
        (tried(1, 1), false),
        (Record::PolicyGone("p".into()), true),
    ] {
        let disk = of_version_before();
        let (mut journal, _) = open(&disk).unwrap();
        journal.append(&record).unwrap();
        journal.commit().unwrap();
        let expect = if sixth { b'6' } else { b'7' };
        assert!(
            versions(&disk).bytes().all(|byte| byte == expect),
            "{}",
            versions(&disk)
        );
    }
}

/// A message is written again at the end with all that is known of it; what is known of one that is gone goes with it.
#[test]
fn how_often_a_message_was_tried_moves_with_it() {
    let disk = Disk::default();
    let settings = Settings { segment: 1 << 20 };
    let mut journal = Journal::open(disk.clone(), settings, |_| {}).unwrap();
    for record in [made(), put(1), tried(1, 1), put(2), tried(2, 5), gone(2), tried(1, 2)] {
        journal.append(&record).unwrap();
    }
    for id in 3..=300 {
        let message = Message {
            body: vec![7; 100_000].into(),
            durable: true,
            ..Message::default()
        };
        let queues = vec![QueueId(1)];
        let (id, message) = (MessageId(id), Arc::new(message));
        journal.append(&Record::Put { id, queues, message }).unwrap();
        journal.append(&gone(id.0)).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images()[0] > 1, "{:?}", disk.images());
    let mut records = Vec::new();
    Journal::open(disk.clone(), settings, |record| records.push(record)).unwrap();
    let known: Vec<&Record> = records
        .iter()
        .filter(|record| matches!(record, Record::Tried { .. }))
        .collect();
    assert_eq!(known, [&tried(1, 2)]);
    let place = |of: &Record| records.iter().rposition(|record| record == of);
    assert!(place(&put(1)) < place(&tried(1, 2)), "the message comes first");
}

/// They are in no message, and there are fewer of them than of those that had them.
#[test]
fn ids_are_known_when_their_segments_are_gone() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    let came = |id: u64| {
        Record::Doubles(DoublesRecord {
            address: "/queue/q".into(),
            most: 5,
            keys: vec![MessageKey(id.into())],
        })
    };
    journal.append(&made()).unwrap();
    for id in 1..=100 {
        journal.append(&Record::All(vec![put(id), came(id)])).unwrap();
        journal.append(&gone(id)).unwrap();
        journal.commit().unwrap();
    }
    assert!(disk.images()[0] > 5, "{:?}", disk.images());
    drop(journal);
    let (_, records) = open(&disk).unwrap();
    let mut doubles = Doubles::default();
    for record in records.iter().flat_map(|record| match record {
        Record::All(records) => records.clone(),
        one => vec![one.clone()],
    }) {
        if let Record::Doubles(record) = record {
            doubles.note(&record);
        }
    }
    let keys: Vec<MessageKey> = doubles.records().flat_map(|record| record.keys).collect();
    assert_eq!(keys, (96..=100).map(MessageKey).collect::<Vec<_>>());
}

/// An operator looks at the file that is named.
#[test]
fn an_error_names_the_segment_that_it_is_of() {
    let disk = of_version_before();
    let oldest = disk.images()[0];
    let (mut journal, _) = open(&disk).unwrap();
    disk.fail_after(Some(0));
    match journal.append(&later(21)) {
        Err(CommitError::Disk { segment, .. }) => assert_eq!(segment, oldest),
        other => panic!("{other:?}"),
    }
}

/// The oldest says it first, and what waits is written when all say it.
#[test]
fn a_crash_while_a_journal_is_renewed_leaves_one_that_can_be_read() {
    for steps in 0..80 {
        let disk = of_version_before();
        let (mut journal, _) = open(&disk).unwrap();
        disk.fail_after(Some(steps));
        let done = journal.append(&later(21)).and_then(|()| journal.commit());
        drop(journal);
        disk.fail_after(None);
        disk.cut(|| false);
        let versions = versions(&disk);
        assert!(!versions.contains("45"), "{versions} after {steps}");
        let (journal, records) = open(&disk).unwrap();
        drop(journal);
        let waits = format!("{records:?}").contains("Schedule");
        assert!(!waits || !versions.contains('4'), "{versions} after {steps}");
        assert_eq!(waits, done.is_ok(), "after {steps}");
        // Half of it is all of it when it is read again.
        assert!(!self::versions(&disk).contains("54"), "{}", self::versions(&disk));
        if done.is_ok() {
            return;
        }
    }
    panic!("it is never done");
}

#[test]
fn one_old_message_does_not_keep_the_disk() {
    let disk = Disk::default();
    let settings = Settings { segment: 1 << 20 };
    let mut journal = Journal::open(disk.clone(), settings, |_| {}).unwrap();
    journal.append(&put(1)).unwrap();
    let body = vec![7; 100_000];
    for id in 2..=2000 {
        let message = Message {
            body: body.clone().into(),
            ..Message::default()
        };
        let put = Record::Put {
            id: MessageId(id),
            queues: vec![QueueId(1)],
            message: Arc::new(message),
        };
        journal.append(&put).unwrap();
        journal.append(&gone(id)).unwrap();
        journal.commit().unwrap();
    }
    assert!(journal.capacity() < 80 << 20, "{} bytes", journal.capacity());
    let mut records = Vec::new();
    Journal::open(disk, settings, |record| records.push(record)).unwrap();
    assert_eq!(alive(&records), [1]);
}

#[test]
fn a_record_larger_than_a_segment_gets_its_own() {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    let message = Message {
        body: vec![1; 10_000].into(),
        ..Message::default()
    };
    let large = Record::Put {
        id: MessageId(1),
        queues: vec![QueueId(1)],
        message: Arc::new(message),
    };
    journal.append(&large).unwrap();
    journal.append(&put(2)).unwrap();
    journal.commit().unwrap();
    let (_, records) = open(&disk).unwrap();
    assert!(records.contains(&large));
    assert_eq!(alive(&records), [1, 2]);
}

#[test]
fn after_a_failed_sync_nothing_is_accepted_and_nothing_confirmed_is_lost() {
    for steps in 0..30 {
        let disk = Disk::default();
        let (mut journal, _) = open(&disk).unwrap();
        disk.fail_after(Some(steps));
        let mut confirmed = 0;
        for id in 1..=20 {
            match journal.append(&put(id)).and_then(|()| journal.commit()) {
                Ok(()) => confirmed = id,
                Err(_) => break,
            }
        }
        if confirmed < 20 {
            disk.fail_after(None);
            assert!(matches!(journal.append(&put(99)), Err(CommitError::Poisoned)));
            assert!(matches!(journal.commit(), Err(CommitError::Poisoned)));
        }
        disk.cut(|| false);
        let (_, records) = open(&disk).unwrap();
        let alive = alive(&records);
        assert!(
            (1..=confirmed).all(|id| alive.contains(&id)),
            "after {steps} steps: {confirmed} confirmed, {alive:?}"
        );
    }
}

/// A log of several segments, each record committed by itself.
fn committed(count: u64) -> Disk {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    for id in 1..=count {
        journal.append(&put(id)).unwrap();
        journal.commit().unwrap();
    }
    journal.seal().unwrap();
    disk
}

#[test]
fn a_tail_torn_at_any_byte_is_left_off() {
    let disk = committed(5);
    let synced = disk.copy();
    let (mut journal, _) = open(&disk).unwrap();
    (6..=7).for_each(|id| journal.append(&put(id)).unwrap());
    journal.commit().unwrap();
    let number = disk.images()[0];
    let (before, after) = (
        synced.0.borrow().files[&number].now.clone(),
        disk.0.borrow().files[&number].now.clone(),
    );
    let from = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
    let to = after.iter().rposition(|byte| *byte != 0).unwrap();
    for cut in from..=to {
        let torn = synced.copy();
        torn.change(number, |bytes| bytes[..cut].copy_from_slice(&after[..cut]));
        let (mut journal, records) = open(&torn).unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        let alive = alive(&records);
        assert!(alive.len() >= 5 && alive.len() < 7, "cut at {cut}: {alive:?}");
        journal.append(&put(50)).unwrap();
        journal.commit().unwrap();
        let (_, records) = open(&torn).unwrap();
        assert!(records.contains(&put(50)), "and it goes on from there");
    }
}

#[test]
fn rot_before_the_tail_is_refused_and_named() {
    let disk = committed(30);
    let mut refused = 0;
    for number in disk.images() {
        let length = disk.0.borrow().files[&number]
            .now
            .iter()
            .rposition(|b| *b != 0)
            .unwrap();
        for at in (0..length).step_by(13) {
            let rotten = disk.copy();
            rotten.change(number, |bytes| bytes[at] ^= 0x10);
            match open(&rotten) {
                Err(OpenError::Damaged { segment, .. }) => {
                    assert_eq!(segment, number);
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
                // Only the seal, of which nothing on disk says that it was safe, may be taken for torn.
                Ok((_, records)) => assert_eq!(alive(&records).len(), 30, "segment {number}, byte {at}"),
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_foreign_file_is_refused() {
    let disk = Disk::default();
    disk.0.borrow_mut().files.insert(
        1,
        Image {
            now: b"#!/bin/sh\necho no\n".to_vec(),
            synced: Vec::new(),
        },
    );
    assert!(matches!(open(&disk), Err(OpenError::Foreign(1))));
}

proptest! {
    /// Power cuts with any subset of the unsynced pages kept, again and again.
    #[test]
    fn a_power_cut_loses_nothing_confirmed(
        runs in prop::collection::vec((1u64..12, 1u64..5, any::<u64>()), 1..6),
    ) {
        let disk = Disk::default();
        let (mut id, mut confirmed, mut sent) = (0, Vec::new(), Vec::new());
        for (count, together, chance) in runs {
            let (mut journal, records) = open(&disk).unwrap();
            let there = alive(&records);
            prop_assert!(confirmed.iter().all(|id| there.contains(id)), "{:?} of {:?}", there, confirmed);
            prop_assert!(there.iter().all(|id| sent.contains(id)));
            let mut waiting = Vec::new();
            journal.append(&made()).unwrap();
            for step in 1..=count {
                id += 1;
                sent.push(id);
                waiting.push(id);
                journal.append(&put(id)).unwrap();
                // The last batch is cut off before it is on disk.
                if step % together == 0 && step < count {
                    journal.commit().unwrap();
                    confirmed.append(&mut waiting);
                }
            }
            let mut file = journal.active;
            let (at, batch) = (journal.at, std::mem::take(&mut journal.batch));
            disk.clone().write(&mut file, at, &batch).unwrap();
            let mut chance = chance;
            disk.cut(|| { chance = chance.rotate_left(7) ^ 0x9e37_79b9; chance & 1 == 1 });
        }
    }
}
