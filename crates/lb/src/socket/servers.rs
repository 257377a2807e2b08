//! Lists of backends and servers, for scripts and for saving states.

use std::fmt::Write;
use std::net::IpAddr;
use std::rc::Rc;

use tandem_lb_config::{self as plan, Host, ServerPort};
use tandem_lb_core::backend::{CheckReport, Operation, ServerReport};
use tandem_lb_core::health::{Admin, CheckStatus, Outcome};
use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::address::ServerAddress;
use crate::keeper::Keeper;
use crate::servers::Server;

const STATE_FIELDS: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
    srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
    srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
    srv_check_addr srv_agent_addr srv_agent_port\n";

/// Checks that have never been asked for start from HAProxy's usual `rise`.
const USUAL_RISE: u32 = 2;

pub(super) fn backends(room: &Room, _: &Call) -> Reply {
    let mut text = "# name\n".to_owned();
    for keeper in room.orders.backends().iter() {
        let _infallible = writeln!(text, "{}", keeper.backend().name());
    }
    Reply::Output(text)
}

/// `show servers state`: the format that `load-server-state-from-file` reads.
pub(super) fn state(room: &Room, call: &Call) -> Reply {
    of_backends(room, call.arg(0), STATE_FIELDS.to_owned(), |text, keeper, server| {
        let line = keeper.report(server.place, |report| {
            let plan = &keeper.backend().now().plan;
            let since = room.clock.now().since(report.view.last_change).as_secs();
            state_line(plan, server, &report, since, &Places::of(keeper, server))
        });
        text.extend(line);
    })
}

pub(super) fn connections(room: &Room, call: &Call) -> Reply {
    let workers = room.stats.process().workers;
    let title = format!(
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim \
         idle_cur idle_per_thr[{workers}]\n"
    );
    of_backends(room, call.arg(0), title, |text, keeper, live| {
        let (backend, plan) = (&keeper.backend().now().plan, live.plan());
        let (now, max) = (live.traffic.sessions.now(), live.traffic.sessions.max());
        let (addr, port) = place(live);
        let _infallible = writeln!(
            text,
            "{}/{} {}/{} {addr} {port} - 5000 {now} {max} {max} 0 0 -1 0{}",
            backend.name,
            plan.name,
            backend.id,
            plan.id,
            " 0".repeat(workers)
        );
    })
}

/// Lines for the servers of one backend, or of all when none is named.
fn of_backends(room: &Room, name: &str, mut text: String, line: impl Fn(&mut String, &Rc<Keeper>, &Server)) -> Reply {
    let wanted = match name {
        "" => room.orders.backends(),
        _ => match room.orders.backend(name) {
            Ok(keeper) => [keeper].into(),
            Err(_) => return Reply::error("Can't find backend."),
        },
    };
    for keeper in wanted.iter() {
        for server in keeper.backend().now().servers.all() {
            line(&mut text, keeper, server);
        }
    }
    Reply::Output(text)
}

fn state_line(
    backend: &plan::Backend,
    live: &Server,
    report: &ServerReport<'_>,
    since: u64,
    places: &Places,
) -> String {
    let (view, server) = (&report.view, live.plan());
    let (status, result, health, state) = check_numbers(report, server.disabled);
    // HAProxy remembers for good that the configuration disabled it.
    let configured = if server.disabled {
        Admin::CONFIG_MAINT
    } else {
        Admin::NONE
    };
    let fqdn = live.fqdn().unwrap_or_else(|| "-".to_owned());
    let Places {
        at: (addr, port),
        check_addr,
        check_port,
        agent_addr,
        agent_port,
    } = places;
    let agent = report.agent.as_ref().map_or(0, agent_bits);
    let use_ssl = u8::from(live.tls().is_some());
    format!(
        "{} {} {} {} {addr} {} {} {} {} {since} {status} {result} {health} {state} {agent} {} {} {fqdn} {port} - {use_ssl} \
         {check_port} {check_addr} {agent_addr} {agent_port}\n",
        backend.id,
        backend.name,
        server.id,
        server.name,
        operation_number(view.operation),
        view.admin.with(configured).bits(),
        view.weight,
        server.weight,
        u8::from(backend.is_numbered),
        u8::from(server.is_numbered),
    )
}

/// `srv_agent_state`
fn agent_bits(agent: &CheckReport<'_>) -> u8 {
    let bits = [(agent.is_running, 1), (true, 2), (agent.is_enabled, 4), (true, 16)];
    bits.iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum()
}

/// Where a server is, and where it is asked how it is, as far as somebody has said so.
struct Places {
    at: (String, u16),
    /// `-` when nobody has said it, the port 0.
    check_addr: String,
    check_port: u16,
    agent_addr: String,
    agent_port: u16,
}

impl Places {
    fn of(keeper: &Rc<Keeper>, server: &Server) -> Places {
        let (plan, said) = (server.plan(), server.rechecked().unwrap_or_default());
        let shown = |ip: Option<IpAddr>| ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        let check = plan.check.as_ref();
        let configured = check.and_then(|check| match check.host.as_ref()? {
            Host::Ip(ip) => Some(*ip),
            _ => Some(keeper.check_place(server.place)?.as_socket()?.ip()),
        });
        let port = check.and_then(|check| check.port);
        // What is said of its checks stands there, too, for an agent that there is not.
        let agent = server.agent.load_full();
        let (agent_addr, agent_port) = match &agent {
            Some(agent) => (agent.ip, agent.port),
            None => (configured, port.unwrap_or(0)),
        };
        Places {
            at: place(server),
            check_addr: shown(said.ip.or(configured)),
            check_port: said.port.or(port).unwrap_or(0),
            agent_addr: shown(agent_addr),
            agent_port,
        }
    }
}

/// `srv_check_status`, `srv_check_result`, `srv_check_health` and `srv_check_state`, in HAProxy's numbers.
///
/// Of a server without checks HAProxy tells what it made of the configuration, and that it was down once.
fn check_numbers(report: &ServerReport<'_>, is_disabled: bool) -> (u8, u8, u32, u8) {
    const RUNNING: u8 = 1;
    const CONFIGURED: u8 = 2;
    const ENABLED: u8 = 4;
    const PAUSED: u8 = 8;
    let Some(CheckReport {
        health,
        last,
        is_running,
        is_enabled,
        ..
    }) = &report.check
    else {
        let is_own = report.tracks.is_none();
        let was_down = is_own && report.downs > 0 || report.view.admin.has(Admin::INHERITED_MAINT);
        let health = if is_disabled || was_down { 0 } else { USUAL_RISE };
        let paused = if is_disabled { PAUSED } else { 0 };
        return (CheckStatus::Initializing.number(), 0, health, paused);
    };
    let is_paused = report.view.admin.in_maint();
    let bits = [(*is_running, RUNNING), (*is_enabled, ENABLED), (is_paused, PAUSED)];
    let set = bits
        .iter()
        .filter(|(is_set, _)| *is_set)
        .map(|(_, bit)| bit)
        .sum::<u8>();
    (
        last.status.number(),
        result_number(last.status.outcome()),
        health.health(),
        set | CONFIGURED,
    )
}

fn operation_number(operation: Operation) -> u8 {
    match operation {
        Operation::Down => 0,
        Operation::Running => 2,
        Operation::Stopping => 3,
    }
}

fn result_number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Neutral => 0,
        Outcome::Failed => 2,
        Outcome::Passed => 3,
        Outcome::ConditionallyPassed => 4,
    }
}

/// Address and port as scripts read them; `-` and 0 where there is none.
fn place(server: &Server) -> (String, u16) {
    match &**server.address.load() {
        ServerAddress::Ip { ip, port } => {
            let port = match port {
                ServerPort::Fixed(port) => *port,
                // What is added to the client's port stands in its place, and 0 for what is taken away.
                ServerPort::Offset(by) => u16::try_from(*by).unwrap_or(0),
            };
            (ip.to_string(), port)
        }
        ServerAddress::Unix(_) => ("-".to_owned(), 0),
    }
}
