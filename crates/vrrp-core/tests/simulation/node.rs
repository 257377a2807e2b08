//! Hosts of the simulation: a router with the addresses of its kernel, and a client with its ARP cache.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use tandem_sim::{Delivery, Effect, Machine, NeighbourCache, NodeId, SegmentId, Target};
use tandem_time::Mono;
use tandem_vrrp_core::packet::{Datagram, Ipv4Header};
use tandem_vrrp_core::settings::{InstanceId, RouterSettings};
use tandem_vrrp_core::{Input, InstanceView, Output, Router, State};

#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole IPv4 packet.
    Advert(Vec<u8>),
    Garp(IpAddr),
    /// Who has this address?
    Question(IpAddr),
    /// To whoever asked: I have.
    Answer(IpAddr),
    /// Over the pair link, not over VRRP.
    TakeOver,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Frame::Advert(bytes) => write!(f, "advert with priority {}", bytes[Ipv4Header::LEN + 2]),
            Frame::Garp(vip) => write!(f, "GARP for {vip}"),
            Frame::Question(vip) => write!(f, "who has {vip}"),
            Frame::Answer(vip) => write!(f, "I have {vip}"),
            Frame::TakeOver => write!(f, "take over"),
        }
    }
}

pub type Note = String;

/// Node 0 has this host part, node 1 the next.
pub const FIRST_ADDRESS: usize = 10;

pub enum Host {
    Router(Box<RouterHost>),
    Client(Client),
}

/// Instance `i` lives on segment `i`.
pub struct RouterHost {
    pub router: Router,
    /// What the kernel has; it survives the daemon.
    pub kernel: BTreeSet<IpAddr>,
    address: u8,
    effects: VecDeque<Effect<Frame, Note>>,
    ip_id: u16,
}

#[derive(Default)]
pub struct Client {
    pub cache: NeighbourCache<IpAddr>,
}

pub fn interface(segment: usize) -> String {
    format!("eth{segment}")
}

pub fn own_address(segment: usize, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, segment as u8, host)
}

pub fn vip(segment: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, segment as u8, 100)
}

impl Host {
    pub fn router(settings: RouterSettings, address: u8, kernel: BTreeSet<IpAddr>) -> Host {
        let router = Router::new(settings);
        Host::Router(Box::new(RouterHost {
            router,
            kernel,
            address,
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

    pub fn is_master(&self, instance: usize) -> bool {
        let view = self.view(instance);
        view.state == State::Master && !view.leaving
    }

    /// It takes part in the election.
    pub fn is_eligible(&self, instance: usize) -> bool {
        let view = self.view(instance);
        !view.leaving
            && view.state != State::Fault
            && !view.stopped
            && !view.drained
            && (view.state != State::Init || view.listening)
    }

    /// Everything a runtime tells at start. `fresh`: the journal says that the addresses found are ours.
    pub fn begin(&mut self, fresh: bool, now: Mono) {
        for i in 0..self.router.settings().instances.len() {
            let instance = InstanceId(i as u32);
            let address = Some(IpAddr::from(own_address(i, self.address)));
            self.say(
                Input::Link {
                    interface: &interface(i),
                    up: true,
                },
                now,
            );
            self.say(Input::Source { instance, address }, now);
            if self.kernel.contains(&vip(i).into()) {
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

    fn say(&mut self, input: Input<'_>, now: Mono) {
        self.router.handle(input, now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::SendAdvert {
                    instance,
                    from: IpAddr::V4(source),
                    to: IpAddr::V4(destination),
                    ttl,
                    message,
                } => {
                    self.ip_id = self.ip_id.wrapping_add(1).max(1);
                    let packet = Ipv4Header {
                        source,
                        destination,
                        id: self.ip_id,
                        ttl,
                    }
                    .wrap(&message);
                    self.send(instance, Frame::Advert(packet));
                }
                Output::NameSuccessor {
                    instance,
                    successor: Some(IpAddr::V4(successor)),
                } => {
                    let to = Target::Node(NodeId(usize::from(successor.octets()[3]) - FIRST_ADDRESS));
                    let segment = SegmentId(instance.0 as usize);
                    self.effects.push_back(Effect::Send {
                        segment,
                        to,
                        frame: Frame::TakeOver,
                    });
                }
                Output::Announce { instance, address } => self.send(instance, Frame::Garp(address)),
                Output::AskHolder { instance, address } => self.send(instance, Frame::Question(address)),
                Output::AddAddresses { instance } => {
                    self.kernel.insert(vip(instance.0 as usize).into());
                    self.note("adds addresses");
                }
                Output::RemoveAddresses { instance } => {
                    self.kernel.remove(&vip(instance.0 as usize).into());
                    self.note("removes addresses");
                }
                Output::Log { event, .. } => self.note(&event.to_string()),
                Output::Drop { reason, .. } => self.note(&format!("drops: {reason}")),
                _ => {}
            }
        }
    }

    fn send(&mut self, instance: InstanceId, frame: Frame) {
        let segment = SegmentId(instance.0 as usize);
        self.effects.push_back(Effect::Send {
            segment,
            to: Target::Everybody,
            frame,
        });
    }

    fn note(&mut self, text: &str) {
        self.effects.push_back(Effect::Note(text.to_owned()));
    }
}

impl Machine for Host {
    type Frame = Frame;
    type Note = Note;

    fn receive(&mut self, delivery: Delivery<'_, Frame>, now: Mono) {
        match (self, delivery.frame) {
            (Host::Client(client), Frame::Garp(vip)) => client.cache.learn(*vip, delivery.from),
            (Host::Client(_), _) => {}
            (Host::Router(host), Frame::Advert(bytes)) => {
                let interface = interface(delivery.segment.0);
                host.say(
                    Input::Packet {
                        interface: Some(&interface),
                        datagram: Datagram::V4(bytes),
                    },
                    now,
                );
            }
            (Host::Router(host), Frame::TakeOver) => {
                host.say(
                    Input::TakeOver {
                        instance: InstanceId(delivery.segment.0 as u32),
                    },
                    now,
                );
            }
            // The kernel answers, before any daemon has heard anything.
            (Host::Router(host), Frame::Question(vip)) => {
                if host.kernel.contains(vip) {
                    host.effects.push_back(Effect::Send {
                        segment: delivery.segment,
                        to: Target::Node(delivery.from),
                        frame: Frame::Answer(*vip),
                    });
                }
            }
            (Host::Router(host), Frame::Answer(vip)) => {
                let instance = InstanceId(delivery.segment.0 as u32);
                let address = *vip;
                host.say(Input::HolderSeen { instance, address }, now);
            }
            (Host::Router(host), Frame::Garp(vip)) => {
                let instance = InstanceId(delivery.segment.0 as u32);
                host.say(
                    Input::AnnouncementSeen {
                        instance,
                        address: *vip,
                    },
                    now,
                );
            }
        }
    }

    fn poll_effect(&mut self) -> Option<Effect<Frame, Note>> {
        if let Host::Router(host) = self {
            host.effects.pop_front()
        } else {
            None
        }
    }

    fn poll_deadline(&self) -> Option<Mono> {
        if let Host::Router(host) = self {
            host.router.poll_deadline()
        } else {
            None
        }
    }

    fn on_deadline(&mut self, now: Mono) {
        if let Host::Router(host) = self {
            host.router.on_deadline(now);
            host.carry_out();
        }
    }
}
