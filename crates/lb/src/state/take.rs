//! Taking a snapshot of what runs, a piece at a time.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_config::{Bind, ServerPort};
use tandem_lb_core::acl::Library;
use tandem_lb_core::snapshot::{
    BackendState, Counters, Elsewhere, FrontendOrders, FrontendState, ListState, ListenerState, Moved, OtherAgent,
    ProcessOrders, ServerState, Snapshot, TableState, Told,
};
use tandem_lb_core::stats::histogram::Distributions;
use tandem_lb_core::stats::{Field, Kind, Row};
use tandem_lb_core::stick::{Dumped, Key, Since};
use tandem_ops::clock::{Clock, Wall};

use crate::address::{ServerAddress, asked, checked, named};
use crate::admission::Limit;
use crate::directory::Directory;
use crate::frontend::{Frontend, Gate};
use crate::frontends::Frontends;
use crate::keeper::Keeper;
use crate::listeners::place_of;
use crate::orders::Orders;
use crate::peers::Peers;
use crate::servers::{AgentPlace, Server};
use crate::stats::Stats;
use crate::tables::Table;
use crate::tls::Desk;
use tandem_ops::web::origin::Token;

/// Entries that are compared before others get their turn.
const PIECE: usize = 512;

/// Everything there is to take.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) stats: Rc<Stats>,
    pub(crate) orders: Orders,
    pub(crate) clock: Clock,
    pub(crate) frontends: Frontends,
    pub(crate) process: Limit,
    pub(crate) directory: Arc<Directory>,
    /// Of the pages.
    pub(crate) token: Token,
}

/// What a successor knows of what was counted.
pub(crate) struct Counted {
    rows: Snapshot,
    tables: Vec<Known>,
}

/// What a successor knows of a table.
struct Known {
    state: TableState,
    /// The table's number of changes then, where it was asked for.
    changes: Option<u64>,
}

impl Scene {
    /// Lets others work between the pieces of a large table.
    pub(crate) async fn take(&self) -> Snapshot {
        let mut snapshot = self.without_tables();
        for table in self.directory.tables.all() {
            snapshot.tables.push(self.table(&table).await);
        }
        snapshot
    }

    /// What a successor has to know before its first connection. `peers` are told nothing while it is taken.
    pub(crate) async fn bequest(&self, library: &Library, peers: &Peers, desk: &RefCell<Desk>) -> Snapshot {
        let mut snapshot = self.take().await;
        for (name, confirmed) in peers.confirmed() {
            let state = snapshot.tables.iter_mut().find(|state| state.name == name);
            if let Some((state, table)) = state.zip(self.directory.tables.named(&name)) {
                state.untold = self.changed_since(&table, confirmed).await;
            }
        }
        for (keeper, state) in self.orders.backends().iter().zip(&mut snapshot.backends) {
            state.roster = keeper.roster();
            state.made = keeper.made();
        }
        snapshot.files = desk.borrow().states(&self.directory.tls);
        snapshot.page = Some(self.token.as_str().into());
        snapshot.lists = library.shelved.iter().filter_map(ListState::of).collect();
        snapshot
    }

    /// What was counted until now, for a successor that has had these tables; and what it knows then.
    pub(crate) async fn counted(&self, given: Vec<TableState>) -> (Snapshot, Counted) {
        let mut snapshot = self.without_tables();
        let rows = snapshot.clone();
        for (keeper, state) in self.orders.backends().iter().zip(&mut snapshot.backends) {
            let (backend, now) = (keeper.backend().now().clone(), self.clock.now());
            for (server, state) in backend.servers.all().zip(&mut state.servers) {
                state.hour = server.history.past(&server.traffic, now);
            }
        }
        let given = given.into_iter().map(|state| Known { state, changes: None });
        let tables;
        (snapshot.tables, tables) = self.grown(given).await;
        (snapshot, Counted { rows, tables })
    }

    /// What has come since it was told that.
    pub(crate) async fn counted_since(&self, told: Counted) -> (Snapshot, Counted) {
        let rows = self.without_tables();
        let mut snapshot = rows.counted_since(&told.rows);
        let tables;
        (snapshot.tables, tables) = self.grown(told.tables.into_iter()).await;
        (snapshot, Counted { rows, tables })
    }

    /// What has come to these tables, and what they are now. A large one is not copied as long as nobody uses it.
    async fn grown(&self, known: impl Iterator<Item = Known>) -> (Vec<TableState>, Vec<Known>) {
        let (mut more, mut all) = (Vec::new(), Vec::new());
        for known in known {
            let Some(table) = self.directory.tables.named(&known.state.name) else {
                continue;
            };
            let changes = Some(table.changes());
            if known.changes == changes {
                all.push(known);
                continue;
            }
            let given = known.state;
            let before: HashMap<_, _> = given.entries.iter().map(|entry| (&entry.key, entry)).collect();
            let state = self.table(&table).await;
            let since = |entry: &Dumped| entry.since(before.get(&entry.key).copied());
            let mut grown = Vec::new();
            for piece in state.entries.chunks(PIECE) {
                grown.extend(piece.iter().filter_map(since));
                tokio::task::yield_now().await;
            }
            more.push(TableState {
                name: state.name.clone(),
                key: state.key,
                entries: grown,
                untold: HashSet::new(),
            });
            all.push(Known { state, changes });
        }
        (more, all)
    }

    /// What an operator has ordered, as a number that changes with it.
    pub(crate) fn orders(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for frontend in self.frontends.all() {
            (*frontend.gate.borrow() == Gate::Paused, frontend.limit.most()).hash(&mut hasher);
        }
        let paces = self.process.paces();
        (
            self.process.most(),
            paces.connections.most.now(),
            paces.sessions.most.now(),
            paces.tls.most.now(),
        )
            .hash(&mut hasher);
        for keeper in self.orders.backends().iter() {
            keeper.backend().is_published().hash(&mut hasher);
            for server in keeper.backend().now().servers.all() {
                if let Some(saved) = keeper.saved(server.place) {
                    // What an operator says of one whom nobody else asks.
                    let is_alone = saved.check.is_none() && saved.agent.is_none();
                    is_alone.then_some(saved.operation as u8).hash(&mut hasher);
                    let enabled = [saved.check, saved.agent].map(|check| check.map(|c| c.is_enabled));
                    let maxconn = saved.maxconn.map(|m| m.now);
                    (saved.admin.bits(), saved.weight.now, maxconn, enabled).hash(&mut hasher);
                    moved(server).map(|m| (m.ip, m.port)).hash(&mut hasher);
                    server.rechecked().hash(&mut hasher);
                    agent_moved(server).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }

    /// All but the stick tables, which are large.
    pub(crate) fn without_tables(&self) -> Snapshot {
        let rows = self.stats.rows();
        let keepers = self.orders.backends();
        Snapshot {
            taken: u64::try_from(Wall::now().as_millis()).unwrap_or(0),
            process: self.process_orders(),
            counts: self.stats.counts(),
            reloads: self.stats.all_reloads(),
            events: self.stats.timeline().events(),
            frontends: self.frontend_states(&rows),
            backends: keepers.iter().map(|keeper| self.backend(keeper, &rows)).collect(),
            tables: Vec::new(),
            lists: Vec::new(),
            files: Vec::new(),
            unmade: Vec::new(),
            page: None,
        }
    }

    fn process_orders(&self) -> ProcessOrders {
        let paces = self.process.paces();
        ProcessOrders {
            maxconn: self.process.order(),
            connection_rate: paces.connections.most.order(),
            session_rate: paces.sessions.most.order(),
            tls_rate: paces.tls.most.order(),
            variables: self.directory.variables(),
        }
    }

    /// Of pages, too.
    fn frontend_states(&self, rows: &[Row]) -> Vec<FrontendState> {
        let all = self.frontends.all();
        let of = |row: &Row| {
            let name = row.text(Field::Pxname);
            let frontend = all.iter().find(|f| *f.plan.name == *name);
            FrontendState {
                counters: Counters::of(row),
                orders: frontend.map(|f| orders(f)).unwrap_or_default(),
                listeners: frontend.map(|f| listeners(f, rows)).unwrap_or_default(),
                ..FrontendState::new(name.into())
            }
        };
        rows.iter().filter(|row| row.kind() == Kind::Frontend).map(of).collect()
    }

    fn backend(&self, keeper: &Rc<Keeper>, rows: &[Row]) -> BackendState {
        let now = keeper.backend().now();
        let counters = |kind, sid| {
            let mut rows = rows.iter().filter(|row| row.iid() == now.plan.id);
            let row = rows.find(|row| row.kind() == kind && row.sid() == sid);
            row.map(Counters::of).unwrap_or_default()
        };
        let age = now.view.as_ref().map(|v| self.clock.now().since(v.last_change));
        let server = |server: &Arc<Server>| {
            let plan = server.plan();
            ServerState {
                health: keeper.saved(server.place),
                moved: moved(server),
                told: told(server),
                check_moved: server.rechecked().map(|to| Elsewhere {
                    from: checked(&plan).into(),
                    ip: to.ip,
                    port: to.port,
                }),
                agent_moved: agent_moved(server),
                last_session: server.traffic.last_ago(self.clock.now()),
                spread: spread(server),
                counters: counters(Kind::Server, plan.id.0),
                ..ServerState::new(plan.name.clone(), plan.id)
            }
        };
        BackendState {
            counters: counters(Kind::Backend, 0),
            age: age.unwrap_or_default(),
            last_session: keeper.backend().traffic.last_ago(self.clock.now()),
            servers: now.servers.all().map(server).collect(),
            is_unpublished: !keeper.backend().is_published(),
            ..BackendState::new(now.plan.name.clone())
        }
    }

    /// What was changed here after the change of this number.
    async fn changed_since(&self, table: &Table, number: u64) -> HashSet<Key<'static>> {
        let mut all = HashSet::new();
        let mut since = Since {
            number,
            with_learned: false,
        };
        loop {
            let (changes, (_, last)) = {
                let mut table = table.lock();
                (table.changes(since, PIECE, self.clock.now()), table.last_change())
            };
            all.extend(changes.entries.into_iter().map(|(_, entry)| entry.key));
            if changes.upto >= last {
                return all;
            }
            since.number = changes.upto;
            tokio::task::yield_now().await;
        }
    }

    async fn table(&self, table: &Table) -> TableState {
        let mut entries = Vec::new();
        let mut from = Some(0);
        while let Some(place) = from {
            let page = table.page(place, self.clock.now());
            entries.extend(page.entries);
            from = page.next;
            tokio::task::yield_now().await;
        }
        TableState {
            name: table.name().clone(),
            key: table.settings().key,
            entries,
            untold: HashSet::new(),
        }
    }
}

fn orders(frontend: &Frontend) -> FrontendOrders {
    FrontendOrders {
        is_paused: *frontend.gate.borrow() == Gate::Paused,
        maxconn: frontend.limit.order(),
    }
}

/// Where listeners count for themselves.
fn listeners(frontend: &Frontend, rows: &[Row]) -> Vec<ListenerState> {
    let own = rows
        .iter()
        .filter(|row| row.kind() == Kind::Listener && row.iid() == frontend.plan.id);
    let state = |(row, bind): (&Row, &Bind)| ListenerState {
        at: place_of(bind).into(),
        counters: Counters::of(row),
    };
    own.zip(&frontend.plan.binds).map(state).collect()
}

/// Nothing of a server that has had no sessions.
fn spread(server: &Server) -> Option<Box<Distributions>> {
    let spread = server.history.distributions();
    let is_empty = spread.iter().all(|distribution| distribution.total() == 0);
    (!is_empty).then(|| Box::new(spread))
}

/// What an operator has said of how it is found and spoken to.
fn told(server: &Server) -> Option<Told> {
    let plan = server.plan();
    let (fqdn, is_plain) = (server.renamed(), plan.tls.is_some() && server.tls().is_none());
    (fqdn.is_some() || is_plain).then(|| Told {
        from: named(&plan).into(),
        fqdn: fqdn.map(|name| name.as_str().into()),
        is_plain,
    })
}

/// Where an operator moved it.
fn moved(server: &Server) -> Option<Moved> {
    let ServerAddress::Ip { ip, port } = **server.address.load() else {
        return None;
    };
    server.is_moved().then(|| Moved {
        from: named(&server.plan()).into(),
        ip,
        port: match port {
            ServerPort::Fixed(port) => Some(port),
            ServerPort::Offset(_) => None,
        },
    })
}

/// Where an operator has its agent asked, and what is said to it.
fn agent_moved(server: &Server) -> Option<OtherAgent> {
    let (plan, now) = (server.plan(), server.agent.load_full()?);
    let is_configured = AgentPlace::of(&plan).is_some_and(|configured| configured == now);
    (!is_configured).then(|| OtherAgent {
        at: Elsewhere {
            from: asked(&plan).into(),
            ip: now.ip,
            port: Some(now.port),
        },
        send: now.send.clone(),
    })
}
