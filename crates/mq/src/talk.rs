//! Carries out one session, whatever it speaks: bytes in, bytes out, the hub on the other side.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tandem_mq_core::broker::Scarce;
use tandem_mq_core::dialect::{Dialect, Heard, Input, Output};
use tandem_mq_core::{Rights, SessionId, broker};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::configuration::Listener;
use crate::connection::Shared;
use crate::halves::{Half, Reads};
use crate::hub::{Order, Outbox};
use crate::users::{Guest, Standing, Users};
use crate::wire::Wire;

/// A client that does not read is not read from any more when so much waits for it.
const UNSENT: usize = 1 << 20;
/// How many of the broker's words become frames before they are written.
const TOGETHER: usize = 64;
/// How much is read at once.
const AT_ONCE: usize = 64 << 10;
/// How long a client may take to read the last of it.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long what it is still saying is taken from it after those.
const UNHEARD: Duration = Duration::from_secs(2);
/// What a client is told that has not said something to its end.
const STALLED: &str = "the rest of a message has not come within a minute";
/// What a client is told when it may not do any more what it could.
const DISMISSED: &str = "the rights of this user have changed; connect again";
/// What it is told when the node goes down.
const FAREWELL: &str = "the broker is being stopped; connect again, elsewhere if you can";

struct Client<'a, D> {
    session: D,
    shared: &'a Shared,
    id: SessionId,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Until it has come in, the hub knows nothing of it.
    outbox: Option<Outbox>,
    users: Users,
    /// Who it is, once it has come in.
    guest: Option<Guest>,
    /// There is too little room, and what comes next from it are messages. All else is read: what it acknowledges makes room.
    holds_back: bool,
    /// What it has not said to the end.
    half: Half,
    ends: bool,
}

pub(crate) async fn serve<D: Dialect>(
    wire: Wire,
    first: BytesMut,
    id: SessionId,
    plan: &Listener,
    shared: &Shared,
    mut leaving: watch::Receiver<bool>,
) {
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let mut client = Client {
        session: D::open(id, plan.bounds(), shared.origin, shared.clock.now()),
        shared,
        id,
        incoming: first,
        outgoing: BytesMut::new(),
        outbox: Some(outbox),
        users: shared.users.clone(),
        guest: None,
        holds_back: false,
        half: Half::new(&shared.halves, id),
        ends: false,
    };
    client.talk(&wire, &mut inbox, &mut leaving).await;
    let was_ended = client.ends;
    drop(client);
    shared.hub.tell(Order::Left(id)).await;
    if was_ended {
        let last = async {
            tokio::select! {
                () = unheard(&wire) => {}
                _ = leaving.wait_for(|leaving| *leaving) => {}
            }
        };
        timeout(UNHEARD, last).await.ok();
    }
}

/// What a client is still saying that has been told why this is over. A socket that is closed before that has come would take
/// back what the client has not read.
async fn unheard(wire: &Wire) {
    let mut bytes = BytesMut::new();
    loop {
        bytes.clear();
        bytes.reserve(AT_ONCE);
        if !matches!(wire.read(&mut bytes).await, Ok(1..)) {
            return;
        }
    }
}

impl<D: Dialect> Client<'_, D> {
    async fn talk(
        &mut self,
        wire: &Wire,
        inbox: &mut mpsc::UnboundedReceiver<broker::Output>,
        leaving: &mut watch::Receiver<bool>,
    ) {
        let mut held = self.shared.hub.held.clone();
        let mut told = false;
        let mut end = None;
        loop {
            // What it says from now on is said with the rights that it has now.
            if self.guest.is_some() && self.users.have_changed() && !self.look_again().await {
                return;
            }
            let scarce = *held.borrow();
            if !self.advance(scarce).await {
                return;
            }
            if self.ends && self.outgoing.is_empty() && !wire.is_behind() {
                // Whoever does not read its last words does without.
                timeout(LAST_WORDS, wire.shutdown()).await.ok();
                return;
            }
            if self.ends {
                end.get_or_insert_with(|| Instant::now() + LAST_WORDS);
            }
            let too_late = async {
                match end {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let holds_back = self.holds_back;
            let unsent = self.outgoing.len() >= UNSENT;
            let (frame, begun) = (self.incoming.len(), self.session.begun());
            let has_room = self.half.holds(frame + begun);
            let is_heard = !self.ends && !holds_back && self.session.wants_items();
            let may_read = is_heard && !unsent;
            let reads = match is_heard && has_room && self.guest.is_some() {
                true if unsent => Reads::Deaf,
                true => Reads::Yes,
                false => Reads::Held,
            };
            let patience = self.half.patience(reads, frame, begun, Instant::now());
            let no_more = async {
                match patience {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
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
                written = wire.write(&self.outgoing), if !self.outgoing.is_empty() || wire.is_behind() => match written {
                    Ok(count) => {
                        self.sent(count, wire);
                        // It takes what it is sent, and is not read meanwhile.
                        if unsent {
                            self.tell(Heard::Unread);
                        }
                    }
                    Err(_) => return,
                },
                read = wire.read(&mut self.incoming), if may_read && has_room => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => self.session.came(self.shared.clock.now()),
                },
                Some(output) = inbox.recv(), if !unsent => {
                    self.session.handle(Input::Broker(output), self.shared.clock.now());
                    for _ in 0..TOGETHER {
                        let Ok(output) = inbox.try_recv() else { break };
                        self.session.handle(Input::Broker(output), self.shared.clock.now());
                    }
                }
                () = too_late => return,
                () = self.half.freed(), if may_read && !has_room => {}
                () = no_more => if self.half.has_stopped(reads, frame) {
                    self.tell(Heard::Stalled(STALLED));
                },
                () = due => {
                    // Whoever is held back is not missed.
                    if holds_back || !has_room {
                        self.tell(Heard::Unread);
                    }
                    self.session.on_deadline(self.shared.clock.now());
                }
                _ = held.changed(), if holds_back => {}
                () = self.users.changed(), if self.guest.is_some() => if !self.look_again().await {
                    return;
                },
                _ = leaving.wait_for(|leaving| *leaving), if !told => {
                    told = true;
                    self.tell(Heard::Leave(FAREWELL));
                }
            }
        }
    }

    fn tell(&mut self, heard: Heard) {
        self.session.handle(Input::Heard(heard), self.shared.clock.now());
    }

    fn sent(&mut self, count: usize, wire: &Wire) {
        self.outgoing.advance(count);
        if self.outgoing.is_empty() && !wire.is_behind() {
            // What one large answer needed is given back.
            self.outgoing = BytesMut::new();
            self.tell(Heard::Flushed);
        }
    }

    /// Reads what is there and carries out what comes of it, messages only while nothing is `scarce`. False when the hub is
    /// gone.
    async fn advance(&mut self, scarce: Option<Scarce>) -> bool {
        let held_back = std::mem::replace(&mut self.holds_back, false);
        if held_back && scarce.is_none() {
            self.tell(Heard::Held(None));
        }
        loop {
            if !self.carry_out().await {
                return false;
            }
            if self.ends || !self.session.wants_items() {
                return true;
            }
            self.holds_back = scarce.is_some() && (D::PUBLISHES)(&self.incoming);
            if self.holds_back {
                if !held_back {
                    self.tell(Heard::Held(scarce));
                    return self.carry_out().await;
                }
                return true;
            }
            if !self.session.read(&mut self.incoming, self.shared.clock.now()) {
                return true;
            }
        }
    }

    /// The broker knows what the client may do before it hears anything from it.
    async fn admit(&self, rights: &Arc<Rights>) -> bool {
        let (connection, rights) = (self.id, rights.clone());
        let admit = broker::Input::Admit { connection, rights };
        self.shared.hub.tell(Order::Ask(admit)).await
    }

    /// The configuration has been read again. False when the hub is gone.
    async fn look_again(&mut self) -> bool {
        let Some(guest) = &mut self.guest else { return true };
        match self.users.standing(guest) {
            Standing::AsBefore => true,
            Standing::Better(rights) => {
                guest.rights = rights.clone();
                self.admit(&rights).await
            }
            // Its end is not the way to what it may not do any more: the broker hears of that first.
            Standing::Worse(rights) => {
                let is_there = self.admit(&rights).await;
                self.tell(Heard::Dismissed(DISMISSED));
                is_there
            }
        }
    }

    async fn carry_out(&mut self) -> bool {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(frame) => self.session.encode(&frame, &mut self.outgoing),
                Output::Close => self.ends = true,
                Output::Authenticate { login, passcode } => {
                    let answer = self.users.admit(login.as_deref(), passcode.as_deref()).await;
                    self.shared.tally.logged_in(answer.is_ok());
                    let answer = match answer {
                        Ok(guest) => {
                            if !self.admit(&guest.rights).await {
                                return false;
                            }
                            self.shared.connections.came_in(self.id, guest.name());
                            self.guest = Some(guest);
                            Ok(())
                        }
                        Err(why) => Err(why),
                    };
                    self.tell(Heard::Login(answer));
                }
                Output::Ask(input) => {
                    if let Some(outbox) = self.outbox.take() {
                        self.shared.hub.tell(Order::Join(self.id, outbox)).await;
                    }
                    if !self.shared.hub.tell(Order::Ask(input)).await {
                        return false;
                    }
                }
            }
        }
        true
    }
}
