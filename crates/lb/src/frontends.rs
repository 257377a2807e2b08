//! The frontends that there are, and what each listens on. On the control runtime.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use socket2::Socket;
use tandem_lb_config::Bind;
use tokio::sync::watch;

use crate::accept::Listener;
use crate::admission::{Admission, Limit};
use crate::frontend::{Frontend, Seat};
use crate::listeners::Opened;
use crate::worker::Crew;

/// All of them, in the order of the configuration. Copies are the same.
#[derive(Clone, Default)]
pub(crate) struct Frontends(Rc<RefCell<Vec<Front>>>);

/// One frontend with its listeners.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) seat: Seat,
    pub(crate) bound: Vec<Rc<Bound>>,
}

/// A `bind` that is listened on. Its listeners close when it is dropped, after they took who was here already.
///
/// The sockets belong to the workers: they are closed when the last worker has let go of them.
pub(crate) struct Bound {
    pub(crate) plan: Bind,
    sockets: Vec<Weak<Socket>>,
    closing: watch::Sender<bool>,
}

/// Who a frontend's listeners serve and how many of them they let in.
pub(crate) struct Service<'a> {
    pub(crate) seat: &'a Seat,
    pub(crate) process: &'a Limit,
    pub(crate) crew: &'a Crew,
}

impl Frontends {
    pub(crate) fn new(fronts: Vec<Front>) -> Frontends {
        Frontends(Rc::new(RefCell::new(fronts)))
    }

    pub(crate) fn seats(&self) -> Vec<Seat> {
        self.0.borrow().iter().map(|front| front.seat.clone()).collect()
    }

    /// Everything that they listen on.
    pub(crate) fn sockets(&self) -> Vec<Arc<Socket>> {
        let fronts = self.0.borrow();
        let bound = fronts.iter().flat_map(|front| &front.bound);
        bound.flat_map(|b| &b.sockets).filter_map(Weak::upgrade).collect()
    }

    /// The present ones.
    pub(crate) fn all(&self) -> Vec<Arc<Frontend>> {
        self.0.borrow().iter().map(|front| front.seat.load_full()).collect()
    }
}

impl Service<'_> {
    /// Has all workers accept from there. `number` is the place of the line among those of the frontend, counted from 1.
    pub(crate) fn begin(&self, plan: Bind, opened: &Opened, number: u32) -> Bound {
        let limits = [self.seat.load().limit.clone(), self.process.clone()];
        let admission = Admission::new(plan.maxconn.map(Limit::new).into_iter().chain(limits));
        let closing = watch::Sender::default();
        let sockets = opened.for_workers(self.crew.len());
        let bound = Bound {
            plan,
            sockets: opened.sockets().iter().map(Arc::downgrade).collect(),
            closing,
        };
        let of_members = sockets.into_iter().enumerate();
        for (member, socket) in of_members.flat_map(|(member, own)| own.into_iter().map(move |socket| (member, socket)))
        {
            let listener = Listener {
                number,
                socket,
                frontend: self.seat.clone(),
                admission: admission.clone(),
                spread: opened.spread(),
                closing: bound.closing.subscribe(),
            };
            self.crew.give(member, listener);
        }
        bound
    }
}
