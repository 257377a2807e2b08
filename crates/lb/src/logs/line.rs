//! The lines about one connection.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tandem_lb_core::conn::Summary;
use tandem_lb_core::expr::{Context, Fact, Sample};
use tandem_lb_core::log::tcplog::{self, ConnectLine, Counts, Line, LogRules, Moment, TowardsServer, UnwelcomeLine};
use tandem_lb_core::rules::Loudness;
use tandem_ops::clock::Wall;
use tandem_ops::syslog::{Message, Sender, Severity};
use tandem_time::Mono;

use crate::frontend::Frontend;
use crate::publish::Backend;
use crate::queue::Position;
use crate::rules::Scene;
use crate::servers::Server;
use crate::session::{Carried, Peer};
use crate::worker::Worker;

/// One worker's way to write lines.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    sender: RefCell<Sender>,
    page: RefCell<Page>,
    zone: Cell<Option<Zone>>,
}

/// What one line is put together from; the room is kept for the next.
#[derive(Debug, Default)]
struct Page {
    text: Vec<u8>,
    structured: Vec<u8>,
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
    pub(crate) worker: &'a Worker,
    pub(crate) frontend: &'a Frontend,
    /// Where its rules sent it, when they came to that.
    pub(crate) backend: Option<&'a Backend>,
    pub(crate) server: Option<&'a Server>,
    pub(crate) peer: Peer,
    /// What a format does not ask for may be left out.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) context: Option<&'a dyn Context>,
    pub(crate) summary: Summary,
    pub(crate) carried: Carried,
    pub(crate) waited_at: Position,
    pub(crate) towards_server: TowardsServer,
    /// Counted over the process, from 0.
    pub(crate) number: u64,
    /// It has only begun (`option logasap`).
    pub(crate) early: bool,
    /// Towards the client.
    pub(crate) tls: Option<tcplog::Tls<'a>>,
    /// How long what came before the session took.
    pub(crate) handshake: Duration,
    /// What a rule said of its line.
    pub(crate) loudness: Option<Loudness>,
}

/// The short line of a frontend without `option tcplog`.
pub(crate) fn connected_from(
    worker: &Worker,
    frontend: &Frontend,
    peer: Peer,
    local: impl FnOnce() -> Option<SocketAddr>,
) {
    if frontend.logs.is_empty() || frontend.plan.log_rule.format.is_some() {
        return;
    }
    let line = ConnectLine {
        client: peer.client(),
        local: local().unwrap_or(NOWHERE),
        frontend: &frontend.plan.name,
    };
    worker
        .pen
        .write(frontend, Severity::Info, Wall::now(), |page| line.write(&mut page.text));
}

/// The line of a frontend with `option tcplog` or a format of its own, when it wants one for this connection.
pub(crate) fn told(told: &Told<'_>) {
    let Told {
        worker,
        frontend,
        summary,
        carried,
        early,
        loudness,
        ..
    } = *told;
    let rule = &frontend.plan.log_rule;
    let Some(format) = rule.format.as_ref().filter(|_| !frontend.logs.is_empty()) else {
        return;
    };
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
    let Some(severity) = said_by_rules(severity, loudness) else {
        return;
    };
    let id = rule.unique_id.as_ref().and(told.context);
    let id = id
        .and_then(|context| context.fact(&Fact::Identity))
        .map(Sample::into_text);
    let id = id.as_deref().map(String::from_utf8_lossy);
    let (now, log_number) = (Wall::now(), frontend.lines.next() as u32);
    with_line(told, now, log_number, |line| {
        worker.pen.write(frontend, severity, now, |page| {
            let Page { text, structured } = page;
            let line = Line {
                unique_id: id.as_deref(),
                ..line
            };
            format.write(&line, text);
            if let Some(format) = &rule.structured {
                format.write(&line, structured);
            }
        });
    });
}

/// What `unique-id-format` makes of a connection as it is now; `None` where nothing is said of it.
pub(crate) fn identity(told: &Told<'_>) -> Option<Box<[u8]>> {
    let format = told.frontend.plan.log_rule.unique_id.as_ref()?;
    let mut id = Vec::new();
    let log_number = told.frontend.lines.now() as u32;
    with_line(told, Wall::now(), log_number, |line| format.write(&line, &mut id));
    Some(id.into())
}

fn with_line(told: &Told<'_>, now: Wall, log_number: u32, write: impl FnOnce(Line<'_>)) {
    let (worker, frontend) = (told.worker, told.frontend);
    let backend_name = told.backend.map(|backend| backend.name());
    let server_name = told.server.map(Server::name);
    write(Line {
        client: told.peer.client(),
        local: told.local,
        accepted: worker.pen.accepted(now, told.summary.total),
        frontend: &frontend.plan.name,
        backend: backend_name.as_ref().unwrap_or(&frontend.plan.name),
        server: server_name.as_deref(),
        towards_server: told.towards_server,
        summary: told.summary,
        handshake: told.handshake,
        from_client: told.carried.from_client,
        bytes: told.carried.to_client,
        counts: Counts {
            process: worker.crew.sessions.now().into(),
            frontend: frontend.traffic.sessions.now().into(),
            backend: told.backend.map_or(0, |b| b.traffic.sessions.now().into()),
            server: told.server.map_or(0, |s| s.traffic.sessions.now().into()),
            server_queue: told.waited_at.server,
            backend_queue: told.waited_at.backend,
        },
        early: told.early,
        tls: told.tls,
        number: told.number as u32,
        log_number,
        pid: std::process::id(),
        hostname: frontend.directory.hostname(),
        unique_id: None,
        captures: frontend.plan.requests.captures,
        context: told.context,
    })
}

/// What a rule says counts more; `None` is no line at all.
fn said_by_rules(severity: Severity, loudness: Option<Loudness>) -> Option<Severity> {
    Some(match loudness {
        None => severity,
        Some(Loudness::Silent) => return None,
        Some(Loudness::Level(0)) => Severity::Emerg,
        Some(Loudness::Level(1)) => Severity::Alert,
        Some(Loudness::Level(2)) => Severity::Crit,
        Some(Loudness::Level(3)) => Severity::Err,
        Some(Loudness::Level(4)) => Severity::Warning,
        Some(Loudness::Level(5)) => Severity::Notice,
        Some(Loudness::Level(6)) => Severity::Info,
        Some(Loudness::Level(_)) => Severity::Debug,
    })
}

/// The line of a connection that came to be no session, in HAProxy's words. `begun` if it sent anything that counts.
pub(crate) fn unwelcome(
    scene: &Scene<'_>,
    (peer, listener): (Peer, u32),
    (why, begun): (&dyn Display, bool),
    at: Mono,
) {
    let (worker, frontend) = (scene.worker, scene.frontend);
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
    let age = worker.clock.now().since(at);
    if let Some(format) = &rule.error {
        let line = of_unwelcome(scene, peer, worker.pen.accepted(now, age), age);
        return worker
            .pen
            .write(frontend, severity, now, |page| format.write(&line, &mut page.text));
    }
    let line = UnwelcomeLine {
        client: peer.client(),
        accepted: worker.pen.accepted(now, age).local(),
        frontend: &frontend.plan.name,
        listener: bind.and_then(|bind| bind.name.as_deref()).unwrap_or(&number),
        why,
    };
    worker
        .pen
        .write(frontend, severity, now, |page| line.write(&mut page.text));
}

/// What `error-log-format` may tell: there was no session, and no server.
fn of_unwelcome<'a>(scene: &'a Scene<'_>, peer: Peer, accepted: Moment, age: Duration) -> Line<'a> {
    let (worker, frontend) = (scene.worker, scene.frontend);
    Line {
        client: peer.client(),
        local: scene.subject.local(scene.socket),
        accepted,
        frontend: &frontend.plan.name,
        backend: &frontend.plan.name,
        server: None,
        towards_server: TowardsServer::default(),
        summary: Summary::unwelcome(age),
        handshake: age,
        from_client: 0,
        bytes: 0,
        counts: Counts {
            process: worker.crew.sessions.now().into(),
            frontend: frontend.traffic.sessions.now().into(),
            ..Counts::default()
        },
        early: false,
        tls: None,
        number: 0,
        log_number: frontend.lines.next() as u32,
        pid: std::process::id(),
        hostname: frontend.directory.hostname(),
        unique_id: None,
        captures: 0,
        context: Some(scene),
    }
}

/// A client on a unix socket has no address.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Pen {
    fn write(&self, frontend: &Frontend, severity: Severity, at: Wall, put: impl FnOnce(&mut Page)) {
        let mut page = self.page.borrow_mut();
        page.clear();
        put(&mut page);
        let (text, structured) = (
            String::from_utf8_lossy(&page.text),
            String::from_utf8_lossy(&page.structured),
        );
        let message = Message {
            text: &text,
            structured: Some(&*structured).filter(|data| !data.is_empty()),
        };
        self.sender.borrow_mut().send(&frontend.logs, severity, message, at);
    }

    /// When the connection was accepted, and how far local clocks were ahead then.
    fn accepted(&self, now: Wall, age: Duration) -> Moment {
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
        Moment {
            unix_millis: at.as_millis(),
            utc_offset_seconds: zone.offset,
        }
    }
}

impl Page {
    fn clear(&mut self) {
        self.text.clear();
        self.structured.clear();
    }
}
