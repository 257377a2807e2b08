//! The link to the other host of the pair: what it says, and what it is told.

use std::net::IpAddr;

use tandem_ops::pair::{Key, News, Outcome, Wish};
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
        // The router has heard it already, beside this loop.
        match news {
            News::Up => {
                self.log.info("The pair link is up");
                self.pair.changed();
            }
            News::Down => self
                .log
                .warning("The pair link is down: nothing was heard for a second"),
            News::Seen(entries) => self.return_to(&entries).await,
            News::Refused(why) => self
                .log
                .warning(&format!("The pair link does not believe what it heard: {why}")),
            News::Became { key, wish, outcome } => self.became(&key, wish, outcome),
            News::Wish { key, wish, ticket } => {
                let willing = match wish {
                    Wish::TakeOver => self.take_over(&key).await,
                    Wish::Keep(lodging) => self.hand_back(key, ticket, lodging).await,
                    Wish::Over => self.hand_back_no_more(key).await,
                    Wish::Return => self.is_wanted_back(&key),
                };
                self.pair.answer(ticket, willing);
            }
        }
    }

    fn became(&mut self, key: &Key, wish: Wish, outcome: Outcome) {
        let Some(settings) = self.known(key) else { return };
        let (id, name) = (settings.id, settings.name.clone());
        match wish {
            Wish::TakeOver => self.log.info(&format!("({name}) {}", pair::words(outcome))),
            Wish::Return => self.returns(id, outcome),
            // Whoever wished it waits for it, or does not need to know.
            Wish::Keep(_) | Wish::Over => {}
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

    pub(super) fn known(&self, key: &Key) -> Option<&InstanceSettings> {
        let mut instances = self.plan.router.instances.iter();
        instances.find(|settings| pair::key(settings).as_ref() == Some(key))
    }
}
