//! HAProxy's `server-state-file`: what its `show servers state` prints, saved by a script (reference 2.10, 4.2).
//!
//! A version, a line of names, and a line for each server. Columns are found by their names, since versions differ in how
//! many there are. What is true of the server now (its name resolution, what it tracks) is not taken from there.

use super::{BackendState, Elsewhere, Moved, OtherAgent, ServerState, Snapshot};
use crate::ServerId;
use crate::backend::{Operation, Saved, SavedCheck, Tuned};
use crate::health::{Admin, CheckResult, CheckStatus};
use std::time::Duration;
use thiserror::Error;

/// Why a file is not taken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ServerStateError {
    #[error("its first line is not the version '1'")]
    Version,
    #[error("it has no line of column names that begins with '# be_id'")]
    Columns,
}

/// `srv_check_state`: checks are configured, and enabled.
const CONFIGURED: u8 = 2;
const ENABLED: u8 = 4;

/// More than any `rise + fall`: the machine cuts it to what its own settings allow.
const FULL: u32 = u32::MAX;

impl Snapshot {
    /// The states, and the numbers of the lines that could not be read.
    pub fn from_server_state(text: &str) -> Result<(Snapshot, Vec<usize>), ServerStateError> {
        let mut lines = (1..).zip(text.lines());
        let version = lines.next().map(|(_, line)| line.trim());
        if version != Some("1") {
            return Err(ServerStateError::Version);
        }
        let columns = lines.next().and_then(|(_, line)| line.strip_prefix("# "));
        let columns: Vec<&str> = columns.ok_or(ServerStateError::Columns)?.split_whitespace().collect();
        if columns.first() != Some(&"be_id") {
            return Err(ServerStateError::Columns);
        }
        let (mut snapshot, mut wrong) = (Snapshot::default(), Vec::new());
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let cells = line.split_whitespace().collect();
            match (Cells {
                columns: &columns,
                cells,
            })
            .server()
            {
                Some((backend, server)) => snapshot.backend_named(backend).servers.push(server),
                None => wrong.push(number),
            }
        }
        Ok((snapshot, wrong))
    }

    fn backend_named(&mut self, name: &str) -> &mut BackendState {
        let place = self.backends.iter().position(|b| *b.name == *name);
        let place = place.unwrap_or_else(|| {
            self.backends.push(BackendState::new(name.into()));
            self.backends.len() - 1
        });
        &mut self.backends[place]
    }
}

struct Cells<'a> {
    columns: &'a [&'a str],
    cells: Vec<&'a str>,
}

impl<'a> Cells<'a> {
    fn cell(&self, column: &str) -> Option<&'a str> {
        let place = self.columns.iter().position(|c| *c == column)?;
        self.cells.get(place).copied()
    }

    fn number<T: std::str::FromStr>(&self, column: &str) -> Option<T> {
        self.cell(column)?.parse().ok()
    }

    /// The backend's name and the server.
    fn server(&self) -> Option<(&'a str, ServerState)> {
        let mut server = ServerState::new(self.cell("srv_name")?.into(), ServerId(self.number("srv_id")?));
        server.health = Some(self.health()?);
        server.moved = self.moved();
        server.check_moved = self.elsewhere("srv_check_addr", "srv_check_port");
        server.agent_moved = self
            .elsewhere("srv_agent_addr", "srv_agent_port")
            .map(|at| OtherAgent { at, send: None });
        Some((self.cell("be_name")?, server))
    }

    fn health(&self) -> Option<Saved> {
        let operation = match self.number("srv_op_state")? {
            0u8 => Operation::Down,
            1 | 2 => Operation::Running,
            3 => Operation::Stopping,
            _ => return None,
        };
        let admin = Admin::from_bits(self.number("srv_admin_state")?);
        Some(Saved {
            operation,
            // HAProxy keeps this bit for as long as it runs; whether the server rests is what is forced beside it.
            was_disabled: admin.has(Admin::CONFIG_MAINT),
            admin: admin.without(Admin::CONFIG_MAINT),
            weight: Tuned {
                now: self.number::<u16>("srv_uweight")?.min(256),
                configured: self.number("srv_iweight")?,
            },
            maxconn: None,
            age: Duration::from_secs(self.number::<u32>("srv_time_since_last_change")?.into()),
            downs: 0,
            down_time: Duration::ZERO,
            check: self.check(operation),
            // It will say so again.
            agent: None,
        })
    }

    fn check(&self, operation: Operation) -> Option<SavedCheck> {
        let state: u8 = self.number("srv_check_state")?;
        let status: u8 = self.number("srv_check_status")?;
        let status = CheckStatus::ALL.into_iter().find(|s| s.number() == status);
        (state & CONFIGURED != 0).then(|| SavedCheck {
            is_enabled: state & ENABLED != 0,
            // A server that works has all its failures forgiven, one that does not begins its climb again.
            health: if operation == Operation::Down { 0 } else { FULL },
            failures: 0,
            last: CheckResult::new(status.unwrap_or_default(), Duration::ZERO),
        })
    }

    /// The address counts where the configuration has a name, which HAProxy writes beside it.
    fn moved(&self) -> Option<Moved> {
        Some(Moved {
            from: self
                .cell("srv_fqdn")
                .filter(|name| *name != "-")
                .unwrap_or_default()
                .into(),
            ip: self.number("srv_addr")?,
            port: self.number("srv_port").filter(|port| *port > 0),
        })
    }

    /// Where it is asked for what it does; what is not said is as configured.
    fn elsewhere(&self, address: &str, port: &str) -> Option<Elsewhere> {
        let (ip, port) = (self.number(address), self.number(port).filter(|port| *port > 0));
        let from = "".into();
        (ip.is_some() || port.is_some()).then_some(Elsewhere { from, ip, port })
    }
}
