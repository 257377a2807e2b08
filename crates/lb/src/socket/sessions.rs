//! The connections there are, and ending them.

use std::sync::Arc;
use std::time::Duration;

use tandem_lb_core::conn::KillReason;
use tandem_ops::clock::Wall;
use tandem_ops::control::{Call, Reply, duration};
use tandem_time::{CivilTime, Mono};

use super::Room;
use super::asker::Asker;
use super::seen::Seen;
use crate::live::Connection;
use crate::servers::Server;
use crate::session::Peer;

/// One line for each, in HAProxy's form; what exists only inside of HAProxy is 0 or empty.
pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let now = room.clock.now();
    if let Some(id) = number(call.arg(0)) {
        return match room.live.find(id) {
            Some(connection) => Reply::Output(details(id, &connection, now)),
            None => Reply::Output("Session not found.".to_owned()),
        };
    }
    let wanted = match Wanted::parse(call.args()) {
        Ok(wanted) => wanted,
        Err(why) => return Reply::error(why),
    };
    let form = if wanted.in_full { details } else { line };
    let asker = Asker::of(call).filter(|_| wanted.is_everybody());
    let asker = asker.map(|asker| if wanted.in_full { asker.details() } else { asker.line() });
    let all = room.live.all().into_iter();
    let meant = all.filter(move |(_, connection)| wanted.names(connection, now));
    let sessions = meant.map(move |(id, connection)| form(id, &connection, now));
    Reply::Pieces(Box::new(sessions.chain(asker)))
}

/// Which of them are asked for: all that these words fit (the filters of HAProxy 3).
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    in_full: bool,
    /// Only those that were told to end and are still there.
    suspicious: bool,
    older: Duration,
    frontend: Option<String>,
    backend: Option<String>,
    server: Option<(String, String)>,
}

const USAGE: &str = "show sess [<id>|all|help] [susp] [older <age>] [frontend <fe>] [backend <be>] [server <be>/<srv>]";

impl Wanted {
    fn parse(words: &[String]) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .cloned()
                    .ok_or_else(|| format!("'{word}' expects a value: {USAGE}"))
            };
            match word.as_str() {
                "all" => wanted.in_full = true,
                "susp" => wanted.suspicious = true,
                "help" => return Err(USAGE.to_owned()),
                "older" => {
                    let age = duration(&value()?, Duration::from_secs(1));
                    wanted.older = age.ok_or_else(|| "Expects a valid age.".to_owned())?;
                }
                "frontend" => wanted.frontend = Some(value()?),
                "backend" => wanted.backend = Some(value()?),
                "server" => {
                    let (backend, server) = value()?
                        .split_once('/')
                        .map(|(b, s)| (b.to_owned(), s.to_owned()))
                        .ok_or_else(|| "Require 'backend/server'.".to_owned())?;
                    wanted.server = Some((backend, server));
                }
                // 2.6 takes what is no number for none at all.
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Nobody was left out.
    fn is_everybody(&self) -> bool {
        let all = Wanted {
            in_full: self.in_full,
            ..Wanted::default()
        };
        *self == all
    }

    fn names(&self, connection: &Connection, now: Mono) -> bool {
        let backend = || connection.backend().map(|backend| backend.name());
        let is_backend = |name: &str| backend().is_some_and(|backend| *backend == *name);
        let is_server = |name: &str| server_of(connection).is_some_and(|server| *server.name() == *name);
        now.since(connection.began) >= self.older
            && (!self.suspicious || connection.is_ending())
            && self
                .frontend
                .as_ref()
                .is_none_or(|name| *connection.frontend.plan.name == **name)
            && self.backend.as_ref().is_none_or(|name| is_backend(name))
            && self.server.as_ref().is_none_or(|(b, s)| is_backend(b) && is_server(s))
    }
}

pub(super) fn shutdown(room: &Room, call: &Call) -> Reply {
    let Some(id) = number(call.arg(0)) else {
        return Reply::error("Session pointer expected (use 'show sess').");
    };
    match room.live.find(id) {
        Some(connection) => {
            connection.end();
            Reply::Done
        }
        None => Reply::error("No such session (use 'show sess')."),
    }
}

pub(super) fn shutdown_at_server(room: &Room, call: &Call) -> Reply {
    match room.server(call.arg(0)) {
        Ok(server) => {
            room.live
                .end_at(server.keeper().backend(), server.idx(), KillReason::Admin);
            Reply::Done
        }
        Err(reply) => reply,
    }
}

/// Hexadecimal after `0x`, as it is shown; else decimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn line(id: u64, connection: &Arc<Connection>, now: Mono) -> String {
    let Names { backend, server } = Names::of(connection);
    let (frontend, age) = (
        &connection.frontend.plan.name,
        age(now.since(connection.began).as_secs()),
    );
    let (proto, source) = source(connection.peer);
    let Patience {
        client,
        server: of_server,
    } = Patience::of(connection, now);
    let exp = shown(client.into_iter().chain(of_server).min());
    let (rx_client, rx_server) = (shown(client), shown(of_server));
    let [fd_client, fd_server] = connection.sockets().map(|number| number.unwrap_or(-1));
    format!(
        "{id:#x}: proto={proto} src={source} fe={frontend} be={backend} srv={server} ts=00 epoch=0 age={age} calls=1 \
         rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx={rx_client},wx=,ax=] rp[f=0h,i=0,an=00h,rx={rx_server},wx=,ax=] \
         scf=[8,0h,fd={fd_client}] scb=[8,1h,fd={fd_server}] exp={exp} rc=0 c_exp=\n"
    )
}

/// For how long each side may still be silent.
struct Patience {
    client: Option<Duration>,
    server: Option<Duration>,
}

impl Patience {
    fn of(connection: &Connection, now: Mono) -> Patience {
        let backend = connection.backend().filter(|_| connection.server().is_some());
        let backend = backend.map(|backend| backend.now().plan.clone());
        let tunnel = backend.as_ref().and_then(|plan| plan.timeout_tunnel);
        let server = backend.and_then(|plan| plan.timeout_server);
        let silent = now.since(connection.moved());
        let left = |timeout: Option<Duration>| tunnel.or(timeout).map(|timeout| timeout.saturating_sub(silent));
        Patience {
            client: left(connection.frontend.plan.timeout_client),
            server: left(server),
        }
    }
}

/// Empty where there is no limit.
fn shown(left: Option<Duration>) -> String {
    left.map(|left| age(left.as_secs())).unwrap_or_default()
}

/// The lines of HAProxy's form that say something here.
fn details(id: u64, connection: &Arc<Connection>, now: Mono) -> String {
    let names = Names::of(connection);
    let plan = &connection.frontend.plan;
    let (proto, source) = source(connection.peer);
    let ends = Ends::of(connection);
    let listener = listener(connection, &ends);
    let backend = match connection.backend() {
        Some(backend) => {
            let from = ends.server.as_ref().and_then(|ends| ends.local);
            let from = from.map(|from| format!(" addr={from}")).unwrap_or_default();
            format!("{} (id={} mode=tcp){from}", names.backend, backend.now().plan.id)
        }
        None => "<NONE> (id=-1 mode=-)".to_owned(),
    };
    let server = match server_of(connection) {
        Some(server) => format!("{} (id={}) addr={}", names.server, server.plan().id.0, server.address),
        None => "<NONE> (id=-1)".to_owned(),
    };
    let lasts = now.since(connection.began);
    let wall = Wall::now();
    let began = wall.as_millis() - i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
    let began = CivilTime::from_unix(began, wall.local_offset());
    let age = age(lasts.as_secs());
    let Patience {
        client,
        server: of_server,
    } = Patience::of(connection, now);
    let exp = client.into_iter().chain(of_server).min();
    let exp = exp.map_or_else(|| "<NEVER>".to_owned(), |_| shown(exp));
    format!(
        "{id:#x}: [{began}000] id={id} proto={proto} source={source}\n  \
         flags=0x0, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) waiting=0 epoch=0\n  \
         frontend={} (id={} mode=tcp), listener={listener}\n  backend={backend}\n  server={server}\n  \
         task={id:#x} (state=0x00 nice=0 calls=1 rate=0 exp={exp} tmask=0x1 age={age})\n{}",
        plan.name,
        plan.id,
        ends.lines(id),
    )
}

/// The line that it came by, and where it arrived.
fn listener(connection: &Connection, ends: &Ends) -> String {
    let number = connection.listener();
    let bind = connection.frontend.bind(number);
    let name = bind.and_then(|bind| bind.name.as_deref()).unwrap_or("?");
    let id = bind.map_or(number.max(1), |bind| bind.id);
    let at = ends.client.as_ref().and_then(|ends| ends.local);
    let at = at.map(|at| format!(" addr={at}")).unwrap_or_default();
    format!("{name} (id={id}){at}")
}

/// The sockets of a connection.
struct Ends {
    client: Option<Seen>,
    server: Option<Seen>,
    /// Whether TLS is spoken there.
    secured: [bool; 2],
}

impl Ends {
    fn of(connection: &Connection) -> Ends {
        let [client, server] = connection.sockets().map(|number| Some(Seen::of(number?)));
        let bind = connection.frontend.bind(connection.listener());
        let secured = [
            bind.is_some_and(|bind| bind.tls.is_some()),
            server_of(connection).is_some_and(|server| server.tls().is_some()),
        ];
        Ends {
            client,
            server,
            secured,
        }
    }

    /// What HAProxy says of its stream connectors, as far as there is the same here.
    fn lines(&self, id: u64) -> String {
        let [client, server] = self.secured.map(|is_tls| if is_tls { "SSL" } else { "RAW" });
        let sides = [
            ("f", "LISTENER", client, self.client),
            ("b", "SERVER", server, self.server),
        ];
        let mut text = String::new();
        for ((side, target, layer, seen), place) in sides.into_iter().zip(0..) {
            let Some(seen) = seen else { continue };
            text.push_str(&format!(
                "  sc{side}={id:#x} flags={place:#010x} state=EST endp=CONN sub=1\n      co{place}={id:#x} ctrl={} \
                 xprt={layer} mux=PASS data=STRM target={target}\n      flags=0x00000300 fd={}\n",
                seen.family(),
                seen.number
            ));
        }
        text
    }
}

struct Names {
    backend: Arc<str>,
    server: Arc<str>,
}

impl Names {
    fn of(connection: &Connection) -> Names {
        Names {
            backend: connection.backend().map_or_else(|| "<NONE>".into(), |b| b.name()),
            server: server_of(connection).map_or_else(|| "<none>".into(), |s| s.name()),
        }
    }
}

fn server_of(connection: &Connection) -> Option<Arc<Server>> {
    connection.backend()?.server(connection.server()?)
}

fn source(peer: Peer) -> (&'static str, String) {
    match peer.socket() {
        None => ("unix_stream", "unix:1".to_owned()),
        Some(address) if address.is_ipv4() => ("tcpv4", address.to_string()),
        Some(address) => ("tcpv6", format!("{}:{}", address.ip(), address.port())),
    }
}

/// The two largest units, as in `1h3m` and `12s`.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let table = [(0, "0s"), (59, "59s"), (61, "1m1s"), (3_700, "1h1m"), (90_000, "1d1h")];
        for (seconds, expected) in table {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn what_is_asked_for() {
        let parse = |text: &str| Wanted::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse(""), Ok(Wanted::default()));
        let wanted = Wanted {
            in_full: true,
            suspicious: true,
            older: Duration::from_secs(120),
            frontend: Some("fe".to_owned()),
            backend: Some("be".to_owned()),
            server: Some(("be".to_owned(), "s".to_owned())),
        };
        assert_eq!(
            parse("all susp older 2m frontend fe backend be server be/s"),
            Ok(wanted)
        );
        for wrong in ["older", "older x", "server be", "frontend", "help"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_as_show_sess_prints_them() {
        assert_eq!(number("0x1f"), Some(31));
        assert_eq!(number("31"), Some(31));
        assert_eq!(number("1f"), None);
        assert_eq!(number("0x"), None);
    }
}
