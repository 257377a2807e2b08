//! Hosts of the simulation: a router with the addresses of its kernel, and a client with its ARP cache.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use tandem_sim::{Delivery, Effect, Machine, NeighbourCache, NodeId, SegmentId, Target};
use tandem_time::Mono;
use tandem_vrrp_core::settings::{Family, InstanceId, RouterSettings, Transport};
use tandem_vrrp_core::{Input, InstanceView, Output, Router, State};

use crate::checks::Check;
use crate::net::{CLIENTS, Frame, Packet, interface, node_of, own_address};

pub type Note = String;

pub enum Host {
    Router(Box<RouterHost>),
    Client(Client),
}

/// An address and the segment that it is on.
pub type Held = (usize, IpAddr);

/// Instance `i` lives on segment `i`.
pub struct RouterHost {
    pub router: Router,
    /// What the kernel has; it survives the daemon.
    pub kernel: BTreeSet<Held>,
    pub checks: Vec<Check>,
    /// Of each segment, whether there is a cable in the card.
    links: Vec<bool>,
    id: NodeId,
    family: Family,
    /// Of each instance, the questions to witnesses since the last answer.
    unanswered: Vec<u32>,
    /// Of each instance, what the rules look at after every event.
    standing: Vec<Standing>,
    effects: VecDeque<Effect<Frame, Note>>,
    ip_id: u16,
}

#[derive(Clone, Copy)]
pub struct Standing {
    pub state: State,
    pub leaving: bool,
    pub stopped: bool,
    pub listening: bool,
    /// It takes part in the election.
    pub eligible: bool,
}

impl Standing {
    pub fn is_master(self) -> bool {
        self.state == State::Master && !self.leaving
    }
}

#[derive(Default)]
pub struct Client {
    pub cache: NeighbourCache<IpAddr>,
    effects: VecDeque<Effect<Frame, Note>>,
}

impl Host {
    pub fn router(
        id: NodeId,
        settings: RouterSettings,
        kernel: BTreeSet<Held>,
        checks: Vec<Check>,
        links: Vec<bool>,
    ) -> Host {
        let family = settings.instances[0].family;
        let unanswered = vec![0; settings.instances.len()];
        let router = Router::new(settings);
        Host::Router(Box::new(RouterHost {
            router,
            kernel,
            checks,
            links,
            id,
            family,
            unanswered,
            standing: Vec::new(),
            effects: VecDeque::new(),
            ip_id: 0,
        }))
    }

    pub fn as_router(&self) -> Option<&RouterHost> {
        if let Host::Router(r) = self { Some(r) } else { None }
    }

    pub fn as_client(&self) -> Option<&Client> {
        if let Host::Client(c) = self { Some(c) } else { None }
    }

    pub fn say(&mut self, input: Input<'_>, now: Mono) {
        if let Host::Router(host) = self {
            host.say(input, now);
        }
    }
}

impl RouterHost {
    pub fn view(&self, instance: usize) -> InstanceView<'_> {
        self.router
            .instance(InstanceId(instance as u32))
            .expect("every host has every instance")
    }

    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    pub fn is_master(&self, instance: usize) -> bool {
        self.standing[instance].is_master()
    }

    fn stand(&mut self) {
        let standing = self.router.instances().map(|view| Standing {
            state: view.state,
            listening: view.listening,
            leaving: view.leaving,
            stopped: view.stopped,
            eligible: !view.leaving
                && view.state != State::Fault
                && !view.stopped
                && !view.drained
                && (view.state != State::Init || view.listening),
        });
        self.standing.clear();
        self.standing.extend(standing);
    }

    /// How long it waits for a silent master, as things are: each question to the witnesses that is lost costs an interval.
    pub fn waits(&self, instance: usize, lossless: bool) -> std::time::Duration {
        let view = self.view(instance);
        // The answer to the last one is on its way where nothing is lost.
        let lost = self.unanswered[instance].saturating_sub(u32::from(lossless));
        view.down_interval + view.settings.protocol.interval() * lost
    }

    pub fn has(&self, segment: usize, address: IpAddr) -> bool {
        self.kernel.contains(&(segment, address))
    }

    /// Everything a runtime tells at start. `fresh`: the journal says that the addresses found are ours.
    pub fn begin(&mut self, fresh: bool, now: Mono) {
        for i in 0..self.router.settings().instances.len() {
            let instance = InstanceId(i as u32);
            let address = Some(own_address(self.family, i, self.id));
            self.link(i, self.links[i], now);
            self.say(Input::Source { instance, address }, now);
            if self.kernel.iter().any(|(segment, _)| *segment == i) {
                self.say(
                    Input::Found {
                        instance,
                        fresh_journal: fresh,
                    },
                    now,
                );
            }
        }
        self.say(Input::Start, now);
    }

    pub fn link(&mut self, segment: usize, up: bool, now: Mono) {
        self.links[segment] = up;
        let interface = &interface(segment);
        self.say(Input::Link { interface, up }, now);
    }

    fn say(&mut self, input: Input<'_>, now: Mono) {
        self.router.handle(input, now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::SendAdvert {
                    instance,
                    from,
                    to,
                    ttl,
                    message,
                    ..
                } => {
                    assert!(self.links[instance.0 as usize], "an advert without a link");
                    self.ip_id = self.ip_id.wrapping_add(1).max(1);
                    let packet = Packet::new(from, to, ttl, self.ip_id, message);
                    self.send(instance, self.target(instance, to), Frame::Advert(packet));
                }
                Output::NameSuccessor {
                    instance,
                    successor: Some(successor),
                } => self.send(instance, Target::Node(node_of(successor)), Frame::TakeOver),
                Output::Announce { instance, address } => self.broadcast(instance, Frame::Garp(address)),
                Output::AskHolder { instance, address } => self.broadcast(instance, Frame::Question(address)),
                Output::AskWitnesses { instance } => {
                    self.unanswered[instance.0 as usize] += 1;
                    for witness in CLIENTS {
                        self.send(instance, Target::Node(witness), Frame::Probe);
                    }
                }
                Output::AddAddresses { instance } => {
                    let segment = instance.0 as usize;
                    let settings = self.router.settings().instance(instance).expect("it is ours");
                    let addresses = settings.addresses().map(|a| (segment, a.address));
                    self.kernel.extend(addresses);
                    self.note("adds addresses");
                }
                Output::RemoveAddresses { instance } => {
                    self.kernel.retain(|(segment, _)| *segment != instance.0 as usize);
                    self.note("removes addresses");
                }
                Output::AddAddress { instance, address } => {
                    self.kernel.insert((instance.0 as usize, address));
                    self.note("adds an address");
                }
                Output::RemoveAddress { instance, address } => {
                    self.kernel.remove(&(instance.0 as usize, address.address));
                    self.note("removes an address");
                }
                Output::Log { event, .. } => self.note(&event.to_string()),
                Output::Drop { reason, .. } => self.note(&format!("drops: {reason}")),
                _ => {}
            }
        }
        self.stand();
    }

    /// Unicast reaches only whom it is for.
    fn target(&self, instance: InstanceId, to: IpAddr) -> Target {
        let settings = self.router.settings().instance(instance).expect("it is ours");
        match settings.transport {
            Transport::Multicast { .. } => Target::Everybody,
            Transport::Unicast { .. } => Target::Node(node_of(to)),
        }
    }

    fn broadcast(&mut self, instance: InstanceId, frame: Frame) {
        self.send(instance, Target::Everybody, frame);
    }

    fn send(&mut self, instance: InstanceId, to: Target, frame: Frame) {
        let segment = SegmentId(instance.0 as usize);
        self.effects.push_back(Effect::Send { segment, to, frame });
    }

    fn note(&mut self, text: &str) {
        self.effects.push_back(Effect::Note(text.to_owned()));
    }

    fn receive(&mut self, delivery: Delivery<'_, Frame>, now: Mono) {
        let segment = delivery.segment.0;
        let instance = InstanceId(segment as u32);
        match delivery.frame {
            Frame::Advert(packet) => {
                let interface = interface(segment);
                self.say(
                    Input::Packet {
                        interface: Some(&interface),
                        datagram: packet.datagram(),
                    },
                    now,
                );
                if self.view(segment).master.is_some_and(|master| master.last_heard == now) {
                    self.unanswered[segment] = 0;
                }
            }
            Frame::TakeOver => self.say(Input::TakeOver { instance }, now),
            // The kernel answers, before any daemon has heard anything.
            Frame::Question(vip) => {
                if self.has(segment, *vip) {
                    self.send(instance, Target::Node(delivery.from), Frame::Answer(*vip));
                }
            }
            Frame::Answer(address) => {
                let address = *address;
                self.say(Input::HolderSeen { instance, address }, now);
            }
            Frame::Garp(address) => {
                let address = *address;
                self.say(Input::AnnouncementSeen { instance, address }, now);
            }
            Frame::Reply => {
                self.unanswered[segment] = 0;
                self.say(Input::Witnesses { instance, reachable: 1 }, now);
            }
            Frame::Probe => {}
        }
    }

    fn check(&mut self, now: Mono) {
        for i in 0..self.checks.len() {
            if let Some((tracker, observation)) = self.checks[i].run(now) {
                self.say(Input::Observed { tracker, observation }, now);
            }
        }
    }
}

impl Client {
    fn receive(&mut self, delivery: Delivery<'_, Frame>) {
        match delivery.frame {
            Frame::Garp(vip) => self.cache.learn(*vip, delivery.from),
            Frame::Probe => self.effects.push_back(Effect::Send {
                segment: delivery.segment,
                to: Target::Node(delivery.from),
                frame: Frame::Reply,
            }),
            _ => {}
        }
    }
}

impl Machine for Host {
    type Frame = Frame;
    type Note = Note;

    fn receive(&mut self, delivery: Delivery<'_, Frame>, now: Mono) {
        match self {
            Host::Client(client) => client.receive(delivery),
            Host::Router(host) => host.receive(delivery, now),
        }
    }

    fn poll_effect(&mut self) -> Option<Effect<Frame, Note>> {
        match self {
            Host::Router(host) => host.effects.pop_front(),
            Host::Client(client) => client.effects.pop_front(),
        }
    }

    fn poll_deadline(&self) -> Option<Mono> {
        let Host::Router(host) = self else { return None };
        let checks = host.checks.iter().map(Check::deadline).min();
        host.router.poll_deadline().into_iter().chain(checks).min()
    }

    fn on_deadline(&mut self, now: Mono) {
        if let Host::Router(host) = self {
            host.check(now);
            host.router.on_deadline(now);
            host.carry_out();
        }
    }
}
