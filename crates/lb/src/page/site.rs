//! One frontend that has the page: its settings, and what it counts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use hyper::StatusCode;
use tandem_lb_config as plan;
use tandem_lb_core::snapshot::Counters;
use tandem_lb_core::stats::Field;
use tandem_time::Mono;

use crate::counters::{Count, Traffic};
use crate::frontend::AtListener;
use crate::listeners::place_of;

pub(crate) struct Site {
    configured: RefCell<Configured>,
    traffic: Arc<Traffic>,
    /// 1xx to 5xx, others.
    answers: [Count; 6],
    /// Of each listener, by where it listens.
    listeners: RefCell<BTreeMap<String, Arc<AtListener>>>,
}

/// What the configuration says of it now.
#[derive(Clone)]
struct Configured {
    plan: Rc<plan::Frontend>,
    settings: Rc<plan::Stats>,
    maxconn: u32,
}

/// A connection of the site, counted until dropped.
pub(crate) struct Counted<'a> {
    site: &'a Traffic,
    listener: Arc<AtListener>,
}

impl Site {
    pub(crate) fn new(plan: plan::Frontend, settings: plan::Stats, maxconn: u32) -> Site {
        Site {
            configured: RefCell::new(Configured::new(plan, settings, maxconn)),
            traffic: Arc::default(),
            answers: Default::default(),
            listeners: RefCell::default(),
        }
    }

    /// It is configured otherwise from now on, and counts on. What listens no more is forgotten.
    pub(crate) fn renew(&self, plan: plan::Frontend, settings: plan::Stats, maxconn: u32) {
        let places: BTreeSet<String> = plan.binds.iter().map(place_of).collect();
        self.listeners.borrow_mut().retain(|place, _| places.contains(place));
        self.configured.replace(Configured::new(plan, settings, maxconn));
    }

    pub(crate) fn plan(&self) -> Rc<plan::Frontend> {
        self.configured.borrow().plan.clone()
    }

    pub(crate) fn settings(&self) -> Rc<plan::Stats> {
        self.configured.borrow().settings.clone()
    }

    pub(crate) fn maxconn(&self) -> u32 {
        self.configured.borrow().maxconn
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Goes on from what an earlier process answered.
    pub(crate) fn resume(&self, before: &Counters) {
        let fields = [
            Field::Hrsp1xx,
            Field::Hrsp2xx,
            Field::Hrsp3xx,
            Field::Hrsp4xx,
            Field::Hrsp5xx,
            Field::HrspOther,
        ];
        for (count, field) in self.answers.iter().zip(fields) {
            count.add(before.count(field));
        }
    }

    pub(crate) fn answers(&self) -> [u64; 6] {
        self.answers.each_ref().map(Count::now)
    }

    /// Somebody came by this line.
    pub(crate) fn enter(&self, bind: &plan::Bind, now: Mono) -> Counted<'_> {
        let listener = self.listener(bind);
        self.traffic.began(now);
        listener.traffic.began(now);
        Counted {
            site: &self.traffic,
            listener,
        }
    }

    fn listener(&self, bind: &plan::Bind) -> Arc<AtListener> {
        let mut listeners = self.listeners.borrow_mut();
        listeners.entry(place_of(bind)).or_default().clone()
    }

    /// The listeners that are to be shown for themselves.
    pub(crate) fn listeners(&self) -> Vec<(plan::Bind, Arc<AtListener>)> {
        let plan = self.plan();
        let shown = plan.binds.iter().filter(|_| plan.socket_stats);
        shown.map(|bind| (bind.clone(), self.listener(bind))).collect()
    }

    /// Counts an answer; sizes are those of what was asked and of the body.
    pub(crate) fn answered(&self, bind: &plan::Bind, status: StatusCode, asked: usize, body: usize) {
        for traffic in [&*self.traffic, &self.listener(bind).traffic] {
            traffic.bytes_in.add(asked as u64);
            traffic.bytes_out.add(body as u64);
        }
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        let place = class.filter(|class| *class < 5).unwrap_or(5);
        self.answers[place].one();
    }
}

impl Configured {
    fn new(plan: plan::Frontend, settings: plan::Stats, maxconn: u32) -> Configured {
        Configured {
            plan: Rc::new(plan),
            settings: Rc::new(settings),
            maxconn,
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.site.sessions.leave();
        self.listener.traffic.sessions.leave();
    }
}
