//! What a section of peers stands on: its sockets and its log targets. Everything that may fail is done here.

use std::sync::Arc;

use socket2::Socket;
use tandem_lb_config::{self as plan, BindAddress, Host, Plan, ServerPort};
use tandem_lb_core::peers::{Peer, Settings, Shared, hash_seed};
use tandem_ops::syslog::Targets;
use tandem_sys::listen::open;

use crate::listeners::{how, shown, take_over};
use crate::logs;
use crate::upgrade::Sockets;

/// A socket, and what it listens on.
pub(crate) type Listening = (BindAddress, Arc<Socket>);

pub(crate) struct Ground {
    pub(crate) plan: plan::Peers,
    pub(super) settings: Settings,
    /// The names of the tables here.
    pub(super) tables: Vec<Arc<str>>,
    pub(super) listening: Vec<Listening>,
    pub(super) logs: Targets,
}

/// What this process is called among its peers.
pub(crate) fn local_name(said: Option<&str>, plan: &Plan, hostname: &str) -> Arc<str> {
    let configured = || plan.global.local_peer.clone();
    said.map(Into::into)
        .or_else(configured)
        .unwrap_or_else(|| hostname.into())
}

/// The sections that this process takes part in.
fn in_force<'a>(plan: &'a Plan, local: &str) -> impl Iterator<Item = &'a plan::Peers> {
    let takes_part = move |section: &&plan::Peers| !section.disabled && section.local(local).is_some();
    plan.peers.iter().filter(takes_part)
}

/// Opens what peers are listened to at. Where somebody listens already that goes on.
pub(crate) fn open_all(
    plan: &Plan,
    local: &str,
    known: &[Listening],
    inherited: &Sockets,
) -> Result<Vec<Listening>, Vec<String>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for section in in_force(plan, local) {
        for bind in section.listens_at(local) {
            let found = known.iter().find(|(address, _)| *address == bind.address);
            match found.map_or_else(
                || listen(&bind, inherited).map(Arc::new),
                |(_, socket)| Ok(socket.clone()),
            ) {
                Ok(socket) => all.push((bind.address, socket)),
                Err(error) => {
                    let at = shown(&bind.address);
                    errors.push(format!(
                        "{}: peers '{}': cannot listen on {at}: {error}",
                        bind.origin, section.name
                    ));
                }
            }
        }
        if section.listens_at(local).is_empty() {
            errors.push(format!(
                "{}: peers '{}': '{local}', the local peer, listens nowhere: write its IP address and port rather than a \
                 name, or a `bind` line",
                section.origin, section.name
            ));
        }
        for peer in section
            .peers
            .iter()
            .filter(|peer| *peer.name != *local && peer.place.is_none())
        {
            errors.push(format!(
                "{}: peers '{}': peer '{}' has no address, and it is not the local one ('{local}')",
                peer.origin, section.name, peer.name
            ));
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

impl Ground {
    /// `open` is what [`open_all`] has opened.
    pub(crate) fn all(
        plan: &Plan,
        local: &str,
        open: &[Listening],
        logs: &logs::Opener<'_>,
    ) -> Result<Vec<Ground>, logs::LogsError> {
        for section in plan
            .peers
            .iter()
            .filter(|section| !section.disabled && section.local(local).is_none())
        {
            tracing::warn!(
                "{}: peers '{}' is left out: none of them is named '{local}' (localpeer, -L, or the host's name)",
                section.origin,
                section.name
            );
        }
        in_force(plan, local)
            .map(|section| Ground::of(plan, section, local, open, logs))
            .collect()
    }

    fn of(
        plan: &Plan,
        section: &plan::Peers,
        local: &str,
        open: &[Listening],
        logs: &logs::Opener<'_>,
    ) -> Result<Ground, logs::LogsError> {
        let wanted = section.listens_at(local);
        let is_wanted = |(address, _): &&Listening| wanted.iter().any(|bind| bind.address == *address);
        let shared: Vec<&plan::Table> = plan
            .tables
            .iter()
            .filter(|t| t.peers.as_ref() == Some(&section.name))
            .collect();
        let targets = plan::ProxyLogs {
            own: section.logs.clone(),
            ..plan::ProxyLogs::default()
        };
        Ok(Ground {
            settings: settings(section, local, &shared),
            tables: shared.iter().map(|table| table.name.clone()).collect(),
            listening: open.iter().filter(is_wanted).cloned().collect(),
            logs: logs.open(&targets)?,
            plan: section.clone(),
        })
    }
}

fn settings(section: &plan::Peers, local: &str, tables: &[&plan::Table]) -> Settings {
    let peer = |peer: &plan::Peer| Peer {
        name: peer.name.clone(),
        place: peer.place.as_ref().map(place).unwrap_or_default().into(),
        is_local: *peer.name == *local,
        shard: peer.shard,
    };
    let shared = |table: &&plan::Table| Shared {
        name: table.name_among_peers(),
        settings: table.settings.clone(),
        hash_seed: hash_seed(&table.name),
    };
    Settings {
        local: local.into(),
        pid: std::process::id(),
        shards: section.shards,
        peers: section.peers.iter().filter(|peer| !peer.disabled).map(peer).collect(),
        tables: tables.iter().map(shared).collect(),
    }
}

/// As the configuration writes it.
fn place((host, port): &(Host, ServerPort)) -> String {
    let port = match port {
        ServerPort::Fixed(port) => *port,
        ServerPort::Offset(_) => 0,
    };
    match host {
        Host::Ip(ip) => std::net::SocketAddr::new(*ip, port).to_string(),
        Host::Name(name) => format!("{name}:{port}"),
        Host::Unix(path) => path.display().to_string(),
        Host::Abstract(name) => format!("abns@{name}"),
    }
}

/// A process before this one may listen there still, as HAProxy does, until it is told to go.
fn listen(bind: &plan::Bind, inherited: &Sockets) -> std::io::Result<Socket> {
    const BACKLOG: u32 = 128;
    let how = how(bind, BACKLOG, matches!(bind.address, BindAddress::Ip { .. }))?;
    let found = take_over(&how, bind, inherited)?.pop();
    found.map_or_else(|| open(&how), Ok)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use tandem_lb_config::NamedText;

    use super::*;

    #[test]
    fn what_a_process_before_has_listened_on_is_as_the_line_says() {
        let before = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = before.local_addr().expect("bound");
        let text = format!("peers p\n bind {at} tcp-ut 5s\n server here\n");
        let loaded = tandem_lb_config::load(&[NamedText::new("t", text)], &|_| None, None);
        let plan = loaded.plan.expect("it is whole");
        let inherited = Sockets::new([Socket::from(before)]);
        let socket = listen(&plan.peers[0].binds[0], &inherited).expect("it is taken over");
        assert_eq!(socket.local_addr().ok().and_then(|at| at.as_socket()), Some(at));
        assert_eq!(socket.tcp_user_timeout().ok(), Some(Some(Duration::from_secs(5))));
    }
}
