//! The one place that turns signals into intentions.
//!
//! A daemon says which signal means what (the balancer's USR2 reloads, the router's USR2 writes its statistics); the rest
//! of it hears only intentions. Handlers come from `signal-hook`: they set a flag and write a byte into a socket pair,
//! which the runtime reads.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::UnixStream;

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intention {
    /// Stop now.
    Stop,
    /// Take nothing new, finish what is there, then stop.
    Drain,
    Reload,
    /// Take nothing new until told to resume.
    Pause,
    Resume,
    /// Write what is known into the file of that kind.
    Dump(Dump),
    /// Set the statistics to zero.
    ClearStatistics,
    /// What the peer's operators may send, and what must end nothing.
    Nothing,
}

/// Which of the files that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    Data,
    Statistics,
    Json,
}

/// A signal by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(pub i32);

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_hook::low_level::signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// An intention, and the signal that carried it: log lines name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub intention: Intention,
    pub signal: Signal,
}

/// The balancer's signals, which are HAProxy's except that HUP reloads instead of dumping.
pub const BALANCER: &[(i32, Intention)] = &[
    (SIGTERM, Intention::Stop),
    (SIGINT, Intention::Stop),
    (SIGUSR1, Intention::Drain),
    (SIGHUP, Intention::Reload),
    (SIGUSR2, Intention::Reload),
    (SIGTTOU, Intention::Pause),
    (SIGTTIN, Intention::Resume),
];

/// The router's signals, which are Keepalived's. Its real-time signals are SIGRTMIN + 2, SIGRTMAX - 1 and SIGRTMAX as
/// glibc counts them; tools ask `--signum` rather than know them. The last writes the timers of a Keepalived that is built
/// for it, of which there are none here.
pub const ROUTER: &[(i32, Intention)] = &[
    (SIGTERM, Intention::Stop),
    (SIGINT, Intention::Stop),
    (SIGHUP, Intention::Reload),
    (SIGUSR1, Intention::Dump(Dump::Data)),
    (SIGUSR2, Intention::Dump(Dump::Statistics)),
    (36, Intention::Dump(Dump::Json)),
    (63, Intention::ClearStatistics),
    (64, Intention::Nothing),
];

/// The broker's signals.
pub const BROKER: &[(i32, Intention)] = &[
    (SIGTERM, Intention::Stop),
    (SIGINT, Intention::Stop),
    (SIGHUP, Intention::Reload),
];

/// Listens from the moment it is made until the process ends. Must be made inside a tokio runtime.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    meanings: Vec<(i32, Intention)>,
    /// What arrived together and is not handed out yet.
    waiting: Vec<Received>,
}

impl Signals {
    /// Signals of one moment are handed out in the order of `meanings`.
    pub fn listen(meanings: &[(i32, Intention)]) -> io::Result<Signals> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let numbers = meanings.iter().map(|(signal, _)| *signal);
        let delivery = SignalDelivery::with_pipe(UnixStream::from_std(read)?, write, SignalOnly, numbers)?;
        Ok(Signals {
            delivery,
            meanings: meanings.to_vec(),
            waiting: Vec::new(),
        })
    }

    /// The next one. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> io::Result<Received> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The order to stop. Whatever has come is handed out later, this order too.
    pub async fn stop(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_stop(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Received>> {
        while self.waiting.is_empty() {
            ready!(self.poll_arrived(cx))?;
        }
        Poll::Ready(Ok(self.waiting.remove(0)))
    }

    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.iter().any(|one| one.intention == Intention::Stop) {
            ready!(self.poll_arrived(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.delivery.poll_pending(&mut |read| has_bytes(read, cx)) {
            Ok(Some(arrived)) => {
                let arrived = arrived.collect();
                self.take(arrived);
                Poll::Ready(Ok(()))
            }
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn take(&mut self, arrived: Vec<i32>) {
        let meant = self.meanings.iter().filter(|(signal, _)| arrived.contains(signal));
        self.waiting.extend(meant.map(|&(signal, intention)| Received {
            intention,
            signal: Signal(signal),
        }));
    }
}

fn has_bytes(read: &mut UnixStream, cx: &mut Context<'_>) -> io::Result<bool> {
    let mut byte = [0];
    match Pin::new(read).poll_read(cx, &mut ReadBuf::new(&mut byte)) {
        Poll::Pending => Ok(false),
        Poll::Ready(result) => result.map(|()| true),
    }
}

#[cfg(test)]
mod tests;
