//! Somebody's own pair, to be rehearsed: the files of two hosts become two hosts of a lab.
//!
//! A lab is nobody else's network, so its hosts take the addresses and the interfaces that the files name: what the daemons
//! read is as near to the files as a machine without their world can have it. What is otherwise is listed.

mod along;
mod balancer;
pub mod change;
pub mod given;
mod native;
pub mod pace;
mod place;
mod router;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use tandem_lab::Cidr;
use tandem_lb_config::{BindAddress, Dialect, Host, NamedText, Plan, Server, ServerPort, Service};
use tandem_lb_core::rules::Target;
use tandem_vrrp_core::settings::{Family, InstanceSettings, RouterSettings, TrackerKind};

use crate::pair::act::{Node, Side};
use crate::pair::cast::{Cast, Origin};
use crate::pair::site::{BrokerSite, HostSite, Paper, Papers, Site, USUAL_CONNECTIONS};
use crate::plan;
use change::{Change, Changes};
use given::{Daemons, Given};
use place::Places;

pub struct Theirs {
    pub site: Site,
    pub changes: Vec<Change>,
    /// What else is wrong with the files.
    pub warnings: Vec<String>,
    pub pace: pace::Pace,
}

/// One host's, on the way.
struct Half {
    given: Given,
    router: RouterSettings,
    papers: Papers,
    plan: Plan,
}

/// Where the load goes: the first frontend that its clients can use.
struct Goal {
    at: SocketAddr,
    backend: String,
}

/// A server that is balanced.
struct Balanced {
    ip: Ipv4Addr,
    port: u16,
}

/// Two hosts' files, and what those call the hosts.
pub struct Files<'a> {
    /// Where both daemons' are wanted: `--config-a` and `--config-b`.
    pub files: [&'a [PathBuf]; 2],
    pub daemons: Daemons,
    /// What `@id` lines are held against.
    pub ids: [&'a str; 2],
}

impl Files<'_> {
    /// Each as its own host would read them.
    pub fn read(&self) -> anyhow::Result<[Given; 2]> {
        let read = |side: usize| {
            let named: Vec<String> = self.files[side].iter().map(|file| file.display().to_string()).collect();
            let which = match self.daemons {
                Daemons::Both => ["--config-a", "--config-b"][side].to_owned(),
                Daemons::Router => named.join(" "),
            };
            Given::read(&which, self.files[side], self.ids[side], self.daemons)
        };
        let given = [read(0)?, read(1)?];
        given.iter().try_for_each(|given| given.knows_only(&self.ids))?;
        Ok(given)
    }
}

impl Theirs {
    pub fn read(from: &Files<'_>, cast: Cast) -> anyhow::Result<Theirs> {
        let given = from.read()?;
        refuse_toml(&given, cast)?;
        let mut warnings = BTreeSet::new();
        let routers = [
            given[0].router_plan(&mut warnings)?.router,
            given[1].router_plan(&mut warnings)?.router,
        ];
        let names = Side::BOTH.map(|side| side.to_string());
        let [one, other] = main_pair(&routers)?;
        let vips: Vec<(Ipv4Addr, u8)> = one
            .vips
            .iter()
            .filter_map(|vip| Some((ip4(vip.address)?, vip.prefix)))
            .collect();
        let (vip, prefix) = *vips.first().context("the virtual router has no address of IPv4")?;
        let mut changes = Changes::default();
        let told = [place::told(one, other), place::told(other, one)];
        let mut places = Places::of(vip, prefix, told, &named(&given, &routers));
        for side in Side::BOTH.into_iter().filter(|side| told[side.0].is_none()) {
            let own = places.hosts[side.0].to_string();
            changes.note(&names[side.0], "its own address", Some(&own), "no file says it");
        }
        for (given, side) in given.iter().zip(0..) {
            if cast.routers.0[side] == Origin::Original {
                refuse_scripts(given)?;
            }
        }
        let [given_a, given_b] = given;
        let a = Half::map(given_a, 0, &mut places, &mut changes, &mut warnings)?;
        let b = Half::map(given_b, 1, &mut places, &mut changes, &mut warnings)?;
        let goal = goal(&a.plan, &vips)?;
        let servers = [balanced(&a.plan, &goal)?, balanced(&b.plan, &goal)?];
        let brokers = brokers(&servers, [&a.plan, &b.plan], places.prefix, &mut changes)?;
        let taken: Vec<Ipv4Addr> = brokers.iter().filter_map(|broker| ip4(broker.address.ip())).collect();

        // What the daemons read is what takes its time.
        let mapped = [&a.router, &b.router];
        let pairs = plan::pairs((Path::new(&names[0]), mapped[0]), (Path::new(&names[1]), mapped[1]))?;
        let pair = pairs.iter().find(|pair| pair.first().vrid == one.vrid);
        let pair = pair.context("the virtual router is in both files")?;
        let first = Side(usize::from(pair.hosts[0].name == names[1]));
        let pace = pace::Pace::of(pair, mapped[first.0], &a.plan, &goal.backend, first);
        let site = Site {
            target: goal.at,
            client: Cidr::new(IpAddr::V4(places.free(&taken)), places.prefix)?,
            streets: streets(&places, &taken),
            hosts: [a.site(&places, 0, one, &goal)?, b.site(&places, 1, other, &goal)?],
            brokers,
            first,
            backend: goal.backend,
            patience: pace.begins(),
        };
        Ok(Theirs {
            site,
            changes: changes.into_inner(),
            warnings: warnings.into_iter().collect(),
            pace,
        })
    }
}

impl Theirs {
    /// Who stands where, a line for each.
    pub fn describe(&self) -> String {
        let Site {
            target,
            hosts,
            brokers,
            first,
            streets,
            ..
        } = &self.site;
        let mut out = format!("the lab has your pair's addresses; clients of {streets}/16 connect to {target}\n");
        for (host, side) in hosts.iter().zip(Side::BOTH) {
            let role = if side == *first {
                ", who has the address when all is well"
            } else {
                ""
            };
            out += &format!(
                "  {side}      {} ({}){role}\n",
                host.address.ip(),
                host.interfaces.join(", ")
            );
        }
        for (broker, number) in brokers.iter().zip(0..) {
            let ports: Vec<String> = broker.ports.iter().map(u16::to_string).collect();
            out += &format!(
                "  {}  {} (tandem-mq, port {})\n",
                Node(number),
                broker.address.ip(),
                ports.join(", ")
            );
        }
        out
    }
}

impl Half {
    fn map(
        given: Given,
        side: usize,
        places: &mut Places,
        changes: &mut Changes,
        warnings: &mut BTreeSet<String>,
    ) -> anyhow::Result<Half> {
        let (statements, sources) = given.router_statements();
        let mapped = router::map(&statements, &sources, &mut given.along.borrow_mut(), changes);
        let router = given.mapped_plan(&mapped.text)?.router;
        let mut papers = Papers {
            router: Paper::text("keepalived.conf", mapped.text),
            folders: mapped.folders,
            placed: mapped.placed,
            called: given.called(),
            ..Papers::default()
        };
        let lines = given.in_world(|world| balancer::heard_of(&given.balancer, world));
        let mut along = given.along.borrow_mut();
        let mut mapping = balancer::Mapping {
            along: &mut along,
            changes,
            places,
            side,
            connections: None,
            chained: Vec::new(),
        };
        lines.iter().flatten().for_each(|heard| mapping.chain_binds(heard));
        let mut texts = Vec::new();
        for (text, heard) in given.balancer.iter().zip(&lines) {
            let mapped = match heard {
                Some(heard) => mapping.map(text, heard),
                None => native::map(&mut mapping, &text.name, &text.bytes)?,
            };
            papers.folders.extend(mapped.folders);
            texts.push(NamedText::new(Arc::clone(&text.name), mapped.text));
        }
        let wanted = mapping.connections;
        drop(along);
        papers.connections = connections(wanted, changes);
        let plan = given.balancer_plan(&texts, warnings)?;
        papers.options = own_name(&plan, places.hosts[side]);
        let named = plan.frontends.iter().flat_map(|frontend| &frontend.binds).find(
            |bind| matches!(bind.address, BindAddress::Ip { ip, .. } if !ip.is_unspecified() && !ip.is_loopback()),
        );
        if let Some(bind) = named {
            let key = "net.ipv4.ip_nonlocal_bind";
            papers.sysctls.push((key.into(), "1".into()));
            let why = "a frontend names an address that the standby has not yet: on the hosts it must be set, too";
            changes.note(&bind.origin, key, Some("1"), why);
        }
        for (text, number) in texts.iter().zip(0..) {
            // Each keeps its place among them, whatever its folder was.
            let base = Path::new(&*text.name).file_name().unwrap_or_default().to_string_lossy();
            let text = String::from_utf8_lossy(&text.bytes);
            papers
                .balancer
                .push(Paper::text(&format!("balancer/{number}-{base}"), text));
        }
        papers
            .balancer
            .push(Paper::text("balancer/lab.cfg", balancer::needed()));
        given.is_clear()?;
        given.is_all_named()?;
        given.note_includes(changes);
        papers.along = given.along.borrow().papers();
        Ok(Half {
            router,
            papers,
            plan,
            given,
        })
    }

    fn site(self, places: &Places, side: usize, instance: &InstanceSettings, goal: &Goal) -> anyhow::Result<HostSite> {
        let backend = self.plan.backends.iter().find(|backend| *backend.name == *goal.backend);
        // Those in maintenance are found by nobody.
        let servers = backend.map_or(0, |backend| {
            backend.servers.iter().filter(|server| !server.disabled).count()
        });
        let mut interfaces: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if name != "lo" && !interfaces.iter().any(|known| known == name) {
                interfaces.push(name.to_owned());
            }
        };
        instance.interface.iter().for_each(|name| add(name));
        for instance in &self.router.instances {
            instance.interface.iter().for_each(|name| add(name));
            instance
                .addresses()
                .filter_map(|vip| vip.device.as_deref())
                .for_each(&mut add);
        }
        for tracker in &self.router.trackers {
            if let TrackerKind::Interface(name) = &tracker.kind {
                add(name);
            }
        }
        for bind in self.plan.frontends.iter().flat_map(|frontend| &frontend.binds) {
            bind.interface.iter().for_each(|name| add(name));
        }
        if interfaces.is_empty() {
            bail!("{}: the virtual router names no interface", self.given.router.0);
        }
        Ok(HostSite {
            address: Cidr::new(IpAddr::V4(places.hosts[side]), places.prefix)?,
            interfaces,
            servers,
            papers: Some(self.papers),
        })
    }
}

fn refuse_toml(given: &[Given; 2], cast: Cast) -> anyhow::Result<()> {
    for (given, side) in given.iter().zip(0..) {
        let toml = given
            .balancer
            .iter()
            .find(|text| Dialect::recognise(&text.bytes) == Dialect::Toml);
        if let Some(NamedText { name, .. }) = toml
            && cast.balancers.0[side] == Origin::Original
        {
            bail!("{name}: HAProxy reads no TOML: leave `--balancers` as it is, or give its haproxy.cfg");
        }
    }
    Ok(())
}

/// Keepalived sets the groups of each script, which no user namespace lets it; and one that was not run counts as well.
fn refuse_scripts(given: &Given) -> anyhow::Result<()> {
    let (statements, sources) = given.router_statements();
    let runs = |keyword: &str| ["vrrp_script", "vrrp_track_process"].contains(&keyword);
    if let Some(script) = statements.iter().find(|one| runs(&one.keyword().text)) {
        bail!(
            "{}: in a lab without rights Keepalived runs no scripts, and all would seem well: leave `--routers` as it is",
            sources.origin(script.span())
        );
    }
    Ok(())
}

/// Every address that the files name: nobody else may have one of those.
fn named(given: &[Given; 2], routers: &[RouterSettings; 2]) -> Vec<Ipv4Addr> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let in_text = |text: &NamedText| -> Vec<Ipv4Addr> {
        let text = String::from_utf8_lossy(&text.bytes);
        text.split(|c| !is_part(c))
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let balancers = given.iter().flat_map(|given| &given.balancer).flat_map(in_text);
    let instances = routers.iter().flat_map(|router| &router.instances);
    let virtual_ones = instances
        .flat_map(InstanceSettings::addresses)
        .filter_map(|vip| ip4(vip.address));
    balancers.chain(virtual_ones).collect()
}

/// The first virtual router that both files have, with an address of IPv4.
fn main_pair(routers: &[RouterSettings; 2]) -> anyhow::Result<[&InstanceSettings; 2]> {
    let [a, b] = routers;
    let serves = |instance: &&InstanceSettings| instance.family == Family::V4 && !instance.vips.is_empty();
    let mut both = a
        .instances
        .iter()
        .filter(serves)
        .filter_map(|one| Some([one, plan::counterpart(one, b)?]));
    both.next().context(
        "the routers' files have no virtual router of IPv4 in common: the same virtual_router_id on both hosts, and an address",
    )
}

/// Where the load's clients connect to: the first frontend that lets them speak plainly to servers.
fn goal(plan: &Plan, vips: &[(Ipv4Addr, u8)]) -> anyhow::Result<Goal> {
    let mut reasons = Vec::new();
    for frontend in plan.frontends.iter().filter(|frontend| !frontend.disabled) {
        let Service::Tcp { backend } = &frontend.service else {
            continue;
        };
        let routed = frontend.routes.0.iter().find_map(|route| match &route.target {
            Target::Named(name) => plan.backends.iter().position(|backend| backend.name == *name),
            _ => None,
        });
        let Some(backend) = backend.or(routed).and_then(|number| plan.backends.get(number)) else {
            continue;
        };
        for bind in &frontend.binds {
            let BindAddress::Ip { ip, port } = bind.address else {
                continue;
            };
            let vip = vips.iter().find(|(vip, _)| ip.is_unspecified() || ip == *vip);
            let why = match vip {
                _ if bind.tls.is_some() => "speaks TLS",
                _ if bind.accept_proxy => "wants the PROXY protocol",
                None => "is not on the virtual address",
                _ if backend.servers.is_empty() => "has no servers",
                Some((vip, _)) => {
                    return Ok(Goal {
                        at: SocketAddr::from((*vip, port)),
                        backend: backend.name.to_string(),
                    });
                }
            };
            reasons.push(format!("{} ({}) {why}", frontend.name, bind.origin));
        }
    }
    if reasons.is_empty() {
        bail!("the balancer's files have no frontend with servers");
    }
    bail!(
        "no frontend is one that the lab's clients can use: {}",
        reasons.join(", ")
    )
}

fn balanced(plan: &Plan, goal: &Goal) -> anyhow::Result<Vec<Balanced>> {
    let backend = plan.backends.iter().find(|backend| *backend.name == *goal.backend);
    let backend = backend.with_context(|| format!("only one host's files have the backend {}", goal.backend))?;
    let of = |server: &Server| {
        let place = place_of(server, goal.at.port());
        place.with_context(|| {
            format!(
                "{}: server {} is at no address of IPv4, and the lab has no other brokers",
                server.origin, server.name
            )
        })
    };
    backend.servers.iter().map(of).collect()
}

fn place_of(server: &Server, clients: u16) -> Option<Balanced> {
    let Host::Ip(IpAddr::V4(ip)) = server.host else {
        return None;
    };
    let port = match server.port {
        ServerPort::Fixed(port) => port,
        ServerPort::Offset(by) => u16::try_from(i32::from(clients) + by).ok()?,
    };
    Some(Balanced { ip, port })
}

/// A host for each address, and all ports there that somebody asks.
fn brokers(
    servers: &[Vec<Balanced>; 2],
    plans: [&Plan; 2],
    prefix: u8,
    changes: &mut Changes,
) -> anyhow::Result<Vec<BrokerSite>> {
    const MOST: usize = 9;
    let mut sites: Vec<(Ipv4Addr, Vec<u16>)> = Vec::new();
    let mut add = |ip: Ipv4Addr, port: u16, new: bool| {
        match sites.iter_mut().find(|(known, _)| *known == ip) {
            Some((_, ports)) if !ports.contains(&port) => ports.push(port),
            Some(_) => {}
            None if new => sites.push((ip, vec![port])),
            None => return false,
        }
        true
    };
    for server in servers.iter().flatten() {
        add(server.ip, server.port, true);
    }
    for server in plans
        .iter()
        .flat_map(|plan| &plan.backends)
        .flat_map(|backend| &backend.servers)
    {
        let Some(place) = place_of(server, 0) else { continue };
        if !add(place.ip, place.port, false) {
            let why = "no load goes to its backend: here it is down";
            changes.note(&server.origin, format!("server {}", server.name), None, why);
        }
        if let Some(port) = server.check.as_ref().and_then(|check| check.port) {
            add(place.ip, port, false);
        }
    }
    if sites.len() > MOST {
        bail!(
            "the load's backend has {} servers' addresses, and a lab at most {MOST}",
            sites.len()
        );
    }
    let site = |(ip, ports): (Ipv4Addr, Vec<u16>)| -> anyhow::Result<BrokerSite> {
        Ok(BrokerSite {
            address: Cidr::new(IpAddr::V4(ip), prefix)?,
            ports,
        })
    };
    sites.into_iter().map(site).collect()
}

/// Enough for the load, and not more than this machine allows.
fn connections(wanted: Option<(u32, String)>, changes: &mut Changes) -> u32 {
    const MOST: u32 = 8000;
    match wanted {
        Some((wanted, place)) if wanted > MOST => {
            let why = "more files than that one machine may open for a whole lab";
            changes.note(
                &place,
                format!("maxconn {wanted}"),
                Some(&format!("maxconn {MOST}")),
                why,
            );
            MOST
        }
        Some((wanted, _)) => wanted,
        None => USUAL_CONNECTIONS,
    }
}

/// Among peers this host is who has its address.
fn own_name(plan: &Plan, address: Ipv4Addr) -> Vec<String> {
    let peers = plan.peers.iter().flat_map(|peers| &peers.peers);
    let is_own = |host: &Host| *host == Host::Ip(IpAddr::V4(address));
    let mut own = peers.filter(|peer| peer.place.as_ref().is_some_and(|(host, _)| is_own(host)));
    own.next()
        .map_or(Vec::new(), |peer| vec!["-L".into(), peer.name.to_string()])
}

/// A network for the clients that nobody of the pair is in.
fn streets(places: &Places, taken: &[Ipv4Addr]) -> Ipv4Addr {
    let all = [places.vip, places.hosts[0], places.hosts[1]];
    let is_free = |second: &u8| !all.iter().chain(taken).any(|ip| ip.octets()[..2] == [10, *second]);
    let second = (64..128).find(is_free).unwrap_or(64);
    Ipv4Addr::new(10, second, 0, 0)
}

fn ip4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
