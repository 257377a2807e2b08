//! `wait <delay> srv-removable <bk>/<srv>` and `wait <delay> be-removable <bk>`: until nothing keeps a server or a backend
//! from being removed, so that a script needs no loop of its own. HAProxy has the one since 3.0, the other since 3.4.

use std::time::Duration;

use tandem_ops::control::{Call, Reply, duration};
use tokio::time::{Instant, sleep};

use super::Room;
use super::dynamic::{Obstacle, removable};
use crate::reload::Kept;

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// Whether waiting can help.
enum Hindrance {
    Passing(String),
    Lasting(String),
}

pub(super) fn wait(room: &Room, call: &Call) -> Reply {
    let Some(delay) = duration(call.arg(0), Duration::from_millis(1)) else {
        return Reply::error("Expects a duration in milliseconds.");
    };
    let end = Instant::now() + delay;
    match call.arg(1) {
        "srv-removable" => match room.server(call.arg(2)) {
            Ok(server) => Reply::Later(Box::pin(until(end, move || of_server(removable(&server))))),
            Err(reply) => reply,
        },
        "be-removable" => match room.orders.backend(call.arg(2)) {
            Ok(keeper) => {
                let reloader = room.reloader.clone();
                Reply::Later(Box::pin(until(end, move || of_backend(reloader.removable(&keeper)))))
            }
            Err(why) => Reply::error(why),
        },
        _ => Reply::error(
            "'wait' only knows the conditions 'srv-removable <backend>/<server>' and 'be-removable <backend>'.",
        ),
    }
}

async fn until(end: Instant, hindered: impl Fn() -> Option<Hindrance>) -> Reply {
    loop {
        match hindered() {
            None => return Reply::info("Done."),
            Some(Hindrance::Lasting(why)) => return Reply::error(format!("Failed. {why}")),
            Some(Hindrance::Passing(why)) if Instant::now() >= end => {
                return Reply::error(format!("Wait delay expired. {why}"));
            }
            Some(Hindrance::Passing(_)) => sleep(LOOK).await,
        }
    }
}

fn of_server(looked: Result<(), Obstacle>) -> Option<Hindrance> {
    let why = looked.err()?;
    Some(match why {
        Obstacle::InUse => Hindrance::Passing(why.to_string()),
        Obstacle::NotAtRest | Obstacle::PointedTo => Hindrance::Lasting(why.to_string()),
    })
}

fn of_backend(looked: Result<(), Kept>) -> Option<Hindrance> {
    let why = looked.err()?;
    Some(match why {
        Kept::InUse => Hindrance::Passing(why.to_string()),
        _ => Hindrance::Lasting(why.to_string()),
    })
}
