//! One host of the plan in the simulator: the router as it is, and the kernel's addresses, which outlive it.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use tandem_sim::{Delivery, Effect, Machine, NodeId, SegmentId, Target};
use tandem_time::Mono;
use tandem_vrrp_core::packet::{Datagram, Ipv4Header};
use tandem_vrrp_core::settings::{InstanceId, RouterSettings};
use tandem_vrrp_core::{Input, Output, Router};

/// Both hosts of a pair are on one network.
pub const LAN: SegmentId = SegmentId(0);
/// Each plan is of one virtual router.
pub const ONLY: InstanceId = InstanceId(0);
const INTERFACE: &str = "plan0";

#[derive(Clone, Debug)]
pub enum Frame {
    /// A whole IPv4 packet.
    Advert(Vec<u8>),
    Announcement(IpAddr),
    Question(IpAddr),
    Answer(IpAddr),
}

pub struct Host {
    router: Router,
    /// What the kernel has; it stays when the router dies.
    pub addresses: BTreeSet<IpAddr>,
    virtual_addresses: Vec<IpAddr>,
    source: Ipv4Addr,
    effects: VecDeque<Effect<Frame, String>>,
    packets: u16,
}

impl Host {
    /// Of settings with one instance, which is [`ONLY`].
    pub fn new(mut settings: RouterSettings, source: Ipv4Addr) -> Host {
        let mut virtual_addresses = Vec::new();
        for instance in &mut settings.instances {
            instance.interface = Some(INTERFACE.into());
            virtual_addresses = instance.vips.iter().map(|vip| vip.address).collect();
        }
        Host {
            router: Router::new(settings),
            addresses: BTreeSet::new(),
            virtual_addresses,
            source,
            effects: VecDeque::new(),
            packets: 0,
        }
    }

    pub fn begin(&mut self, now: Mono) {
        self.link(true, now);
        let address = Some(IpAddr::V4(self.source));
        self.tell(
            Input::Source {
                instance: ONLY,
                address,
            },
            now,
        );
        self.tell(Input::Start, now);
    }

    pub fn link(&mut self, up: bool, now: Mono) {
        self.tell(
            Input::Link {
                interface: INTERFACE,
                up,
            },
            now,
        );
    }

    pub fn tell(&mut self, input: Input<'_>, now: Mono) {
        self.router.handle(input, now);
        self.carry_out();
    }

    pub fn serves(&self) -> bool {
        !self.addresses.is_empty()
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.router.poll_output() {
            match output {
                Output::SendAdvert {
                    from: IpAddr::V4(source),
                    to: IpAddr::V4(destination),
                    ttl,
                    message,
                    ..
                } => {
                    self.packets = self.packets.wrapping_add(1).max(1);
                    let header = Ipv4Header {
                        source,
                        destination,
                        id: self.packets,
                        ttl,
                    };
                    self.send(Target::Everybody, Frame::Advert(header.wrap(&message)));
                }
                Output::Announce { address, .. } => self.send(Target::Everybody, Frame::Announcement(address)),
                Output::AskHolder { address, .. } => self.send(Target::Everybody, Frame::Question(address)),
                Output::AddAddresses { .. } => self.addresses.extend(&self.virtual_addresses),
                Output::RemoveAddresses { .. } => self.addresses.clear(),
                _ => {}
            }
        }
    }

    fn send(&mut self, to: Target, frame: Frame) {
        self.effects.push_back(Effect::Send {
            segment: LAN,
            to,
            frame,
        });
    }

    fn answer(&mut self, whom: NodeId, address: IpAddr) {
        if self.addresses.contains(&address) {
            self.send(Target::Node(whom), Frame::Answer(address));
        }
    }
}

impl Machine for Host {
    type Frame = Frame;
    type Note = String;

    fn receive(&mut self, delivery: Delivery<'_, Frame>, now: Mono) {
        match delivery.frame {
            Frame::Advert(bytes) => {
                let packet = Input::Packet {
                    interface: Some(INTERFACE),
                    datagram: Datagram::V4(bytes),
                };
                self.tell(packet, now);
            }
            // The kernel answers, whether or not a router runs.
            Frame::Question(address) => self.answer(delivery.from, *address),
            Frame::Answer(address) => {
                let (instance, address) = (ONLY, *address);
                self.tell(Input::HolderSeen { instance, address }, now);
            }
            Frame::Announcement(address) => {
                let (instance, address) = (ONLY, *address);
                self.tell(Input::AnnouncementSeen { instance, address }, now);
            }
        }
    }

    fn poll_effect(&mut self) -> Option<Effect<Frame, String>> {
        self.effects.pop_front()
    }

    fn poll_deadline(&self) -> Option<Mono> {
        self.router.poll_deadline()
    }

    fn on_deadline(&mut self, now: Mono) {
        self.router.on_deadline(now);
        self.carry_out();
    }
}
