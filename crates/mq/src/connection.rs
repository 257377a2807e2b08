//! One connection before it has a protocol: its first bytes say which.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use tandem_mq_core::broker::Figures;
use tandem_mq_core::dialect::Origin;
use tandem_mq_core::{SessionId, amqp10, amqp091, mqtt, stomp};
use tandem_ops::clock::{Clock, Wall};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::configuration::{Listener, Protocol};
use crate::connections::{Connection, Connections};
use crate::halves::Halves;
use crate::hub::Hub;
use crate::sniff::{Spoken, recognise};
use crate::tally::Tally;
use crate::users::Users;
use crate::wire::Wire;
use crate::{header, talk, tls};

/// Who has not said by then what he speaks is not going to.
const FIRST_BYTES: Duration = Duration::from_secs(10);
/// Enough for every protocol's beginning.
const FIRST: usize = 64;

/// What all connections of a thread use.
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) users: Users,
    pub(crate) clock: Clock,
    /// Read once: whoever looks at the wall again later is told another millisecond, and more of a message's life would be
    /// left than it was given.
    pub(crate) origin: Origin,
    pub(crate) sessions: Arc<AtomicU64>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) halves: Arc<Halves>,
}

impl Shared {
    pub(crate) fn session(&self) -> SessionId {
        SessionId::of_connection(self.sessions.fetch_add(1, Relaxed))
    }
}

/// What the wall showed when the clock was at zero, and a secret of this process.
pub(crate) fn origin(clock: Clock) -> Origin {
    let now = u64::try_from(Wall::now().as_micros() / 1000).unwrap_or(0);
    // The kernel's randomness, which is what its hashes begin with.
    let random = || u128::from(RandomState::new().hash_one(0));
    Origin {
        began: now.saturating_sub(clock.now().as_millis()),
        secret: random() << 64 | random(),
    }
}

pub(crate) async fn serve(
    stream: TcpStream,
    plan: &Listener,
    tls: Option<Arc<tandem_tls::Listener>>,
    shared: &Shared,
    leaving: watch::Receiver<bool>,
) {
    let peer = stream.peer_addr().ok();
    let Guest { wire, peer } = match timeout(FIRST_BYTES, enter(stream, plan, tls)).await {
        Ok(Ok(guest)) => guest,
        // Whoever leaves, or says nothing, has not tried.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return,
        Err(_) => return,
        Ok(Err(error)) => return tracing::warn!("{}: {} is closed: {error}", plan.address, said(peer)),
    };
    let mut bytes = BytesMut::new();
    let spoken = match plan.protocol {
        Protocol::Stomp => Some(Spoken::Stomp),
        Protocol::Mqtt => Some(Spoken::Mqtt),
        Protocol::Amqp091 => Some(Spoken::Amqp091),
        Protocol::Amqp10 => Some(Spoken::Amqp10),
        Protocol::Auto | Protocol::Amqp => timeout(FIRST_BYTES, first_bytes(&wire, &mut bytes))
            .await
            .ok()
            .flatten(),
    };
    if let (Protocol::Amqp, Some(spoken)) = (plan.protocol, spoken)
        && !matches!(spoken, Spoken::Amqp091 | Spoken::Amqp10)
    {
        return refuse(peer, plan, spoken);
    }
    let here = spoken.and_then(|spoken| shared.tally.enter(spoken));
    let id = shared.session();
    let _present = spoken.filter(|_| here.is_some()).map(|spoken| {
        let connection = Connection {
            peer,
            at: plan.address,
            protocol: spoken.name(),
            tls: plan.tls.is_some(),
            user: None,
            since: shared.clock.now(),
        };
        shared.connections.enter(id, connection)
    });
    match spoken {
        Some(Spoken::Stomp) => talk::serve::<stomp::Session>(wire, bytes, id, plan, shared, leaving).await,
        Some(Spoken::Mqtt) => talk::serve::<mqtt::Session>(wire, bytes, id, plan, shared, leaving).await,
        Some(Spoken::Amqp091) => talk::serve::<amqp091::Session>(wire, bytes, id, plan, shared, leaving).await,
        Some(Spoken::Amqp10) => talk::serve::<amqp10::Session>(wire, bytes, id, plan, shared, leaving).await,
        Some(Spoken::Stat) => stat(&wire, shared).await,
        Some(other) => refuse(peer, plan, other),
        None => {}
    }
}

/// A client that may say what it speaks.
struct Guest {
    wire: Wire,
    /// Whom it says it is, where a proxy says that.
    peer: Option<SocketAddr>,
}

/// What comes before the client's first bytes: who it is, and TLS.
async fn enter(mut stream: TcpStream, plan: &Listener, tls: Option<Arc<tandem_tls::Listener>>) -> io::Result<Guest> {
    let mut peer = stream.peer_addr().ok();
    if plan.proxy_protocol {
        peer = header::receive(&mut stream).await?.or(peer);
    }
    let wire = match tls {
        Some(listener) => Wire::Tls(Box::new(tls::accept(stream, listener).await?)),
        None => Wire::plain(stream),
    };
    Ok(Guest { wire, peer })
}

fn said(peer: Option<SocketAddr>) -> String {
    peer.map_or_else(|| "a client".to_owned(), |peer| peer.to_string())
}

fn refuse(peer: Option<SocketAddr>, plan: &Listener, spoken: Spoken) {
    tracing::warn!(
        "{}: {} speaks {}, which is not spoken here: closed",
        plan.address,
        said(peer),
        spoken.name()
    );
}

async fn first_bytes(wire: &Wire, bytes: &mut BytesMut) -> Option<Spoken> {
    loop {
        if let Some(spoken) = recognise(bytes) {
            return Some(spoken);
        }
        if bytes.len() >= FIRST {
            return Some(Spoken::Unknown);
        }
        bytes.reserve(FIRST);
        if wire.read(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// `echo stat | nc host 61616`: the role, as people and balancers ask for it.
async fn stat(wire: &Wire, shared: &Shared) {
    let Some(figures) = shared.hub.figures().await else {
        return;
    };
    let answer = figures_in_brief(&figures);
    // Whoever asked may be gone.
    wire.write_all(answer.as_bytes()).await.ok();
    wire.shutdown().await.ok();
}

/// The role, and what waits.
pub(crate) fn figures_in_brief(figures: &Figures) -> String {
    let messages = figures.ready + figures.unacknowledged;
    format!(
        "role: active\nterm: 0\nlag: 0\nqueues: {}\nmessages: {messages}\n",
        figures.queues
    )
}
