//! One worker: a thread with its own event loop, which keeps every connection it was given until that ends.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_core::conn::KillReason;
use tandem_ops::clock::Clock;
use tandem_sys::relay::{self, Pipes, Scratch};
use tandem_time::{Mono, Seed};
use tokio::runtime::{Builder, LocalOptions, RuntimeMetrics};
use tokio::sync::{mpsc, oneshot, watch};

use crate::accept::{self, Listener};
use crate::admission::{Admission, Permit};
use crate::counters::Gauge;
use crate::frontend::Frontend;
use crate::live::Live;
use crate::logs::Pen;
use crate::registry::Registry;
use crate::rules::Subject;
use crate::session;
use crate::tls::Spoken;
use crate::upgrade::Moved;

/// What the process is about; the control runtime says, everybody follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Takes no new connections, until told to run again.
    Paused,
    /// Takes no new connections while this process and its successor, or its predecessor, come to terms. Who comes waits,
    /// and one of the two takes them at once.
    Between,
    /// Takes no new connections, and stops when the last one has ended.
    Draining,
    /// As draining, but another process has our listeners and accepts from them.
    Left,
    /// As draining, but the connections have to end now.
    Ending,
    Stopped,
}

impl Phase {
    /// From now on nobody new is taken; whether somebody was until now.
    pub(crate) fn pause(phase: &watch::Sender<Phase>) -> bool {
        Phase::turn(phase, &[Phase::Running, Phase::Between], Phase::Paused)
    }

    /// Undoes [`Phase::pause`]; whether there was something to undo.
    pub(crate) fn resume(phase: &watch::Sender<Phase>) -> bool {
        Phase::turn(phase, &[Phase::Paused], Phase::Running)
    }

    /// A successor comes to terms with us. An operator's pause stays one.
    pub(crate) fn step_between(phase: &watch::Sender<Phase>) {
        Phase::turn(phase, &[Phase::Running], Phase::Between);
    }

    /// They did not.
    pub(crate) fn step_back(phase: &watch::Sender<Phase>) {
        Phase::turn(phase, &[Phase::Between], Phase::Running);
    }

    /// It takes nobody any more, ever.
    pub(crate) const fn is_last(self) -> bool {
        match self {
            Phase::Running | Phase::Paused | Phase::Between => false,
            Phase::Draining | Phase::Left | Phase::Ending | Phase::Stopped => true,
        }
    }

    fn turn(phase: &watch::Sender<Phase>, from: &[Phase], to: Phase) -> bool {
        phase.send_if_modified(|now| {
            let turns = from.contains(now);
            if turns {
                *now = to;
            }
            turns
        })
    }
}

/// A connection on its way to the worker that will keep it.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: session::Peer,
    pub(crate) frontend: Arc<Frontend>,
    /// Which of the frontend's listeners it came by, counted from 1.
    pub(crate) listener: u32,
    /// What rules have made of it already.
    pub(crate) subject: Option<Box<Subject>>,
    pub(crate) begins: Begins,
    pub(crate) permit: Permit,
    pub(crate) seat: Seat,
    pub(crate) at: Mono,
}

/// What stands between a connection and its session.
pub(crate) enum Begins {
    Now,
    After(Greeting),
}

/// What comes first, in this order; then it is let in here.
pub(crate) struct Greeting {
    /// A PROXY header.
    pub(crate) has_header: bool,
    /// The handshake of TLS, by these rules.
    pub(crate) tls: Option<(Arc<tandem_tls::Listener>, Spoken)>,
    pub(crate) admission: Admission,
}

/// What a worker is brought.
enum Delivery {
    Connection(Accepted),
    /// From another process.
    Moved(Box<Moved>),
    /// To accept from, from now on.
    Listener(Listener),
    /// To be dropped: somebody wants to know whether it is.
    Knock(oneshot::Sender<()>),
}

/// All workers, as each of them sees the others.
#[derive(Debug)]
pub(crate) struct Crew {
    members: Vec<Member>,
    /// Connections of the process.
    pub(crate) sessions: Gauge,
    /// What bytes are spliced through.
    pub(crate) pipes: Arc<Pipes>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Member {
    load: AtomicUsize,
    inbox: mpsc::UnboundedSender<Delivery>,
    /// What its event loop says of itself, once it runs.
    metrics: OnceLock<RuntimeMetrics>,
}

/// A connection counted to a worker's load from the moment it was given to it.
#[derive(Debug)]
pub(crate) struct Seat {
    crew: Arc<Crew>,
    member: usize,
}

/// What comes for one worker.
pub(crate) struct Inbox(mpsc::UnboundedReceiver<Delivery>);

impl Crew {
    /// As many workers as asked for, and the inbox of each.
    pub(crate) fn muster(count: usize, pipes: Pipes) -> (Arc<Crew>, Vec<Inbox>) {
        let (members, inboxes) = (0..count.max(1))
            .map(|_| {
                let (inbox, receiver) = mpsc::unbounded_channel();
                (
                    Member {
                        load: AtomicUsize::new(0),
                        inbox,
                        metrics: OnceLock::new(),
                    },
                    Inbox(receiver),
                )
            })
            .unzip();
        (
            Arc::new(Crew {
                members,
                sessions: Gauge::default(),
                pipes: Arc::new(pipes),
            }),
            inboxes,
        )
    }

    /// A seat at the less loaded of two workers drawn by lot: nearly as even as asking all, at the price of two reads.
    pub(crate) fn less_loaded(self: &Arc<Self>, lots: &mut Seed) -> Seat {
        let mut draw = || lots.below(self.members.len() as u64) as usize;
        let (one, two) = (draw(), draw());
        let load = |member: usize| self.members[member].load.load(Relaxed);
        self.seat(if load(two) < load(one) { two } else { one })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// How long all of them have worked since the start, the time between two events not counted.
    pub(crate) fn busy(&self) -> Duration {
        let loops = self.members.iter().filter_map(|member| member.metrics.get());
        loops.map(|metrics| metrics.worker_total_busy_duration(0)).sum()
    }

    /// Gives a worker a listener. One that is gone takes nothing.
    pub(crate) fn give(&self, member: usize, listener: Listener) {
        self.deliver(member, Delivery::Listener(listener));
    }

    /// Returns when each worker has looked into its inbox, or has ended.
    pub(crate) async fn answers(&self) {
        for member in 0..self.members.len() {
            let (knock, answer) = oneshot::channel();
            self.deliver(member, Delivery::Knock(knock));
            answer.await.ok();
        }
    }

    /// Of each worker whether it looks into its inbox within that time.
    pub(crate) async fn answering(&self, within: Duration) -> Vec<bool> {
        let knock = |member| {
            let (knock, answer) = oneshot::channel();
            self.deliver(member, Delivery::Knock(knock));
            answer
        };
        let answers: Vec<_> = (0..self.members.len()).map(knock).collect();
        let deadline = tokio::time::Instant::now() + within;
        let mut all = Vec::new();
        for answer in answers {
            all.push(tokio::time::timeout_at(deadline, answer).await.is_ok());
        }
        all
    }

    fn deliver(&self, member: usize, delivery: Delivery) {
        if let Some(member) = self.members.get(member) {
            member.inbox.send(delivery).ok();
        }
    }

    pub(crate) fn seat(self: &Arc<Self>, member: usize) -> Seat {
        self.members[member].load.fetch_add(1, Relaxed);
        Seat {
            crew: self.clone(),
            member,
        }
    }
}

impl Accepted {
    /// Brings the connection to the worker whose seat it has. A worker that is gone takes nothing: the connection ends.
    pub(crate) fn deliver(self) {
        let (crew, member) = (self.seat.crew.clone(), self.seat.member);
        crew.deliver(member, Delivery::Connection(self));
    }
}

impl Moved {
    /// As [`Accepted::deliver`].
    pub(crate) fn deliver(self) {
        let (crew, member) = (self.seat.crew.clone(), self.seat.member);
        crew.deliver(member, Delivery::Moved(Box::new(self)));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.crew.members[self.member].load.fetch_sub(1, Relaxed);
    }
}

/// What a worker is started with.
pub(crate) struct Start {
    pub(crate) number: usize,
    pub(crate) crew: Arc<Crew>,
    pub(crate) live: Arc<Live>,
    pub(crate) inbox: Inbox,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) clock: Clock,
    pub(crate) seed: Seed,
}

/// What everything on one worker's thread shares.
pub(crate) struct Worker {
    pub(crate) number: usize,
    pub(crate) crew: Arc<Crew>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Clock,
    pub(crate) scratch: RefCell<Scratch>,
    pub(crate) pen: Pen,
    pub(crate) lots: RefCell<Seed>,
    pub(crate) registry: Rc<Registry>,
    /// What the process is about.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Starts a worker's thread. It ends with [`Phase::Stopped`].
pub(crate) fn spawn(start: Start) -> io::Result<JoinHandle<io::Result<()>>> {
    let name = format!("worker-{}", start.number);
    std::thread::Builder::new().name(name).spawn(move || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        if let Some(member) = start.crew.members.get(start.number) {
            // Nobody else has this number.
            member.metrics.get_or_init(|| runtime.handle().metrics());
        }
        runtime.block_on(async {
            relay::prepare()?;
            work(start).await;
            Ok(())
        })
    })
}

async fn work(start: Start) {
    let Start {
        number,
        crew,
        live,
        mut inbox,
        mut phase,
        clock,
        seed,
    } = start;
    let worker = Rc::new(Worker {
        number,
        scratch: RefCell::new(Scratch::new(crew.pipes.clone())),
        crew,
        live,
        clock,
        pen: Pen::default(),
        lots: RefCell::new(seed),
        registry: Rc::default(),
        phase: phase.clone(),
    });
    loop {
        tokio::select! {
            biased;
            changed = phase.changed() => match (changed, *phase.borrow_and_update()) {
                (Err(_), _) | (_, Phase::Stopped) => return,
                (_, Phase::Ending) => worker.registry.end_all(KillReason::Shutdown),
                _ => {}
            },
            // The crew holds a sender, so this never ends by itself.
            Some(delivery) = inbox.0.recv() => match delivery {
                Delivery::Connection(accepted) => {
                    tokio::task::spawn_local(session::run(worker.clone(), accepted));
                }
                Delivery::Moved(moved) => {
                    tokio::task::spawn_local(session::resume(worker.clone(), moved));
                }
                Delivery::Knock(knock) => drop(knock),
                Delivery::Listener(listener) => {
                    tokio::task::spawn_local(accept::run(worker.clone(), listener, phase.clone()));
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lots_keep_the_loads_close() {
        let (crew, _inboxes) = Crew::muster(4, Pipes::default());
        let mut lots = Seed::new(1);
        let seats: Vec<Seat> = (0..400).map(|_| crew.less_loaded(&mut lots)).collect();
        for member in &crew.members {
            let load = member.load.load(Relaxed);
            assert!((90..=110).contains(&load), "{load}");
        }
        drop(seats);
        assert!(crew.members.iter().all(|m| m.load.load(Relaxed) == 0));
    }

    #[test]
    fn only_who_runs_is_paused_and_only_who_is_paused_runs_again() {
        use Phase::{Between, Draining, Ending, Left, Paused, Running, Stopped};
        for before in [Running, Between, Paused, Draining, Left, Ending, Stopped] {
            let (phase, _follow) = watch::channel(before);
            let runs = [Running, Between].contains(&before);
            assert_eq!(Phase::pause(&phase), runs);
            let paused = *phase.borrow();
            assert_eq!(paused, if runs { Paused } else { before });
            assert_eq!(Phase::resume(&phase), paused == Paused);
            assert_eq!(*phase.borrow(), if paused == Paused { Running } else { before });
        }
    }

    #[test]
    fn a_pause_outlives_terms_that_were_not_come_to() {
        let (phase, _follow) = watch::channel(Phase::Running);
        for (paused, then) in [(false, Phase::Running), (true, Phase::Paused)] {
            Phase::step_between(&phase);
            assert_eq!(*phase.borrow(), Phase::Between);
            assert_eq!(paused, paused && Phase::pause(&phase));
            Phase::step_back(&phase);
            assert_eq!(*phase.borrow(), then);
            Phase::step_between(&phase);
            assert_eq!(*phase.borrow(), if paused { Phase::Paused } else { Phase::Between });
            Phase::step_back(&phase);
        }
    }

    #[test]
    fn who_is_stuck_does_not_answer_and_who_has_ended_need_not() {
        use std::task::{Context, Waker};
        let (crew, mut inboxes) = Crew::muster(2, Pipes::default());
        let mut answers = std::pin::pin!(crew.answers());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(answers.as_mut().poll(&mut cx).is_pending());
        assert!(
            matches!(inboxes[0].0.try_recv(), Ok(Delivery::Knock(_))),
            "dropped, as a worker does"
        );
        assert!(answers.as_mut().poll(&mut cx).is_pending(), "the other has not looked");
        inboxes.pop();
        assert!(answers.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn a_crew_has_a_worker() {
        assert_eq!(Crew::muster(0, Pipes::default()).1.len(), 1);
    }
}
