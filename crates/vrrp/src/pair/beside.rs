//! What goes on beside the control loop, which waits at times: for the packet filter, or for an answer of the other host.
//! Meanwhile the other host is told how we are, and the router what the other host says. A word that is a few seconds old
//! counts for nothing: where adverts do not arrive either, both would serve.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tandem_ops::pair::{Command, Entry, Key, News};
use tandem_vrrp_core::settings::InstanceId;
use tokio::sync::{Notify, mpsc, oneshot};

use super::{entry, partner};
use crate::brain::Order;

/// How often it is said when nothing changes.
const AGAIN: Duration = Duration::from_secs(1);

/// The router's own thread looks for each word, so what changes by the hundred is said together.
const PAUSE: Duration = Duration::from_millis(15);

/// What both directions and the control loop have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) orders: mpsc::Sender<Order>,
    /// Our virtual routers, as the other host knows them.
    pub(super) known: Rc<RefCell<BTreeMap<Key, InstanceId>>>,
    /// Something that the other host wants to know.
    pub(super) changed: Rc<Notify>,
    /// What was to be said or heard, and had no place.
    pub(super) lost: Rc<Cell<u64>>,
}

impl Common {
    pub(super) fn is_lost(&self) {
        self.lost.set(self.lost.get() + 1);
    }

    /// Until the link or the router has ended.
    pub(super) async fn say(self, commands: mpsc::WeakSender<Command>) {
        loop {
            let (to, shown) = oneshot::channel();
            self.orders.send(Order::Show(to)).await.ok();
            let Ok(snapshot) = shown.await else { return };
            let Some(commands) = commands.upgrade() else { return };
            let view = snapshot.instances.iter().filter_map(entry).collect();
            if commands.try_send(Command::View(view)).is_err() {
                self.is_lost();
            }
            drop(commands);
            tokio::time::sleep(PAUSE).await;
            tokio::time::timeout(AGAIN, self.changed.notified()).await.ok();
        }
    }

    /// Until the link has ended. The rest is for the control loop, when it has time.
    pub(super) async fn hear(self, mut from: mpsc::Receiver<News>, telling: mpsc::Sender<News>) {
        while let Some(news) = from.recv().await {
            for order in self.orders_of(&news) {
                self.orders.send(order).await.ok();
            }
            if telling.try_send(news).is_err() {
                self.is_lost();
            }
        }
    }

    fn orders_of(&self, news: &News) -> Vec<Order> {
        let known = self.known.borrow();
        match news {
            News::Seen(entries) => {
                let order = |entry: &Entry| {
                    let instance = *known.get(&entry.key)?;
                    let partner = Some(partner(entry));
                    Some(Order::Partner { instance, partner })
                };
                entries.iter().filter_map(order).collect()
            }
            News::Down => {
                let partner = None;
                let order = |instance: &InstanceId| Order::Partner {
                    instance: *instance,
                    partner,
                };
                known.values().map(order).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tandem_ops::pair::Position;
    use tandem_time::Mono;
    use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings, VirtualAddress, Vrid};
    use tandem_vrrp_core::{Router, Stand};

    use super::*;
    use crate::snapshot::Snapshot;

    /// Longer than a busy machine takes for anything.
    const LONG: Duration = Duration::from_secs(20);
    const ONE: InstanceId = InstanceId(1);

    fn key() -> Key {
        Key {
            vrid: 51,
            address: [10, 9, 0, 100].into(),
        }
    }

    fn common() -> (Common, mpsc::Receiver<Order>) {
        let (orders, inbox) = mpsc::channel(8);
        let common = Common {
            orders,
            known: Rc::new(RefCell::new(BTreeMap::from([(key(), ONE)]))),
            changed: Rc::default(),
            lost: Rc::default(),
        };
        (common, inbox)
    }

    async fn next<T>(from: &mut mpsc::Receiver<T>) -> T {
        let next = tokio::time::timeout(LONG, from.recv()).await;
        next.expect("in time").expect("it goes on")
    }

    fn snapshot() -> Snapshot {
        let vrid = Vrid::new(51).expect("not 0");
        let mut settings = InstanceSettings::new(ONE, "VI_1", vrid, Family::V4);
        settings.vips = vec![VirtualAddress::host(key().address)];
        let router = Router::new(RouterSettings {
            instances: vec![settings],
            ..RouterSettings::default()
        });
        Snapshot::of(&router, |_, _| false, Mono::ZERO, 0, Default::default())
    }

    /// Nobody takes news here, as while the control loop waits.
    #[tokio::test(flavor = "local")]
    async fn the_router_hears_what_the_other_host_says_whoever_else_does() {
        let (common, mut orders) = common();
        let (link, from) = mpsc::channel(8);
        let (telling, _news) = mpsc::channel(1);
        let lost = common.lost.clone();
        tokio::task::spawn_local(common.hear(from, telling));
        let entry = Entry {
            key: key(),
            position: Position::Master,
            priority: 150,
            source: None,
        };
        let stranger = Entry {
            key: Key { vrid: 52, ..key() },
            ..entry
        };
        for _ in 0..3 {
            link.send(News::Seen(vec![stranger, entry])).await.expect("it hears");
            match next(&mut orders).await {
                Order::Partner {
                    instance: ONE,
                    partner: Some(partner),
                } => assert_eq!(partner.stand, Stand::Master),
                other => panic!("{other:?}"),
            }
        }
        link.send(News::Down).await.expect("it hears");
        let order = next(&mut orders).await;
        assert!(
            matches!(
                order,
                Order::Partner {
                    instance: ONE,
                    partner: None
                }
            ),
            "{order:?}"
        );
        drop(link);
        assert!(orders.recv().await.is_none(), "the link has ended");
        assert_eq!(lost.get(), 3, "what the control loop had no place for");
    }

    #[tokio::test(flavor = "local")]
    async fn the_other_host_is_told_at_each_change_and_without_any() {
        let (common, mut orders) = common();
        let (commands, mut link) = mpsc::channel(8);
        let changed = common.changed.clone();
        let saying = tokio::task::spawn_local(common.say(commands.downgrade()));
        for round in 0..3 {
            match next(&mut orders).await {
                Order::Show(to) => to.send(snapshot()).expect("it waits"),
                other => panic!("{other:?}"),
            }
            match next(&mut link).await {
                Command::View(view) => assert_eq!(view[0].key, key()),
                other => panic!("{other:?}"),
            }
            if round == 0 {
                changed.notify_one();
            }
        }
        drop(commands);
        changed.notify_one();
        if let Order::Show(to) = next(&mut orders).await {
            to.send(snapshot()).expect("it waits");
        }
        tokio::time::timeout(LONG, saying)
            .await
            .expect("the link has ended")
            .expect("well");
    }

    #[tokio::test(flavor = "local")]
    async fn what_changes_all_the_time_is_told_at_times() {
        let (common, mut orders) = common();
        let (commands, mut link) = mpsc::channel(8);
        let changed = common.changed.clone();
        tokio::task::spawn_local(common.say(commands.downgrade()));
        let begun = std::time::Instant::now();
        for _ in 0..4 {
            match next(&mut orders).await {
                Order::Show(to) => to.send(snapshot()).expect("it waits"),
                other => panic!("{other:?}"),
            }
            next(&mut link).await;
            changed.notify_one();
        }
        assert!(begun.elapsed() >= 3 * PAUSE);
    }
}
