//! Killed at random moments under load, the broker loses nothing that it has confirmed, makes nothing up, brings back nothing
//! that it has confirmed to be acknowledged, and says so where it hands out again what somebody has seen.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tandem_tests::{Mq, PATIENCE, Stomp};
use tandem_time::Seed;

const PRODUCERS: u64 = 4;

/// With `TANDEM_LONG` set, as many as are promised.
fn kills() -> u64 {
    if std::env::var_os("TANDEM_LONG").is_some() {
        200
    } else {
        4
    }
}

type Numbers = Mutex<BTreeSet<u64>>;

/// What the outside knows.
#[derive(Default)]
struct History {
    /// How often the broker was killed.
    kills: AtomicU64,
    sent: AtomicU64,
    confirmed: Numbers,
    /// Somebody was given it.
    delivered: Numbers,
    /// Somebody was given it again, and was told so.
    again: Numbers,
    /// The broker may know of an acknowledgement.
    acknowledged: Numbers,
    /// The broker has said that it does.
    done: Numbers,
    /// What must not be.
    faults: Mutex<Vec<String>>,
}

impl History {
    fn fault(&self, what: String) {
        self.faults.lock().unwrap().push(what);
    }

    /// A message was given to somebody: its number, and what it needs to be acknowledged.
    fn given(&self, frame: &str) -> (u64, String) {
        let (head, body) = frame.split_once("\n\n").expect("a head and a body");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let digits = body.split(' ').next().unwrap_or_default();
        let number = digits.parse().expect("a number");
        if number > self.sent.load(Relaxed) || body != text(number) {
            self.fault(format!("{number} was never sent like this"));
        }
        if self.done.lock().unwrap().contains(&number) {
            self.fault(format!("{number} was acknowledged for good, and is here again"));
        }
        let is_told = header("redelivered:") == Some("true");
        if !self.delivered.lock().unwrap().insert(number) {
            match is_told {
                true => drop(self.again.lock().unwrap().insert(number)),
                false => self.fault(format!("{number} came twice, and does not say so")),
            }
        }
        (number, header("ack:").expect("an ack header").to_owned())
    }
}

/// Bodies of all sizes, so that a record is torn at any place.
fn text(number: u64) -> String {
    let more = usize::try_from(number * 37 % 3000).expect("a small number");
    format!("{number} {}", "x".repeat(more))
}

#[test]
fn nothing_confirmed_is_lost_over_kills() {
    let mut mq = Mq::start("anonymous = true");
    let mut seed = Seed::new(7);
    let history = History::default();
    let kills = kills();
    for _ in 0..kills {
        let life = Duration::from_millis(50 + seed.below(250));
        let over = AtomicBool::new(false);
        let address = mq.address();
        std::thread::scope(|scope| {
            for _ in 0..PRODUCERS {
                scope.spawn(|| produce(address, &history, &over));
            }
            scope.spawn(|| consume(address, &history, &over));
            scope.spawn(|| look(address, &history, &over));
            live(life, &history.confirmed);
            mq.kill();
            over.store(true, Relaxed);
        });
        history.kills.fetch_add(1, Relaxed);
        mq.run();
    }
    let left = drain(&mq, &history);
    let count = |numbers: &Numbers| lock(numbers).len();
    let (confirmed, acknowledged) = (lock(&history.confirmed), lock(&history.acknowledged));
    let is_lost = |number: &&u64| !left.contains(number) && !acknowledged.contains(number);
    let lost: Vec<_> = confirmed.iter().filter(is_lost).collect();
    super::say(&format!(
        "{kills} kills: {} sent, {} confirmed, {} lost; {} acknowledged for good; {} came again and said so",
        history.sent.load(Relaxed),
        confirmed.len(),
        lost.len(),
        count(&history.done),
        count(&history.again)
    ));
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    assert_eq!(*history.faults.lock().unwrap(), Vec::<String>::new());
    let tried = [&history.done, &history.again].map(count);
    assert!(
        confirmed.len() > 100 && tried.iter().all(|tried| *tried > 0),
        "only {} were confirmed, {tried:?} acknowledged and given again: nothing was tried",
        confirmed.len()
    );
}

fn lock(numbers: &Numbers) -> MutexGuard<'_, BTreeSet<u64>> {
    numbers.lock().unwrap()
}

/// One life of the broker: a random time, and on a slow machine as long as it takes that something is tried in it.
pub(super) fn live(least: Duration, confirmed: &Mutex<BTreeSet<u64>>) {
    const ENOUGH: usize = 40;
    let confirmed = || confirmed.lock().unwrap().len();
    let (began, before) = (Instant::now(), confirmed());
    std::thread::sleep(least);
    while confirmed() < before + ENOUGH && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn produce(address: SocketAddr, history: &History, over: &AtomicBool) {
    let mut client = Stomp::connect(address);
    while !over.load(Relaxed) {
        let number = history.sent.fetch_add(1, Relaxed) + 1;
        let sent = client.try_say(&format!(
            "SEND\ndestination:/queue/q\nreceipt:{number}\n\n{}",
            text(number)
        ));
        match sent.and_then(|()| client.try_hear()) {
            Ok(answer) if answer.contains(&format!("receipt-id:{number}\n")) => {
                lock(&history.confirmed).insert(number);
            }
            Ok(other) => panic!("{other}"),
            // Whether it arrived is not known.
            Err(_) => return,
        }
    }
}

/// Takes three of four, so that something is left for the next life; what it acknowledged may come again after a kill, but not when it has heard that this is safe.
fn consume(address: SocketAddr, history: &History, over: &AtomicBool) {
    let mut client = Stomp::connect(address);
    client.subscribe("/queue/q", "client-individual");
    while !over.load(Relaxed) {
        let Ok(frame) = client.try_hear() else { return };
        if let Some(number) = frame
            .split_once("receipt-id:")
            .and_then(|(_, rest)| rest.lines().next())
        {
            // That of the subscription is none.
            lock(&history.done).extend(number.parse::<u64>());
        }
        let Some(frame) = frame.strip_prefix("MESSAGE\n") else {
            continue;
        };
        let (number, ack) = history.given(frame);
        if (number + history.kills.load(Relaxed)).is_multiple_of(4) {
            continue;
        }
        if client.try_say(&format!("ACK\nid:{ack}\nreceipt:{number}\n\n")).is_err() {
            return;
        }
        lock(&history.acknowledged).insert(number);
    }
}

/// Is given some, and says nothing.
fn look(address: SocketAddr, history: &History, over: &AtomicBool) {
    let mut client = Stomp::connect(address);
    client.say("SUBSCRIBE\nid:0\ndestination:/queue/q\nack:client-individual\nprefetch-count:20\n\n");
    while !over.load(Relaxed) {
        let Ok(frame) = client.try_hear() else { return };
        if let Some(frame) = frame.strip_prefix("MESSAGE\n") {
            history.given(frame);
        }
    }
}

fn drain(mq: &Mq, history: &History) -> BTreeSet<u64> {
    let mut producer = Stomp::connect(mq.address());
    producer.send("/queue/q", "end");
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/q", "client-individual");
    let mut seen = BTreeSet::new();
    loop {
        let frame = client.hear();
        let Some(frame) = frame.strip_prefix("MESSAGE\n") else {
            continue;
        };
        // The last one that was sent.
        if frame.ends_with("\n\nend") {
            return seen;
        }
        let (number, ack) = history.given(frame);
        client.say(&format!("ACK\nid:{ack}\n\n"));
        if !seen.insert(number) {
            history.fault(format!("{number} came twice in one drain"));
        }
    }
}
