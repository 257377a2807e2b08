//! What is known about the process beside its figures.

use std::env;
use std::fmt::Write;

use tandem_ops::clock::Wall;
use tandem_ops::control::{Call, Reply};
use tandem_time::CivilTime;

use super::Room;
use crate::resolving::Asked;
use crate::stats::VERSION;

pub(super) fn version(_: &Room, _: &Call) -> Reply {
    Reply::info(VERSION)
}

/// The environment it was started with, or one variable of it.
pub(super) fn environment(_: &Room, call: &Call) -> Reply {
    let name = call.arg(0);
    if !name.is_empty() {
        return match env::var_os(name) {
            Some(value) => Reply::Output(format!("{name}={}", value.to_string_lossy())),
            None => Reply::error("Variable not found"),
        };
    }
    let mut text = String::new();
    for (name, value) in env::vars_os() {
        let _infallible = writeln!(text, "{}={}", name.to_string_lossy(), value.to_string_lossy());
    }
    Reply::Output(text)
}

/// Protocol errors are of HTTP; none are captured here.
pub(super) fn errors(room: &Room, call: &Call) -> Reply {
    let name = call.arg(0);
    // HAProxy reads a number as the number of a proxy, and a negative one as all.
    let is_known = matches!(name, "" | "request" | "response" | "-1")
        || room.frontends.all().iter().any(|f| *f.plan.name == *name)
        || room.orders.backend(name).is_ok();
    if !is_known {
        return Reply::error("No such proxy.");
    }
    let now = Wall::now();
    let at = CivilTime::from_unix(now.as_millis(), now.local_offset());
    Reply::Output(format!("Total events captured on [{at}] : 0"))
}

/// What there was to say at the start, also where nobody read it.
pub(super) fn startup_logs(room: &Room, _: &Call) -> Reply {
    match &*room.stats.process().said {
        "" => Reply::Output("\n".to_owned()),
        said => Reply::Output(said.to_owned()),
    }
}

/// For people who look for trouble; HAProxy's own lines differ from version to version.
pub(super) fn activity(room: &Room, _: &Call) -> Reply {
    let workers = room.stats.process().workers;
    let now = Wall::now();
    let all = room.frontends.all();
    let sessions = all.iter().map(|f| f.traffic.sessions.total());
    Reply::Output(format!(
        "thread_id: 1 (1..{workers})\ndate_now: {}.{:06}\naccepted: {}\n",
        now.secs(),
        now.subsec_micros(),
        sessions.sum::<u64>()
    ))
}

/// What was seen of the name servers.
pub(super) fn resolvers(room: &Room, call: &Call) -> Reply {
    let wanted = call.arg(0);
    let asked = room.resolving.asked();
    let sections: Vec<&Asked> = asked
        .iter()
        .filter(|asked| wanted.is_empty() || *asked.section == *wanted)
        .collect();
    if sections.is_empty() && !wanted.is_empty() {
        return Reply::error("Can't find that resolvers section");
    }
    let mut text = String::new();
    for Asked { section, nameservers } in sections {
        text += &format!("Resolvers section {section}\n");
        for (name, seen) in nameservers {
            text += &format!(" nameserver {name}:\n");
            for (word, count) in seen.words() {
                text += &format!("  {:<13}{count}\n", format!("{word}:"));
            }
        }
    }
    if text.is_empty() {
        Reply::Done
    } else {
        Reply::Output(text)
    }
}
