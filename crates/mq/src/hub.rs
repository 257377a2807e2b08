//! The broker's thread: one owner of all queues, fed by everybody, waiting for nobody.
//!
//! ```text
//!   connections ─ Order ─▶ hub ─ Record ─▶ writer ─▶ disk
//!        ▲                 │  ◀── Stored ────┘
//!        └──── Output ─────┘
//! ```
//!
//! What goes to a connection is bounded by what that connection asked for (credit, receipts), so its channel is not.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::thread::JoinHandle;

use tandem_mq_core::broker::{Broker, Figures, Input, Output, QueueView, Scarce};
use tandem_mq_core::{Lsn, Record, SessionId};
use tandem_ops::clock::Clock;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// How many orders may wait; then whoever gives them waits too.
const WAITING: usize = 4096;
/// How many orders are carried out before the outputs go their ways.
const TOGETHER: usize = 256;

pub(crate) type Outbox = mpsc::UnboundedSender<Output>;
pub(crate) type Records = mpsc::UnboundedSender<(Lsn, Record)>;

/// What the hub is told.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all orders are of the large kind")]
pub(crate) enum Order {
    /// A connection, and where to send what is for it.
    Join(SessionId, Outbox),
    Ask(Input),
    /// A connection has ended, however it did.
    Left(SessionId),
    Look(Look),
    /// All connections have ended.
    Stop,
}

/// A short look at the broker, which changes nothing.
pub(crate) struct Look(Box<dyn FnOnce(&Broker) + Send>);

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// How to reach the hub.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    orders: mpsc::Sender<Order>,
    /// Why producers are held back, if they are.
    pub(crate) held: watch::Receiver<Option<Scarce>>,
}

impl Hub {
    /// A hub, and what [`spawn`] needs to make it work.
    pub(crate) fn new() -> (Hub, Door) {
        let (orders, inbox) = mpsc::channel(WAITING);
        let (hold, held) = watch::channel(None);
        (Hub { orders, held }, Door { inbox, hold })
    }

    /// False when the node is ending.
    pub(crate) async fn tell(&self, order: Order) -> bool {
        self.orders.send(order).await.is_ok()
    }

    pub(crate) fn tell_from_thread(&self, order: Order) -> bool {
        self.orders.blocking_send(order).is_ok()
    }

    /// `None` when the node is ending.
    pub(crate) async fn queues(&self) -> Option<Vec<QueueView>> {
        self.look(|broker| broker.queues().collect()).await
    }

    /// The same.
    pub(crate) async fn figures(&self) -> Option<Figures> {
        self.look(Broker::figures).await
    }

    /// What somebody sees of the broker; the same.
    pub(crate) async fn look<T: Send + 'static>(&self, see: impl FnOnce(&Broker) -> T + Send + 'static) -> Option<T> {
        let (tell, answer) = oneshot::channel();
        // Whoever asked may be gone.
        let look = Look(Box::new(move |broker| drop(tell.send(see(broker)))));
        self.tell(Order::Look(look)).await;
        answer.await.ok()
    }
}

/// The other end of a [`Hub`].
pub(crate) struct Door {
    inbox: mpsc::Receiver<Order>,
    hold: watch::Sender<Option<Scarce>>,
}

/// Starts the thread. It ends when told to, and closes `records` with that.
pub(crate) fn spawn(
    broker: Broker,
    clock: Clock,
    door: Door,
    records: Records,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let run = move || {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let Door { inbox, hold } = door;
        let work = Work {
            broker,
            clock,
            records,
            hold,
            outboxes: HashMap::new(),
            stopped: false,
        };
        runtime.block_on(work.run(inbox));
        Ok(())
    };
    std::thread::Builder::new().name("hub".to_owned()).spawn(run)
}

struct Work {
    broker: Broker,
    clock: Clock,
    records: Records,
    hold: watch::Sender<Option<Scarce>>,
    outboxes: HashMap<SessionId, Outbox>,
    stopped: bool,
}

impl Work {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        let mut orders = Vec::with_capacity(TOGETHER);
        self.hand_on();
        while !self.stopped {
            let deadline = self
                .broker
                .poll_deadline()
                .map(|at| Instant::from_std(self.clock.instant(at)));
            let due = async {
                match deadline {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = inbox.recv_many(&mut orders, TOGETHER) => if count == 0 { return },
                () = due => self.broker.on_deadline(self.clock.now()),
            }
            orders.drain(..).for_each(|order| self.carry_out(order));
            self.hand_on();
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Join(session, outbox) => drop(self.outboxes.insert(session, outbox)),
            Order::Ask(input) => self.broker.handle(input, self.clock.now()),
            Order::Left(session) => {
                self.outboxes.remove(&session);
                self.broker.handle(Input::Closed { session }, self.clock.now());
            }
            Order::Stop => self.stopped = true,
            Order::Look(Look(see)) => see(&self.broker),
        }
    }

    fn hand_on(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            let Some(session) = output.session() else {
                self.for_the_node(output);
                continue;
            };
            if let Some(outbox) = self.outboxes.get(&session.connection()) {
                // A connection that has just ended says so itself.
                outbox.send(output).ok();
            }
        }
    }

    fn for_the_node(&self, output: Output) {
        match output {
            Output::Hold(scarce) => {
                match scarce {
                    // A disk that is too slow is so again and again.
                    Some(Scarce::Bandwidth) => tracing::debug!("the disk is slower than what is sent"),
                    Some(scarce) => tracing::warn!("there is too little {scarce}: producers are held back"),
                    None if *self.hold.borrow() == Some(Scarce::Bandwidth) => tracing::debug!("the disk has caught up"),
                    None => tracing::info!("there is room again: producers go on"),
                }
                self.hold.send_replace(scarce);
            }
            Output::Omitted { address } => tracing::warn!(
                "a crontab for {address:?} begins no series for now: what waits for its time takes half of the memory"
            ),
            // Without a writer nothing is confirmed any more, and the node is ending.
            Output::Write { lsn, record } => drop(self.records.send((lsn, record))),
            _ => {}
        }
    }
}
