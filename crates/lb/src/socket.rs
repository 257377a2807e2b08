//! The stats socket: HAProxy's runtime commands (reference 4.2) on what runs here.
//!
//! The protocol is [`tandem_ops::control`]'s; here are the commands, what they look at and what they change. They run on
//! the control runtime and never wait.

mod agent;
mod asker;
mod backends;
mod certificates;
mod commands;
mod counters;
mod debug;
mod doors;
mod drain;
mod dynamic;
mod explain;
mod frontends;
mod inside;
mod lists;
mod naming;
mod patterns;
mod peers;
mod process;
mod recess;
mod recheck;
mod reload;
mod relocate;
mod rename;
mod responses;
mod router;
mod seen;
mod server;
mod servers;
mod sessions;
mod sni;
mod stats;
mod tables;
mod tickets;
mod upgrade;
mod variables;
mod wait;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use socket2::Socket;
use tandem_lb_config::{BindAddress, Global, StatsSocket};
use tandem_lb_core::handover::Adopted;
use tandem_ops::clock::Clock;
use tandem_ops::control::{Console, Reply, serve};
use tokio::task::AbortHandle;

use crate::admission::Limit;
use crate::directory::Directory;
use crate::drain::Drain;
use crate::frontends::Frontends;
use crate::keeper::Lines;
use crate::live::Live;
use crate::master::{self, Master};
use crate::orders::{Orders, ServerOrders};
use crate::peers::Peers;
use crate::reload::Reloader;
use crate::resolving::Resolving;
use crate::router::Router;
use crate::stats::Stats;
use crate::tls::Desk;
use crate::upgrade::{Giver, name_of};
use crate::worker::Crew;

use doors::OneDoor;
pub(crate) use doors::{Doors, Serving};

/// Everything that commands work on.
pub(crate) struct Room {
    pub(crate) orders: Orders,
    pub(crate) frontends: Frontends,
    pub(crate) directory: Arc<Directory>,
    pub(crate) stats: Rc<Stats>,
    pub(crate) live: Arc<Live>,
    pub(crate) crew: Arc<Crew>,
    pub(crate) process: Limit,
    pub(crate) clock: Clock,
    pub(crate) giver: Rc<Giver>,
    pub(crate) drain: Rc<Drain>,
    pub(crate) reloader: Rc<Reloader>,
    /// Changes of certificates that wait to be committed.
    pub(crate) desk: Rc<RefCell<Desk>>,
    pub(crate) resolving: Rc<Resolving>,
    pub(crate) peers: Rc<Peers>,
    /// Beside us.
    pub(crate) router: Rc<Router>,
    pub(crate) lines: Lines,
}

/// Where the doors are; empty before they open and when they are another process's.
pub(crate) type Hall = Rc<RefCell<Option<Open<Room>>>>;

/// Doors that are being served. Their files go when this is dropped.
pub(crate) struct Open<S: 'static> {
    console: Rc<Console<S>>,
    doors: Vec<Served>,
}

struct Served {
    door: OneDoor,
    task: AbortHandle,
}

/// Serves all sockets from now on.
pub(crate) fn open(doors: Doors, room: Room) -> Open<Room> {
    let console = Console::new(commands::COMMANDS, room, Vec::new());
    serve_all(doors, console.with_objection(recess::objection))
}

/// Serves the master socket from now on.
pub(crate) fn open_master(doors: Doors, master: Master) -> Open<Master> {
    let console = Console::new(master::COMMANDS, master, Vec::new());
    serve_all(doors, console.with_prompt(master::prompt))
}

fn serve_all<S: 'static>(doors: Doors, console: Console<S>) -> Open<S> {
    let console = Rc::new(console);
    let doors = doors.into_doors().into_iter();
    let mut open = Open {
        doors: doors.map(|door| Served::begin(door, &console)).collect(),
        console,
    };
    open.name();
    open
}

impl<S: 'static> Open<S> {
    pub(crate) fn console(&self) -> &Rc<Console<S>> {
        &self.console
    }

    /// Another process serves these sockets from now on. Who is inside already is still answered.
    pub(crate) fn leave(self) {
        for Served { door, task } in self.doors {
            task.abort();
            door.leave();
        }
    }

    /// Those that this process was started with.
    pub(crate) fn adopted(&self) -> Vec<Adopted> {
        let numbered = |served: &Served| match served.door.plan.address {
            BindAddress::Fd(descriptor) => {
                let at = name_of(&served.door.door.socket)?;
                Some(Adopted { descriptor, at })
            }
            _ => None,
        };
        self.doors.iter().filter_map(numbered).collect()
    }

    pub(crate) fn sockets(&self) -> Vec<Arc<Socket>> {
        self.doors
            .iter()
            .map(|served| served.door.door.socket.clone())
            .collect()
    }

    /// These are served from now on: those that are known, by the rules of today, and in the order of `global` those in
    /// `new`. The others are closed.
    pub(crate) fn renew(&mut self, global: &Global, new: Doors) {
        let service = Serving::of(global);
        let mut known: Vec<Served> = std::mem::take(&mut self.doors);
        let mut new = new.into_doors();
        for plan in &global.stats_sockets {
            if let Some(at) = known.iter().position(|served| served.door.plan.address == plan.address) {
                let served = known.swap_remove(at);
                self.doors.push(served.renewed(plan, service, &self.console));
            } else if let Some(at) = new.iter().position(|door| door.plan.address == plan.address) {
                self.doors.push(Served::begin(new.swap_remove(at), &self.console));
            }
        }
        known.iter().for_each(|served| served.task.abort());
        self.name();
    }

    fn name(&mut self) {
        let names = self.doors.iter().map(|served| served.door.name()).collect();
        self.console.reached_by(names);
    }
}

impl Served {
    fn begin<S: 'static>(door: OneDoor, console: &Rc<Console<S>>) -> Served {
        let task = tokio::task::spawn_local(serve(door.door.clone(), console.clone())).abort_handle();
        Served { door, task }
    }

    fn renewed<S: 'static>(mut self, plan: &StatsSocket, service: Serving, console: &Rc<Console<S>>) -> Served {
        let is_same = StatsSocket {
            origin: self.door.plan.origin.clone(),
            ..plan.clone()
        } == self.door.plan;
        let before = Serving {
            patience: self.door.door.patience,
            most: self.door.door.most,
        };
        if is_same && before == service {
            return self;
        }
        match self.door.renew(plan, service) {
            Ok(()) => {
                self.task.abort();
                Served::begin(self.door, console)
            }
            Err(error) => {
                tracing::error!(%error, "a stats socket goes on by its former rules");
                self
            }
        }
    }
}

impl Room {
    /// The server in `backend/server`.
    fn server(&self, words: &str) -> Result<ServerOrders, Reply> {
        let (backend, server) = words
            .split_once('/')
            .filter(|(_, server)| !server.is_empty())
            .ok_or_else(|| Reply::error("Require 'backend/server'."))?;
        self.orders.server(backend, server).map_err(Reply::error)
    }
}
