//! The sections `ring`: buffers in memory that log lines go to, and the syslog servers that they go on to over TCP.
//!
//! What is in them is this process's: a successor begins with none, as HAProxy does.

mod conveyor;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tandem_lb_config as plan;
use tandem_ops::clock::Clock;
use tandem_ops::syslog::{Ring, Shape};

use crate::tls::Vault;
use conveyor::Conveyor;

/// All of them; every thread writes to them.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    now: ArcSwap<Lineup>,
    /// Who takes lines further. On the control runtime.
    conveyors: Mutex<Vec<Conveyor>>,
}

/// What those who take lines further go by.
#[derive(Clone, Debug)]
pub(crate) struct Outward {
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

/// Those of one Plan, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineup(Vec<Known>);

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) plan: plan::Ring,
    pub(crate) ring: Arc<Ring>,
}

impl Rings {
    pub(crate) fn now(&self) -> Arc<Lineup> {
        self.now.load_full()
    }

    /// Those that a Plan wants: who is known keeps what is in it.
    pub(crate) fn planned(&self, rings: &[plan::Ring]) -> Lineup {
        let before = self.now();
        let known = |plan: &plan::Ring| Known {
            ring: match before.named(&plan.name) {
                Some(known) => known.ring.clone(),
                None => Ring::new(&plan.name, shape(plan)),
            },
            plan: plan.clone(),
        };
        Lineup(rings.iter().map(known).collect())
    }

    /// From now on there are these.
    pub(crate) fn follow(&self, lineup: Lineup) {
        for known in &lineup.0 {
            known.ring.reshape(shape(&known.plan));
        }
        self.now.store(Arc::new(lineup));
    }

    /// Has lines go on to the servers that are named now. To be called on the control runtime.
    pub(crate) fn convey(&self, outward: &Outward) {
        let now = self.now();
        let mut before = self.conveyors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = Vec::new();
        for known in &now.0 {
            for server in &known.plan.servers {
                let same = before.iter().position(|conveyor| conveyor.leads(known, server));
                let same = same.map(|at| before.swap_remove(at));
                after.push(Conveyor::of(known, server, outward, same));
            }
        }
        *before = after;
    }
}

impl Lineup {
    pub(crate) fn named(&self, name: &str) -> Option<&Known> {
        self.all().find(|known| *known.plan.name == *name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Known> {
        self.0.iter()
    }
}

fn shape(plan: &plan::Ring) -> Shape {
    Shape {
        longest: plan.longest as usize,
        size: plan.size as usize,
    }
}
