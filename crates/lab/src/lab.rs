//! A lab: switches, hosts and cables, and everything that can be done to them.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tandem_sys::netlink::{AddressRequest, Cidr};
use tandem_sys::netns::Ground;

use crate::capture::Capture;
use crate::error::{Doing, LabError};
use crate::faults::{Fault, FaultId, Faults};
use crate::host::Host;
use crate::nft;
use crate::wiring::{Link, Switch};

/// The switches stand in a network of their own that no program runs in.
#[derive(Debug)]
pub struct Lab {
    ground: Ground,
    closet: Host,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    switches: Vec<Switch>,
    hosts: Vec<Host>,
    links: Vec<Link>,
    faults: Faults,
}

impl Lab {
    pub fn new(ground: &Ground) -> Result<Self, LabError> {
        Ok(Self {
            ground: *ground,
            closet: Host::new(ground, "closet")?,
            plan: Mutex::default(),
        })
    }

    pub fn switch(&self, name: &str) -> Result<Switch, LabError> {
        let mut plan = self.plan();
        let device = format!("s{}", plan.switches.len());
        let bridge = self.closet.netlink(async |netlink| netlink.add_bridge(&device).await)?;
        let switch = Switch {
            name: name.into(),
            bridge,
        };
        plan.switches.push(switch.clone());
        Ok(switch)
    }

    pub fn host(&self, name: &str) -> Result<Host, LabError> {
        let host = Host::new(&self.ground, name)?;
        self.plan().hosts.push(host.clone());
        Ok(host)
    }

    /// A host for somebody else's programs: they see no processes of other hosts, and this machine's files are there to be
    /// read only.
    pub fn host_apart(&self, name: &str) -> Result<Host, LabError> {
        let host = Host::apart(&self.ground, name)?;
        self.plan().hosts.push(host.clone());
        Ok(host)
    }

    /// Plugs a cable between a host and a switch and gives the host's end an address. The host's first interface is
    /// `eth0`, the next `eth1`.
    pub fn link(&self, host: &Host, switch: &Switch, address: Cidr) -> Result<Link, LabError> {
        let is_its = |link: &&Link| link.host.name() == host.name();
        let count = self.plan().links.iter().filter(is_its).count();
        self.link_as(host, switch, &format!("eth{count}"), address)
    }

    /// The same with a name for the host's end.
    pub fn link_as(&self, host: &Host, switch: &Switch, interface: &str, address: Cidr) -> Result<Link, LabError> {
        let mut plan = self.plan();
        let port = format!("p{}", plan.links.len());
        let interface = interface.to_owned();
        let network = host.namespaces().network();
        let port_index = self.closet.netlink(async |netlink| {
            let index = netlink.add_veth(&port, &interface, network).await?;
            netlink.plug_into(index, switch.bridge).await?;
            netlink.set_up(index).await?;
            Ok(index)
        })?;
        host.netlink(async |netlink| {
            let index = netlink.link(&interface).await?.index;
            netlink.add_address(&AddressRequest::new(index, address)).await?;
            netlink.set_up(index).await
        })?;
        let link = Link {
            host: host.clone(),
            switch: switch.clone(),
            address,
            interface,
            port,
            port_index,
        };
        plan.links.push(link.clone());
        drop(plan);
        self.wait_until_in(&link)?;
        Ok(link)
    }

    /// Pulls the cable: the host sees its carrier go.
    pub fn cut(&self, link: &Link) -> Result<(), LabError> {
        self.closet
            .netlink(async |netlink| netlink.set_down(link.port_index).await)?;
        wait_for_carrier(link, false)
    }

    /// Plugs the cable in again.
    pub fn heal(&self, link: &Link) -> Result<(), LabError> {
        self.closet
            .netlink(async |netlink| netlink.set_up(link.port_index).await)?;
        self.wait_until_in(link)
    }

    /// Until a packet that is sent arrives.
    fn wait_until_in(&self, link: &Link) -> Result<(), LabError> {
        wait_for_carrier(link, true)?;
        let awaited = || format!("a switch that forwards what {} sends", link.host.name());
        wait(awaited, || {
            self.closet.netlink(async |netlink| netlink.forwards(&link.port).await)
        })
    }

    /// Loses every packet between two hosts, both ways; neither sees its carrier go.
    pub fn drop_between(&self, a: &Host, b: &Host) -> Result<[FaultId; 2], LabError> {
        Ok([self.drop_from_to(a, b)?, self.drop_from_to(b, a)?])
    }

    /// Loses every packet from one host to another; those the other way arrive.
    pub fn drop_from_to(&self, from: &Host, to: &Host) -> Result<FaultId, LabError> {
        let fault = {
            let plan = self.plan();
            Fault::Drop {
                from: plan.ports(from),
                to: plan.ports(to),
            }
        };
        self.add_fault(fault)
    }

    /// Loses a share of the packets on a cable at random, both ways; carrier stays.
    pub fn lose(&self, link: &Link, per_mille: u16) -> Result<FaultId, LabError> {
        self.add_fault(Fault::Lose {
            port: link.port.clone(),
            per_mille: per_mille.min(1000),
        })
    }

    /// Loses everything on a cable without either side noticing.
    pub fn blackhole(&self, link: &Link) -> Result<FaultId, LabError> {
        self.lose(link, 1000)
    }

    pub fn mend(&self, faults: impl IntoIterator<Item = FaultId>) -> Result<(), LabError> {
        let mut plan = self.plan();
        for id in faults {
            plan.faults.remove(id);
        }
        nft::load(self.closet.namespaces(), &plan.faults.script())
    }

    pub fn mend_all(&self) -> Result<(), LabError> {
        let mut plan = self.plan();
        plan.faults.clear();
        nft::load(self.closet.namespaces(), &plan.faults.script())
    }

    fn add_fault(&self, fault: Fault) -> Result<FaultId, LabError> {
        let mut plan = self.plan();
        let id = plan.faults.add(fault);
        nft::load(self.closet.namespaces(), &plan.faults.script()).inspect_err(|_| plan.faults.remove(id))?;
        Ok(id)
    }

    /// Records every frame on a cable, both ways, until the value is dropped.
    pub fn capture(&self, link: &Link) -> Result<Capture, LabError> {
        Capture::start(&self.closet, link)
    }

    /// A fresh folder that all hosts see at the same path, in memory.
    pub fn folder(&self) -> Result<PathBuf, LabError> {
        let mut number = 0;
        loop {
            let path = PathBuf::from(format!("{}/{number}", Ground::SHARED));
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                outcome => return outcome.map(|()| path).doing(|| "make a folder".into()),
            }
        }
    }

    /// The topology, a line for each cable.
    pub fn describe(&self) -> String {
        let plan = self.plan();
        let mut text = String::new();
        for switch in &plan.switches {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "switch {}", switch.name);
            for link in plan.links.iter().filter(|link| link.switch == *switch) {
                let _ = writeln!(
                    text,
                    "  {:8} {:6} {:20} port {}",
                    link.host.name(),
                    link.interface,
                    link.address.to_string(),
                    link.port
                );
            }
        }
        text
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn ports(&self, host: &Host) -> Vec<String> {
        self.links
            .iter()
            .filter(|link| link.host.name() == host.name())
            .map(|link| link.port.clone())
            .collect()
    }
}

impl Drop for Lab {
    /// Daemons that left their process group end here; without processes and handles the networks vanish by themselves.
    fn drop(&mut self) {
        for host in std::mem::take(&mut self.plan().hosts) {
            let _ = host.kill_all();
        }
    }
}

fn wait_for_carrier(link: &Link, wanted: bool) -> Result<(), LabError> {
    let awaited = || format!("carrier {wanted} on {} of {}", link.interface, link.host.name());
    wait(awaited, || {
        let interface = link.host.netlink(async |netlink| netlink.link(&link.interface).await)?;
        Ok(interface.carrier == wanted)
    })
}

/// For what the kernel is about to do.
fn wait(awaited: impl Fn() -> String, holds: impl Fn() -> Result<bool, LabError>) -> Result<(), LabError> {
    const WITHIN: Duration = Duration::from_secs(5);
    let deadline = Instant::now() + WITHIN;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(LabError::TooLate {
                awaited: awaited(),
                within: WITHIN,
                seen: String::new(),
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
