//! The full stage: two balancer hosts that share a virtual address, two servers and a client host, as network namespaces.
//!
//! ```text
//!             ┌──────── lan 10.9.0.0/24 ────────┐
//!   client .10   lb1 .1   lb2 .2   A .11   B .12        VIP 10.9.0.100 on lb1 or lb2
//! ```
//!
//! A host dies as by a power cut: every process at once, then its cable. The page of whoever is master is reachable
//! from outside through a door that leads to the virtual address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread::JoinHandle;

use anyhow::{Context, bail};
use tandem_lab::{Cidr, Door, Ground, Host, Lab, Passage, Running};

use super::stage::{Part, Quarter, ServerName, Stage, backend};
use crate::pair::act::Side;
use crate::pair::files::{PAGE_PORT, VIP};
use crate::pair::hosts::BalancerHost;
use crate::pair::{CLIENT, PATIENCE, Wishes, cidr};

const PORT: u16 = 61616;

/// Keeps the order in which things must end: programs before the lab they run in.
pub struct Pair {
    page: Option<Passage>,
    page_address: SocketAddr,
    balancers: [BalancerHost; 2],
    servers: [Server; 2],
    dead: Option<usize>,
    client: Host,
    lab: Lab,
}

struct Server {
    host: Host,
    running: Option<Running>,
}

impl Pair {
    pub fn build(ground: &Ground, door: Door) -> anyhow::Result<Pair> {
        let lab = Lab::new(ground)?;
        let lan = lab.switch("lan")?;
        let client = lab.host("client")?;
        lab.link(&client, &lan, cidr(CLIENT, 24)?)?;
        // Every address of the clients' streets is local to a loopback interface that has one of them.
        client.add_address("lo", cidr(Quarter(10).address(0, 1), 10)?)?;

        let streets = cidr(Quarter(10).address(0, 0), 10)?;
        let behind = backend(PORT, ServerName::ALL.map(server_address));
        let balancer = |side| BalancerHost::build(&lab, &lan, side, streets, behind.clone(), &Wishes::default());
        let balancers = [balancer(Side(0))?, balancer(Side(1))?];
        let server = |name: ServerName, host: &str| -> anyhow::Result<Server> {
            let host = lab.host(host)?;
            lab.link(&host, &lan, Cidr::new(server_address(name).ip(), 24)?)?;
            Ok(Server { host, running: None })
        };
        let servers = [server(ServerName::A, "a")?, server(ServerName::B, "b")?];

        let page_address = door.address()?;
        let page = Some(door.lead_to(&client, SocketAddr::from((VIP, PAGE_PORT)))?);
        let mut pair = Pair {
            page,
            page_address,
            balancers,
            servers,
            dead: None,
            client,
            lab,
        };
        for name in ServerName::ALL {
            pair.start_server(name)?;
        }
        for balancer in &mut pair.balancers {
            balancer.start_balancer()?;
            balancer.start_router()?;
        }
        let first = &pair.balancers[0];
        let holds = first.host.wait_for_address(IpAddr::V4(VIP), true, PATIENCE);
        holds.map_err(|e| anyhow::anyhow!("{e}\n{}", first.last_words()))?;
        Ok(pair)
    }

    fn start_server(&mut self, name: ServerName) -> anyhow::Result<()> {
        let server = &mut self.servers[name as usize];
        let listen = server_address(name);
        let me = std::env::current_exe().context("where is this program?")?;
        let mut command = Command::new(me);
        command.args([
            "demo-server",
            "--name",
            &name.to_string(),
            "--listen",
            &listen.to_string(),
        ]);
        let running = server.host.run(&mut command)?;
        running.wait_for_line("serving", PATIENCE)?;
        server.running = Some(running);
        Ok(())
    }

    /// The balancer that holds the virtual address.
    fn master_place(&self) -> Option<usize> {
        (0..self.balancers.len()).find(|place| {
            let balancer = &self.balancers[*place];
            balancer.router.is_some() && balancer.host.holds(IpAddr::V4(VIP)).unwrap_or(false)
        })
    }
}

impl Stage for Pair {
    fn describe(&self) -> String {
        format!(
            "{}virtual address {VIP}:{PORT}, held by lb1 or lb2; each runs tandem-lb and tandem-vrrp in front of A and B\n\
             statistics page of the master: http://{}/stats\n\n",
            self.lab.describe(),
            self.page_address,
        )
    }

    fn target(&self) -> SocketAddr {
        SocketAddr::from((VIP, PORT))
    }

    fn quarter(&self) -> Quarter {
        Quarter(10)
    }

    fn client(&self, work: Box<dyn FnOnce() + Send>) -> anyhow::Result<JoinHandle<()>> {
        let thread = self.client.thread(work)?;
        // Entering the host fails before the work begins or not at all; the tally then stays empty, which is a failure.
        Ok(std::thread::spawn(move || drop(thread.join())))
    }

    fn master(&self) -> Option<String> {
        Some(
            self.master_place()
                .map_or("none".into(), |place| self.balancers[place].host.name().into()),
        )
    }

    fn kill(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Server(name) => {
                if let Some(mut running) = self.servers[name as usize].running.take() {
                    running.kill()?;
                }
            }
            Part::Master => {
                let Some(place) = self.master_place() else {
                    bail!("nobody holds the virtual address")
                };
                self.balancers[place].cut_power(&self.lab)?;
                self.dead = Some(place);
            }
        }
        Ok(())
    }

    fn revive(&mut self, part: Part) -> anyhow::Result<()> {
        match part {
            Part::Server(name) => self.start_server(name),
            Part::Master => {
                let Some(place) = self.dead.take() else { return Ok(()) };
                self.balancers[place].give_power(&self.lab)
            }
        }
    }

    fn failed(&mut self) -> Option<String> {
        let dead = self.balancers.iter_mut().find_map(BalancerHost::has_lost)?;
        Some(format!(
            "{dead}\n{}",
            self.balancers.iter().map(BalancerHost::last_words).collect::<String>()
        ))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The door first: its visitors' threads stand in a host. The lab ends whatever is left.
        self.page = None;
    }
}

fn server_address(name: ServerName) -> SocketAddr {
    let last = match name {
        ServerName::A => 11,
        ServerName::B => 12,
    };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 9, 0, last)), PORT)
}
