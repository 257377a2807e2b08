//! `wait <delay> srv-removable <bk>/<srv>`: until nothing keeps a server from being removed, so that a script needs no
//! loop of its own between `shutdown sessions server` and `del server`. HAProxy has it since 3.0.

use std::time::Duration;

use tandem_ops::control::{Call, Reply, duration};
use tokio::time::{Instant, sleep};

use super::Room;
use super::dynamic::{Obstacle, removable};

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn wait(room: &Room, call: &Call) -> Reply {
    let Some(delay) = duration(call.arg(0), Duration::from_millis(1)) else {
        return Reply::error("Expects a duration in milliseconds.");
    };
    if call.arg(1) != "srv-removable" {
        return Reply::error("'wait' only knows the condition 'srv-removable <backend>/<server>'.");
    }
    let server = match room.server(call.arg(2)) {
        Ok(server) => server,
        Err(reply) => return reply,
    };
    let end = Instant::now() + delay;
    Reply::Later(Box::pin(async move {
        loop {
            match removable(&server) {
                Ok(()) => return Reply::info("Done."),
                Err(why @ (Obstacle::NotAtRest | Obstacle::PointedTo)) => {
                    return Reply::error(format!("Failed. {why}"));
                }
                Err(why @ Obstacle::InUse) if Instant::now() >= end => {
                    return Reply::error(format!("Wait delay expired. {why}"));
                }
                Err(Obstacle::InUse) => sleep(LOOK).await,
            }
        }
    }))
}
