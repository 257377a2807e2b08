//! What the kernel is still to be asked for, in its order: addresses, routes and rules.
//!
//! They are asked for some at a time, in one system call. Between two of these the loop looks after packets and timers, and
//! what has come is announced: hundreds of addresses neither keep an advert waiting nor each other's announcements.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

use tandem_sys::netlink::{Batch, Index, NetlinkError, Request};
use tandem_vrrp_core::settings::InstanceId;

use super::Brain;

/// The kernel works on them for about a millisecond.
const SOME: usize = 32;

pub(super) struct Errands {
    batch: Batch,
    waiting: VecDeque<Errand>,
}

struct Errand {
    request: Request,
    purpose: Purpose,
}

/// Who wants to know how it went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Hold { instance: InstanceId, address: IpAddr },
    Give { index: Index, address: IpAddr },
    Other,
}

impl Errands {
    pub(super) fn new() -> io::Result<Errands> {
        Ok(Errands {
            batch: Batch::open()?,
            waiting: VecDeque::new(),
        })
    }

    pub(super) fn push(&mut self, request: Request, purpose: Purpose) {
        self.waiting.push_back(Errand { request, purpose });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn run(&mut self) -> Vec<(Errand, Result<(), NetlinkError>)> {
        let some = self.waiting.len().min(SOME);
        let some: Vec<Errand> = self.waiting.drain(..some).collect();
        let requests: Vec<&Request> = some.iter().map(|errand| &errand.request).collect();
        let outcomes = self.batch.carry_out(&requests);
        some.into_iter().zip(outcomes).collect()
    }
}

impl Brain {
    pub(super) fn ask(&mut self, request: Request) {
        self.errands.push(request, Purpose::Other);
    }

    pub(super) fn run_errands(&mut self) {
        for (errand, outcome) in self.errands.run() {
            let happened = outcome.is_ok();
            if let Err(error) = outcome
                && !error.errno().is_some_and(|errno| errand.request.is_already_so(errno))
            {
                self.reports.trouble(error);
            }
            match errand.purpose {
                Purpose::Hold { instance, address } => self.held(instance, address),
                Purpose::Give { index, address } => self.holding.removed(index, address, happened),
                Purpose::Other => {}
            }
        }
    }

    fn held(&mut self, instance: InstanceId, address: IpAddr) {
        for (instance, address) in self.holding.added(instance, address) {
            self.announce(instance, address);
        }
    }
}
