//! What `keepalived.data` says of the whole program: what is set here, in Keepalived's words and order.

use std::fmt::{self, Write};

use tandem_vrrp_config::{Command, Fifo, Plan};

use super::words;

/// What Keepalived's parent process says beside it: of the whole program, without the routers.
pub(crate) fn parent(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = global(&mut text, plan);
    text
}

pub(super) fn global(out: &mut impl Write, plan: &Plan) -> fmt::Result {
    let global = &plan.global;
    writeln!(out, "------< Global definitions >------")?;
    let network = global.net_namespace.as_deref().unwrap_or("(default)");
    writeln!(out, " Network namespace = {network}")?;
    let router_id = global.router_id.as_deref().unwrap_or("(host name)");
    writeln!(out, " Router ID = {router_id}")?;
    writeln!(out, " Dynamic interfaces = {}", global.dynamic_interfaces)?;
    let interface = global.default_interface.as_deref().unwrap_or("eth0");
    writeln!(out, " Default interface = {interface}")?;
    let local_igmp = if global.disable_local_igmp { "yes" } else { "no" };
    writeln!(out, " Disable local IGMP = {local_igmp}")?;
    told(out, plan)?;
    scheduled(out, plan)?;
    let security = if global.scripts.security { "enabled" } else { "disabled" };
    writeln!(out, " Script security {security}")?;
    match global.umask {
        Some(umask) => writeln!(out, " umask = 0{umask:o}"),
        None => Ok(()),
    }
}

fn told(out: &mut impl Write, plan: &Plan) -> fmt::Result {
    let scripts = &plan.global.scripts;
    pipe(
        out,
        "Global",
        scripts.notify_fifo.as_ref(),
        scripts.notify_fifo_script.as_ref(),
    )?;
    let (fifo, reader) = (&scripts.vrrp_notify_fifo, &scripts.vrrp_notify_fifo_script);
    pipe(out, "VRRP", fifo.as_ref(), reader.as_ref())?;
    writeln!(
        out,
        " FIFO write vrrp states on reload = {}",
        scripts.fifo_states_on_reload
    )?;
    writeln!(out, " VRRP notify priority changes = {}", scripts.priority_changes)
}

fn pipe(out: &mut impl Write, whose: &str, fifo: Option<&Fifo>, reader: Option<&Command>) -> fmt::Result {
    if let Some(fifo) = fifo {
        writeln!(out, " {whose} notify fifo = {}", fifo.path.display())?;
    }
    if let Some(reader) = reader {
        writeln!(out, " {whose} notify fifo script = {}", words::quoted(&reader.words))?;
    }
    Ok(())
}

fn scheduled(out: &mut impl Write, plan: &Plan) -> fmt::Result {
    let scheduling = &plan.global.scheduling;
    writeln!(out, " Max auto priority = {}", scheduling.auto.max)?;
    let delay = scheduling.auto.delay.as_micros();
    writeln!(out, " Min auto priority delay = {delay} usecs")?;
    writeln!(out, " VRRP process priority = {}", scheduling.priority.unwrap_or(0))?;
    writeln!(out, " VRRP don't swap = {}", scheduling.no_swap)?;
    if let Some(priority) = scheduling.rt_priority {
        writeln!(out, " VRRP realtime priority = {priority}")?;
    }
    match scheduling.rlimit_rttime {
        Some(limit) => writeln!(out, " VRRP realtime limit = {}", limit.as_micros()),
        None => Ok(()),
    }
}
