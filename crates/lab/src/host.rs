//! One host: its network, its programs.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_sys::netlink::{Address, AddressRequest, Cidr, Index, Neighbour, Netlink, NetlinkError, Route};
use tandem_sys::netns::{Ground, Namespaces};
use tandem_sys::process;

use crate::error::{Doing, LabError};
use crate::nft;
use crate::running::Running;

/// The first interface of every network.
const LOOPBACK: Index = Index(1);

/// A handle; all copies mean the same host.
#[derive(Debug, Clone)]
pub struct Host {
    name: Arc<str>,
    namespaces: Arc<Namespaces>,
}

impl Host {
    pub(crate) fn new(ground: &Ground, name: &str) -> Result<Self, LabError> {
        let namespaces = Namespaces::new(ground, name).doing(|| format!("make host {name}"))?;
        Self::of(namespaces, name)
    }

    pub(crate) fn apart(ground: &Ground, name: &str) -> Result<Self, LabError> {
        let namespaces = Namespaces::apart(ground, name).doing(|| format!("make host {name}"))?;
        Self::of(namespaces, name)
    }

    fn of(namespaces: Namespaces, name: &str) -> Result<Self, LabError> {
        let host = Self {
            name: name.into(),
            namespaces: Arc::new(namespaces),
        };
        // Duplicate address detection would keep every new IPv6 address unusable for a second.
        host.sysctl("net.ipv6.conf.default.accept_dad", "0")?;
        host.netlink(async |netlink| netlink.set_up(netlink.link("lo").await?.index).await)?;
        Ok(host)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// Starts a program here. It ends at the latest when the returned value is dropped.
    pub fn run(&self, command: &mut Command) -> Result<Running, LabError> {
        Running::start(&self.namespaces, command)
    }

    /// Whoever is started here finds this file in the place of that.
    pub fn put_over(&self, path: &Path, file: &Path) -> Result<(), LabError> {
        self.namespaces
            .put_over(path, file)
            .doing(|| format!("put {} over {} in host {}", file.display(), path.display(), self.name))
    }

    /// Runs a closure with this host's network and waits for it. Sockets that it opens stay here.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.namespaces
            .inside(work)
            .doing(|| format!("enter host {}", self.name))
    }

    /// Runs a closure with this host's network on a thread of its own.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<std::io::Result<T>>, LabError> {
        self.namespaces
            .spawn(work)
            .doing(|| format!("start a thread in host {}", self.name))
    }

    /// Whatever netlink can do and this type has no word for.
    pub fn netlink<T: Send>(
        &self,
        job: impl AsyncFnOnce(&Netlink) -> Result<T, NetlinkError> + Send,
    ) -> Result<T, LabError> {
        Ok(self.inside(|| Netlink::blocking(job))??)
    }

    /// Sets a kernel parameter, such as `net.ipv4.ip_forward`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), LabError> {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        self.inside(|| std::fs::write(&path, value))?
            .doing(|| format!("set {key} to {value} in host {}", self.name))
    }

    /// Loads an nft script.
    pub fn nft(&self, script: &str) -> Result<(), LabError> {
        nft::load(&self.namespaces, script)
    }

    pub fn add_address(&self, interface: &str, cidr: Cidr) -> Result<(), LabError> {
        self.netlink(async |netlink| {
            let index = netlink.link(interface).await?.index;
            netlink.add_address(&AddressRequest::new(index, cidr)).await
        })
    }

    pub fn delete_address(&self, interface: &str, cidr: Cidr) -> Result<(), LabError> {
        self.netlink(async |netlink| netlink.delete_address(netlink.link(interface).await?.index, cidr).await)
    }

    pub fn addresses(&self) -> Result<Vec<Address>, LabError> {
        self.netlink(async |netlink| netlink.addresses().await)
    }

    /// Whether the address is on one of this host's interfaces. What is on the loopback only is nothing that others see.
    pub fn holds(&self, ip: IpAddr) -> Result<bool, LabError> {
        let here = |address: &Address| address.cidr.ip() == ip && address.index != LOOPBACK;
        Ok(self.addresses()?.iter().any(here))
    }

    /// Waits until the address is here (or is gone from here): for addresses that programs move.
    pub fn wait_for_address(&self, ip: IpAddr, held: bool, within: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + within;
        while self.holds(ip)? != held {
            if Instant::now() > deadline {
                let awaited = format!("{ip} {} host {}", if held { "on" } else { "gone from" }, self.name);
                return Err(LabError::TooLate {
                    awaited,
                    within,
                    seen: String::new(),
                });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    pub fn add_default_route(&self, gateway: IpAddr) -> Result<(), LabError> {
        self.netlink(async |netlink| netlink.add_route(&Route::default_via(gateway)).await)
    }

    /// Which hardware addresses this host has learned.
    pub fn neighbours(&self) -> Result<Vec<Neighbour>, LabError> {
        self.netlink(async |netlink| netlink.neighbours().await)
    }

    /// Takes an interface down as an operator would. For a cable that is pulled see [`crate::Lab::cut`].
    pub fn set_down(&self, interface: &str) -> Result<(), LabError> {
        self.netlink(async |netlink| netlink.set_down(netlink.link(interface).await?.index).await)
    }

    pub fn set_up(&self, interface: &str) -> Result<(), LabError> {
        self.netlink(async |netlink| netlink.set_up(netlink.link(interface).await?.index).await)
    }

    /// The processes in this host, those of daemons that went into the background too.
    pub fn processes(&self) -> Result<Vec<u32>, LabError> {
        self.namespaces
            .processes()
            .doing(|| format!("list the processes of host {}", self.name))
    }

    /// Kills every process in this host, as a power cut would, and waits until they are gone.
    pub fn kill_all(&self) -> Result<(), LabError> {
        const WITHIN: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + WITHIN;
        loop {
            let left = self.processes()?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let awaited = format!("the end of all processes of host {}", self.name);
                return Err(LabError::TooLate {
                    awaited,
                    within: WITHIN,
                    seen: format!("; left: {left:?}"),
                });
            }
            for pid in left {
                process::signal(pid, Signal::SIGKILL).doing(|| format!("kill process {pid}"))?;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
