//! Signs of life for the service manager, also while the control loop waits for somebody else: a packet filter that has
//! much to do keeps nobody's adverts waiting, and is no reason to kill a master.

use std::pin::pin;
use std::rc::Rc;

use tandem_ops::notify::{Notifier, State};
use tandem_ops::watchdog::Watchdog;
use tokio::sync::{mpsc, oneshot};

use crate::brain::Order;

pub(crate) struct Life {
    watchdog: Watchdog,
    notifier: Rc<Notifier>,
    orders: mpsc::Sender<Order>,
}

impl Life {
    /// To be called within a runtime.
    pub(super) fn new(notifier: Rc<Notifier>, orders: mpsc::Sender<Order>) -> Life {
        Life {
            watchdog: Watchdog::from_environment(),
            notifier,
            orders,
        }
    }

    pub(super) async fn due(&mut self) {
        self.watchdog.due().await;
    }

    /// The brain's answer, by way of the loop that asks for it: both are at work.
    pub(super) async fn give(&self) {
        let (to, answer) = oneshot::channel();
        self.orders.send(Order::Show(to)).await.ok();
        if answer.await.is_ok() {
            self.notifier.send(&[State::Watchdog]).ok();
        }
    }

    /// For what ends in a known time, which may be longer than the manager's patience.
    pub(super) async fn while_waiting<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.due() => self.give().await,
            }
        }
    }
}
