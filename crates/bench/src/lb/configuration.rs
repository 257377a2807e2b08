//! What each program is told: the same, as far as it can do it.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::clients::Places;
use super::load::Setup;
use super::servers::Servers;

/// More than any load opens. Each needs two descriptors, and a usual hard limit is 20,000.
const MAXCONN: u32 = 9_500;

/// For HAProxy and for ours.
pub(super) fn haproxy(
    [global, defaults]: [&str; 2],
    setup: Setup,
    threads: u64,
    servers: Servers,
    places: Places,
) -> Result<String> {
    let log = match setup {
        Setup::Logs => format!("    log {} local0\n", servers.logs),
        _ => String::new(),
    };
    let lines = match setup {
        Setup::Logs => "    log global\n    option tcplog\n",
        _ => "",
    };
    let tls = match setup {
        Setup::Tls => format!(" ssl crt {}", certificate()?.display()),
        _ => String::new(),
    };
    let place = |name: &str, at: SocketAddr, server: SocketAddr| {
        format!(
            "
frontend fe_{name}
    bind {at}{tls}
    default_backend be_{name}

backend be_{name}
    balance source
    stick-table type ip size 1m expire 30m
    stick on src
    server s1 {server} check
"
        )
    };
    Ok(format!(
        "global
    maxconn {MAXCONN}
    nbthread {threads}
{log}{global}
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
{lines}{defaults}{}{}",
        place("echo", places.echo, servers.echo),
        place("source", places.source, servers.source)
    ))
}

/// Whoever speaks TLS for the clients.
pub(super) fn speaker(at: Places, to: Places) -> String {
    let way = |name: &str, at: SocketAddr, to: SocketAddr| {
        format!("listen {name}\n    bind {at}\n    server s {to} ssl verify none\n")
    };
    format!(
        "global\n    maxconn {MAXCONN}\n    nbthread 2\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 10m\n    \
         timeout server 10m\n{}{}",
        way("echo", at.echo, to.echo),
        way("source", at.source, to.source)
    )
}

pub(super) fn nginx(threads: u64, servers: Servers, places: Places) -> String {
    let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
    let load = match module.exists() {
        true => format!("load_module {};\n", module.display()),
        false => String::new(),
    };
    let way = |name: &str, at: SocketAddr, to: SocketAddr| {
        format!(
            "  upstream {name} {{ hash $remote_addr; server {to}; }}\n  server {{ listen {at} reuseport; proxy_pass {name}; }}\n"
        )
    };
    format!(
        "{load}daemon off;\nworker_processes {threads};\nerror_log /dev/null crit;\npid /tmp/tandem-bench-nginx-{}.pid;\n\
         worker_rlimit_nofile 65536;\nevents {{ worker_connections 20000; }}\nstream {{\n  tcp_nodelay on;\n{}{}}}\n",
        std::process::id(),
        way("echo", places.echo, servers.echo),
        way("source", places.source, servers.source)
    )
}

/// So many backends with so many servers each, all at the same place; `weight` is that of the first.
pub(super) fn large(
    backends: u32,
    servers: u32,
    at: SocketAddr,
    listener: SocketAddr,
    control: &Path,
    weight: u32,
) -> String {
    let mut text = format!(
        "global\n    nbthread 2\n    maxconn 2000\n    stats socket {} level admin\ndefaults\n    mode tcp\n    timeout connect 5s\n    \
         timeout client 1m\n    timeout server 1m\nfrontend f\n    bind {listener}\n    default_backend b0\n",
        control.display()
    );
    for backend in 0..backends {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "backend b{backend}\n    balance source");
        for server in 0..servers {
            let weight = if (backend, server) == (0, 0) { weight } else { 10 };
            let _ = writeln!(text, "    server s{server} {at} weight {weight}");
        }
    }
    text
}

/// So many servers at one place, each checked every second.
pub(super) fn checked(servers: u32, at: SocketAddr, listener: SocketAddr) -> String {
    let mut text = format!(
        "global\n    nbthread 2\n    maxconn 2000\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1m\n    \
         timeout server 1m\nfrontend f\n    bind {listener}\n    default_backend b\nbackend b\n"
    );
    for server in 0..servers {
        let _ = writeln!(text, "    server s{server} {at} check inter 1s");
    }
    text
}

/// A table for so many clients, on a connection's way.
pub(super) fn table(entries: u32, servers: Servers, listener: SocketAddr, control: &Path) -> String {
    format!(
        "global\n    nbthread 2\n    maxconn 2000\n    stats socket {} level admin\n    stats timeout 10m\ndefaults\n    mode tcp\n    \
         timeout connect 5s\n    timeout client 1m\n    timeout server 1m\nlisten t\n    bind {listener}\n    \
         stick-table type ip size {entries} expire 2h\n    stick on src\n    server s1 {}\n",
        control.display(),
        servers.echo
    )
}

/// Made for this run, and shown to nobody who would mind.
fn certificate() -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("tandem-bench-{}.pem", std::process::id()));
    if !path.exists() {
        let made = rcgen::generate_simple_self_signed(vec!["bench.test".into()])?;
        fs::write(&path, made.cert.pem() + &made.signing_key.serialize_pem())?;
    }
    Ok(path)
}
