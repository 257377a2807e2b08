//! The configuration of every part, as files that ours and the originals read alike.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::act::{Node, Side};
use super::cast::Origin;
use super::site::USUAL_CONNECTIONS;
use crate::load::stomp::CONNECT;

pub const VIP: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
pub const PORT: u16 = 61613;
pub const PAGE_PORT: u16 = 8404;
/// Where clients come in who stay with the server that they had first, on whichever host.
pub const STUCK_PORT: u16 = 61614;
/// Where they come in who speak TLS.
pub const TLS_PORT: u16 = 61617;
const PEERS_PORT: u16 = 1024;

/// What one host's balancer is to do.
pub struct Balancer<'a> {
    pub socket: &'a Path,
    pub page: SocketAddr,
    pub listen: SocketAddr,
    pub brokers: &'a [SocketAddr],
    /// Both hosts, who tell each other of their stick tables.
    pub hosts: &'a [(Side, Ipv4Addr)],
    pub certificate: Option<&'a Path>,
    /// Each reload has another, so that there is a difference.
    pub generation: u32,
}

impl Balancer<'_> {
    pub fn text(&self) -> String {
        let Balancer {
            socket,
            page,
            listen,
            brokers,
            hosts,
            certificate,
            generation,
        } = self;
        let server = |(number, at): (usize, &SocketAddr)| format!("    server {} {at} check\n", Node(number));
        let servers: String = brokers.iter().enumerate().map(server).collect();
        let hello: String = CONNECT.iter().map(|byte| format!("{byte:02x}")).collect();
        let socket = socket.display();
        let connections = USUAL_CONNECTIONS + generation;
        let tls = |file: &&Path| {
            let file = file.display();
            format!("\nfrontend tls\n    bind :{TLS_PORT} ssl crt {file}\n    default_backend brokers\n")
        };
        let tls = certificate.as_ref().map(tls).unwrap_or_default();
        let stuck = if hosts.is_empty() {
            String::new()
        } else {
            stuck(hosts, &servers)
        };
        format!(
            "\
global
    maxconn {connections}
    stats socket {socket} mode 660 level admin expose-fd listeners

defaults
    mode tcp
    option redispatch 1
    retries 3
    timeout connect 1s
    timeout client 1m
    timeout server 1m

frontend stats
    mode http
    bind {page}
    stats enable
    stats uri /stats
    stats refresh 2s

frontend brokers
    bind {listen}
    default_backend brokers

backend brokers
    balance source
    hash-type consistent
    timeout check 300ms
    # A broker that hangs still accepts: only its answer says that it lives. This is CONNECT, with a zero byte at the end.
    option tcp-check
    tcp-check connect
    tcp-check send-binary {hello}
    tcp-check expect string CONNECTED
    default-server inter 200ms fastinter 100ms rise 2 fall 2 on-marked-down shutdown-sessions
{servers}{stuck}{tls}"
        )
    }
}

/// A frontend whose servers are dealt in turn: who comes again has the same one only because a table says so, and on the
/// other host only because that was told.
fn stuck(hosts: &[(Side, Ipv4Addr)], servers: &str) -> String {
    let peers = hosts
        .iter()
        .map(|(side, at)| format!("    peer {side} {at}:{PEERS_PORT}\n"));
    let peers: String = peers.collect();
    format!(
        "
peers pair
{peers}
frontend stuck
    bind :{STUCK_PORT}
    default_backend stuck

backend stuck
    balance roundrobin
    stick-table type ip size 10k expire 10m peers pair
    stick on src
    default-server inter 200ms fastinter 100ms rise 2 fall 2
{servers}"
    )
}

/// The router of one host, and how it is to watch the balancer beside it, which depends on what it can.
pub struct Router<'a> {
    pub side: Side,
    pub origin: Origin,
    pub socket: &'a Path,
    /// Says whether the balancer of this host runs.
    pub script: &'a Path,
    /// Between adverts, in milliseconds.
    pub interval: u32,
    /// The other host, if its router speaks over the pair link as well.
    pub partner: Option<Ipv4Addr>,
}

impl Router<'_> {
    pub fn text(&self) -> String {
        let priority = [150, 140][self.side.0];
        let interval = f64::from(self.interval) / 1000.0;
        let (watch, track) = self.watch();
        let link = self.partner.map(pair_link).unwrap_or_default();
        format!(
            "\
global_defs {{
    router_id {}
    vrrp_version 3
    script_user root
}}

{link}{watch}
vrrp_instance brokers {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int {interval}
    virtual_ipaddress {{
        {VIP}/24
    }}
{track}}}
",
            self.side
        )
    }

    fn watch(&self) -> (String, &'static str) {
        match self.origin {
            // A balancer that is gone, or takes nobody new, is a fault; one without servers only costs priority, so that
            // nothing moves when neither host reaches any.
            Origin::Ours => (
                format!(
                    "\
track_lb open {{
    socket {socket}
    frontend_open brokers
    interval 0.02
    fall 2
    rise 2
}}

track_lb serving {{
    socket {socket}
    backend_has_servers brokers 1
    interval 0.1
    fall 2
    rise 2
    weight -60
}}
",
                    socket = self.socket.display()
                ),
                "    track_lb {\n        open\n        serving\n    }\n",
            ),
            // As the guides have it; whole seconds are the least that it can. By `killall -0` as theirs it would see the other
            // host's process, because the hosts of a lab have their processes in common.
            Origin::Original => (
                format!(
                    "vrrp_script alive {{\n    script \"{}\"\n    interval 1\n    fall 1\n    rise 1\n}}\n",
                    self.script.display()
                ),
                "    track_script {\n        alive\n    }\n",
            ),
        }
    }
}

/// The lab is nobody else's, so its secret is none.
fn pair_link(peer: Ipv4Addr) -> String {
    let secret = "7a".repeat(32);
    format!("pair_link {{\n    peer {peer}\n    secret hex:{secret}\n}}\n\n")
}

/// Its producers are held back above so many per cent of the disk.
pub fn broker(folder: &Path, listen: &[SocketAddr], max_disk_usage: u8) -> String {
    let folder = folder.display();
    let listen = listen.iter().map(|at| format!("\n[[listen]]\naddress = \"{at}\"\n"));
    let listen: String = listen.collect();
    format!("data-dir = \"{folder}\"\nanonymous = true\nmax-disk-usage = {max_disk_usage}\n{listen}")
}
