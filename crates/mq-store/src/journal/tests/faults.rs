//! Every fault at every moment, by seed: power cuts that keep any part of what was not on disk, calls that fail, flipped bits,
//! holes. What is read afterwards is what was confirmed, and of the rest the first so many records.

use std::collections::{BTreeMap, BTreeSet};

use tandem_sim::Seeds;
use tandem_time::Seed;

use super::*;

/// What the records say, and nothing of how they lie.
#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    alive: BTreeMap<u64, Vec<QueueId>>,
    queues: BTreeSet<QueueId>,
    policies: BTreeMap<Box<str>, Option<u64>>,
}

impl State {
    fn apply(&mut self, record: &Record) {
        match record {
            Record::QueueMade(made) => drop(self.queues.insert(made.id)),
            Record::Put { id, queues, .. } => drop(self.alive.insert(id.0, queues.clone())),
            Record::Gone { queue, id } => {
                if let Some(queues) = self.alive.get_mut(&id.0) {
                    queues.retain(|holder| holder != queue);
                    if queues.is_empty() {
                        self.alive.remove(&id.0);
                    }
                }
            }
            Record::PolicyMade(made) => drop(self.policies.insert(made.name.clone(), made.max_length)),
            Record::PolicyGone(name) => drop(self.policies.remove(name)),
            Record::All(records) => records.iter().for_each(|record| self.apply(record)),
            _ => {}
        }
    }

    fn of(records: &[Record]) -> State {
        let mut state = State::default();
        records.iter().for_each(|record| state.apply(record));
        state
    }
}

/// Somebody who uses a journal, and knows what must be in it.
struct User {
    chance: Seed,
    disk: Disk,
    /// All that was confirmed.
    confirmed: State,
    /// What came after, in order.
    after: Vec<Record>,
    /// What is there after all that.
    now: State,
    ids: u64,
}

impl User {
    fn new(seed: u64, disk: Disk) -> User {
        User {
            chance: Seed::new(seed),
            disk,
            confirmed: State::default(),
            after: Vec::new(),
            now: State::default(),
            ids: 0,
        }
    }

    /// The journal, if there is in it what must be and nothing else.
    fn open(&mut self) -> Result<Journal<Disk>, String> {
        let (journal, records) = open(&self.disk).map_err(|error| error.to_string())?;
        let found = State::of(&records);
        let mut expected = self.confirmed.clone();
        let mut after = std::mem::take(&mut self.after).into_iter();
        while expected != found {
            let Some(record) = after.next() else {
                return Err(format!("{found:?}\n  instead of {expected:?}"));
            };
            expected.apply(&record);
        }
        self.now = expected.clone();
        self.confirmed = expected;
        Ok(journal)
    }

    fn record(&mut self) -> Record {
        let now = &self.now;
        if !now.queues.contains(&QueueId(1)) {
            return made();
        }
        let oldest = now.alive.keys().next().copied();
        let pick = self.chance.below(now.alive.len() as u64) as usize;
        let any = now.alive.keys().nth(pick).copied();
        match (self.chance.below(10), oldest, any) {
            (0..4, Some(oldest), _) => gone(oldest),
            (4, _, Some(any)) => gone(any),
            // A transaction, and a message that moves.
            (5, _, Some(any)) => Record::All(vec![gone(any), self.put()]),
            (6, ..) => Record::PolicyMade(PolicyRecord {
                name: self.chance.below(3).to_string().into(),
                pattern: "#".into(),
                max_length: Some(self.chance.below(9)),
                ..PolicyRecord::default()
            }),
            (7, ..) => Record::PolicyGone(self.chance.below(3).to_string().into()),
            _ => self.put(),
        }
    }

    fn put(&mut self) -> Record {
        self.ids += 1;
        put(self.ids)
    }

    /// Writes until the disk fails.
    fn write(&mut self, journal: &mut Journal<Disk>) -> Result<(), CommitError> {
        loop {
            for _ in 0..=self.chance.below(4) {
                let record = self.record();
                self.now.apply(&record);
                self.after.push(record.clone());
                journal.append(&record)?;
            }
            journal.commit()?;
            for record in std::mem::take(&mut self.after) {
                self.confirmed.apply(&record);
            }
            if self.chance.chance(1, 3) {
                journal.prepare()?;
            }
            if self.chance.chance(1, 9) {
                journal.seal()?;
            }
        }
    }

    /// The disk fails at any call, the process ends, and perhaps the power goes with it.
    fn fall(&mut self) -> Result<(), String> {
        let mut journal = self.open()?;
        let steps = self.chance.below(120) as usize;
        self.disk.fail_after(Some(steps));
        assert!(matches!(self.write(&mut journal), Err(CommitError::Disk { .. })));
        assert!(matches!(journal.append(&put(1)), Err(CommitError::Poisoned)));
        assert!(matches!(journal.commit(), Err(CommitError::Poisoned)));
        self.disk.fail_after(None);
        if self.chance.chance(3, 4) {
            let mut chance = self.chance.fork(1);
            let part = chance.below(5);
            self.disk.cut(|| chance.chance(part, 4));
        }
        Ok(())
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..5 {
            self.fall()?;
        }
        self.open().map(drop)
    }
}

#[test]
fn after_any_fall_there_is_what_was_confirmed() {
    for seed in Seeds::from_env(500) {
        let lived = User::new(seed, Disk::default()).live();
        assert!(lived.is_ok(), "seed {seed}: {}", lived.unwrap_err());
    }
}

/// The control: whoever looks on a disk that only says that it syncs must see it.
#[test]
fn a_disk_that_lies_is_caught() {
    let caught = (0..20).filter(|seed| User::new(*seed, Disk::liar()).live().is_err());
    assert!(caught.count() > 15);
}

/// A journal of many segments at rest, and what is in it.
fn at_rest() -> (Disk, State) {
    let disk = Disk::default();
    let (mut journal, _) = open(&disk).unwrap();
    let mut said = vec![made()];
    for id in 1..=60 {
        let most = Some(id);
        let policy = PolicyRecord {
            name: (id % 4).to_string().into(),
            max_length: most,
            ..PolicyRecord::default()
        };
        match id % 5 {
            0 => said.push(Record::All(vec![gone(id - 1), put(id)])),
            1 => said.extend([put(id), Record::PolicyMade(policy)]),
            _ => said.push(put(id)),
        }
    }
    for records in said.chunks(3) {
        records.iter().for_each(|record| journal.append(record).unwrap());
        journal.commit().unwrap();
        journal.prepare().unwrap();
    }
    journal.seal().unwrap();
    (disk, State::of(&said))
}

/// One flipped bit of what was confirmed is refused with the segment's number, or makes no difference.
#[test]
fn a_flipped_bit_is_refused_or_makes_no_difference() {
    let (disk, state) = at_rest();
    let (mut chance, mut refused) = (Seed::new(2), 0);
    for round in 0..200 {
        let images = disk.images();
        let number = images[chance.below(images.len() as u64) as usize];
        let data = disk.data(number);
        let written = data.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let bit = chance.below(written as u64 * 8) as usize;
        let rotten = disk.copy();
        rotten.change(number, |data| data[bit / 8] ^= 1 << (bit % 8));
        match open(&rotten) {
            Ok((_, records)) => assert_eq!(State::of(&records), state, "round {round}: bit {bit} of {number}"),
            Err(OpenError::Damaged { segment, .. } | OpenError::Version(segment)) => {
                assert_eq!(segment, number, "round {round}: bit {bit}");
                refused += 1;
            }
            Err(other) => panic!("round {round}: {other}"),
        }
    }
    assert!(refused > 190, "{refused}");
}

/// A hole of zeros, or an end that is missing, in what was confirmed.
#[test]
fn holes_are_refused_and_so_are_missing_ends_and_files() {
    let (disk, state) = at_rest();
    let images = disk.images();
    let (last, earlier) = images.split_last().unwrap();
    assert!(earlier.len() > 2);
    for number in &images {
        let data = disk.data(*number);
        let written = data.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for from in (0..written - 60).step_by(97) {
            let rotten = disk.copy();
            rotten.change(*number, |data| data[from..written.min(from + 512)].fill(0));
            // It takes what says that something was there as well.
            let hole_to_the_end = number == last && from + 512 + SEAL_SIZE >= written;
            match open(&rotten) {
                Err(OpenError::Damaged { .. }) => {}
                Ok(_) if hole_to_the_end => {}
                other => panic!("{number} from {from}: {:?}", other.map(|(_, records)| records.len())),
            }
            let short = disk.copy();
            short.change(*number, |data| data.truncate(from));
            match open(&short) {
                Err(OpenError::Damaged { .. }) => assert!(number != last),
                Ok(_) => assert_eq!(number, last),
                Err(other) => panic!("{number} to {from}: {other}"),
            }
        }
    }
    // A whole segment that reads as zeros, or is not there.
    for number in &earlier[1..] {
        let zeros = disk.copy();
        zeros.change(*number, |data| data.fill(0));
        assert!(matches!(open(&zeros), Err(OpenError::Damaged { .. })), "{number}");
        let gone = disk.copy();
        gone.0.borrow_mut().files.remove(number);
        assert!(matches!(open(&gone), Err(OpenError::Damaged { .. })), "{number}");
    }
    // What is made ahead holds nothing.
    let without = disk.copy();
    without.0.borrow_mut().files.retain(|number, _| images.contains(number));
    assert_eq!(State::of(&open(&without).unwrap().1), state);
}
