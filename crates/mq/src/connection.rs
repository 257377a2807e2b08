//! One connection before it has a protocol: its first bytes say which.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_core::{SessionId, amqp10, amqp091, mqtt, stomp};
use tandem_ops::clock::{Clock, Wall};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::configuration::{Listener, Protocol};
use crate::hub::Hub;
use crate::sniff::{Spoken, recognise};
use crate::talk;
use crate::users::Users;

/// Who has not said by then what he speaks is not going to.
const FIRST_BYTES: Duration = Duration::from_secs(10);
/// Enough for every protocol's beginning.
const FIRST: usize = 64;

/// What all connections of a thread use.
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) users: Users,
    pub(crate) clock: Clock,
    /// What the wall showed when the clock was at zero. Read once: whoever reads it again later is told another
    /// millisecond, and more of a message's life would be left than it was given.
    pub(crate) began: u64,
    pub(crate) sessions: Arc<AtomicU64>,
}

impl Shared {
    pub(crate) fn session(&self) -> SessionId {
        SessionId::of_connection(self.sessions.fetch_add(1, Relaxed))
    }
}

/// What the wall showed when the clock was at zero, in milliseconds since 1970.
pub(crate) fn began(clock: Clock) -> u64 {
    let now = u64::try_from(Wall::now().as_micros() / 1000).unwrap_or(0);
    now.saturating_sub(clock.now().as_millis())
}

pub(crate) async fn serve(mut stream: TcpStream, plan: &Listener, shared: &Shared, leaving: watch::Receiver<bool>) {
    let mut bytes = BytesMut::new();
    let spoken = match plan.protocol {
        Protocol::Stomp => Some(Spoken::Stomp),
        Protocol::Mqtt => Some(Spoken::Mqtt),
        Protocol::Amqp091 => Some(Spoken::Amqp091),
        Protocol::Amqp10 => Some(Spoken::Amqp10),
        Protocol::Auto | Protocol::Amqp => timeout(FIRST_BYTES, first_bytes(&mut stream, &mut bytes))
            .await
            .ok()
            .flatten(),
    };
    let spoken = match (plan.protocol, spoken) {
        (Protocol::Amqp, Some(spoken)) if !matches!(spoken, Spoken::Amqp091 | Spoken::Amqp10) => {
            return refuse(&stream, plan, spoken);
        }
        (_, spoken) => spoken,
    };
    match spoken {
        Some(Spoken::Stomp) => talk::serve::<stomp::Session>(stream, bytes, plan, shared, leaving).await,
        Some(Spoken::Mqtt) => talk::serve::<mqtt::Session>(stream, bytes, plan, shared, leaving).await,
        Some(Spoken::Amqp091) => talk::serve::<amqp091::Session>(stream, bytes, plan, shared, leaving).await,
        Some(Spoken::Amqp10) => talk::serve::<amqp10::Session>(stream, bytes, plan, shared, leaving).await,
        Some(Spoken::Stat) => stat(&mut stream, shared).await,
        Some(other) => refuse(&stream, plan, other),
        None => {}
    }
}

fn refuse(stream: &TcpStream, plan: &Listener, spoken: Spoken) {
    let peer = stream
        .peer_addr()
        .map_or_else(|_| "a client".to_owned(), |peer| peer.to_string());
    tracing::warn!(
        "{}: {peer} speaks {}, which is not spoken here: closed",
        plan.address,
        spoken.name()
    );
}

async fn first_bytes(stream: &mut TcpStream, bytes: &mut BytesMut) -> Option<Spoken> {
    loop {
        if let Some(spoken) = recognise(bytes) {
            return Some(spoken);
        }
        if bytes.len() >= FIRST {
            return Some(Spoken::Unknown);
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// `echo stat | nc host 61616`: the role, as people and balancers ask for it.
async fn stat(stream: &mut TcpStream, shared: &Shared) {
    let queues = shared.hub.queues().await;
    let depth: usize = queues.iter().map(|queue| queue.depth + queue.in_flight).sum();
    let answer = format!(
        "role: active\nterm: 0\nlag: 0\nqueues: {}\nmessages: {depth}\n",
        queues.len()
    );
    // Whoever asked may be gone.
    stream.write_all(answer.as_bytes()).await.ok();
}
