//! Frontends, backends, servers, tables, and the process they are in.

use std::sync::Arc;

use tandem_lb_core::expr::{Fact, Fetch, Sample, ServerRef, Silence};

use super::{Args, Built, Known, fact, fetch};
use crate::expr::{Reference, counters};

pub(super) const TABLE: &[Known] = &[
    fetch("hostname", "the name of this host", |_| fact(Fact::Hostname)),
    fetch("nbproc", "how many processes there are: 1", |_| {
        Ok(Fetch::Constant(Sample::Int(1)))
    }),
    fetch("proc", "the number of this process: 1", |_| {
        Ok(Fetch::Constant(Sample::Int(1)))
    }),
    fetch("nbthread", "how many worker threads there are", |_| fact(Fact::Threads)),
    fetch("thread", "the number of this worker thread", |_| fact(Fact::Thread)),
    fetch("pid", "the number of this process for the system", |_| {
        fact(Fact::ProcessNumber)
    }),
    fetch(
        "stopping",
        "whether the process takes no more connections, ever",
        |_| fact(Fact::IsStopping),
    ),
    fetch("act_conn", "connections of the process", |_| fact(Fact::Connections)),
    fetch("fe_name", "the name of the frontend", |_| fact(Fact::FrontendName)),
    fetch("fe_id", "the number of the frontend", |_| fact(Fact::FrontendId)),
    fetch("be_name", "the name of the backend", |_| fact(Fact::BackendName)),
    fetch("be_id", "the number of the backend", |_| fact(Fact::BackendId)),
    fetch("srv_name", "the name of the server", |_| fact(Fact::ServerName)),
    fetch("srv_id", "the number of the server", |_| fact(Fact::ServerId)),
    fetch("so_id", "the number of the listener", |_| fact(Fact::ListenerId)),
    fetch("so_name", "the name of the listener", |_| fact(Fact::ListenerName)),
    fetch("fe_conn", "connections of a frontend", |args| {
        of_frontend(args, Fact::FrontendConns)
    }),
    fetch("fe_sess_rate", "sessions of a frontend in the last second", |args| {
        of_frontend(args, Fact::FrontendRate)
    }),
    fetch("be_conn", "connections of a backend", |args| {
        of_backend(args, Fact::BackendConns)
    }),
    fetch("be_conn_free", "free places on the servers of a backend", |args| {
        of_backend(args, Fact::BackendFree)
    }),
    fetch("be_sess_rate", "sessions of a backend in the last second", |args| {
        of_backend(args, Fact::BackendRate)
    }),
    fetch("nbsrv", "usable servers of a backend", |args| {
        of_backend(args, Fact::UsableServers)
    }),
    fetch(
        "connslots",
        "free places on the servers of a backend and in its queue",
        |args| of_backend(args, Fact::ConnSlots),
    ),
    fetch("queue", "connections that wait in a backend", |args| {
        of_backend(args, Fact::Queued)
    }),
    fetch("avg_queue", "the same for each of its servers", |args| {
        of_backend(args, Fact::AverageQueue)
    }),
    fetch("srv_conn", "connections of a server", |args| {
        of_server(args, Fact::ServerConns)
    }),
    fetch("srv_conn_free", "free places of a server", |args| {
        of_server(args, Fact::ServerFree)
    }),
    fetch("srv_is_up", "whether a server takes connections", |args| {
        of_server(args, Fact::ServerIsUp)
    }),
    fetch("srv_queue", "connections that wait for a server", |args| {
        of_server(args, Fact::ServerQueue)
    }),
    fetch("srv_sess_rate", "sessions of a server in the last second", |args| {
        of_server(args, Fact::ServerRate)
    }),
    fetch(
        "srv_weight",
        "the weight of a server as it is now, while it comes back slowly too",
        |args| of_server(args, Fact::ServerWeight),
    ),
    fetch("srv_iweight", "the weight of a server as it is configured", |args| {
        of_server(args, Fact::ServerFirstWeight)
    }),
    fetch("srv_uweight", "the weight of a server as it was said last", |args| {
        of_server(args, Fact::ServerSaidWeight)
    }),
    fetch(
        "fe_defbe",
        "the backend of those whom no rule of the frontend sends elsewhere",
        |_| fact(Fact::DefaultBackend),
    ),
    fetch("fe_client_timeout", "`timeout client`, in milliseconds", |_| {
        configured(Silence::Client)
    }),
    fetch("be_connect_timeout", "`timeout connect`, in milliseconds", |_| {
        configured(Silence::Connect)
    }),
    fetch("be_queue_timeout", "`timeout queue`, in milliseconds", |_| {
        configured(Silence::Queue)
    }),
    fetch("be_server_timeout", "`timeout server`, in milliseconds", |_| {
        configured(Silence::Server)
    }),
    fetch("be_tunnel_timeout", "`timeout tunnel`, in milliseconds", |_| {
        configured(Silence::Tunnel)
    }),
    fetch("cur_client_timeout", "the same of the client, as it counts now", |_| {
        current(Silence::Client)
    }),
    fetch(
        "cur_server_timeout",
        "the same of the server, as it counts now: 0 before there is one",
        |_| current(Silence::Server),
    ),
    fetch(
        "cur_tunnel_timeout",
        "the same for both, as it counts now: 0 before there is a server",
        |_| current(Silence::Tunnel),
    ),
    fetch(
        "table_avl",
        "how many entries there is room for in a stick table",
        |args| counters::named(args).map(Fact::TableRoom).and_then(fact),
    ),
    fetch("table_cnt", "how many entries a stick table has", |args| {
        counters::named(args).map(Fact::TableLength).and_then(fact)
    }),
];

fn of_frontend(args: &mut Args<'_>, of: fn(Option<Arc<str>>) -> Fact) -> Built {
    let name = args.filled();
    if let Some(name) = name {
        args.refer(Reference::Frontend(name.to_owned()));
    }
    fact(of(name.map(Arc::from)))
}

fn of_backend(args: &mut Args<'_>, of: fn(Option<Arc<str>>) -> Fact) -> Built {
    let name = args.filled();
    args.refer(name.map_or(Reference::OwnBackend, |name| Reference::Backend(name.to_owned())));
    fact(of(name.map(Arc::from)))
}

fn of_server(args: &mut Args<'_>, of: fn(ServerRef) -> Fact) -> Built {
    let name = args.text("`backend/server`")?;
    let server = ServerRef::parse(name);
    let backend = server.backend.as_deref().map(str::to_owned);
    args.refer(Reference::Server(backend, server.server.to_string()));
    fact(of(server))
}

fn configured(of: Silence) -> Built {
    fact(Fact::Timeout { of, now: false })
}

fn current(of: Silence) -> Built {
    fact(Fact::Timeout { of, now: true })
}
