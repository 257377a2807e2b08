//! The frontends that there are, and what each listens on. On the control runtime.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

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
pub(crate) struct Bound {
    pub(crate) plan: Bind,
    pub(crate) opened: Opened,
    /// `maxconn` of the line.
    own: Option<Limit>,
    closing: watch::Sender<bool>,
}

impl Frontends {
    pub(crate) fn new(fronts: Vec<Front>) -> Frontends {
        Frontends(Rc::new(RefCell::new(fronts)))
    }

    pub(crate) fn seats(&self) -> Vec<Seat> {
        self.0.borrow().iter().map(|front| front.seat.clone()).collect()
    }

    /// The present ones.
    pub(crate) fn all(&self) -> Vec<Arc<Frontend>> {
        self.0.borrow().iter().map(|front| front.seat.load_full()).collect()
    }
}

impl Bound {
    pub(crate) fn new(plan: Bind, opened: Opened) -> Bound {
        Bound {
            own: plan.maxconn.map(Limit::new),
            plan,
            opened,
            closing: watch::Sender::default(),
        }
    }

    /// Has all workers accept from here. `number` is its place among those of its frontend, counted from 1.
    pub(crate) fn serve(&self, number: u32, seat: &Seat, process: &Limit, crew: &Crew) {
        let limits = [seat.load().limit.clone(), process.clone()];
        let admission = Admission::new(self.own.clone().into_iter().chain(limits));
        for (member, socket) in self.opened.for_workers(crew.len()).into_iter().enumerate() {
            let listener = Listener {
                number,
                socket,
                frontend: seat.clone(),
                admission: admission.clone(),
                spread: self.opened.spread(),
                closing: self.closing.subscribe(),
            };
            crew.give(member, listener);
        }
    }
}
