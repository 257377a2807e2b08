//! Taking a snapshot of what runs, a piece at a time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use tandem_lb_config::ServerPort;
use tandem_lb_core::snapshot::{
    BackendState, Counters, FrontendState, Moved, ServerState, Snapshot, TableEntry, TableState,
};
use tandem_lb_core::stats::{Field, Kind, Row};
use tandem_ops::clock::{Clock, Wall};

use crate::address::{ServerAddress, named};
use crate::affinity::Affinity;
use crate::keeper::Keeper;
use crate::orders::Orders;
use crate::servers::Server;
use crate::stats::Stats;

/// Everything there is to take.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) stats: Rc<Stats>,
    pub(crate) orders: Orders,
    pub(crate) clock: Clock,
}

impl Scene {
    /// Lets others work between the pieces of a large table.
    pub(crate) async fn take(&self) -> Snapshot {
        let mut snapshot = self.without_tables();
        for keeper in self.orders.backends().iter() {
            let now = keeper.backend().now().clone();
            let state = snapshot.backends.iter_mut().find(|b| b.name == now.plan.name);
            if let (Some(affinity), Some(state)) = (&now.affinity, state) {
                state.table = Some(self.table(affinity).await);
            }
        }
        snapshot
    }

    /// What an operator has ordered, as a number that changes with it.
    pub(crate) fn orders(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for keeper in self.orders.backends().iter() {
            for server in keeper.backend().now().servers.all() {
                if let Some(saved) = keeper.saved(server.place) {
                    let enabled = saved.check.map(|c| c.is_enabled);
                    let maxconn = saved.maxconn.map(|m| m.now);
                    (saved.admin.bits(), saved.weight.now, maxconn, enabled).hash(&mut hasher);
                    moved(server).map(|m| (m.ip, m.port)).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }

    /// All but the stick tables, which are large.
    pub(crate) fn without_tables(&self) -> Snapshot {
        let rows = self.stats.rows();
        let frontends = rows.iter().filter(|row| row.kind() == Kind::Frontend);
        let keepers = self.orders.backends();
        Snapshot {
            taken: u64::try_from(Wall::now().as_millis()).unwrap_or(0),
            frontends: frontends
                .map(|row| FrontendState {
                    name: row.text(Field::Pxname).into(),
                    counters: Counters::of(row),
                })
                .collect(),
            backends: keepers.iter().map(|keeper| self.backend(keeper, &rows)).collect(),
        }
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
                counters: counters(Kind::Server, plan.id.0),
                ..ServerState::new(plan.name.clone(), plan.id)
            }
        };
        BackendState {
            counters: counters(Kind::Backend, 0),
            age: age.unwrap_or_default(),
            servers: now.servers.all().map(server).collect(),
            ..BackendState::new(now.plan.name.clone())
        }
    }

    async fn table(&self, affinity: &Affinity) -> TableState {
        let mut entries = Vec::new();
        let mut from = Some(0);
        while let Some(place) = from {
            let now = self.clock.now();
            let page = affinity.page(place, now);
            entries.extend(page.entries.into_iter().map(|(key, entry)| TableEntry {
                key,
                server: entry.server,
                left: entry.expires.map(|at| at.since(now)),
            }));
            from = page.next;
            tokio::task::yield_now().await;
        }
        TableState {
            key: affinity.key_type(),
            entries,
        }
    }
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
