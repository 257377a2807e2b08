//! A session with the broker, for as long as one request of the console lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tandem_mq_core::broker::{Arranged, Arrangement, Input, Output, Refusal, Target};
use tandem_mq_core::{Message, Rights, SessionId, Token};
use tokio::sync::mpsc;

use crate::hub::{Hub, Order};

pub(super) struct Desk {
    hub: Hub,
    session: SessionId,
    inbox: mpsc::UnboundedReceiver<Output>,
}

/// Why it was not done.
#[derive(Debug, PartialEq)]
pub(super) enum Failure {
    Refused(Refusal),
    /// The node is ending.
    Gone,
}

impl Desk {
    pub(super) async fn open(hub: &Hub, numbers: &AtomicU64, rights: Arc<Rights>) -> Desk {
        let session = SessionId::of_connection(numbers.fetch_add(1, Relaxed));
        let (outbox, inbox) = mpsc::unbounded_channel();
        let desk = Desk {
            hub: hub.clone(),
            session,
            inbox,
        };
        desk.hub.tell(Order::Join(session, outbox)).await;
        let connection = session;
        desk.ask(Input::Admit { connection, rights }).await;
        desk.ask(Input::Opened { session }).await;
        desk
    }

    /// What was asked for, and safe.
    pub(super) async fn arrange(&mut self, what: Arrangement) -> Result<Arranged, Failure> {
        let session = self.session;
        self.ask(Input::Arrange { session, what }).await;
        let answer = self.hear().await?;
        self.sync().await?;
        Ok(answer)
    }

    /// Sent, and safe.
    pub(super) async fn send(&mut self, to: Target, message: Message) -> Result<(), Failure> {
        let send = Input::Send {
            session: self.session,
            transaction: None,
            to,
            message,
            once: None,
        };
        self.ask(send).await;
        self.sync().await
    }

    async fn sync(&mut self) -> Result<(), Failure> {
        let (session, token) = (self.session, Token(0));
        self.ask(Input::Sync { session, token }).await;
        // A refusal comes before it.
        self.hear().await.map(drop)
    }

    async fn ask(&self, input: Input) {
        // Where the node is ending nobody answers, and that is heard.
        self.hub.tell(Order::Ask(input)).await;
    }

    /// The next answer.
    async fn hear(&mut self) -> Result<Arranged, Failure> {
        loop {
            match self.inbox.recv().await {
                Some(Output::Arranged { answer, .. }) => return Ok(answer),
                Some(Output::Synced { .. }) => return Ok(Arranged::Done),
                Some(Output::Refused { reason, .. }) => return Err(Failure::Refused(reason)),
                Some(_) => {}
                None => return Err(Failure::Gone),
            }
        }
    }
}

/// Whoever asked may have left before the answer.
impl Drop for Desk {
    fn drop(&mut self) {
        let (hub, session) = (self.hub.clone(), self.session);
        tokio::spawn(async move { hub.tell(Order::Left(session)).await });
    }
}
