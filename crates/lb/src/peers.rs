//! The peers that share stick tables: each section's machine, its sockets, and the tables that it speaks of. What is said
//! and what an answer means is decided in `tandem_lb_core::peers`.
//!
//! All of it runs on the control runtime, beside health checks: tables are locked for a few entries at a time, as everybody
//! does, and who changes one does no more than note that and ring a bell.

mod ground;
mod heart;
mod line;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::peers::{Input, PeerView};
use tandem_ops::clock::Clock;
use tandem_time::{Mono, Seed};
use tokio::sync::watch;

use crate::directory::Directory;
use crate::keeper::Lines;
use crate::worker::Phase;
pub(crate) use ground::{Ground, Listening, local_name, open_all};
use heart::Heart;

/// After some news the next ones wait so long, so that many small ones are not told one by one.
const REST: Duration = Duration::from_millis(5);

/// All sections.
pub(crate) struct Peers {
    directory: Arc<Directory>,
    clock: Clock,
    lines: Lines,
    phase: watch::Receiver<Phase>,
    seed: RefCell<Seed>,
    sections: RefCell<Vec<Rc<Heart>>>,
}

/// A section as an operator sees it.
pub(crate) struct SectionView {
    pub(crate) name: Arc<str>,
    pub(crate) is_taught: bool,
    pub(crate) resync_until: Option<Mono>,
    pub(crate) strangers: u64,
    pub(crate) peers: Vec<PeerView>,
    /// The shared tables, and the numbers of the last changes of each: made here, and of all.
    pub(crate) tables: Vec<(Arc<str>, (u64, u64))>,
}

impl Peers {
    /// `is_inherited`: the tables are those of the process before this one.
    pub(crate) fn begin(
        grounds: Vec<Ground>,
        directory: &Arc<Directory>,
        clock: Clock,
        lines: &Lines,
        (phase, seed): (watch::Receiver<Phase>, Seed),
        is_inherited: bool,
    ) -> Rc<Peers> {
        let peers = Rc::new(Peers {
            directory: directory.clone(),
            clock,
            lines: lines.clone(),
            phase,
            seed: RefCell::new(seed),
            sections: RefCell::default(),
        });
        peers.follow(grounds);
        if is_inherited {
            peers.sections.borrow().iter().for_each(|heart| heart.inherit());
        }
        tokio::task::spawn_local(peers.clone().listen());
        peers
    }

    /// From now on there are these. Who was there stays, and so do the conversations that this leaves alone.
    pub(crate) fn follow(&self, grounds: Vec<Ground>) {
        let before = self.sections.take();
        let mut sections = Vec::new();
        for ground in grounds {
            let known = before.iter().find(|heart| heart.name() == ground.plan.name);
            let heart = match known {
                Some(heart) => {
                    heart.follow(ground);
                    heart.clone()
                }
                None => {
                    let seed = Seed::new(self.seed.borrow_mut().next_u64());
                    let context = (self.directory.clone(), self.clock, self.lines.clone());
                    Heart::begin(ground, context, self.phase.clone(), seed)
                }
            };
            sections.push(heart);
        }
        let is_gone = |heart: &&Rc<Heart>| !sections.iter().any(|kept| Rc::ptr_eq(kept, heart));
        before.iter().filter(is_gone).for_each(|heart| heart.end());
        self.sections.replace(sections);
        self.tell_news();
    }

    /// What those listen on who are there now.
    pub(crate) fn listening(&self) -> Vec<Listening> {
        self.sections
            .borrow()
            .iter()
            .flat_map(|heart| heart.listening())
            .collect()
    }

    pub(crate) fn view(&self) -> Vec<SectionView> {
        self.sections.borrow().iter().map(|heart| heart.view()).collect()
    }

    /// Of each table that is shared, up to which change all peers have confirmed.
    pub(crate) fn confirmed(&self) -> Vec<(Arc<str>, u64)> {
        let of = |section: SectionView| {
            let peers = section.peers;
            let least = move |place: usize| {
                let remote = peers.iter().filter(|peer| !peer.is_local);
                remote.filter_map(|peer| Some(peer.tables.get(place)?.acked)).min()
            };
            let names = section.tables.into_iter().map(|(name, _)| name).enumerate();
            names.filter_map(move |(place, name)| Some((name, least(place)?)))
        };
        self.view().into_iter().flat_map(of).collect()
    }

    /// How many peers there are, and how many are connected.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let sections = self.sections.borrow();
        let all = sections.iter().map(|heart| heart.counts());
        all.fold((0, 0), |(peers, open), (p, o)| (peers + p, open + o))
    }

    /// Tables have gone to the process behind this one, where there is one that asks for them.
    pub(crate) async fn handed_over(&self) {
        let sections: Vec<_> = self.sections.borrow().clone();
        for heart in sections {
            heart.handed_over().await;
        }
    }

    /// While tables go to a successor nobody is heard or told: what they say here would be taken for ours there.
    pub(crate) fn rest(&self, is_resting: bool) {
        let sections = self.sections.borrow();
        sections.iter().for_each(|heart| heart.tell(Input::Resting(is_resting)));
    }

    async fn listen(self: Rc<Peers>) {
        let bell = self.directory.tables.bell().clone();
        loop {
            bell.notified().await;
            self.tell_news();
            tokio::time::sleep(REST).await;
        }
    }

    fn tell_news(&self) {
        self.sections.borrow().iter().for_each(|heart| heart.tell_news());
    }
}
