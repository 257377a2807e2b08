//! The link to the other host of the pair: what it is told of us, and what is made of its wishes.

mod beside;

use std::io::{self, Read};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tandem_ops::clock::Clock;
use tandem_ops::pair::{self, Command, Ends, Entry, Key, Link, News, Outcome, Position, Secret, Shown, Wish};
use tandem_vrrp_config::PairLink;
use tandem_vrrp_core::settings::{InstanceSettings, RouterSettings};
use tandem_vrrp_core::{Partner, Stand};
use tokio::sync::{mpsc, oneshot};

use crate::brain::Order;
use crate::logs::Log;
use crate::snapshot::Instance;

use beside::Common;

/// Both ways; a handover of everything is one message for each instance. Nobody waits for a place.
const QUEUE: usize = 1024;

/// The daemon's end of the link; without one in the configuration nothing happens.
pub(crate) struct Pair {
    settings: Option<PairLink>,
    commands: Option<mpsc::Sender<Command>>,
    news: mpsc::Receiver<News>,
    /// Kept so that `news` never ends.
    telling: mpsc::Sender<News>,
    common: Common,
    log: Rc<Log>,
}

impl Pair {
    pub(crate) fn new(log: Rc<Log>, orders: mpsc::Sender<Order>) -> Pair {
        let (telling, news) = mpsc::channel(QUEUE);
        Pair {
            settings: None,
            commands: None,
            news,
            telling,
            common: Common {
                orders,
                known: Rc::default(),
                changed: Rc::default(),
                lost: Rc::default(),
            },
            log,
        }
    }

    /// What the router has now. It has heard of these.
    pub(crate) fn know(&self, router: &RouterSettings) {
        let keys = router.instances.iter().filter_map(|i| Some((key(i)?, i.id)));
        *self.common.known.borrow_mut() = keys.collect();
    }

    /// Starts, ends or replaces the link, if its settings changed.
    pub(crate) fn adjust(&mut self, settings: Option<&PairLink>) {
        if self.settings.as_ref() == settings {
            return;
        }
        self.commands = settings.and_then(|settings| self.begin(settings));
        self.settings = settings.cloned();
    }

    fn begin(&self, settings: &PairLink) -> Option<mpsc::Sender<Command>> {
        let ends = Ends {
            own: settings.bind,
            peer: settings.peer,
        };
        let clock = Clock::start();
        let secret = Secret::new(settings.secret.bytes())?;
        let link = match chance() {
            Ok(chance) => Link::new(secret, chance, clock.now()),
            Err(error) => {
                self.log.error(&format!("no pair link: no random numbers: {error}"));
                return None;
            }
        };
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (news, heard) = mpsc::channel(QUEUE);
        tokio::task::spawn_local(self.common.clone().say(commands.downgrade()));
        tokio::task::spawn_local(self.common.clone().hear(heard, self.telling.clone()));
        let log = self.log.clone();
        let trouble = move |error: &io::Error| log.error(&format!("no pair link yet: {}: {error}", ends.own));
        tokio::task::spawn_local(pair::run(link, clock, ends, inbox, news, trouble));
        Some(commands)
    }

    pub(crate) async fn news(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            // Not while we hold a sender.
            None => std::future::pending().await,
        }
    }

    pub(crate) const fn is_configured(&self) -> bool {
        self.commands.is_some()
    }

    /// The other host wants to know something that has changed here.
    pub(crate) fn changed(&self) {
        self.common.changed.notify_one();
    }

    pub(crate) fn name_successor(&self, settings: &InstanceSettings, successor: Option<IpAddr>) {
        if let Some(key) = key(settings) {
            self.wish(key, Wish::TakeOver, successor);
        }
    }

    pub(crate) fn wish(&self, key: Key, wish: Wish, successor: Option<IpAddr>) {
        self.command(Command::Wish { key, wish, successor });
    }

    pub(crate) fn answer(&self, ticket: u64, willing: bool) {
        self.command(Command::Answer { ticket, willing });
    }

    /// What is lost because nobody keeps up is lost on the network, too, at times.
    fn command(&self, command: Command) {
        let full = |commands: &mpsc::Sender<Command>| commands.try_send(command).is_err();
        if self.commands.as_ref().is_some_and(full) {
            self.common.is_lost();
        }
    }

    /// How the link is, if there is one.
    pub(crate) async fn show(&self) -> Option<Shown> {
        let (to, shown) = oneshot::channel();
        self.command(Command::Show(to));
        shown.await.ok()
    }

    /// For the control socket.
    pub(crate) async fn describe(&self) -> Value {
        match self.show().await {
            Some(shown) => describe(&shown, self.common.lost.get(), self.settings.as_ref()),
            None => Value::Null,
        }
    }

    /// How long connections go on here after a handover.
    pub(crate) fn keeps_for(&self) -> Option<Duration> {
        let keep = self.settings.as_ref()?.keep;
        Some(keep).filter(|keep| !keep.is_zero())
    }
}

/// A virtual router as the other host knows it; without an address there is nothing to hand over.
pub(crate) fn key(settings: &InstanceSettings) -> Option<Key> {
    let address = settings.addresses().next()?.address;
    Some(Key {
        vrid: settings.vrid.value(),
        address,
    })
}

/// What the router makes of it.
const fn partner(entry: &Entry) -> Partner {
    Partner {
        stand: match entry.position {
            Position::Master => Stand::Master,
            Position::Yielded => Stand::Yielded,
            Position::Leaving => Stand::Leaving,
            Position::Out | Position::Ready => Stand::Other,
        },
        priority: entry.priority,
        source: entry.source,
    }
}

fn entry(instance: &Instance) -> Option<Entry> {
    let position = match instance.stand {
        Stand::Master => Position::Master,
        Stand::Leaving => Position::Leaving,
        Stand::Yielded => Position::Yielded,
        Stand::Other if instance.ready => Position::Ready,
        Stand::Other => Position::Out,
    };
    Some(Entry {
        key: key(&instance.settings)?,
        position,
        priority: instance.effective.value(),
        source: instance.source,
    })
}

pub(crate) const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Willing => "the other host of the pair takes over at once",
        Outcome::Unwilling => "the other host of the pair will not take over now; its timer decides",
        Outcome::Silent => "the other host of the pair does not answer; its timer decides",
        Outcome::Away => "there is no pair link at present, so the successor takes over by its timer",
        Outcome::NotReady => "the other host of the pair is not ready to take over; timers decide",
    }
}

fn describe(shown: &Shown, lost: u64, settings: Option<&PairLink>) -> Value {
    let position = |position| match position {
        Position::Out => "out",
        Position::Ready => "ready",
        Position::Master => "master",
        Position::Leaving => "leaving",
        Position::Yielded => "yielded",
    };
    let entries = shown.view.iter().map(|entry| {
        json!({
            "vrid": entry.key.vrid,
            "address": entry.key.address,
            "position": position(entry.position),
            "priority": entry.priority,
            "source": entry.source,
        })
    });
    json!({
        "peer": settings.map(|s| s.peer.to_string()),
        "up": shown.up,
        "sent": shown.statistics.sent,
        "believed": shown.statistics.believed,
        "refused": shown.statistics.refused,
        "lost": lost + shown.lost,
        "instances": entries.collect::<Value>(),
    })
}

/// Another number at each start and on each host.
fn chance() -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use tandem_vrrp_core::settings::HmacKey;

    use super::*;

    /// Longer than a busy machine takes for anything.
    const LONG: Duration = Duration::from_secs(20);

    fn settings(bind: SocketAddr, keep: u64) -> PairLink {
        PairLink {
            bind,
            peer: SocketAddr::from(([127, 0, 0, 1], 9)),
            secret: HmacKey::new(&[7; 32]).expect("long enough"),
            keep: Duration::from_secs(keep),
        }
    }

    fn is_bound(at: SocketAddr) -> bool {
        UdpSocket::bind(at).is_err()
    }

    async fn wait(what: &str, holds: impl Fn() -> bool) {
        let until = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(LONG, until).await.is_ok(), "{what}");
    }

    /// A reload gives it other settings, and its address may be taken, or come later.
    #[tokio::test(flavor = "local")]
    async fn a_link_gets_its_address_when_it_is_to_be_had() {
        let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let at = taken.local_addr().expect("bound");
        let mut pair = Pair::new(Rc::new(Log::default()), mpsc::channel(8).0);
        pair.adjust(Some(&settings(at, 10)));
        let shown = pair.show().await.expect("it answers without an address");
        assert!(!shown.up);
        drop(taken);
        wait("it has its address", || is_bound(at)).await;

        pair.adjust(Some(&settings(at, 20)));
        pair.show().await.expect("it goes on");
        wait("it has it again", || is_bound(at)).await;
        pair.show().await.expect("it is there");
        pair.adjust(None);
        wait("it lets go", || !is_bound(at)).await;
    }
}
