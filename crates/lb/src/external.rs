//! A check that a program of the operator's makes: it is told about the server, and its exit code is the answer.
//!
//! Arguments and environment are HAProxy's. Nothing of our own environment is passed on. Whoever has not ended in time is
//! killed with all that it has started, and of all such programs there are never more than so many at a time: a check that
//! hangs must not become as many processes as there are servers.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tandem_lb_config::{self as plan, External, Host, ServerPort};
use tandem_lb_core::health::{CheckResult, CheckStatus};
use tandem_ops::clock::Clock;
use tandem_sys::limits;
use tandem_sys::process::signal_group;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::address::ServerAddress;
use crate::servers::Server;

/// Programs that run at the same time.
static ROOM: Semaphore = Semaphore::const_new(64);

/// How long who was killed has for it. His place is needed for others.
const DYING: Duration = Duration::from_secs(1);

/// What a shell says of a program that cannot be run, and HAProxy with it.
const NOT_RUN: u16 = 255;

/// What a shell adds to the number of the signal that ended a program.
const BY_SIGNAL: i32 = 128;

/// Runs the program once.
pub(crate) async fn check(
    external: &External,
    backend: &plan::Backend,
    server: &Server,
    limit: Duration,
    clock: Clock,
) -> CheckResult {
    // Nobody closes it.
    let _place = ROOM.acquire().await;
    let began = clock.now();
    let result = |status, code| CheckResult {
        code: Some(code),
        ..CheckResult::new(status, clock.now() - began)
    };
    let mut command = command(external, backend, server);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(program = %external.command.display(), %error, "an external check cannot be run");
            return result(CheckStatus::ProcError, NOT_RUN);
        }
    };
    let group = child.id();
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(Ok(status)) if status.success() => result(CheckStatus::ProcOk, 0),
        Ok(Ok(status)) => result(CheckStatus::ProcError, code(status)),
        Ok(Err(_)) => result(CheckStatus::ProcError, NOT_RUN),
        Err(_) => {
            let late = result(CheckStatus::ProcTimeout, 0);
            // It was not reaped, so the number is still its own.
            if let Some(group) = group
                && let Err(error) = signal_group(group, Signal::SIGKILL)
            {
                tracing::warn!(%error, "an external check that took too long cannot be killed");
            }
            // Who sleeps in the kernel dies later, and is reaped then.
            let _ended = tokio::time::timeout(DYING, child.wait()).await;
            late
        }
    }
}

fn code(status: ExitStatus) -> u16 {
    use std::os::unix::process::ExitStatusExt;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| BY_SIGNAL + signal));
    code.and_then(|code| u16::try_from(code).ok()).unwrap_or(NOT_RUN)
}

fn command(external: &External, backend: &plan::Backend, server: &Server) -> Command {
    let plan = server.plan();
    let (address, port) = place(server);
    let (proxy_address, proxy_port): (&str, &str) = (&external.proxy.0, &external.proxy.1);
    let mut command = Command::new(&external.command);
    command
        .args([proxy_address, proxy_port, &*address, &*port])
        .env_clear()
        .env("PATH", &*external.path)
        .env("HAPROXY_PROXY_NAME", &*backend.name)
        .env("HAPROXY_PROXY_ID", backend.id.to_string())
        .env("HAPROXY_PROXY_ADDR", proxy_address)
        .env("HAPROXY_PROXY_PORT", proxy_port)
        .env("HAPROXY_SERVER_NAME", &*plan.name)
        .env("HAPROXY_SERVER_ID", plan.id.to_string())
        .env("HAPROXY_SERVER_ADDR", &address)
        .env("HAPROXY_SERVER_PORT", &port)
        .env("HAPROXY_SERVER_MAXCONN", plan.maxconn.to_string())
        .env("HAPROXY_SERVER_CURCONN", server.traffic.sessions.now().to_string())
        .env("HAPROXY_SERVER_SSL", u8::from(plan.tls.is_some()).to_string())
        .env("HAPROXY_SERVER_PROTO", "tcp")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    limits::give_back_open_files(command.as_std_mut());
    command
}

/// Where the server is now, whatever its checks are told.
fn place(server: &Server) -> (String, String) {
    let unused = || External::NOT_USED.to_owned();
    match &**server.address.load() {
        ServerAddress::Ip { ip, port } => match port {
            ServerPort::Fixed(port) => (ip.to_string(), port.to_string()),
            ServerPort::Offset(_) => (ip.to_string(), unused()),
        },
        ServerAddress::Unix(_) => match &server.plan().host {
            Host::Unix(path) => (path.display().to_string(), unused()),
            Host::Abstract(name) => (format!("abns@{name}"), unused()),
            Host::Ip(_) | Host::Name(_) => (unused(), unused()),
        },
    }
}
