//! The pair as hosts in a lab: two balancer hosts that share a virtual address, brokers behind them, and a client host.
//!
//! ```text
//!             ┌──────────── lan 10.9.0.0/24 ────────────┐
//!   client .10   lb1 .1   lb2 .2   broker1 .11   broker2 .12     VIP 10.9.0.100 on lb1 or lb2
//! ```
//!
//! A host dies as by a power cut: every process at once, then its cable. A broker's disk is the host's `/run`, so that it
//! can be filled without harm to anybody else.

pub mod act;
mod brokers;
pub mod cast;
mod certificate;
pub mod files;
pub mod hosts;
pub mod site;
pub mod slot;
pub mod wishes;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_lab::{Cidr, FaultId, Ground, Host, Lab, Link, Route};

use act::{Act, Node, Part, Place, Side};
use brokers::Broker;
use cast::Cast;
use files::STUCK_PORT;
use hosts::BalancerHost;
use site::Site;
use slot::Slot;

use crate::load::scene::{Scene, Work};

pub const PATIENCE: Duration = Duration::from_secs(15);
/// How the pair is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    pub cast: Cast,
    pub brokers: usize,
    /// Between adverts, in milliseconds.
    pub interval: u32,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes {
            cast: Cast::OURS,
            brokers: 2,
            interval: 100,
        }
    }
}

/// Keeps the order in which things must end: programs before the lab they run in.
pub struct Pair {
    sides: [BalancerHost; 2],
    brokers: Vec<Broker>,
    client: Host,
    client_cable: Link,
    drops: Vec<FaultId>,
    site: Site,
    lab: Lab,
}

impl Pair {
    /// Everything runs and serves, and lb1 holds the address.
    pub fn build(ground: &Ground, wishes: &Wishes) -> anyhow::Result<Pair> {
        Pair::at(ground, wishes, &Site::usual(wishes.brokers)?)
    }

    /// The same with the addresses, and perhaps the files, of somebody's own pair.
    pub fn at(ground: &Ground, wishes: &Wishes, site: &Site) -> anyhow::Result<Pair> {
        let lab = Lab::new(ground)?;
        let lan = lab.switch("lan")?;
        let client = lab.host("client")?;
        let client_cable = lab.link(&client, &lan, site.client)?;
        client.add_address("lo", cidr(site.street(0, 1), 16)?)?;
        lead(&client, "eth0", site, site.client)?;

        let side = |side| BalancerHost::build(&lab, &lan, side, site, wishes);
        let sides = [side(Side(0))?, side(Side(1))?];
        let mut brokers = Vec::new();
        for (number, place) in site.brokers.iter().enumerate() {
            let host = lab.host(&Node(number).to_string())?;
            let cable = lab.link(&host, &lan, place.address)?;
            lead(&host, "eth0", site, place.address)?;
            brokers.push(Broker::new(host, cable, lab.folder()?, place.clone()));
        }
        let mut pair = Pair {
            sides,
            brokers,
            client,
            client_cable,
            drops: Vec::new(),
            site: site.clone(),
            lab,
        };
        pair.brokers.iter_mut().try_for_each(Broker::start)?;
        pair.sides.iter_mut().try_for_each(BalancerHost::start_balancer)?;
        // Where nobody preempts, the first that runs is master.
        let first = site.first.0;
        pair.sides[first].start_router()?;
        pair.sides[1 - first].start_router()?;
        pair.wait_until_served()?;
        Ok(pair)
    }

    /// The first host holds the address, and its balancer has found every broker up.
    fn wait_until_served(&self) -> anyhow::Result<()> {
        let first = &self.sides[self.site.first.0];
        let wait = first.host.wait_for_address(self.site.vip(), true, self.site.patience);
        wait.map_err(|e| anyhow::anyhow!("{e}\n{}", first.last_words()))?;
        let deadline = Instant::now() + self.site.patience;
        for side in &self.sides {
            while side.serving()? < self.site.hosts[side.side.0].servers {
                if Instant::now() > deadline {
                    let (side, down) = (side.side, side.not_serving()?.join(", "));
                    bail!(
                        "{side} does not find all brokers up: {down}\n{}",
                        self.sides[side.0].last_words()
                    );
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    pub fn describe(&self) -> String {
        format!(
            "{}virtual address {}, held by lb1 or lb2\n",
            self.lab.describe(),
            self.site.target
        )
    }

    pub fn client(&self) -> &Host {
        &self.client
    }

    pub fn host(&self, side: Side) -> &Host {
        &self.sides[side.0].host
    }

    fn try_perform(&mut self, act: &Act) -> anyhow::Result<()> {
        match *act {
            Act::Kill(Part::Host(side)) => self.sides[side.0].cut_power(&self.lab),
            Act::Start(Part::Host(side)) => self.sides[side.0].give_power(&self.lab),
            Act::Start(Part::Balancer(side)) => self.side(side).start_balancer(),
            Act::Start(Part::Router(side)) => self.side(side).start_router(),
            Act::Start(Part::Broker(node)) => self.node(node)?.start(),
            Act::Kill(part) => self.slot(part)?.kill(),
            Act::Stop(Part::Balancer(side)) => self.side(side).stop_balancer(),
            Act::Stop(part) => self.slot(part)?.stop(),
            Act::Pause(part) => self.slot(part)?.pause(),
            Act::Resume(part) => self.slot(part)?.resume(),
            Act::Drain(side) => self.slot(Part::Balancer(side))?.drain(),
            Act::Upgrade(side) => self.side(side).upgrade(),
            Act::Reload(side) => self.side(side).reload(),
            Act::Certificate(side) => {
                let client = self.client.clone();
                self.side(side).renew(&client)
            }
            Act::Cut(place) => Ok(self.cables(place)?.iter().try_for_each(|cable| self.lab.cut(cable))?),
            Act::Heal(place) => Ok(self.cables(place)?.iter().try_for_each(|cable| self.lab.heal(cable))?),
            Act::Drop(from, to) => {
                let fault = self.lab.drop_from_to(self.place(from)?, self.place(to)?)?;
                self.drops.push(fault);
                Ok(())
            }
            Act::Mend => {
                let drops = std::mem::take(&mut self.drops);
                Ok(self.lab.mend(drops)?)
            }
            Act::Fill(node, percent) => self.node(node)?.fill(percent),
            Act::Empty(node) => self.node(node)?.empty(),
            Act::HandOver(side) => self.side(side).hand_over(&[]),
            Act::TakePart(side) => self.side(side).hand_over(&["--resume"]),
        }
    }

    fn side(&mut self, side: Side) -> &mut BalancerHost {
        &mut self.sides[side.0]
    }

    fn node(&mut self, node: Node) -> anyhow::Result<&mut Broker> {
        let count = self.brokers.len();
        let broker = self.brokers.get_mut(node.0);
        broker.with_context(|| format!("there is no {node}: there are {count} brokers"))
    }

    fn slot(&mut self, part: Part) -> anyhow::Result<&mut Slot> {
        let slot = match part {
            Part::Balancer(side) => &mut self.side(side).balancer,
            Part::Router(side) => &mut self.side(side).router,
            Part::Broker(node) => &mut self.node(node)?.running,
            Part::Host(_) => bail!("that can be done to a daemon only, not to a host"),
        };
        slot.as_mut().with_context(|| format!("{part} does not run"))
    }

    fn cables(&self, place: Place) -> anyhow::Result<&[Link]> {
        Ok(match place {
            Place::Client => std::slice::from_ref(&self.client_cable),
            Place::Side(side) => &self.sides[side.0].cables,
            Place::Node(node) => {
                let broker = self.brokers.get(node.0);
                std::slice::from_ref(&broker.with_context(|| format!("there is no {node}"))?.cable)
            }
        })
    }

    fn place(&self, place: Place) -> anyhow::Result<&Host> {
        let cable = self.cables(place)?.first();
        Ok(cable.with_context(|| format!("{place} has no cable"))?.host())
    }
}

impl Scene for Pair {
    fn target(&self) -> SocketAddr {
        self.site.target
    }

    fn stuck_target(&self) -> SocketAddr {
        SocketAddr::new(self.site.vip(), STUCK_PORT)
    }

    fn brokers(&self) -> Vec<SocketAddr> {
        (0..self.brokers.len())
            .filter_map(|n| self.site.broker(Node(n)))
            .collect()
    }

    fn street(&self, of: u8, number: u8) -> Ipv4Addr {
        self.site.street(of, number)
    }

    fn beside(&self) -> IpAddr {
        self.site.client.ip()
    }

    fn sides(&self) -> &[Side] {
        &Side::BOTH
    }

    fn holders(&self) -> Vec<Side> {
        let holds = |side: &Side| self.host(*side).holds(self.site.vip()).unwrap_or(false);
        Side::BOTH.into_iter().filter(holds).collect()
    }

    fn thread(&self, place: Place, work: Work) -> anyhow::Result<JoinHandle<io::Result<()>>> {
        Ok(self.place(place)?.thread(work)?)
    }

    fn perform(&mut self, act: &Act) -> anyhow::Result<()> {
        self.try_perform(act).with_context(|| act.to_string())
    }

    fn state(&mut self) -> Vec<(Part, &'static str)> {
        let mut parts = Vec::new();
        for side in &mut self.sides {
            parts.push((Part::Balancer(side.side), word(side.balancer.as_mut())));
            parts.push((Part::Router(side.side), word(side.router.as_mut())));
        }
        for (number, broker) in self.brokers.iter_mut().enumerate() {
            parts.push((Part::Broker(Node(number)), word(broker.running.as_mut())));
        }
        parts
    }

    fn last_words(&self, part: Part) -> String {
        let slot = match part {
            Part::Balancer(side) => &self.sides[side.0].balancer,
            Part::Router(side) => &self.sides[side.0].router,
            Part::Broker(node) => &self.brokers[node.0].running,
            Part::Host(_) => &None,
        };
        slot.as_ref().map(Slot::last_words).unwrap_or_default()
    }
}

fn word(slot: Option<&mut Slot>) -> &'static str {
    slot.map_or("not running", Slot::word)
}

/// Whoever is in another network is on the same cable all the same.
fn lead(host: &Host, interface: &str, site: &Site, own: Cidr) -> anyhow::Result<()> {
    let others = site.everybody().map(|other| other.ip()).chain([site.vip()]);
    for other in others.filter(|other| !is_in(own, *other)) {
        let mut route = Route::new(Cidr::host(other));
        host.netlink(async |netlink| {
            route.out = Some(netlink.link(interface).await?.index);
            netlink.add_route(&route).await
        })?;
    }
    Ok(())
}

fn is_in(network: Cidr, ip: IpAddr) -> bool {
    let (IpAddr::V4(own), IpAddr::V4(ip)) = (network.ip(), ip) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - u32::from(network.length())).unwrap_or(0);
    u32::from(own) & mask == u32::from(ip) & mask
}

fn cidr(ip: Ipv4Addr, length: u8) -> anyhow::Result<Cidr> {
    Ok(Cidr::new(IpAddr::V4(ip), length)?)
}
