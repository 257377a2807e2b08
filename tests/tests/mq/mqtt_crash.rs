//! Killed at random moments under load: what was confirmed to an MQTT client is not lost, and what is sent exactly once
//! arrives exactly once, though clients and broker speak of most messages more than once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tandem_tests::{Mq, Mqtt, Told};
use tandem_time::Seed;

use super::crash::live;

const SENDERS: usize = 4;
/// How many messages each has under way.
const UNDER_WAY: usize = 8;

fn kills() -> u64 {
    if std::env::var_os("TANDEM_LONG").is_some() {
        100
    } else {
        3
    }
}

#[derive(Default)]
struct History {
    sent: AtomicU64,
    confirmed: Mutex<BTreeSet<u64>>,
}

/// What a client knows of its own, which no kill takes away.
#[derive(Default)]
struct Sender {
    /// By number: the message, and whether PUBREC has come.
    open: BTreeMap<u16, (u64, bool)>,
}

impl Sender {
    /// Sends until the connection breaks, or, when it is `over`, until all is confirmed.
    fn run(&mut self, to: SocketAddr, name: &str, qos: u8, history: &History, over: &AtomicBool) -> Result<()> {
        let (mut client, present) = Mqtt::connect(to, name, false)?;
        for (packet, (number, received)) in &self.open {
            match received & present {
                true => client.pubrel(*packet)?,
                false => client.publish("t", &number.to_string(), qos, *packet, true)?,
            }
        }
        loop {
            while self.open.len() < UNDER_WAY && !over.load(Relaxed) {
                let number = history.sent.fetch_add(1, Relaxed) + 1;
                let packet = (1..)
                    .find(|packet| !self.open.contains_key(packet))
                    .expect("few are in use");
                self.open.insert(packet, (number, false));
                client.publish("t", &number.to_string(), qos, packet, false)?;
            }
            if self.open.is_empty() {
                return Ok(());
            }
            self.hear(&mut client, history)?;
        }
    }

    fn hear(&mut self, client: &mut Mqtt, history: &History) -> Result<()> {
        match client.hear()? {
            Told::Puback(packet) => {
                if let Some((number, _)) = self.open.remove(&packet) {
                    history.confirmed.lock().unwrap().insert(number);
                }
            }
            Told::Pubrec(packet) => {
                if let Some((number, received)) = self.open.get_mut(&packet) {
                    history.confirmed.lock().unwrap().insert(*number);
                    *received = true;
                }
                client.pubrel(packet)?;
            }
            Told::Pubcomp(packet) => drop(self.open.remove(&packet)),
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Receiver {
    received: BTreeSet<u16>,
    seen: BTreeMap<u64, u32>,
}

impl Receiver {
    /// Takes until the connection breaks, or until all of `wanted` have come.
    fn run(&mut self, to: SocketAddr, qos: u8, wanted: Option<&BTreeSet<u64>>) -> Result<()> {
        let (mut client, present) = Mqtt::connect(to, "receiver", false)?;
        if !present {
            self.received.clear();
            client.subscribe("t", qos)?;
            assert_eq!(client.hear()?, Told::Suback(1));
        }
        while !wanted.is_some_and(|wanted| wanted.iter().all(|number| self.seen.contains_key(number))) {
            match client.hear()? {
                Told::Publish { packet, body, .. } => {
                    if qos == 1 || self.received.insert(packet) {
                        let number = body.parse().expect("a number");
                        *self.seen.entry(number).or_default() += 1;
                    }
                    match qos {
                        1 => client.puback(packet)?,
                        _ => client.pubrec(packet)?,
                    }
                }
                Told::Pubrel(packet) => {
                    self.received.remove(&packet);
                    client.pubcomp(packet)?;
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(())
    }
}

fn run(qos: u8) {
    let mut mq = Mq::start("anonymous = true");
    let mut seed = Seed::new(u64::from(qos));
    let history = History::default();
    let mut senders: Vec<Sender> = (0..SENDERS).map(|_| Sender::default()).collect();
    let mut receiver = Receiver::default();
    // It is subscribed before anything is sent.
    receiver
        .run(mq.address(), qos, Some(&BTreeSet::new()))
        .expect("it runs");
    let over = AtomicBool::new(false);
    let kills = kills();
    for _ in 0..kills {
        let address = mq.address();
        std::thread::scope(|scope| {
            for (number, sender) in senders.iter_mut().enumerate() {
                let (history, over) = (&history, &over);
                // It ends when the broker is killed.
                scope.spawn(move || {
                    sender
                        .run(address, &format!("sender-{number}"), qos, history, over)
                        .unwrap_err()
                });
            }
            scope.spawn(|| receiver.run(address, qos, None).unwrap_err());
            live(Duration::from_millis(50 + seed.below(250)), &history.confirmed);
            mq.kill();
        });
        mq.run();
    }
    over.store(true, Relaxed);
    for (number, sender) in senders.iter_mut().enumerate() {
        let name = format!("sender-{number}");
        sender
            .run(mq.address(), &name, qos, &history, &over)
            .expect("nobody kills it now");
    }
    let confirmed = history.confirmed.lock().unwrap().clone();
    receiver
        .run(mq.address(), qos, Some(&confirmed))
        .expect("all that were confirmed come");
    let sent = history.sent.load(Relaxed);
    let twice = receiver.seen.values().filter(|times| **times > 1).count();
    super::say(&format!(
        "QoS {qos}, {kills} kills: {sent} sent, {} confirmed, 0 lost, {twice} came twice",
        confirmed.len()
    ));
    assert!(receiver.seen.keys().all(|number| *number <= sent), "one was never sent");
    assert!(
        confirmed.len() > 100,
        "only {} were confirmed: nothing was tried",
        confirmed.len()
    );
    if qos == 2 {
        assert_eq!(twice, 0);
    }
}

#[test]
fn at_least_once_over_kills() {
    run(1);
}

#[test]
fn exactly_once_over_kills() {
    run(2);
}
