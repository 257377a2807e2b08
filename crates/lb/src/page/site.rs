//! One frontend that has the page: its settings, and what it counts.

use std::sync::Arc;

use hyper::StatusCode;
use tandem_lb_config as plan;
use tandem_time::Mono;

use crate::counters::{Count, Traffic};

pub(crate) struct Site {
    plan: plan::Frontend,
    settings: plan::Stats,
    maxconn: u32,
    traffic: Arc<Traffic>,
    /// 1xx to 5xx, others.
    answers: [Count; 6],
}

/// A connection of the site, counted until dropped.
pub(crate) struct Counted<'a>(&'a Traffic);

impl Site {
    pub(crate) fn new(plan: plan::Frontend, settings: plan::Stats, maxconn: u32) -> Site {
        Site {
            plan,
            settings,
            maxconn,
            traffic: Arc::default(),
            answers: Default::default(),
        }
    }

    pub(crate) fn plan(&self) -> &plan::Frontend {
        &self.plan
    }

    pub(crate) fn settings(&self) -> &plan::Stats {
        &self.settings
    }

    pub(crate) fn maxconn(&self) -> u32 {
        self.maxconn
    }

    pub(crate) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    pub(crate) fn answers(&self) -> [u64; 6] {
        self.answers.each_ref().map(Count::now)
    }

    pub(crate) fn enter(&self, now: Mono) -> Counted<'_> {
        self.traffic.began(now);
        Counted(&self.traffic)
    }

    /// Counts an answer; sizes are those of what was asked and of the body.
    pub(crate) fn answered(&self, status: StatusCode, asked: usize, body: usize) {
        self.traffic.bytes_in.add(asked as u64);
        self.traffic.bytes_out.add(body as u64);
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        let place = class.filter(|class| *class < 5).unwrap_or(5);
        self.answers[place].one();
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.sessions.leave();
    }
}
