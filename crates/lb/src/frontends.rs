//! The frontends that there are, and what each listens on. On the control runtime.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use socket2::Socket;
use tandem_lb_config::Bind;
use tandem_lb_core::handover::Record;

use crate::accept::Listener;
use crate::admission::{Admission, Limit};
use crate::bound::Bound;
use crate::frontend::{Frontend, Gate, Seat};
use crate::listeners::{Opened, place_of};
use crate::page::Site;
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

/// The frontends that answer HTTP. Copies are the same.
#[derive(Clone, Default)]
pub(crate) struct Sites(Rc<RefCell<Vec<Stand>>>);

/// One of them with its listeners.
#[derive(Clone)]
pub(crate) struct Stand {
    pub(crate) site: Rc<Site>,
    pub(crate) bound: Vec<Rc<Bound>>,
}

/// Who a frontend's listeners serve and how many of them they let in.
pub(crate) struct Service<'a> {
    pub(crate) seat: &'a Seat,
    pub(crate) process: &'a Limit,
    pub(crate) crew: &'a Crew,
}

impl Front {
    /// What this connection of another process came by; listeners may have other numbers here.
    pub(crate) fn way_of(&self, record: &Record) -> Option<&Bound> {
        let is_it = |bound: &&Rc<Bound>| match record.came_by.as_str() {
            "" => bound.number == record.listener,
            place => place_of(&bound.plan) == place,
        };
        self.bound.iter().find(is_it).map(|bound| &**bound)
    }
}

impl Frontends {
    pub(crate) fn new(fronts: Vec<Front>) -> Frontends {
        Frontends(Rc::new(RefCell::new(fronts)))
    }

    /// Those of these names take nobody, until the configuration is read again.
    pub(crate) fn close(&self, names: &[String]) {
        let all = self.all();
        let closed = all.iter().filter(|f| names.iter().any(|name| **name == *f.plan.name));
        closed.for_each(|frontend| {
            frontend.gate.send_replace(Gate::Closed);
        });
    }

    /// With their listeners.
    pub(crate) fn fronts(&self) -> Vec<Front> {
        self.0.borrow().clone()
    }

    /// From now on there are these.
    pub(crate) fn replace(&self, fronts: Vec<Front>) {
        self.0.replace(fronts);
    }

    pub(crate) fn seats(&self) -> Vec<Seat> {
        self.0.borrow().iter().map(|front| front.seat.clone()).collect()
    }

    /// Everything that they listen on.
    pub(crate) fn sockets(&self) -> Vec<Arc<Socket>> {
        let fronts = self.0.borrow();
        fronts
            .iter()
            .flat_map(|front| &front.bound)
            .flat_map(|b| b.sockets())
            .collect()
    }

    /// The present ones.
    pub(crate) fn all(&self) -> Vec<Arc<Frontend>> {
        self.0.borrow().iter().map(|front| front.seat.load_full()).collect()
    }
}

impl Sites {
    pub(crate) fn stands(&self) -> Vec<Stand> {
        self.0.borrow().clone()
    }

    pub(crate) fn replace(&self, stands: Vec<Stand>) {
        self.0.replace(stands);
    }

    /// Everything that they listen on.
    pub(crate) fn sockets(&self) -> Vec<Arc<Socket>> {
        let stands = self.0.borrow();
        stands
            .iter()
            .flat_map(|stand| &stand.bound)
            .flat_map(|b| b.sockets())
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<Rc<Site>> {
        self.0.borrow().iter().map(|stand| stand.site.clone()).collect()
    }
}

impl Service<'_> {
    /// Has all workers accept from there. `number` is the place of the line among those of the frontend, counted from 1.
    pub(crate) fn begin(&self, plan: Bind, opened: &Opened, number: u32) -> Bound {
        let bound = Bound::new(plan, opened, number);
        let limits = [self.seat.load().limit.clone(), self.process.clone()];
        let admission = Admission::new(bound.limit.iter().cloned().chain(limits));
        for (member, sockets) in opened.for_workers(self.crew.len()).into_iter().enumerate() {
            for socket in sockets {
                let listener = Listener {
                    number,
                    bind: bound.plan.clone(),
                    socket,
                    frontend: self.seat.clone(),
                    admission: admission.clone(),
                    spread: opened.spread(),
                    staying: bound.staying(),
                };
                self.crew.give(member, listener);
            }
        }
        bound
    }
}
