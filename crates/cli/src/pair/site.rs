//! Where a pair stands: its addresses, the names of its cables, and whose files its daemons read.
//!
//! The hosts of a lab are nobody else's, so somebody's own pair keeps the addresses it has: the lab takes them over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tandem_lab::Cidr;

use super::act::{Node, Side};
use super::files::{PORT, VIP};
use super::{PATIENCE, cidr};

/// In text that is to be written for a host: its folder, which is not known before the host is there.
pub const FOLDER: &str = "/run/lab/@folder@";
/// The same for how many connections are allowed, by which a reload is told.
pub const CONNECTIONS: &str = "@connections@";
/// Enough for any load here. Each takes two files, and a host that allows 4096 of them can hold a pair.
pub const USUAL_CONNECTIONS: u32 = 2000;
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 10);

#[derive(Clone, Debug)]
pub struct Site {
    /// The virtual address, and where clients connect to there.
    pub target: SocketAddr,
    pub client: Cidr,
    /// Clients have addresses of their own, all of them local to the client host; two bytes of 16 bits.
    pub streets: Ipv4Addr,
    pub hosts: [HostSite; 2],
    pub brokers: Vec<BrokerSite>,
    /// Who has the address when all is well.
    pub first: Side,
    /// Whose servers they are.
    pub backend: String,
    /// How long it may take until all serve.
    pub patience: Duration,
}

#[derive(Clone, Debug)]
pub struct HostSite {
    pub address: Cidr,
    /// The first is where the address above is.
    pub interfaces: Vec<String>,
    /// How many servers its balancer finds up when all is well.
    pub servers: usize,
    /// `None` is ours.
    pub papers: Option<Papers>,
}

#[derive(Clone, Debug)]
pub struct BrokerSite {
    pub address: Cidr,
    /// The first is the one that is balanced.
    pub ports: Vec<u16>,
}

impl BrokerSite {
    pub fn listens(&self) -> Vec<SocketAddr> {
        let at = |port: &u16| SocketAddr::new(self.address.ip(), *port);
        self.ports.iter().map(at).collect()
    }
}

/// Somebody's own files, as they are to be written into the host's folder.
#[derive(Clone, Debug, Default)]
pub struct Papers {
    /// Read by the balancer in this order.
    pub balancer: Vec<Paper>,
    /// Its further options.
    pub options: Vec<String>,
    pub router: Paper,
    /// What those name.
    pub along: Vec<Paper>,
    /// The same for what has a place of its own in the host's /run.
    pub placed: Vec<(Paper, String)>,
    /// What the balancer and the router are called among the processes: their checks may ask for them by name.
    pub called: [&'static str; 2],
    /// To be there before anything starts.
    pub folders: Vec<String>,
    /// How many connections are allowed at first.
    pub connections: u32,
    pub sysctls: Vec<(String, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    pub name: String,
    pub bytes: Vec<u8>,
    pub runs: bool,
}

impl Paper {
    pub fn text(name: &str, text: impl Into<String>) -> Paper {
        Paper {
            name: name.into(),
            bytes: text.into().into_bytes(),
            runs: false,
        }
    }

    pub fn program(name: &str, text: impl Into<String>) -> Paper {
        Paper {
            runs: true,
            ..Paper::text(name, text)
        }
    }
}

impl Site {
    /// Of the pair that needs nobody's files, with so many brokers.
    pub fn usual(brokers: usize) -> anyhow::Result<Site> {
        let host = |last| -> anyhow::Result<HostSite> {
            Ok(HostSite {
                address: cidr(Ipv4Addr::new(10, 9, 0, last), 24)?,
                interfaces: vec!["eth0".into()],
                servers: brokers,
                papers: None,
            })
        };
        let broker = |number: usize| -> anyhow::Result<BrokerSite> {
            let last = u8::try_from(11 + number).unwrap_or(u8::MAX);
            Ok(BrokerSite {
                address: cidr(Ipv4Addr::new(10, 9, 0, last), 24)?,
                ports: vec![PORT],
            })
        };
        Ok(Site {
            target: SocketAddr::from((VIP, PORT)),
            client: cidr(CLIENT, 24)?,
            streets: Ipv4Addr::new(10, 64, 0, 0),
            hosts: [host(1)?, host(2)?],
            brokers: (0..brokers).map(broker).collect::<anyhow::Result<_>>()?,
            first: Side(0),
            backend: "brokers".into(),
            patience: PATIENCE,
        })
    }

    pub fn vip(&self) -> IpAddr {
        self.target.ip()
    }

    pub fn street(&self, street: u8, number: u8) -> Ipv4Addr {
        let [a, b, _, _] = self.streets.octets();
        Ipv4Addr::new(a, b, street, number)
    }

    /// Where broker number `node` is that is balanced.
    pub fn broker(&self, node: Node) -> Option<SocketAddr> {
        self.brokers.get(node.0)?.listens().first().copied()
    }

    /// Everybody who has a cable.
    pub fn everybody(&self) -> impl Iterator<Item = Cidr> {
        let hosts = self.hosts.iter().map(|host| host.address);
        let brokers = self.brokers.iter().map(|broker| broker.address);
        std::iter::once(self.client).chain(hosts).chain(brokers)
    }
}
