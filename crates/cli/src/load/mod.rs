//! Load in which nothing can be lost unseen: every message has a number, is sent through the virtual address until the
//! broker has said that it is safe, and is taken out again beside each broker.
//!
//! ```text
//!   producers ──▶ virtual address ──▶ balancer ──▶ broker ──▶ takers, one beside each broker
//!   knockers  ──▶ (a new connection every few milliseconds: what a client without one would see)
//!   watchers look which host has the address
//! ```

mod knocker;
pub mod ledger;
pub mod scene;
pub mod stomp;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::pair::act::{Place, Side};
use ledger::{Account, Id, Ledger};
use scene::Scene;
use stomp::Stomp;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    pub clients: u8,
    /// Of each client between two messages.
    pub pause: Duration,
    pub account: Account,
    /// Each message over a connection of its own, to where clients stay with their server.
    pub stuck: bool,
}

pub struct Load {
    pub ledger: Arc<Ledger>,
    producers: Vec<JoinHandle<io::Result<()>>>,
    others: Vec<JoinHandle<io::Result<()>>>,
}

/// A client that hears nothing for so long gives the connection up and tries again.
const IMPATIENCE: Duration = Duration::from_millis(700);
const AGAIN: Duration = Duration::from_millis(20);
const LOOK: Duration = Duration::from_millis(5);
/// Knockers come from addresses of their own, so that each broker has some of them.
const KNOCKERS: u8 = 4;

impl Load {
    pub fn start(scene: &dyn Scene, amount: Amount) -> anyhow::Result<Load> {
        let ledger = Arc::new(Ledger::new(amount.account));
        let mut load = Load {
            ledger,
            producers: Vec::new(),
            others: Vec::new(),
        };
        let (target, beside) = (scene.target(), scene.beside());
        for (number, broker) in scene.brokers().into_iter().enumerate() {
            let ledger = Arc::clone(&load.ledger);
            let taker = move || take(&ledger, number, (beside, broker), amount);
            load.others.push(scene.thread(Place::Client, Box::new(taker))?);
        }
        for side in scene.sides() {
            let (ledger, side) = (Arc::clone(&load.ledger), *side);
            let watcher = move || watch(&ledger, side, target.ip());
            load.others.push(scene.thread(Place::Side(side), Box::new(watcher))?);
        }
        for number in 0..KNOCKERS {
            let ledger = Arc::clone(&load.ledger);
            let from = scene.street(1, number + 1);
            let knocker = move || knocker::knock(&ledger, from, target, number);
            load.others.push(scene.thread(Place::Client, Box::new(knocker))?);
        }
        for client in 1..=amount.clients {
            let ledger = Arc::clone(&load.ledger);
            let target = if amount.stuck { scene.stuck_target() } else { target };
            let way = (scene.street(0, client).into(), target);
            let producer = move || produce(&ledger, client, way, amount);
            load.producers.push(scene.thread(Place::Client, Box::new(producer))?);
        }
        Ok(load)
    }

    /// No more is sent; waits until all that was acknowledged came out, or no longer than this.
    pub fn finish(mut self, within: Duration) -> Arc<Ledger> {
        self.ledger.stop_sending();
        join(&mut self.producers);
        let deadline = Instant::now() + within;
        while self.ledger.missing() > 0 && Instant::now() < deadline {
            std::thread::sleep(AGAIN);
        }
        Arc::clone(&self.ledger)
    }
}

impl Drop for Load {
    /// Its threads stand in the hosts, which end after it.
    fn drop(&mut self) {
        self.ledger.stop_sending();
        self.ledger.stop_all();
        join(&mut self.producers);
        join(&mut self.others);
    }
}

fn join(threads: &mut Vec<JoinHandle<io::Result<()>>>) {
    for thread in threads.drain(..) {
        // One that panicked has said so on standard error; what it was told is in the ledger.
        let _ = thread.join();
    }
}

impl Amount {
    /// What these send is left in the brokers until nothing more is sent, so that there is something in a broker that
    /// dies. A load without an end leaves nothing: it would fill their disks.
    fn is_left_until_the_end(self, client: u8) -> bool {
        self.account == Account::Whole && client.is_multiple_of(4)
    }
}

/// The pause between two new connections of one address.
pub const fn knocker_rhythm() -> Duration {
    knocker::EVERY
}

fn queue(client: u8) -> String {
    format!("/queue/drill.{client}")
}

/// From where to where.
type Way = (IpAddr, SocketAddr);

fn produce(ledger: &Ledger, client: u8, way: Way, amount: Amount) {
    let queue = queue(client);
    let mut id = Id { client, number: 0 };
    while ledger.sends() {
        let Ok(mut stomp) = Stomp::connect(way, IMPATIENCE) else {
            std::thread::sleep(AGAIN);
            continue;
        };
        while ledger.sends() {
            ledger.tried(id);
            if stomp.send(&queue, &ledger.body(id)).is_err() {
                ledger.broke(client);
                break;
            }
            ledger.safe(id);
            id.number += 1;
            std::thread::sleep(amount.pause);
            if amount.stuck {
                break;
            }
        }
    }
}

/// From the client host to one broker, not through the balancers: what it hands out was stored there.
fn take(ledger: &Ledger, number: usize, way: Way, amount: Amount) {
    const LISTEN: Duration = Duration::from_millis(200);
    while ledger.lives() {
        let subscribed = Stomp::connect(way, LISTEN).and_then(|mut stomp| {
            let mut now = (1..=amount.clients).filter(|client| !amount.is_left_until_the_end(*client));
            now.try_for_each(|client| stomp.subscribe(&queue(client), client.into()))?;
            Ok(stomp)
        });
        let Ok(mut stomp) = subscribed else {
            std::thread::sleep(AGAIN);
            continue;
        };
        let mut takes_all = false;
        while ledger.lives() {
            if !takes_all && !ledger.sends() {
                takes_all = true;
                let mut left = (1..=amount.clients).filter(|client| amount.is_left_until_the_end(*client));
                if left
                    .try_for_each(|client| stomp.subscribe(&queue(client), client.into()))
                    .is_err()
                {
                    break;
                }
            }
            match stomp.take() {
                Ok(Some(body)) => {
                    if let Some(id) = ledger.read(&body) {
                        ledger.taken(id, number);
                    }
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
    }
}

/// On the host itself: the kernel is asked, not the router.
fn watch(ledger: &Ledger, side: Side, vip: IpAddr) {
    while ledger.lives() {
        let held = nix::ifaddrs::getifaddrs().is_ok_and(|mut all| {
            all.any(|one| {
                // Where connections go on after a handover nobody else sees it.
                let is_seen = one.interface_name != "lo";
                let address = one.address.as_ref().and_then(|a| a.as_sockaddr_in());
                is_seen && address.is_some_and(|a| a.ip() == vip)
            })
        });
        ledger.holds(side.0, held);
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_is_dropped_ends() {
        let ledger = Arc::new(Ledger::new(Account::Whole));
        let lives = Arc::clone(&ledger);
        let other = std::thread::spawn(move || {
            while lives.lives() || lives.sends() {
                std::thread::yield_now();
            }
            Ok(())
        });
        drop(Load {
            ledger: Arc::clone(&ledger),
            producers: Vec::new(),
            others: vec![other],
        });
        assert_eq!(Arc::strong_count(&ledger), 1, "its threads are gone");
    }
}
