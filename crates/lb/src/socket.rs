//! The stats socket: HAProxy's runtime commands (reference 4.2) on what runs here.
//!
//! The protocol is [`tandem_ops::control`]'s; here are the commands, what they look at and what they change. They run on
//! the control runtime and never wait.

mod commands;
mod counters;
mod doors;
mod drain;
mod explain;
mod frontends;
mod process;
mod recheck;
mod relocate;
mod server;
mod servers;
mod sessions;
mod stats;
mod tables;
mod upgrade;

use std::rc::Rc;
use std::sync::Arc;

use tandem_ops::clock::Clock;
use tandem_ops::control::{Console, Door, Reply, serve};
use tokio::task::AbortHandle;

use crate::admission::Limit;
use crate::drain::Drain;
use crate::frontends::Frontends;
use crate::live::Live;
use crate::master::{self, Master};
use crate::orders::{Orders, ServerOrders};
use crate::stats::Stats;
use crate::upgrade::Giver;

pub(crate) use doors::Doors;

/// Everything that commands work on.
pub(crate) struct Room {
    pub(crate) orders: Orders,
    pub(crate) frontends: Frontends,
    pub(crate) stats: Rc<Stats>,
    pub(crate) live: Arc<Live>,
    pub(crate) process: Limit,
    pub(crate) clock: Clock,
    pub(crate) giver: Rc<Giver>,
    pub(crate) drain: Rc<Drain>,
}

/// Doors that are being served. Their files go when this is dropped.
pub(crate) struct Open {
    doors: Doors,
    served: Vec<AbortHandle>,
}

/// Serves all sockets from now on.
pub(crate) fn open(doors: Doors, room: Room) -> (Open, Rc<Console<Room>>) {
    let console = Rc::new(Console::new(commands::COMMANDS, room, doors.names().to_vec()));
    (serve_all(doors, &console), console)
}

/// Serves the master socket from now on.
pub(crate) fn open_master(doors: Doors, master: Master) -> Open {
    let console = Console::new(master::COMMANDS, master, doors.names().to_vec());
    serve_all(doors, &Rc::new(console.with_prompt(master::PROMPT)))
}

fn serve_all<S: 'static>(doors: Doors, console: &Rc<Console<S>>) -> Open {
    let serve = |door: &Door| tokio::task::spawn_local(serve(door.clone(), console.clone())).abort_handle();
    let served = doors.doors().iter().map(serve).collect();
    Open { doors, served }
}

impl Open {
    /// Another process serves these sockets from now on. Who is inside already is still answered.
    pub(crate) fn leave(self) {
        self.served.iter().for_each(AbortHandle::abort);
        self.doors.leave();
    }
}

impl Room {
    /// The server in `backend/server`.
    fn server(&self, words: &str) -> Result<ServerOrders, Reply> {
        let (backend, server) = words
            .split_once('/')
            .ok_or_else(|| Reply::error("Require 'backend/server'."))?;
        self.orders.server(backend, server).map_err(Reply::error)
    }
}
