//! The link to the other host of the pair: what it says, and what it is told.

use std::net::IpAddr;

use tandem_ops::pair::{Key, News};
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings};
use tokio::sync::oneshot;

use super::Desk;
use crate::brain::Order;
use crate::pair;

impl Desk {
    pub(super) fn name_successor(&self, instance: InstanceId, successor: Option<IpAddr>) {
        let Some(settings) = self.plan.router.instance(instance) else {
            return;
        };
        if self.pair.is_configured() {
            self.pair.name_successor(settings, successor);
        } else if let Some(successor) = successor {
            let name = &settings.name;
            self.log.info(&format!(
                "({name}) there is no `pair_link` to name {successor} over; it takes over by its timer"
            ));
        }
    }

    pub(super) async fn told_by_pair(&mut self, news: News) {
        match news {
            News::Up => {
                self.log.info("The pair link is up");
                self.changed = true;
                self.tell_pair().await;
            }
            News::Down => self
                .log
                .warning("The pair link is down: nothing was heard for a second"),
            News::Refused(why) => self
                .log
                .warning(&format!("The pair link does not believe what it heard: {why}")),
            News::Named { key, outcome } => {
                let name = self.known(&key).map_or("?", |settings| &settings.name);
                self.log.info(&format!("({name}) {}", pair::words(outcome)));
            }
            News::TakeOver { key, ticket } => {
                let willing = self.take_over(&key).await;
                self.pair.answer(ticket, willing);
            }
        }
    }

    /// What the router makes of it: one that is drained or at fault does not.
    async fn take_over(&self, key: &Key) -> bool {
        let Some(instance) = self.known(key).map(|settings| settings.id) else {
            return false;
        };
        let (willing, decided) = oneshot::channel();
        self.order(Order::TakeOver { instance, willing }).await;
        decided.await.unwrap_or(false)
    }

    fn known(&self, key: &Key) -> Option<&InstanceSettings> {
        let mut instances = self.plan.router.instances.iter();
        instances.find(|settings| pair::key(settings).as_ref() == Some(key))
    }

    /// How we are, when that has changed.
    pub(super) async fn tell_pair(&mut self) {
        if std::mem::take(&mut self.changed)
            && self.pair.is_configured()
            && let Some(snapshot) = self.show().await
        {
            self.pair.tell(&snapshot);
        }
    }
}
