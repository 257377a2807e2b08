//! Names that are looked up while the balancer runs: each section's machine, its sockets, and the servers that it is
//! asked for. What is asked and what an answer means is decided in `tandem_lb_core::dns`.

mod datagram;
mod section;
mod slot;
mod stream;

use std::cell::RefCell;
use std::rc::Rc;

use tandem_lb_config::Plan;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::dns::Name;
use tandem_ops::clock::Clock;
use tandem_time::Seed;
use tokio::sync::mpsc;

use crate::keeper::Keeper;
use crate::lookups::{Asked as Asking, Lookups};
use crate::orders::Orders;
pub(crate) use section::Asked;
use section::Section;

/// All sections. Everything here runs on the control runtime's thread.
pub(crate) struct Resolving {
    orders: Orders,
    clock: Clock,
    seed: RefCell<Seed>,
    sections: RefCell<Vec<Section>>,
}

impl Resolving {
    pub(crate) fn begin(orders: Orders, clock: Clock, seed: Seed, plan: &Plan, lookups: &Lookups) -> Rc<Resolving> {
        let resolving = Resolving {
            orders,
            clock,
            seed: RefCell::new(seed),
            sections: RefCell::default(),
        };
        resolving.follow(plan);
        let resolving = Rc::new(resolving);
        tokio::task::spawn_local(resolving.clone().serve(lookups.questions()));
        resolving
    }

    /// Answers what rules ask for, as long as there are connections.
    async fn serve(self: Rc<Resolving>, mut questions: mpsc::Receiver<Asking>) {
        while let Some(asked) = questions.recv().await {
            let sections = self.sections.borrow();
            if let Some(section) = sections.iter().find(|section| section.is(&asked.question.resolvers)) {
                section.look_up(asked);
            }
        }
    }

    /// From now on there are these. Every name is asked for anew; until there is an answer, servers stay where they are.
    pub(crate) fn follow(&self, plan: &Plan) {
        let begin = |(place, plan)| {
            let seed = Seed::new(self.seed.borrow_mut().next_u64());
            Section::begin(plan, slot::of_section(&self.orders, place), self.clock, seed)
        };
        let sections = plan.resolvers.iter().enumerate().map(begin).collect();
        // Those that were there before end here.
        self.sections.replace(sections);
    }

    /// Looks a server up by another name from now on; whether it is looked up at all.
    pub(crate) fn rename(&self, keeper: &Rc<Keeper>, server: ServerIdx, name: &Name) -> bool {
        self.sections
            .borrow()
            .iter()
            .any(|section| section.rename(keeper, server, name))
    }

    /// What was seen of each name server, section by section.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.sections.borrow().iter().map(Section::asked).collect()
    }
}
