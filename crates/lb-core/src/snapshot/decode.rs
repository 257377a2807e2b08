//! The state from text. What is behind an intact seal was written by a program of ours, so a line that says nothing is
//! one that we do not know, and is passed over.

use super::seal::{self, Broken};
use super::text::Line;
use super::{
    BackendState, Counters, Elsewhere, Event, FileState, FrontendOrders, FrontendState, ListState, ListenerState, Made,
    Moved, OtherAgent, ProcessCounts, ProcessOrders, Reloads, ServerState, Snapshot, TableState, Told, Unmade,
};
use crate::ServerId;
use crate::backend::{Operation, Saved, SavedCheck, Tuned};
use crate::expr::Sample;
use crate::health::{Admin, CheckResult, CheckStatus};
use crate::hex;
use crate::stats::Field;
use crate::stats::histogram::{Distribution, Measure};
use crate::stats::hour::{Past, Slot};
use std::str::FromStr;
use thiserror::Error;

/// Why a file is not our state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    #[error("this is no state of tandem-lb")]
    Foreign,
    #[error("it was written in version {0} of the format, which this program does not know")]
    Version(u32),
    #[error("it is torn or damaged: length or checksum do not fit")]
    Torn,
}

impl Snapshot {
    /// All of what was written, or nothing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        let body = seal::open(bytes).map_err(|broken| match broken {
            Broken::Foreign => SnapshotError::Foreign,
            Broken::Version(version) => SnapshotError::Version(version),
            Broken::Torn => SnapshotError::Torn,
        })?;
        let (mut snapshot, mut open) = (Snapshot::default(), Open::default());
        for line in body.lines() {
            snapshot.take(Line::read(line), &mut open);
        }
        Ok(snapshot)
    }

    /// A line belongs to what the lines before it were about. `None` when it says nothing.
    fn take(&mut self, line: Line<'_>, open: &mut Open) -> Option<()> {
        open.begin(line.subject);
        match line.subject {
            "taken" => self.taken = line.value("at")?,
            "process" => {
                self.process = ProcessOrders {
                    maxconn: tuned(line, "maxconn", "configured_maxconn"),
                    connection_rate: tuned(line, "connection_rate", "configured_connection_rate"),
                    session_rate: tuned(line, "session_rate", "configured_session_rate"),
                    tls_rate: tuned(line, "tls_rate", "configured_tls_rate"),
                    ..ProcessOrders::default()
                }
            }
            "counts" => {
                self.counts = ProcessCounts {
                    rate_max: line.value("rate_max")?,
                    tls: line.value("tls")?,
                    tls_rate_max: line.value("tls_rate_max")?,
                    client_keys_max: line.value("client_keys_max")?,
                    server_keys_max: line.value("server_keys_max")?,
                }
            }
            "reloads" => {
                self.reloads = Reloads {
                    followed: line.value("followed")?,
                    refused: line.value("refused")?,
                    replacements: line.value("replacements")?,
                }
            }
            "page" => self.page = Some(line.text("word")?.into()),
            "event" => self.events.push(Event::read(line)?),
            "unmade" => self.unmade.push(Unmade::read(line)?),
            "file" => self.files.push(FileState::read(line)?),
            "list" => {
                self.lists.push(ListState::read(line)?);
                open.list = true;
            }
            "pattern" => self.lists.last_mut().filter(|_| open.list)?.take(line)?,
            "variable" => self.process.variables.push((line.text("name")?.into(), value(line)?)),
            "frontend" => {
                self.frontends.push(FrontendState {
                    counters: counters(line),
                    ..FrontendState::new(line.text("name")?.into())
                });
                open.frontend = true;
            }
            "orders" => {
                self.frontends.last_mut().filter(|_| open.frontend)?.orders = FrontendOrders {
                    is_paused: is_set(line, "paused"),
                    maxconn: tuned(line, "maxconn", "configured_maxconn"),
                }
            }
            "listener" => {
                let frontend = self.frontends.last_mut().filter(|_| open.frontend)?;
                frontend.listeners.push(ListenerState {
                    at: line.text("at")?.into(),
                    counters: counters(line),
                });
            }
            "backend" => {
                self.backends.push(BackendState {
                    counters: counters(line),
                    age: line.millis("age").unwrap_or_default(),
                    last_session: line.millis("last_session"),
                    is_unpublished: is_set(line, "unpublished"),
                    ..BackendState::new(line.text("name")?.into())
                });
                open.backend = true;
            }
            "table" => {
                // Before tables had names, each stood behind its backend.
                let name = line.text("name").map(Into::into);
                let backend = self.backends.last().filter(|_| open.backend);
                let name = name.or_else(|| Some(backend?.name.clone()))?;
                self.tables.push(TableState::read(name, line)?);
                open.table = true;
            }
            "entry" => self.tables.last_mut().filter(|_| open.table)?.take(line)?,
            _ => self.backends.last_mut().filter(|_| open.backend)?.take(line, open)?,
        }
        Some(())
    }
}

/// Whose first lines were understood: what follows one that was not belongs to nobody.
#[derive(Default)]
struct Open {
    list: bool,
    frontend: bool,
    backend: bool,
    server: bool,
    table: bool,
}

impl Open {
    fn begin(&mut self, subject: &str) {
        match subject {
            "list" => self.list = false,
            "frontend" => self.frontend = false,
            "backend" => (self.backend, self.server) = (false, false),
            "server" => self.server = false,
            "table" => self.table = false,
            _ => {}
        }
    }
}

impl BackendState {
    fn take(&mut self, line: Line<'_>, open: &mut Open) -> Option<()> {
        match line.subject {
            "made" => self.made = Some(Made::read(line)?),
            "roster" | "added" | "removed" | "renamed" => self.roster.take(line)?,
            "server" => {
                self.servers.push(ServerState {
                    counters: counters(line),
                    last_session: line.millis("last_session"),
                    ..ServerState::new(line.text("name")?.into(), ServerId(line.value("id")?))
                });
                open.server = true;
            }
            _ => self.servers.last_mut().filter(|_| open.server)?.take(line)?,
        }
        Some(())
    }
}

impl ServerState {
    fn take(&mut self, line: Line<'_>) -> Option<()> {
        match line.subject {
            "health" => self.health = Some(health(line)?),
            "check" => self.health.as_mut()?.check = Some(check(line)?),
            "agent" => self.health.as_mut()?.agent = Some(check(line)?),
            "moved" => self.moved = Some(moved(line)?),
            "checked" => self.check_moved = Some(elsewhere(line)),
            "asked" => {
                self.agent_moved = Some(OtherAgent {
                    at: elsewhere(line),
                    send: line.text("send").map(Into::into),
                });
            }
            "told" => {
                self.told = Some(Told {
                    from: line.text("from")?.into(),
                    fqdn: line.text("fqdn").map(Into::into),
                    is_plain: line.value::<u8>("plain")? > 0,
                });
            }
            "spread" => {
                let name = line.raw("of")?;
                let measure = Measure::ALL.into_iter().find(|measure| measure.name() == name)?;
                let place = self.spread.get_or_insert_default().get_mut(measure.place())?;
                *place = distribution(line)?;
            }
            "hour" => self.hour = line.raw("slots")?.split(',').map(slot).collect::<Option<_>>()?,
            _ => return None,
        }
        Some(())
    }
}

fn moved(line: Line<'_>) -> Option<Moved> {
    Some(Moved {
        from: line.text("from").unwrap_or_default().into(),
        ip: line.value("ip")?,
        port: line.value("port"),
    })
}

fn elsewhere(line: Line<'_>) -> Elsewhere {
    Elsewhere {
        from: line.text("from").unwrap_or_default().into(),
        ip: line.value("ip"),
        port: line.value("port"),
    }
}

/// One with other bounds than ours says nothing.
fn distribution(line: Line<'_>) -> Option<Distribution> {
    let counts = line.raw("counts")?.split(',').map(|count| count.parse().ok());
    let counts: Vec<u64> = counts.collect::<Option<_>>()?;
    Some(Distribution {
        counts: counts.try_into().ok()?,
        sum: line.value("sum")?,
    })
}

fn slot(text: &str) -> Option<Past> {
    let mut parts = text.split(':').map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    Some(Past {
        ago: next()?,
        slot: Slot {
            most: next()?.try_into().ok()?,
            seconds: next()?.max(1),
            sessions: next()?,
            bytes: next()?,
            connects: next()?,
            connect_micros: next()?,
        },
    })
}

fn value(line: Line<'_>) -> Option<Sample<'static>> {
    let bytes = |name| line.raw(name).and_then(hex::read);
    let bool = line.raw("bool").map(|bit| Sample::Bool(bit == "1"));
    bool.or_else(|| line.value("int").map(Sample::Int))
        .or_else(|| line.value("ip").map(Sample::Ip))
        .or_else(|| bytes("text").map(|bytes| Sample::Text(bytes.into())))
        .or_else(|| bytes("binary").map(|bytes| Sample::Binary(bytes.into())))
}

fn health(line: Line<'_>) -> Option<Saved> {
    let operation = match line.raw("operation")? {
        "down" => Operation::Down,
        "running" => Operation::Running,
        "stopping" => Operation::Stopping,
        _ => return None,
    };
    Some(Saved {
        operation,
        admin: Admin::from_bits(line.value("admin")?),
        was_disabled: is_set(line, "disabled"),
        weight: tuned(line, "weight", "configured_weight")?,
        maxconn: tuned(line, "maxconn", "configured_maxconn"),
        age: line.millis("age").unwrap_or_default(),
        downs: line.value("downs").unwrap_or_default(),
        down_time: line.millis("down_time").unwrap_or_default(),
        check: None,
        agent: None,
    })
}

fn check(line: Line<'_>) -> Option<SavedCheck> {
    let status = CheckStatus::from_code(line.raw("status")?)?;
    Some(SavedCheck {
        is_enabled: is_set(line, "enabled"),
        health: line.value("health")?,
        failures: line.value("failures").unwrap_or_default(),
        last: CheckResult {
            status,
            duration: line.millis("took").unwrap_or_default(),
            code: line.value("code"),
            info: line.text("info").map(Into::into),
        },
    })
}

fn tuned<T: FromStr>(line: Line<'_>, now: &str, configured: &str) -> Option<Tuned<T>> {
    Some(Tuned {
        now: line.value(now)?,
        configured: line.value(configured)?,
    })
}

fn is_set(line: Line<'_>, name: &str) -> bool {
    line.raw(name) == Some("1")
}

fn counters(line: Line<'_>) -> Counters {
    let mut counters = Counters::default();
    for (name, value) in line.pairs() {
        if let (Some(field), Ok(count)) = (Field::named(name), value.parse()) {
            counters.set(field, count);
        }
    }
    counters
}
