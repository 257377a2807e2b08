//! The lines about one connection.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tandem_lb_core::ServerIdx;
use tandem_lb_core::conn::Summary;
use tandem_lb_core::log::tcplog::{self, CivilTime, ConnectLine, Counts, HeaderLine, LogRules, TcpLine};
use tandem_lb_core::proxy_header::Fault;
use tandem_ops::clock::Wall;
use tandem_ops::syslog::{Sender, Severity};
use tandem_time::Mono;

use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::queue::Position;
use crate::session::{Carried, Peer};
use crate::worker::Worker;

/// One worker's way to write lines.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    sender: RefCell<Sender>,
    line: RefCell<Vec<u8>>,
    zone: Cell<Option<Zone>>,
}

/// How far local clocks are ahead. Asking the system takes a lock there, and the answer only changes on a quarter of an
/// hour.
#[derive(Clone, Copy, Debug)]
struct Zone {
    quarter: i64,
    offset: i32,
}

/// A connection as its line tells of it.
pub(crate) struct Told<'a> {
    pub(crate) frontend: &'a Frontend,
    /// Where its rules sent it, when they came to that.
    pub(crate) backend: Option<&'a Backend>,
    pub(crate) peer: Peer,
    pub(crate) server: Option<ServerIdx>,
    pub(crate) summary: Summary,
    pub(crate) carried: Carried,
    pub(crate) waited_at: Position,
    /// It has only begun (`option logasap`).
    pub(crate) early: bool,
}

/// The short line of a frontend without `option tcplog`.
pub(crate) fn connected_from(worker: &Worker, frontend: &Frontend, peer: Peer, local: Option<SocketAddr>) {
    if frontend.logs.is_empty() || frontend.plan.log_rule.tcplog {
        return;
    }
    let line = ConnectLine {
        client: peer.client(),
        local: local.unwrap_or(NOWHERE),
        frontend: &frontend.plan.name,
    };
    worker
        .pen
        .write(frontend, Severity::Info, Wall::now(), |out| line.write(out));
}

/// The line of a frontend with `option tcplog`, when it wants one for this connection.
pub(crate) fn told(worker: &Worker, told: &Told<'_>) {
    let Told {
        frontend,
        backend,
        peer,
        server,
        summary,
        carried,
        waited_at,
        early,
    } = *told;
    let rule = &frontend.plan.log_rule;
    if frontend.logs.is_empty() || !rule.tcplog {
        return;
    }
    let rules = LogRules {
        skip_null: rule.dontlognull,
        skip_normal: rule.dontlog_normal,
        separate_errors: rule.log_separate_errors,
    };
    let severity = match rules.severity(&summary, carried.from_client) {
        // What has only begun has sent nothing yet, and is what the option asks to see.
        _ if early => Severity::Info,
        Some(tcplog::Severity::Info) => Severity::Info,
        Some(tcplog::Severity::Error) => Severity::Err,
        None => return,
    };
    let backend_name = backend.map(Backend::name);
    let of_server = server.zip(backend).and_then(|(s, b)| b.server(s));
    let server_name = of_server.as_ref().map(|s| s.name());
    let now = Wall::now();
    let line = TcpLine {
        client: peer.client(),
        accepted: worker.pen.civil(now, summary.total),
        frontend: &frontend.plan.name,
        backend: backend_name.as_ref().unwrap_or(&frontend.plan.name),
        server: server_name.as_deref(),
        summary,
        bytes: carried.to_client,
        counts: Counts {
            process: worker.crew.sessions.now().into(),
            frontend: frontend.traffic.sessions.now().into(),
            backend: backend.map_or(0, |b| b.traffic.sessions.now().into()),
            server: of_server.as_ref().map_or(0, |s| s.traffic.sessions.now().into()),
            server_queue: waited_at.server,
            backend_queue: waited_at.backend,
        },
        early,
    };
    worker.pen.write(frontend, severity, now, |out| line.write(out));
}

/// The line of a connection that had no PROXY header where one was expected. `begun` if it sent anything at all.
pub(crate) fn headless(
    worker: &Worker,
    frontend: &Frontend,
    (peer, listener): (Peer, u32),
    (fault, begun): (Fault, bool),
    at: Mono,
) {
    let rule = &frontend.plan.log_rule;
    if frontend.logs.is_empty() || rule.dontlognull && !begun {
        return;
    }
    let severity = if rule.log_separate_errors {
        Severity::Err
    } else {
        Severity::Info
    };
    let now = Wall::now();
    let number = listener.to_string();
    let bind = frontend.plan.binds.get((listener as usize).wrapping_sub(1));
    let line = HeaderLine {
        client: peer.client(),
        accepted: worker.pen.civil(now, worker.clock.now().since(at)),
        frontend: &frontend.plan.name,
        listener: bind.and_then(|bind| bind.name.as_deref()).unwrap_or(&number),
        fault,
    };
    worker.pen.write(frontend, severity, now, |out| line.write(out));
}

/// A client on a unix socket has no address.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Pen {
    fn write(&self, frontend: &Frontend, severity: Severity, at: Wall, put: impl FnOnce(&mut Vec<u8>)) {
        let mut line = self.line.borrow_mut();
        line.clear();
        put(&mut line);
        let text = String::from_utf8_lossy(&line);
        self.sender.borrow_mut().send(&frontend.logs, severity, &text, at);
    }

    /// When the connection was accepted, as local clocks showed it.
    fn civil(&self, now: Wall, age: Duration) -> CivilTime {
        const QUARTER: i64 = 15 * 60;
        let total = i64::try_from(age.as_micros()).unwrap_or(0);
        let at = Wall::from_micros(now.as_micros() - total);
        let quarter = at.secs().div_euclid(QUARTER);
        let zone = match self.zone.get().filter(|zone| zone.quarter == quarter) {
            Some(zone) => zone,
            None => Zone {
                quarter,
                offset: at.local_offset(),
            },
        };
        self.zone.set(Some(zone));
        CivilTime::from_unix(at.as_millis(), zone.offset)
    }
}
