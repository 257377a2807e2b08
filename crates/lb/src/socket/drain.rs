//! `drain`: a soft stop as with USR1, and how fast.

use tandem_ops::control::{Call, Reply, duration};

use super::Room;
use crate::drain::{First, Plan};

/// `drain [over <time> [idlest|oldest]]`
pub(super) fn begin(room: &Room, call: &Call) -> Reply {
    let plan = match call.arg(0) {
        "" => None,
        "over" => match plan(call.arg(1), call.arg(2)) {
            Some(plan) => Some(plan),
            None => return Reply::error(USAGE),
        },
        _ => return Reply::error(USAGE),
    };
    room.drain.ask(plan);
    Reply::Done
}

pub(super) fn show(room: &Room, _: &Call) -> Reply {
    let is_stopping = room.stats.is_stopping();
    Reply::Output(match room.drain.progress() {
        Some(progress) => progress.to_string(),
        None if is_stopping => format!("Draining: {} connections left.", room.live.count()),
        None => "Not draining.".to_owned(),
    })
}

const USAGE: &str = "Expects 'over <time> [idlest|oldest]' or nothing.";

fn plan(over: &str, first: &str) -> Option<Plan> {
    let first = match first {
        "" | "idlest" => First::Idlest,
        "oldest" => First::Oldest,
        _ => return None,
    };
    let over = duration(over, std::time::Duration::from_secs(1))?;
    Some(Plan { over, first })
}
