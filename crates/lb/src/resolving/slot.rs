//! One server that gets its address from a look-up.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{Resolve, ServerPort};
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::Input as Tell;
use tandem_lb_core::dns::{
    Input, Kind, Name, Preference, QuestionId, Reason, Resolver, Service, Target, addresses, targets,
};
use tandem_time::Mono;

use crate::address::ServerAddress;
use crate::keeper::Keeper;
use crate::orders::Orders;

pub(super) struct Slot {
    keeper: Rc<Keeper>,
    server: ServerIdx,
    resolve: Arc<Resolve>,
    /// What the configuration says: a host's name, or a service's.
    pub(super) name: Name,
    /// Its question, once it was put.
    pub(super) question: Option<QuestionId>,
    /// The place of the service that it has, and the question for that host where the answer left its address out.
    target: Option<Target>,
    host: Option<QuestionId>,
    /// When the service last had a place for it.
    seen: Mono,
}

/// What a slot needs to put a question of its own.
pub(super) struct Owner<'a> {
    pub(super) resolver: &'a mut Resolver,
    pub(super) now: Mono,
    /// For so long it keeps a place that is not in the answers any more.
    pub(super) obsolete: Duration,
    /// Who gave the answer.
    pub(super) said: &'a str,
}

/// The servers that this section is to look up.
pub(super) fn of_section(orders: &Orders, section: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    for keeper in orders.backends().iter() {
        for server in keeper.backend().now().servers.all() {
            let plan = server.plan();
            let Some((resolve, name)) = plan.resolve.as_ref().zip(server.fqdn()) else {
                continue;
            };
            // A name that cannot stand in a question has been refused with the configuration.
            if let Some(name) = Name::parse(&name).filter(|_| resolve.resolvers == section) {
                slots.push(Slot {
                    keeper: keeper.clone(),
                    server: server.place,
                    resolve: resolve.clone(),
                    name,
                    question: None,
                    target: None,
                    host: None,
                    seen: Mono::ZERO,
                });
            }
        }
    }
    slots
}

impl Slot {
    /// What is asked for first.
    pub(super) fn first(&self) -> Kind {
        if self.resolve.preference.v4 { Kind::V4 } else { Kind::V6 }
    }

    /// Whether its address comes from this question.
    pub(super) fn is_asked_by(&self, question: QuestionId) -> bool {
        self.host.or(self.question) == Some(question) || self.question == Some(question)
    }

    pub(super) fn is_of(&self, keeper: &Rc<Keeper>, server: ServerIdx) -> bool {
        Rc::ptr_eq(&self.keeper, keeper) && self.server == server
    }

    /// It has this name from now on; the questions that it put by the other one are answered.
    pub(super) fn rename(&mut self, name: Name) -> Vec<QuestionId> {
        self.name = name;
        self.target = None;
        let over = [self.question.take(), self.host.take()];
        over.into_iter().flatten().collect()
    }

    fn ip(&self) -> Option<IpAddr> {
        let server = self.keeper.backend().server(self.server)?;
        match **server.address.load() {
            ServerAddress::Ip { ip, .. } if !ip.is_unspecified() => Some(ip),
            _ => None,
        }
    }

    /// The hosts' addresses are these now: each backend deals them out among its servers.
    pub(super) fn addresses(slots: &mut [Slot], question: QuestionId, found: &[IpAddr], said: &str) {
        let concerned = |slot: &Slot| slot.host.or(slot.question.filter(|_| slot.target.is_none())) == Some(question);
        let mut left: Vec<usize> = (0..slots.len()).filter(|place| concerned(&slots[*place])).collect();
        while let Some(first) = left.first().copied() {
            let is_beside = |place: &usize| Rc::ptr_eq(&slots[*place].keeper, &slots[first].keeper);
            let (here, elsewhere): (Vec<usize>, Vec<usize>) = left.into_iter().partition(is_beside);
            let others = (0..slots.len()).filter(|place| is_beside(place) && !here.contains(place));
            let taken: Vec<IpAddr> = others.filter_map(|place| slots[place].ip()).collect();
            let had: Vec<(Option<IpAddr>, &Preference)> = here
                .iter()
                .map(|place| (slots[*place].ip(), &slots[*place].resolve.preference))
                .collect();
            let given = addresses(&had, found, &taken);
            for (place, ip) in here.into_iter().zip(given) {
                slots[place].settle(ip, said);
            }
            left = elsewhere;
        }
    }

    /// The service's places are these now: each backend deals them out among its servers.
    pub(super) fn services(slots: &mut [Slot], question: QuestionId, found: &[Service], owner: &mut Owner<'_>) {
        let is_asked = |place: &usize| slots[*place].question == Some(question);
        let mut left: Vec<usize> = (0..slots.len()).filter(is_asked).collect();
        while let Some(first) = left.first().copied() {
            let is_beside = |place: &usize| Rc::ptr_eq(&slots[*place].keeper, &slots[first].keeper);
            let (here, elsewhere): (Vec<usize>, Vec<usize>) = left.into_iter().partition(is_beside);
            let had: Vec<Option<Target>> = here.iter().map(|place| slots[*place].target.clone()).collect();
            for (place, given) in here.into_iter().zip(targets(&had, found)) {
                match given.map(|given| &found[given]) {
                    Some(service) => slots[place].serve(service, owner),
                    None if slots[place].target.is_some() && owner.now.since(slots[place].seen) < owner.obsolete => {}
                    None => slots[place].retire(owner),
                }
            }
            left = elsewhere;
        }
    }

    /// It is at this place of the service from now on.
    fn serve(&mut self, service: &Service, owner: &mut Owner<'_>) {
        let target = Target {
            host: service.host.clone(),
            port: service.port,
        };
        if !self.resolve.ignores_weight {
            // HAProxy's weights end at 256.
            let weight = service.weight / 256 + 1;
            self.keeper.tell(Tell::Weight {
                server: self.server,
                weight,
            });
        }
        self.seen = owner.now;
        let is_new = self.target.as_ref() != Some(&target);
        self.target = Some(target);
        if !service.addresses.is_empty() {
            self.forget_host(owner);
            let had = self.ip().filter(|_| !is_new);
            let given = addresses(&[(had, &self.resolve.preference)], &service.addresses, &[]);
            return self.settle(given[0], owner.said);
        }
        if is_new || self.host.is_none() {
            self.forget_host(owner);
            self.host = Some(owner.resolver.next_question());
            let (name, first) = (service.host.clone(), self.first());
            owner.resolver.handle(Input::Ask { name, first }, owner.now);
        }
    }

    /// The service has no place for it.
    fn retire(&mut self, owner: &mut Owner<'_>) {
        self.forget_host(owner);
        self.target = None;
        self.lose(Reason::Other);
    }

    fn forget_host(&mut self, owner: &mut Owner<'_>) {
        if let Some(host) = self.host.take() {
            owner.resolver.handle(Input::Forget(host), owner.now);
        }
    }

    fn settle(&self, ip: Option<IpAddr>, said: &str) {
        let Some(ip) = ip else {
            return self.lose(Reason::Other);
        };
        let Some(server) = self.keeper.backend().server(self.server) else {
            return;
        };
        let ServerAddress::Ip { ip: before, .. } = **server.address.load() else {
            return;
        };
        let target = self.target.as_ref();
        let port = target.map_or(server.plan().port, |target| ServerPort::Fixed(target.port));
        let to = ServerAddress::Ip { ip, port };
        if before != ip {
            self.keeper.moved(self.server, (before, ip), said);
        }
        self.keeper.relocate(self.server, to);
        self.keeper.tell(Tell::Located {
            server: self.server,
            name: self.name.to_string().into(),
        });
    }

    /// It has no address any more.
    pub(super) fn lose(&self, reason: Reason) {
        self.keeper.tell(Tell::Lost {
            server: self.server,
            reason,
        });
        if let Some(server) = self.keeper.backend().server(self.server) {
            let nowhere = ServerAddress::nowhere(server.plan().port);
            self.keeper.relocate(self.server, nowhere);
        }
    }
}
