//! The hosts: a client, another one behind a narrow link, a pair of balancers between two networks, servers.
//!
//! ```text
//!   far ── narrow (MTU 1280) ── way ──┐                ┌── s1
//!                                     ├── a (VIP) ─────┼── s2      10.9.0.100 in front, 10.8.0.100 behind:
//!   client ───────────────────────────┴── b ───────────┴── s3      the servers' gateway
//! ```

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Lab, Link, Route, Running, programs, run_router};
use tandem_netns_tests::{Bench, wait};

use crate::balancer::server;

pub(super) const LONG: Duration = Duration::from_secs(30);
pub(super) const VIP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 9, 0, 100)), 5672);
pub(super) const VIP6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 0x100)), 5672);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Servers {
    /// One that is believed to be back only a while after it is.
    OneSlow,
    Two,
    Three,
}

pub(super) struct Stage {
    pub(super) client: Host,
    pub(super) far: Host,
    pub(super) balancers_at: Vec<Host>,
    pub(super) balancers: Vec<Running>,
    routers: Vec<Option<Running>>,
    cables: Vec<[Link; 2]>,
    servers: Vec<Running>,
    folder: PathBuf,
    _lab: Lab,
}

impl Stage {
    pub(super) fn new(bench: &Bench<'_>) -> Result<Stage> {
        Stage::with(bench, Servers::Two)
    }

    pub(super) fn with(bench: &Bench<'_>, used: Servers) -> Result<Stage> {
        let lab = Lab::new(bench.ground)?;
        let (front, back, narrow) = (lab.switch("front")?, lab.switch("back")?, lab.switch("narrow")?);
        let plug = |host: &Host, switch, v4: &str, v6: &str| -> Result<Link> {
            let link = lab.link(host, switch, v4.parse()?)?;
            host.add_address(link.interface(), v6.parse()?)?;
            Ok(link)
        };
        let folder = lab.folder()?;
        let client = lab.host("client")?;
        plug(&client, &front, "10.9.0.10/24", "fd00:9::10/64")?;
        let (way, far) = (lab.host("way")?, lab.host("far")?);
        plug(&way, &front, "10.9.0.5/24", "fd00:9::5/64")?;
        plug(&way, &narrow, "10.7.0.1/24", "fd00:7::1/64")?;
        plug(&far, &narrow, "10.7.0.10/24", "fd00:7::10/64")?;
        forwards(&way)?;
        way.netlink(async |netlink| netlink.set_mtu(netlink.link("eth1").await?.index, 1280).await)?;
        modest_route(&far, "10.7.0.1", 1280)?;
        modest_route(&far, "fd00:7::1", 1280)?;
        let mut servers = Vec::new();
        for n in 1..=3 {
            let host = lab.host(&format!("s{n}"))?;
            plug(&host, &back, &format!("10.8.0.2{n}/24"), &format!("fd00:8::2{n}/64"))?;
            modest_route(&host, "10.8.0.100", 1300)?;
            modest_route(&host, "fd00:8::100", 1300)?;
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--run", "helper::named_echo"]);
            command.env(server::NAME, host.name()).env(server::LISTEN, "[::]:1883");
            let running = host.run(&mut command)?;
            running.wait_for_line("listening", LONG)?;
            servers.push(running);
        }
        let (mut balancers_at, mut cables) = (Vec::new(), Vec::new());
        for (name, n) in [("a", 1), ("b", 2)] {
            let host = lab.host(name)?;
            cables.push([
                plug(&host, &front, &format!("10.9.0.{n}/24"), &format!("fd00:9::{n}/64"))?,
                plug(&host, &back, &format!("10.8.0.{n}/24"), &format!("fd00:8::{n}/64"))?,
            ]);
            forwards(&host)?;
            for (to, via) in [("10.7.0.0/24", "10.9.0.5"), ("fd00:7::/64", "fd00:9::5")] {
                let mut route = Route::new(to.parse()?);
                route.via = Some(via.parse()?);
                host.netlink(async |netlink| netlink.add_route(&route).await)?;
            }
            balancers_at.push(host);
        }
        let mut stage = Stage {
            client,
            far,
            balancers_at,
            balancers: Vec::new(),
            routers: vec![None, None],
            cables,
            servers,
            folder,
            _lab: lab,
        };
        stage.configure(used)?;
        for n in 0..2 {
            let balancer = stage.run_balancer(n)?;
            stage.balancers.push(balancer);
            stage.start_router(n)?;
            if n == 0 {
                stage.is_master(0)?;
            }
        }
        wait("the first client is served", || {
            Ok(super::visit(&stage.client, VIP).is_ok())
        })?;
        wait("the first client of IPv6 is served", || {
            Ok(super::visit(&stage.client, VIP6).is_ok())
        })?;
        Ok(stage)
    }

    pub(super) fn configure(&self, servers: Servers) -> Result<()> {
        for n in 0..2 {
            let text = configuration(&self.socket(n).display().to_string(), servers);
            std::fs::write(self.folder.join(format!("lb{n}.cfg")), text)?;
        }
        Ok(())
    }

    pub(super) fn start_balancer(&mut self, n: usize) -> Result<()> {
        self.balancers[n] = self.run_balancer(n)?;
        Ok(())
    }

    /// Starts the program anew, to take over from the one that runs, which is returned.
    pub(super) fn replace_balancer(&mut self, n: usize) -> Result<Running> {
        let (socket, pid) = (self.socket(n), self.balancers[n].pid().to_string());
        let more = [
            OsStr::new("-x"),
            socket.as_os_str(),
            OsStr::new("-sf"),
            OsStr::new(&pid),
        ];
        let successor = self.launch_balancer(n, &more)?;
        Ok(std::mem::replace(&mut self.balancers[n], successor))
    }

    fn run_balancer(&self, n: usize) -> Result<Running> {
        let running = self.launch_balancer(n, &[])?;
        let deadline = Instant::now() + LONG;
        while self.ask(n, "show info").is_err() {
            ensure!(
                Instant::now() < deadline,
                "the balancer does not answer:\n{}",
                running.output()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    fn launch_balancer(&self, n: usize, more: &[&OsStr]) -> Result<Running> {
        let file = self.folder.join(format!("lb{n}.cfg"));
        let mut command = Command::new(programs::built("tandem-lb")?);
        Ok(self.balancers_at[n].run(command.arg("-db").arg("-f").arg(file).args(more))?)
    }

    pub(super) fn start_router(&mut self, n: usize) -> Result<()> {
        let file = self.folder.join(format!("vrrp{n}.conf"));
        std::fs::write(&file, router(150 - 50 * n))?;
        self.routers[n] = Some(run_router(
            &self.balancers_at[n],
            &programs::built("tandem-vrrp")?,
            &file,
        )?);
        Ok(())
    }

    /// Says goodbye to the other, as before a planned reboot.
    pub(super) fn stop_router(&mut self, n: usize) -> Result<()> {
        if let Some(mut router) = self.routers[n].take() {
            router.stop(LONG)?;
        }
        Ok(())
    }

    pub(super) fn cut(&self, n: usize) -> Result<()> {
        self.cables[n].iter().try_for_each(|link| Ok(self._lab.cut(link)?))
    }

    pub(super) fn heal(&self, n: usize) -> Result<()> {
        self.cables[n].iter().try_for_each(|link| Ok(self._lab.heal(link)?))
    }

    /// Waits until it has all addresses.
    pub(super) fn is_master(&self, n: usize) -> Result<()> {
        for ip in ["10.9.0.100", "10.8.0.100", "fd00:9::100", "fd00:8::100"] {
            self.balancers_at[n].wait_for_address(ip.parse()?, true, LONG)?;
        }
        Ok(())
    }

    pub(super) fn servers_die(&mut self) -> Result<()> {
        for server in &mut self.servers {
            server.kill()?;
        }
        Ok(())
    }

    /// On both hosts, the nth first.
    pub(super) fn tell(&self, n: usize, order: &str) -> Result<()> {
        for n in [n, 1 - n] {
            let answer = self.ask(n, order)?;
            ensure!(answer.trim().is_empty(), "{order}: {answer}");
        }
        Ok(())
    }

    pub(super) fn ask(&self, n: usize, order: &str) -> Result<String> {
        ask(&self.socket(n), order)
    }

    /// The tables of nf_tables on a balancer's host.
    pub(super) fn tables(&self, n: usize) -> Result<String> {
        self.nft(n, &["list", "tables"])
    }

    pub(super) fn nft(&self, n: usize, args: &[&str]) -> Result<String> {
        nft(&self.balancers_at[n], args)
    }

    /// The packets of a named counter of a table.
    pub(super) fn counted(&self, n: usize, table: &str, name: &str) -> Result<u64> {
        let text = self.nft(n, &["list", "counter", "inet", table, name])?;
        let packets = text.split_once("packets ").and_then(|(_, rest)| rest.split(' ').next());
        packets
            .and_then(|packets| packets.parse().ok())
            .with_context(|| format!("no packets in {text}"))
    }

    fn socket(&self, n: usize) -> PathBuf {
        self.folder.join(format!("lb{n}.sock"))
    }
}

/// What a balancer's control socket answers.
pub(super) fn ask(socket: &Path, order: &str) -> Result<String> {
    let mut socket = UnixStream::connect(socket)?;
    socket.set_read_timeout(Some(LONG))?;
    writeln!(socket, "{order}")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(super) fn nft(host: &Host, args: &[&str]) -> Result<String> {
    let mut running = host.run(Command::new("nft").args(args))?;
    let (status, text) = running.finish(LONG)?;
    ensure!(status.success(), "nft {args:?}: {text}");
    Ok(text.trim().to_owned())
}

/// A default route for one who knows that his own link is narrow, but does not let the other end know: so that the other
/// has to find out.
fn modest_route(host: &Host, gateway: &str, mtu: u32) -> Result<()> {
    let (family, segment) = if gateway.contains(':') {
        ("-6", "1440")
    } else {
        ("-4", "1460")
    };
    let mtu = mtu.to_string();
    let args = [
        family, "route", "add", "default", "via", gateway, "mtu", &mtu, "advmss", segment,
    ];
    let (status, said) = host.run(Command::new("ip").args(args))?.finish(LONG)?;
    ensure!(status.success(), "ip {args:?}: {said}");
    Ok(())
}

fn forwards(host: &Host) -> Result<()> {
    host.sysctl("net.ipv4.ip_forward", "1")?;
    Ok(host.sysctl("net.ipv6.conf.all.forwarding", "1")?)
}

fn configuration(socket: &str, servers: Servers) -> String {
    let checks = match servers {
        Servers::OneSlow => "inter 300ms fastinter 1s downinter 2s fall 2 rise 2",
        Servers::Two | Servers::Three => "inter 300ms fall 2 rise 1",
    };
    let second = "    server s2 10.8.0.22:1883\n    server t2 [fd00:8::22]:1883\n";
    let more = match servers {
        Servers::OneSlow => String::new(),
        Servers::Two => second.to_owned(),
        Servers::Three => format!("{second}    server s3 10.8.0.23:1883\n"),
    };
    format!(
        "global
    stats socket {socket} level admin expose-fd listeners

defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h

frontend mqtt
    bind 10.9.0.100:5672
    bind [fd00:9::100]:5672
    tandem-forward hash source-port seed 7 pin 5m pins 65536
    default_backend nodes

backend nodes
    balance source
    hash-type maglev
    default-server check {checks} hash-key addr-port
    server s1 10.8.0.21:1883
    server t1 [fd00:8::21]:1883
{more}"
    )
}

fn router(priority: usize) -> String {
    let instance = |name: &str, interface: &str, id: u8, v4: &str, v6: &str| {
        format!(
            "vrrp_instance {name} {{
    state BACKUP
    interface {interface}
    virtual_router_id {id}
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {v4}
    }}
    virtual_ipaddress_excluded {{
        {v6}
    }}
}}
"
        )
    };
    format!(
        "global_defs {{
    vrrp_version 3
}}
vrrp_sync_group PAIR {{
    group {{
        FRONT
        BACK
    }}
}}
{}{}",
        instance("FRONT", "eth0", 51, "10.9.0.100/24", "fd00:9::100/64"),
        instance("BACK", "eth1", 52, "10.8.0.100/24", "fd00:8::100/64"),
    )
}
