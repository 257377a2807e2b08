//! Servers that follow others (`track`): whoever changes tells those who follow it.
//!
//! What becomes of that each backend's machine decides; here is only who follows whom. That goes in no circle, or the
//! configuration would have been refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::{Input, Lead, Output, Tracked};
use tandem_time::Mono;

use crate::keeper::{Keeper, Watched};
use crate::publish::Backend;

/// The servers of one backend that others follow.
#[derive(Debug, Default)]
pub(crate) struct Followed(RefCell<BTreeMap<ServerIdx, Following>>);

#[derive(Debug)]
struct Following {
    /// What they were told last.
    lead: Lead,
    by: Vec<(Weak<Keeper>, ServerIdx)>,
}

impl Followed {
    /// Whether others follow this one.
    pub(crate) fn is_followed(&self, server: ServerIdx) -> bool {
        self.0.borrow().contains_key(&server)
    }

    /// Who is to be told what now.
    pub(crate) fn news(&self, lead: impl Fn(ServerIdx) -> Option<Lead>) -> Vec<(Rc<Keeper>, Input)> {
        let mut followed = self.0.borrow_mut();
        let mut news = Vec::new();
        for (idx, following) in followed.iter_mut() {
            let Some(lead) = lead(*idx).filter(|lead| *lead != following.lead) else {
                continue;
            };
            following.lead = lead;
            let by = following.by.iter();
            news.extend(by.filter_map(|(keeper, server)| Some((keeper.upgrade()?, told(*server, lead)))));
        }
        news
    }
}

/// Has each server that is followed know by whom, and tells these how it is.
pub(crate) fn gather(keepers: &[Rc<Keeper>]) {
    for keeper in keepers {
        keeper.followed.0.borrow_mut().clear();
    }
    let mut first = Vec::new();
    // Like HAProxy, tells the last one first.
    for keeper in keepers.iter().rev() {
        let servers: Vec<_> = keeper.backend().now().servers.all().cloned().collect();
        for server in servers.iter().rev() {
            let Some(whom) = server.plan().tracks.clone() else {
                continue;
            };
            let leader = keepers.iter().find(|keeper| keeper.backend().name() == whom.backend);
            let Some((leader, idx)) = leader.zip(leader.and_then(|k| place(k.backend(), &whom))) else {
                continue;
            };
            let Some(lead) = leader.lead(idx) else { continue };
            let mut followed = leader.followed.0.borrow_mut();
            let following = followed
                .entry(idx)
                .or_insert_with(|| Following { lead, by: Vec::new() });
            following.by.push((Rc::downgrade(keeper), server.place));
            first.push((keeper.clone(), told(server.place, lead)));
        }
    }
    first.into_iter().for_each(|(keeper, input)| keeper.tell(input));
}

/// Before anybody is served: servers that follow others are what these are, and nothing has happened.
pub(crate) fn settle(backends: &mut [Watched], now: Mono) {
    let mut open: Vec<(usize, ServerIdx, Tracked)> = Vec::new();
    for (at, watched) in backends.iter().enumerate() {
        let servers = watched.backend.now();
        let following = servers.servers.all();
        open.extend(following.filter_map(|s| Some((at, s.place, Tracked::clone(s.plan().tracks.as_ref()?)))));
    }
    // Whoever follows one that is settled can be settled; each round settles one at least.
    while !open.is_empty() {
        let is_open = |at: usize, place| open.iter().any(|(a, p, _)| (*a, *p) == (at, place));
        let ready = open.iter().position(|(_, _, whom)| {
            let leader = leader(backends, whom);
            leader.is_none_or(|(at, place)| !is_open(at, place))
        });
        let (at, server, whom) = open.swap_remove(ready.unwrap_or(0));
        let lead = leader(backends, &whom).and_then(|(at, place)| backends[at].machine.lead(place));
        if let Some(lead) = lead {
            let input = Input::Led {
                server,
                lead,
                is_news: false,
            };
            let watched = &mut backends[at];
            watched.machine.handle(input, now);
            while let Some(output) = watched.machine.poll_output() {
                if let Output::Publish(view) = output {
                    watched.backend.publish(view);
                }
            }
        }
    }
}

fn leader(backends: &[Watched], whom: &Tracked) -> Option<(usize, ServerIdx)> {
    let at = backends
        .iter()
        .position(|watched| watched.backend.name() == whom.backend)?;
    Some((at, place(&backends[at].backend, whom)?))
}

fn place(backend: &Backend, whom: &Tracked) -> Option<ServerIdx> {
    backend.now().servers.named(&whom.server).map(|server| server.place)
}

fn told(server: ServerIdx, lead: Lead) -> Input {
    Input::Led {
        server,
        lead,
        is_news: true,
    }
}
