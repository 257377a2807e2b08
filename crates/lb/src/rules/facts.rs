//! The answers to what expressions ask of the runtime.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::backend::ServerView;
use tandem_lb_core::expr::{End, Fact, Sample, Segments, ServerRef, Silence, Trip};
use tandem_sys::sockopt;

use super::{Scene, secure};
use crate::logs;
use crate::publish::{Backend, Snapshot};
use crate::wire::Wire;

pub(super) fn find<'a>(scene: &'a Scene<'_>, fact: &Fact) -> Option<Sample<'a>> {
    let subject = &*scene.subject;
    let local = || subject.local(scene.socket);
    let plan = &scene.frontend.plan;
    let bind = || plan.binds.get((subject.listener as usize).checked_sub(1)?);
    Some(match fact {
        Fact::Src => Sample::Ip(subject.peer.ip()?),
        Fact::SrcPort => port(subject.peer.socket()?),
        Fact::Dst => Sample::Ip(local()?.ip()),
        Fact::DstPort => port(local()?),
        Fact::SrcIsLocal => Sample::Bool(is_local(subject.peer.ip()?)),
        Fact::DstIsLocal => Sample::Bool(is_local(local()?.ip())),
        Fact::ProxyHeader => Sample::Bool(subject.header.is_some()),
        Fact::ProxyAuthority => Sample::Text(Cow::Borrowed(subject.header.as_ref()?.authority.as_deref()?)),
        Fact::ProxyUniqueId => Sample::Text(Cow::Borrowed(subject.header.as_ref()?.unique_id.as_deref()?)),
        Fact::Identity => Sample::Text(Cow::Borrowed(identity(scene)?)),
        Fact::LastRuleFile => Sample::text(subject.last_rule.as_deref()?.rsplit_once(':')?.0),
        Fact::LastRuleLine => Sample::Int(subject.last_rule.as_deref()?.rsplit_once(':')?.1.parse().ok()?),
        Fact::DstConn => count(scene.frontend.traffic.sessions.now()),
        Fact::FrontendName => Sample::text(&plan.name),
        Fact::FrontendId => count(plan.id),
        Fact::BackendName => owned(&scene.backend.map_or_else(|| plan.name.clone(), |b| b.name())),
        Fact::BackendId => count(scene.backend.map_or(plan.id, |b| b.now().plan.id)),
        Fact::ServerName => owned(&scene.server?.name()),
        Fact::ServerId => count(scene.server?.plan().id.0),
        Fact::ListenerId => count(bind().map_or(subject.listener, |bind| bind.id)),
        Fact::PriorityClass => Sample::Int(subject.priority.class.into()),
        Fact::PriorityOffset => Sample::Int(subject.priority.offset.into()),
        Fact::Tlv(kind) => Sample::Binary(Cow::Borrowed(subject.header.as_ref()?.tlv(*kind)?)),
        Fact::RoundTrip {
            of_server,
            what,
            in_micros,
        } => {
            let socket = socket(scene, *of_server)?;
            let trip = sockopt::round_trip(socket).ok()?;
            let time = match what {
                Trip::Usual => trip.usual,
                Trip::Variance => trip.variance,
            };
            let time = if *in_micros { time.as_micros() } else { time.as_millis() };
            Sample::Int(i64::try_from(time).ok()?)
        }
        Fact::Segments { of_server, what } => {
            let found = sockopt::segments(socket(scene, *of_server)?).ok()?;
            count(match what {
                Segments::Unacknowledged => found.unacknowledged,
                Segments::Selected => found.selected,
                Segments::Lost => found.lost,
                Segments::Retransmitted => found.retransmitted,
                Segments::Forward => found.forward,
                Segments::Reordering => found.reordering,
            })
        }
        Fact::ServerSide(end) => Sample::Ip(end_of(scene, *end)?.ip()),
        Fact::ServerSidePort(end) => port(end_of(scene, *end)?),
        Fact::Trouble { of_server, in_words } => {
            let known = scene.trouble.filter(|_| !of_server);
            if *of_server {
                // Of one that could not be made nothing is left to be asked.
                scene.upstream?;
            }
            match in_words {
                true => owned(&known.map_or("Success".to_owned(), |trouble| trouble.words.to_string())),
                false => count(known.map_or(0, |trouble| trouble.number.into())),
            }
        }
        Fact::DefaultBackend => {
            // A `listen` leads to itself, and that is no default.
            let backend = scene.frontend.backend.as_ref()?;
            let is_own = backend.now().plan.id == plan.id;
            (!is_own).then(|| owned(&backend.name()))?
        }
        Fact::Timeout { of, now } => {
            let limit = match (now, scene.upstream) {
                (true, None) if *of != Silence::Client => None,
                // Once both have said something, nobody is waited for longer.
                (true, Some(_)) if *of == Silence::Server && scene.response.is_none() => {
                    limit(scene, Silence::Tunnel)?.or(limit(scene, *of)?)
                }
                _ => limit(scene, *of)?,
            };
            Sample::Int(limit.map_or(0, |limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX)))
        }
        Fact::ListenerName => Sample::text(bind()?.name.as_deref()?),
        Fact::Tls(fact) => return secure::find(scene, fact),
        Fact::Threads => count(u32::try_from(scene.worker.crew.len()).ok()?),
        Fact::Thread => count(u32::try_from(scene.worker.number).ok()?),
        Fact::Connections => count(scene.worker.crew.sessions.now()),
        Fact::IsStopping => Sample::Bool(scene.worker.phase.borrow().is_last()),
        Fact::ProcessNumber => count(std::process::id()),
        // That is about a server that is checked, by nobody.
        Fact::Checked => return None,
        Fact::Hostname => Sample::text(scene.frontend.directory.hostname()),
        Fact::Rand(below) => Sample::Int(random(scene, below.map_or(1 << 32, u64::from))),
        Fact::Uuid => Sample::Text(Cow::Owned(uuid(scene).into_bytes())),
        Fact::FrontendConns(name) => match name {
            None => count(scene.frontend.traffic.sessions.now()),
            Some(name) => count(scene.frontend.directory.frontend(name)?.load().traffic.sessions.now()),
        },
        Fact::FrontendRate(name) => {
            let now = scene.worker.clock.now();
            match name {
                None => count(scene.frontend.traffic.rate.now(now)),
                Some(name) => count(scene.frontend.directory.frontend(name)?.load().traffic.rate.now(now)),
            }
        }
        Fact::BackendConns(name) => count(backend(scene, name.as_deref())?.traffic.sessions.now()),
        Fact::BackendRate(name) => count(
            backend(scene, name.as_deref())?
                .traffic
                .rate
                .now(scene.worker.clock.now()),
        ),
        Fact::BackendFree(name) => Sample::Int(free(&*backend(scene, name.as_deref())?)),
        Fact::ConnSlots(name) => Sample::Int(slots(&*backend(scene, name.as_deref())?)),
        Fact::UsableServers(name) => Sample::Int(usable(&backend(scene, name.as_deref())?.now())),
        Fact::Queued(name) => Sample::Int(queued(&*backend(scene, name.as_deref())?)),
        Fact::AverageQueue(name) => {
            let backend = backend(scene, name.as_deref())?;
            let (waiting, servers) = (queued(&backend), usable(&backend.now()));
            // With no server left, twice as many as wait (HAProxy's way to say "too many").
            Sample::Int(if servers > 0 {
                (waiting + servers - 1) / servers
            } else {
                waiting * 2
            })
        }
        Fact::ServerConns(server) => {
            let (backend, idx, _) = of_server(scene, server)?;
            count(backend.server(idx)?.traffic.sessions.now())
        }
        Fact::ServerFree(server) => {
            let (backend, idx, view) = of_server(scene, server)?;
            let conns = backend.server(idx)?.traffic.sessions.now();
            Sample::Int(match view.maxconn {
                0 => -1,
                most => i64::from(most.saturating_sub(conns)),
            })
        }
        Fact::ServerIsUp(server) => Sample::Bool(of_server(scene, server)?.2.takes_known()),
        Fact::ServerQueue(server) => {
            let (backend, idx, _) = of_server(scene, server)?;
            Sample::Int(backend.queue.waiting(Some(idx)).0 as i64)
        }
        Fact::ServerRate(server) => {
            let (backend, idx, _) = of_server(scene, server)?;
            count(backend.server(idx)?.traffic.rate.now(scene.worker.clock.now()))
        }
        Fact::ServerWeight(server) => {
            const UNIT: u32 = 16;
            count(of_server(scene, server)?.2.share.div_ceil(UNIT))
        }
        Fact::ServerSaidWeight(server) => count(of_server(scene, server)?.2.weight.into()),
        Fact::ServerFirstWeight(server) => {
            let (backend, idx, _) = of_server(scene, server)?;
            count(backend.server(idx)?.plan().weight.into())
        }
        Fact::TableRoom(name) => {
            let table = scene.frontend.directory.tables.named(name)?;
            let table = table.lock();
            count(table.settings().size.saturating_sub(u32::try_from(table.len()).ok()?))
        }
        Fact::TableLength(name) => {
            count(u32::try_from(scene.frontend.directory.tables.named(name)?.lock().len()).ok()?)
        }
    })
}

/// As in HAProxy, made when somebody first asks, of what is known then.
fn identity<'a>(scene: &'a Scene<'_>) -> Option<&'a [u8]> {
    let subject = &*scene.subject;
    let identity = &subject.identity;
    if let Some(known) = identity.known.get() {
        return Some(known);
    }
    let story = scene.story?;
    if identity.is_being_made.replace(true) {
        return None;
    }
    let made = logs::identity(&logs::Told {
        worker: scene.worker,
        frontend: scene.frontend,
        backend: scene.backend.map(|backend| &**backend),
        server: scene.server,
        peer: subject.peer,
        local: subject.local(scene.socket),
        context: Some(scene),
        summary: story.conn.summary(scene.worker.clock.now()),
        carried: story.carried,
        waited_at: story.waited_at,
        towards_server: story.towards_server.copied().unwrap_or_default(),
        number: story.number,
        early: false,
        tls: scene.client.and_then(Wire::tls).and_then(|tls| tls.agreed()),
        handshake: story.handshake,
        loudness: subject.loudness,
    });
    identity.is_being_made.set(false);
    let made = made?;
    Some(identity.known.get_or_init(|| made))
}

fn socket<'a>(scene: &Scene<'a>, of_server: bool) -> Option<&'a Socket> {
    if of_server {
        scene.upstream.map(Wire::socket)
    } else {
        Some(scene.socket)
    }
}

/// The server's end is known before anybody has come there, and after everybody has left.
fn end_of(scene: &Scene<'_>, end: End) -> Option<SocketAddr> {
    let socket = scene.upstream.map(Wire::socket);
    match end {
        End::Ours => socket?.local_addr().ok()?.as_socket(),
        End::Theirs => {
            let port = || scene.subject.local(scene.socket).map_or(0, |address| address.port());
            let configured = || scene.server?.address.load().for_client_of(port).as_socket();
            let connected = socket.and_then(|socket| socket.peer_addr().ok()?.as_socket());
            connected.or_else(configured)
        }
    }
}

/// What a `timeout` is set to; the inner nothing is that it is not.
fn limit(scene: &Scene<'_>, of: Silence) -> Option<Option<Duration>> {
    if of == Silence::Client {
        return Some(scene.frontend.plan.timeout_client);
    }
    let backend = scene.backend?.now();
    Some(match of {
        Silence::Connect => backend.plan.timeout_connect,
        Silence::Queue => backend.plan.timeout_queue,
        Silence::Server => backend.plan.timeout_server,
        Silence::Tunnel => backend.plan.timeout_tunnel,
        Silence::Client => None,
    })
}

fn count(n: u32) -> Sample<'static> {
    Sample::Int(n.into())
}

fn port(address: SocketAddr) -> Sample<'static> {
    Sample::Int(address.port().into())
}

fn owned(text: &str) -> Sample<'static> {
    Sample::Text(Cow::Owned(text.as_bytes().to_vec()))
}

/// Whether this host could listen there.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

fn random(scene: &Scene<'_>, below: u64) -> i64 {
    i64::try_from(scene.worker.lots.borrow_mut().below(below)).unwrap_or(0)
}

/// 122 bits drawn by lot (RFC 9562 section 5.4).
fn uuid(scene: &Scene<'_>) -> String {
    let mut lots = scene.worker.lots.borrow_mut();
    let (high, low) = (lots.next_u64(), lots.next_u64());
    let high = high & !0xf000 | 0x4000;
    let low = low & (u64::MAX >> 2) | 1 << 63;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

fn backend(scene: &Scene<'_>, name: Option<&str>) -> Option<Arc<Backend>> {
    match name {
        None => scene.backend.cloned(),
        Some(name) => scene.frontend.directory.backend(name),
    }
}

/// The active ones; without any, the backups that would serve.
fn usable(backend: &Snapshot) -> i64 {
    let Some(view) = &backend.view else { return 0 };
    let (active, backups) = (view.table.active(), view.table.backups());
    let serving = match (active, backend.plan.policy.all_backups) {
        (0, false) => backups.min(1),
        (0, true) => backups,
        (active, _) => active,
    };
    i64::try_from(serving).unwrap_or(i64::MAX)
}

fn free(backend: &Backend) -> i64 {
    let snapshot = backend.now();
    let Some(view) = snapshot.view.as_ref().filter(|view| !view.servers.is_empty()) else {
        return -1;
    };
    let mut free = 0;
    for server in view.servers.iter().filter(|server| server.takes_known()) {
        if server.maxconn == 0 {
            return -1;
        }
        let conns = snapshot
            .servers
            .at(server.place)
            .map_or(0, |s| s.traffic.sessions.now());
        free += i64::from(server.maxconn.saturating_sub(conns));
    }
    free
}

/// Free places at the servers and in their queues; -1 when one of them has no end.
fn slots(backend: &Backend) -> i64 {
    let snapshot = backend.now();
    let servers = snapshot.view.iter().flat_map(|view| &view.servers);
    let mut slots = 0;
    for server in servers.filter(|server| server.takes_known()) {
        let Some(there) = snapshot.servers.at(server.place) else {
            continue;
        };
        let maxqueue = there.plan().maxqueue;
        if server.maxconn == 0 || maxqueue == 0 {
            return -1;
        }
        let waiting = backend.queue.waiting(Some(server.place)).0 as i64;
        slots += i64::from(server.maxconn) - i64::from(there.traffic.sessions.now()) + i64::from(maxqueue) - waiting;
    }
    slots
}

fn queued(backend: &Backend) -> i64 {
    let servers = backend.now().servers.all().map(|s| Some(s.place)).collect::<Vec<_>>();
    let lines = servers.into_iter().chain([None]);
    lines.map(|line| backend.queue.waiting(line).0 as i64).sum()
}

fn of_server(scene: &Scene<'_>, server: &ServerRef) -> Option<(Arc<Backend>, ServerIdx, ServerView)> {
    let backend = backend(scene, server.backend.as_deref())?;
    let view = backend.now().view.clone()?;
    let found = view.servers.iter().find(|known| known.name == server.server)?.clone();
    Some((backend, found.place, found))
}
