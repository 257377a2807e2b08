//! One frontend that has the page: its settings, and what it counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hyper::StatusCode;
use tandem_lb_config as plan;
use tandem_lb_core::snapshot::Counters;
use tandem_lb_core::stats::Field;
use tandem_ops::web::guests::Guests;
use tandem_time::Mono;

use crate::build;
use crate::counters::{Count, Traffic};
use crate::frontend::{Frontend, of_listeners};

pub(crate) struct Site {
    configured: RefCell<Configured>,
    /// 1xx to 5xx, others.
    answers: [Count; 6],
    /// Those of all its listeners together.
    guests: Arc<Guests>,
}

/// What the configuration says of it now.
#[derive(Clone)]
struct Configured {
    /// As rules see it. It counts for the site.
    frontend: Arc<Frontend>,
    settings: Rc<plan::Stats>,
    maxconn: u32,
}

/// Where a connection of the site is counted.
#[derive(Clone)]
pub(crate) struct Ledger {
    /// As it was when it came.
    frontend: Arc<Frontend>,
    /// Counted from 1; 0 when it is there no more.
    listener: u32,
}

/// A connection of the site, counted until dropped.
pub(crate) struct Counted<'a> {
    site: &'a Site,
    ledger: Ledger,
}

impl Site {
    pub(crate) fn new(frontend: Frontend, settings: plan::Stats, maxconn: u32) -> Site {
        Site {
            configured: RefCell::new(Configured::new(frontend, settings, maxconn)),
            answers: Default::default(),
            guests: Guests::new(maxconn as usize),
        }
    }

    /// It is configured otherwise from now on, and counts on. What listens no more is forgotten.
    pub(crate) fn renew(&self, plan: plan::Frontend, settings: plan::Stats, maxconn: u32) {
        let before = self.frontend();
        if before.plan.session_rate != plan.session_rate {
            let most = plan.session_rate.unwrap_or(0);
            before.limit.paces().sessions.most.configure(most);
        }
        self.guests.limit(maxconn as usize);
        let frontend = Frontend {
            settings: Arc::new(build::settings_of(&plan, None)),
            listeners: of_listeners(&plan, Some(&before)),
            plan,
            ..Frontend::clone(&before)
        };
        self.configured.replace(Configured::new(frontend, settings, maxconn));
    }

    pub(crate) fn frontend(&self) -> Arc<Frontend> {
        self.configured.borrow().frontend.clone()
    }

    pub(crate) fn guests(&self) -> &Arc<Guests> {
        &self.guests
    }

    pub(crate) fn settings(&self) -> Rc<plan::Stats> {
        self.configured.borrow().settings.clone()
    }

    pub(crate) fn maxconn(&self) -> u32 {
        self.configured.borrow().maxconn
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

    /// Somebody came by this listener, when it was configured so.
    pub(crate) fn enter(&self, frontend: &Arc<Frontend>, listener: u32, now: Mono) -> Counted<'_> {
        let ledger = Ledger {
            frontend: frontend.clone(),
            listener,
        };
        ledger.traffic().for_each(|traffic| traffic.began(now));
        Counted { site: self, ledger }
    }
}

impl Counted<'_> {
    pub(crate) fn site(&self) -> &Site {
        self.site
    }

    /// Counts an answer, and the size of what was asked.
    pub(crate) fn answered(&self, status: StatusCode, asked: usize) {
        self.heard(asked as u64);
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        let place = class.filter(|class| *class < 5).unwrap_or(5);
        self.site.answers[place].one();
    }

    /// Counts what was said.
    pub(crate) fn heard(&self, bytes: u64) {
        self.ledger.traffic().for_each(|traffic| traffic.bytes_in.add(bytes));
    }

    /// Where what goes out of an answer's body is counted.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }
}

impl Ledger {
    pub(super) fn sent(&self, bytes: usize) {
        self.traffic().for_each(|traffic| traffic.bytes_out.add(bytes as u64));
    }

    /// The site's, and that of its listener where listeners count for themselves.
    fn traffic(&self) -> impl Iterator<Item = &Traffic> {
        let listener = self.frontend.listener(self.listener);
        let of_listener = listener.map(|at| &at.traffic);
        [&*self.frontend.traffic].into_iter().chain(of_listener)
    }
}

impl Configured {
    fn new(frontend: Frontend, settings: plan::Stats, maxconn: u32) -> Configured {
        Configured {
            frontend: Arc::new(frontend),
            settings: Rc::new(settings),
            maxconn,
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.ledger.traffic().for_each(|traffic| traffic.sessions.leave());
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use hyper::body::Body as _;
    use tandem_lb_config::{NamedText, Service};

    use super::*;
    use crate::directory::Directory;
    use crate::page::reply::Body;

    /// What such a frontend is.
    fn configured(binds: &str) -> (plan::Frontend, plan::Stats) {
        let text = format!("frontend f\n mode http\n option socket-stats\n stats enable\n{binds}");
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let frontend = loaded.plan.expect("it is whole").frontends.remove(0);
        let Service::Stats(settings) = frontend.service.clone() else {
            panic!("it has the page")
        };
        (frontend, settings)
    }

    fn site(plan: &plan::Frontend, settings: plan::Stats) -> Site {
        Site::new(build::site(plan, &Directory::open()), settings, 10)
    }

    #[test]
    fn of_an_answer_is_counted_what_goes_out() {
        let (plan, settings) = configured(" bind 127.0.0.1:1\n");
        let site = site(&plan, settings);
        let frontend = site.frontend();
        let guest = site.enter(&frontend, 1, Mono::ZERO);
        let text = "x".repeat(2 * Body::PIECE + 1);
        let whole = text.len();
        let mut body = Body::from(text);
        body.is_counted_in(guest.ledger());
        let cx = &mut Context::from_waker(Waker::noop());
        let mut take = || Pin::new(&mut body).poll_frame(cx).is_ready();
        let counts = || [&*frontend.traffic, &frontend.listeners[0].traffic].map(|traffic| traffic.bytes_out.now());
        assert!(counts() == [0; 2] && take());
        assert_eq!(counts(), [Body::PIECE as u64; 2]);
        assert!(take() && take() && take());
        assert_eq!(counts(), [whole as u64; 2]);
    }

    #[test]
    fn the_last_guest_of_a_listener_that_is_gone_leaves_nothing() {
        let [both, one] = [" bind 127.0.0.1:1\n bind 127.0.0.1:2\n", " bind 127.0.0.1:1\n"].map(configured);
        let site = site(&both.0, both.1);
        let before = site.frontend();
        let guest = site.enter(&before, 2, Mono::ZERO);
        site.renew(one.0, one.1, 10);
        guest.answered(StatusCode::OK, 7);
        guest.ledger().sent(9);
        assert_eq!(before.listeners[1].traffic.bytes_out.now(), 9);
        let late = site.enter(&site.frontend(), 0, Mono::ZERO);
        late.answered(StatusCode::OK, 7);
        late.ledger().sent(9);
        assert_eq!(site.frontend().listeners[0].traffic.bytes_out.now(), 0);
        let traffic = site.frontend().traffic.clone();
        assert_eq!((traffic.bytes_out.now(), site.answers()[1]), (18, 2));
    }
}
