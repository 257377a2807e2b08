//! A `bind` that is listened on, for as long as the configuration has it.

use std::sync::{Arc, Weak};

use socket2::Socket;
use tandem_lb_config::Bind;
use tokio::sync::watch;

use crate::admission::Limit;
use crate::listeners::Opened;

/// Its listeners close when it is dropped, after they took who was here already.
///
/// The sockets belong to whoever accepts from them: they are closed when the last of those has let go.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) plan: Arc<Bind>,
    /// The place of the line among those of its frontend, counted from 1.
    pub(crate) number: u32,
    /// Of its own connections, where it has one.
    pub(crate) limit: Option<Limit>,
    sockets: Vec<Weak<Socket>>,
    stay: watch::Sender<Stay>,
}

/// Whether to go on accepting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stay {
    #[default]
    Open,
    /// Take who is here already, and close.
    Finish,
    /// Somebody else accepts from here now.
    Yield,
}

/// How those who accept hear of it.
#[derive(Clone, Debug)]
pub(crate) struct Staying(watch::Receiver<Stay>);

impl Bound {
    pub(crate) fn new(plan: Bind, opened: &Opened, number: u32) -> Bound {
        Bound {
            limit: plan.maxconn.map(Limit::new),
            plan: Arc::new(plan),
            number,
            sockets: opened.sockets().iter().map(Arc::downgrade).collect(),
            stay: watch::Sender::default(),
        }
    }

    pub(crate) fn staying(&self) -> Staying {
        Staying(self.stay.subscribe())
    }

    /// Those that are open still.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = Arc<Socket>> {
        self.sockets.iter().filter_map(Weak::upgrade)
    }

    /// The same sockets under numbers of their own, for whoever accepts from them next.
    pub(crate) fn duplicates(&self) -> impl Iterator<Item = Socket> {
        self.sockets().filter_map(|socket| socket.try_clone().ok())
    }

    /// Its listeners take who is here already, and close.
    pub(crate) fn finish(&self) {
        self.stay.send_if_modified(|stay| {
            let is_open = *stay == Stay::Open;
            if is_open {
                *stay = Stay::Finish;
            }
            is_open
        });
    }

    pub(crate) fn give_way(&self) {
        self.stay.send_replace(Stay::Yield);
    }
}

impl Staying {
    pub(crate) fn now(&mut self) -> Stay {
        let said = *self.0.borrow_and_update();
        match (said, self.0.has_changed()) {
            (Stay::Open, Err(_)) => Stay::Finish,
            (said, _) => said,
        }
    }

    pub(crate) async fn changed(&mut self) {
        // An error means that the other end is gone, which is a change.
        self.0.changed().await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_means_finished_unless_somebody_else_goes_on() {
        let (sender, receiver) = watch::channel(Stay::Open);
        let mut staying = Staying(receiver);
        assert_eq!(staying.now(), Stay::Open);
        sender.send_replace(Stay::Yield);
        assert_eq!(staying.now(), Stay::Yield);
        drop(sender);
        assert_eq!(staying.now(), Stay::Yield);

        let (sender, receiver) = watch::channel(Stay::Open);
        drop(sender);
        assert_eq!(Staying(receiver).now(), Stay::Finish);
    }
}
