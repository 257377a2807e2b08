//! Killed at random moments under load, the broker loses nothing that it has confirmed, and makes nothing up.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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

/// What the outside knows.
#[derive(Default)]
struct History {
    sent: AtomicU64,
    confirmed: Mutex<BTreeSet<u64>>,
    acknowledged: Mutex<BTreeSet<u64>>,
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
            live(life, &history.confirmed);
            mq.kill();
            over.store(true, Relaxed);
        });
        mq.run();
    }
    let seen = drain(&mq, &history);
    let confirmed = history.confirmed.lock().unwrap();
    let acknowledged = history.acknowledged.lock().unwrap();
    let sent = history.sent.load(Relaxed);
    let lost: Vec<_> = confirmed
        .iter()
        .filter(|n| !seen.contains(n) && !acknowledged.contains(n))
        .collect();
    let unexpected: Vec<_> = seen.iter().filter(|n| **n > sent).collect();
    super::say(&format!(
        "{kills} kills: {sent} sent, {} confirmed, {} lost, {} unexpected",
        confirmed.len(),
        lost.len(),
        unexpected.len()
    ));
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    assert!(unexpected.is_empty(), "never sent: {unexpected:?}");
    assert!(
        confirmed.len() > 100,
        "only {} were confirmed: nothing was tried",
        confirmed.len()
    );
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

fn produce(address: std::net::SocketAddr, history: &History, over: &AtomicBool) {
    let mut client = Stomp::connect(address);
    while !over.load(Relaxed) {
        let number = history.sent.fetch_add(1, Relaxed) + 1;
        let sent = client.try_say(&format!("SEND\ndestination:/queue/q\nreceipt:{number}\n\n{number}"));
        match sent.and_then(|()| client.try_hear()) {
            Ok(answer) if answer.contains(&format!("receipt-id:{number}\n")) => {
                history.confirmed.lock().unwrap().insert(number);
            }
            Ok(other) => panic!("{other}"),
            // Whether it arrived is not known.
            Err(_) => return,
        }
    }
}

/// Takes some; what it acknowledged may come again after a kill, but need not.
fn consume(address: std::net::SocketAddr, history: &History, over: &AtomicBool) {
    let mut client = Stomp::connect(address);
    client.subscribe("/queue/q", "client-individual");
    while !over.load(Relaxed) {
        let Ok(frame) = client.try_hear() else { return };
        let Some((head, body)) = frame.strip_prefix("MESSAGE\n").and_then(|rest| rest.split_once("\n\n")) else {
            continue;
        };
        let ack = head
            .lines()
            .find_map(|line| line.strip_prefix("ack:"))
            .expect("an ack header");
        if client.try_say(&format!("ACK\nid:{ack}\n\n")).is_err() {
            return;
        }
        history
            .acknowledged
            .lock()
            .unwrap()
            .insert(body.parse().expect("a number"));
    }
}

fn drain(mq: &Mq, history: &History) -> BTreeSet<u64> {
    let mut producer = Stomp::connect(mq.address());
    producer.send("/queue/q", "0");
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/q", "client-individual");
    let mut seen = BTreeSet::new();
    loop {
        for body in client.take(1) {
            match body.parse().expect("a number") {
                // The last one that was sent.
                0 => return seen,
                number => {
                    assert!(seen.insert(number), "{number} came twice in one drain");
                    assert!(number <= history.sent.load(Relaxed));
                }
            }
        }
    }
}
