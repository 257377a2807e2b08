//! One host of the plan in the simulator: the router as it is, the kernel's addresses, which outlive it, and what goes over
//! the link of the pair.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tandem_sim::{Delivery, Effect, Machine, NodeId, SegmentId, Target};
use tandem_time::Mono;
use tandem_vrrp_core::packet::{Datagram, Ipv4Header};
use tandem_vrrp_core::settings::{InstanceId, RouterSettings};
use tandem_vrrp_core::{Input, Output, Partner, Router};

/// Both hosts of a pair are on one network.
pub const LAN: SegmentId = SegmentId(0);
/// `pair_link` takes the same cable; whatever keeps adverts from the other host (a filter of multicast, a firewall) lets it pass.
pub const LINK: SegmentId = SegmentId(1);
/// Each plan is of one virtual router.
pub const ONLY: InstanceId = InstanceId(0);
const INTERFACE: &str = "plan0";

/// How often the link says that it is there.
const BEAT: Duration = Duration::from_millis(250);
/// Each so many beats it says again how the router is.
const WORD: u32 = 4;
/// A link that is silent for longer is down.
const DEAD: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub enum Frame {
    /// A whole IPv4 packet.
    Advert(Vec<u8>),
    Announcement(IpAddr),
    Question(IpAddr),
    Answer(IpAddr),
    Beat,
    Word(Partner),
    TakeOver,
}

/// One end of the pair's link.
#[derive(Default)]
struct Link {
    /// When it speaks next.
    due: Mono,
    beats: u32,
    said: Option<Partner>,
    heard: Option<Mono>,
}

pub struct Host {
    router: Router,
    /// What the kernel has; it stays when the router dies.
    pub addresses: BTreeSet<IpAddr>,
    virtual_addresses: Vec<IpAddr>,
    source: Ipv4Addr,
    link: Option<Link>,
    /// So many would answer if they were asked.
    pub witnesses: usize,
    effects: VecDeque<Effect<Frame, String>>,
    packets: u16,
}

impl Host {
    /// Of settings with one instance, which is [`ONLY`].
    pub fn new(mut settings: RouterSettings, source: Ipv4Addr, linked: bool) -> Host {
        let mut virtual_addresses = Vec::new();
        for instance in &mut settings.instances {
            instance.interface = Some(INTERFACE.into());
            virtual_addresses = instance.addresses().map(|vip| vip.address).collect();
        }
        Host {
            router: Router::new(settings),
            addresses: BTreeSet::new(),
            virtual_addresses,
            source,
            link: linked.then(Link::default),
            witnesses: usize::MAX,
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
        self.carry_out(now);
    }

    pub fn has(&self, addresses: &[IpAddr]) -> bool {
        !addresses.is_empty() && addresses.iter().all(|address| self.addresses.contains(address))
    }

    fn carry_out(&mut self, now: Mono) {
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
                Output::NameSuccessor { .. } if self.link.is_some() => self.say(Frame::TakeOver),
                Output::AskWitnesses { instance } => {
                    let reachable = self.witnesses;
                    self.router.handle(Input::Witnesses { instance, reachable }, now);
                }
                _ => {}
            }
        }
        self.say_if_new();
    }

    fn send(&mut self, to: Target, frame: Frame) {
        self.effects.push_back(Effect::Send {
            segment: LAN,
            to,
            frame,
        });
    }

    /// To the other host of the pair.
    fn say(&mut self, frame: Frame) {
        self.effects.push_back(Effect::Send {
            segment: LINK,
            to: Target::Everybody,
            frame,
        });
    }

    fn say_if_new(&mut self) {
        let word = self.word();
        if let Some(link) = &mut self.link
            && link.said != word
        {
            link.said = word;
            if let Some(word) = word {
                self.say(Frame::Word(word));
            }
        }
    }

    /// What `tandem-vrrp` tells the other host of this router.
    fn word(&self) -> Option<Partner> {
        let view = self.router.instance(ONLY)?;
        Some(Partner {
            stand: view.stand(),
            priority: view.effective.value(),
            source: view.source,
        })
    }

    fn beat(&mut self, now: Mono) {
        let word = self.word();
        let Some(link) = &mut self.link else { return };
        if link.heard.is_some_and(|at| now >= at + DEAD) {
            link.heard = None;
            self.partner(None, now);
        }
        let Some(link) = self.link.as_mut().filter(|link| now >= link.due) else {
            return;
        };
        link.due = now + BEAT;
        link.beats += 1;
        match word.filter(|_| link.beats.is_multiple_of(WORD)) {
            Some(word) => self.say(Frame::Word(word)),
            None => self.say(Frame::Beat),
        }
    }

    fn is_heard(&mut self, now: Mono) {
        if let Some(link) = &mut self.link {
            link.heard = Some(now);
        }
    }

    fn partner(&mut self, partner: Option<Partner>, now: Mono) {
        let instance = ONLY;
        self.tell(Input::Partner { instance, partner }, now);
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
            Frame::Beat => self.is_heard(now),
            Frame::Word(partner) => {
                let partner = Some(*partner);
                self.is_heard(now);
                self.partner(partner, now);
            }
            Frame::TakeOver => {
                self.is_heard(now);
                self.tell(Input::TakeOver { instance: ONLY }, now);
            }
        }
    }

    fn poll_effect(&mut self) -> Option<Effect<Frame, String>> {
        self.effects.pop_front()
    }

    fn poll_deadline(&self) -> Option<Mono> {
        let of_link = self.link.as_ref().map(|link| match link.heard {
            Some(heard) => link.due.min(heard + DEAD),
            None => link.due,
        });
        of_link.into_iter().chain(self.router.poll_deadline()).min()
    }

    fn on_deadline(&mut self, now: Mono) {
        self.beat(now);
        self.router.on_deadline(now);
        self.carry_out(now);
    }
}
