//! Carries out one STOMP session: bytes in, bytes out, the hub on the other side.

use bytes::{Buf, BytesMut};
use tandem_mq_core::stomp::{Input, Output, Session, Settings};
use tandem_mq_core::{SessionId, broker};
use tandem_mq_wire::stomp::{Decoder, HEART_BEAT, Limits, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::hub::{Order, Outbox};

/// A client that does not read is not read from any more when so much waits for it.
const UNSENT: usize = 1 << 20;
/// How many of the broker's words become frames before they are written.
const TOGETHER: usize = 64;
/// How much is read at once.
const AT_ONCE: usize = 64 << 10;

struct Client<'a> {
    session: Session,
    decoder: Decoder,
    shared: &'a Shared,
    id: SessionId,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Until it has come in, the hub knows nothing of it.
    outbox: Option<Outbox>,
    /// It has sent messages: it waits while memory is full.
    produces: bool,
    ends: bool,
}

pub(crate) async fn serve(
    mut stream: TcpStream,
    first: BytesMut,
    plan: &Listener,
    shared: &Shared,
    mut leaving: watch::Receiver<bool>,
) {
    let id = shared.session();
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let usual = Settings::default();
    let limits = Limits {
        body: plan.max_frame,
        ..usual.limits
    };
    let settings = Settings {
        limits,
        began: shared.began(),
        ..usual
    };
    let mut client = Client {
        session: Session::new(id, settings, shared.clock.now()),
        decoder: Decoder::new(Limits::STRANGER),
        shared,
        id,
        incoming: first,
        outgoing: BytesMut::new(),
        outbox: Some(outbox),
        produces: false,
        ends: false,
    };
    client.talk(&mut stream, &mut inbox, &mut leaving).await;
    shared.hub.tell(Order::Left(id)).await;
}

impl Client<'_> {
    async fn talk(
        &mut self,
        stream: &mut TcpStream,
        inbox: &mut mpsc::UnboundedReceiver<broker::Output>,
        leaving: &mut watch::Receiver<bool>,
    ) {
        let mut held = self.shared.hub.held.clone();
        let mut told = false;
        let (mut from, mut to) = stream.split();
        loop {
            if !self.advance().await {
                return;
            }
            if self.ends && self.outgoing.is_empty() {
                to.shutdown().await.ok();
                return;
            }
            let holds_back = self.produces && *held.borrow();
            let reads = !self.ends && !holds_back && self.outgoing.len() < UNSENT && self.session.wants_frames();
            let deadline = self
                .session
                .poll_deadline()
                .map(|at| Instant::from_std(self.shared.clock.instant(at)));
            let due = async {
                match deadline {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            self.incoming.reserve(AT_ONCE.min(512 + self.incoming.len()));
            tokio::select! {
                written = to.write(&self.outgoing), if !self.outgoing.is_empty() => match written {
                    Ok(count) => self.sent(count),
                    Err(_) => return,
                },
                read = from.read_buf(&mut self.incoming), if reads => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                },
                Some(output) = inbox.recv(), if self.outgoing.len() < UNSENT => {
                    self.tell(Input::Broker(output));
                    for _ in 0..TOGETHER {
                        let Ok(output) = inbox.try_recv() else { break };
                        self.tell(Input::Broker(output));
                    }
                }
                () = due => self.session.on_deadline(self.shared.clock.now()),
                _ = held.changed(), if holds_back => {}
                _ = leaving.wait_for(|leaving| *leaving), if !told => {
                    told = true;
                    self.tell(Input::Leave("the broker is being stopped; connect again, elsewhere if you can".into()));
                }
            }
        }
    }

    fn tell(&mut self, input: Input) {
        self.session.handle(input, self.shared.clock.now());
    }

    fn sent(&mut self, count: usize) {
        self.outgoing.advance(count);
        if self.outgoing.is_empty() {
            // What one large answer needed is given back.
            self.outgoing = BytesMut::new();
            self.tell(Input::Flushed);
        }
    }

    /// Reads what is there and carries out what comes of it. False when the hub is gone.
    async fn advance(&mut self) -> bool {
        loop {
            if !self.carry_out().await {
                return false;
            }
            if self.ends || !self.session.wants_frames() {
                return true;
            }
            self.decoder.version = self.session.version();
            self.decoder.limits = self.session.limits();
            match self.decoder.decode(&mut self.incoming) {
                Ok(Some(item)) => self.tell(Input::Item(item)),
                Ok(None) => return true,
                Err(error) => self.tell(Input::Garbled(error)),
            }
        }
    }

    async fn carry_out(&mut self) -> bool {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(frame) => encode(&frame, self.session.version(), &mut self.outgoing),
                Output::HeartBeat => self.outgoing.extend_from_slice(HEART_BEAT),
                Output::Close => self.ends = true,
                Output::Authenticate { login, passcode } => {
                    let answer = self.shared.users.admit(login.as_deref(), passcode.as_deref()).await;
                    self.tell(Input::Login(answer));
                }
                Output::Ask(input) => {
                    if let Some(outbox) = self.outbox.take() {
                        self.shared.hub.tell(Order::Join(self.id, outbox)).await;
                    }
                    self.produces |= matches!(input, broker::Input::Send { .. });
                    if !self.shared.hub.tell(Order::Ask(input)).await {
                        return false;
                    }
                }
            }
        }
        true
    }
}
