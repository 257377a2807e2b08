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
use std::time::Duration;

use anyhow::{Context, bail};
use tandem_lab::{Cidr, Door, Ground, Host, Lab, Link, Passage, Route, Running, programs};

use super::stage::{Part, Quarter, ServerName, Stage, balancer_configuration};

const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 10);
const PORT: u16 = 61616;
const STATS_PORT: u16 = 8404;
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps the order in which things must end: programs before the lab they run in.
pub struct Pair {
    page: Option<Passage>,
    page_address: SocketAddr,
    balancers: [Balancer; 2],
    servers: [Server; 2],
    dead: Option<usize>,
    client: Host,
    lab: Lab,
}

struct Balancer {
    host: Host,
    cable: Link,
    daemons: Option<[Running; 2]>,
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
        let streets = Quarter(10).address(0, 1);
        client.add_address("lo", cidr(streets, 10)?)?;

        let balancer = |name: &str, last: u8| -> anyhow::Result<Balancer> {
            let host = lab.host(name)?;
            let cable = lab.link(&host, &lan, cidr(Ipv4Addr::new(10, 9, 0, last), 24)?)?;
            let mut back = Route::new(cidr(Quarter(10).address(0, 0), 10)?);
            back.via = Some(IpAddr::V4(CLIENT));
            host.netlink(async |netlink| netlink.add_route(&back).await)?;
            Ok(Balancer {
                host,
                cable,
                daemons: None,
            })
        };
        let balancers = [balancer("lb1", 1)?, balancer("lb2", 2)?];
        let server = |name: ServerName, host: &str| -> anyhow::Result<Server> {
            let host = lab.host(host)?;
            lab.link(&host, &lan, cidr(server_address(name), 24)?)?;
            Ok(Server { host, running: None })
        };
        let servers = [server(ServerName::A, "a")?, server(ServerName::B, "b")?];

        let page_address = door.address()?;
        let page = Some(door.lead_to(&client, SocketAddr::from((VIP, STATS_PORT)))?);
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
        for place in 0..pair.balancers.len() {
            pair.start_balancer(place)?;
        }
        pair.balancers[0]
            .host
            .wait_for_address(IpAddr::V4(VIP), true, PATIENCE)
            .map_err(|e| anyhow::anyhow!("{e}\n{}", pair.balancers[0].last_words()))?;
        Ok(pair)
    }

    fn start_server(&mut self, name: ServerName) -> anyhow::Result<()> {
        let server = &mut self.servers[name as usize];
        let listen = SocketAddr::from((server_address(name), PORT));
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

    fn start_balancer(&mut self, place: usize) -> anyhow::Result<()> {
        let folder = self.lab.folder()?;
        let anywhere = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let servers = ServerName::ALL.map(|name| SocketAddr::from((server_address(name), PORT)));
        let lb_file = folder.join("haproxy.cfg");
        std::fs::write(
            &lb_file,
            balancer_configuration(anywhere(PORT), anywhere(STATS_PORT), servers),
        )?;
        let vrrp_file = folder.join("keepalived.conf");
        std::fs::write(&vrrp_file, vrrp_configuration(if place == 0 { 150 } else { 100 }))?;

        let balancer = &mut self.balancers[place];
        let lb = balancer.host.run(
            Command::new(programs::built("tandem-lb")?)
                .arg("-f")
                .arg(&lb_file)
                .arg("-db"),
        )?;
        let vrrp = balancer.host.run(
            Command::new(programs::built("tandem-vrrp")?)
                .args(["--dont-fork", "--log-console", "--vrrp", "--use-file"])
                .arg(&vrrp_file),
        )?;
        let in_reserve = vrrp.wait_for_line("Entering BACKUP STATE", PATIENCE);
        balancer.daemons = Some([lb, vrrp]);
        in_reserve.map_err(|e| anyhow::anyhow!("{e}\n{}", balancer.last_words()))?;
        Ok(())
    }

    /// The balancer that holds the virtual address.
    fn master_place(&self) -> Option<usize> {
        (0..self.balancers.len()).find(|place| {
            let balancer = &self.balancers[*place];
            balancer.daemons.is_some() && balancer.host.holds(IpAddr::V4(VIP)).unwrap_or(false)
        })
    }

    /// As by a power cut; addresses do not survive one, so the leftover goes too.
    fn cut_power(&mut self, place: usize) -> anyhow::Result<()> {
        let balancer = &mut self.balancers[place];
        self.lab.cut(&balancer.cable)?;
        balancer.host.kill_all()?;
        balancer.daemons = None;
        if balancer.host.holds(IpAddr::V4(VIP))? {
            balancer.host.delete_address("eth0", cidr(VIP, 24)?)?;
        }
        Ok(())
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
                self.cut_power(place)?;
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
                self.lab.heal(&self.balancers[place].cable)?;
                self.start_balancer(place)
            }
        }
    }

    fn failed(&mut self) -> Option<String> {
        for balancer in &mut self.balancers {
            let Some(daemons) = &mut balancer.daemons else { continue };
            for daemon in daemons {
                if !daemon.is_running().unwrap_or(false) {
                    return Some(format!(
                        "a daemon of {} ended:\n{}",
                        balancer.host.name(),
                        daemon.output()
                    ));
                }
            }
        }
        None
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The door first: its visitors' threads stand in a host. The lab ends whatever is left.
        self.page = None;
    }
}

impl Balancer {
    fn last_words(&self) -> String {
        self.daemons.iter().flatten().map(Running::output).collect()
    }
}

fn server_address(name: ServerName) -> Ipv4Addr {
    match name {
        ServerName::A => Ipv4Addr::new(10, 9, 0, 11),
        ServerName::B => Ipv4Addr::new(10, 9, 0, 12),
    }
}

fn cidr(ip: Ipv4Addr, length: u8) -> anyhow::Result<Cidr> {
    Ok(Cidr::new(IpAddr::V4(ip), length)?)
}

/// A tenth of a second between adverts, so that people who watch need no patience; whoever returns stays in reserve.
fn vrrp_configuration(priority: u8) -> String {
    format!(
        "\
global_defs {{
    vrrp_version 3
}}

vrrp_script balancer {{
    script \"killall -0 tandem-lb\"
    interval 1
}}

vrrp_instance brokers {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {VIP}/24
    }}
    track_script {{
        balancer
    }}
}}
"
    )
}
