//! Takes the lines of a ring on to one syslog server, one connection after the other. From the first one on no line gives way
//! before the server has had it.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_lb_config::{Framing, RingServer, ServerPort};
use tandem_ops::syslog::{Reader, Ring};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::{Known, Outward};
use crate::reach::{Secure, reach};
use crate::wire::Wire;

/// How long to rest between two connections.
const REST: Duration = Duration::from_secs(1);

/// As good as for ever, where no limit is said.
const LONG: Duration = Duration::from_secs(86_400);

/// So many bytes are enough to be sent at once.
const AT_ONCE: usize = 16 * 1024;

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Conveyor {
    work: Work,
    place: Place,
    task: AbortHandle,
}

/// Where it is in the ring, from its first connection on. Whoever works has it for himself.
type Place = Arc<Mutex<Option<Reader>>>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Work {
    ring: Arc<Ring>,
    /// Of the ring, among those who go to servers.
    key: Arc<str>,
    to: RingServer,
    connect: Duration,
    patience: Duration,
}

impl Conveyor {
    /// The one that was before, when its work is the same; another goes on where that one is.
    pub(super) fn of(known: &Known, to: &RingServer, outward: &Outward, before: Option<Conveyor>) -> Conveyor {
        let work = Work::of(known, to);
        match before {
            Some(before) if before.work == work => before,
            Some(before) => Conveyor::begin(work, outward, before.place.clone()),
            None => Conveyor::begin(work, outward, Place::default()),
        }
    }

    fn begin(work: Work, outward: &Outward, place: Place) -> Conveyor {
        let task = tokio::task::spawn_local(work.clone().run(outward.clone(), place.clone())).abort_handle();
        Conveyor { work, place, task }
    }

    /// Whether it leads there what is in that ring, however it does.
    pub(super) fn leads(&self, known: &Known, to: &RingServer) -> bool {
        self.work.ring == known.ring && self.work.to.name == to.name
    }
}

impl Drop for Conveyor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Work {
    fn of(known: &Known, to: &RingServer) -> Work {
        Work {
            ring: known.ring.clone(),
            key: known.plan.key(),
            to: to.clone(),
            connect: known.plan.timeout_connect.unwrap_or(LONG),
            patience: known.plan.timeout_server.unwrap_or(LONG),
        }
    }

    async fn run(self, outward: Outward, place: Place) {
        // Until whoever was here before has ended.
        let mut reader = place.lock().await;
        let mut trouble = Trouble::default();
        loop {
            let mut stood = None;
            let error = match timeout(self.connect, self.connected(&outward)).await {
                Ok(Ok(stream)) => {
                    let reader = reader.get_or_insert_with(|| self.ring.reader());
                    let (began, mut has_taken) = (Instant::now(), false);
                    let error = self.lead(reader, stream, &mut has_taken).await;
                    stood = has_taken.then(|| began.elapsed());
                    error
                }
                Ok(Err(error)) => error,
                Err(late) => late.into(),
            };
            if trouble.is_news(stood) {
                let (ring, server) = (self.ring.name(), &self.to.name);
                tracing::warn!(%error, "ring {ring}: its lines do not reach {server}; it is tried again");
            }
            sleep(REST).await;
        }
    }

    async fn connected(&self, outward: &Outward) -> io::Result<Wire> {
        let Outward { vault, clock } = outward;
        let secure = match &self.to.tls {
            None => None,
            Some(plan) => {
                let origin = vault.origin(&self.key, &self.to.name, plan);
                let origin = origin.ok_or_else(|| io::Error::other("its certificates are not there any more"))?;
                Some(Secure::new(origin, plan))
            }
        };
        let place = (self.to.host.clone(), ServerPort::Fixed(self.to.port));
        reach(vault, *clock, &place, secure.as_ref()).await
    }

    /// Until the connection ends; why it did.
    async fn lead(&self, reader: &mut Reader, wire: Wire, has_taken: &mut bool) -> io::Error {
        let mut stream = &wire;
        let mut batch = Batch::default();
        let mut heard = [0; 64];
        loop {
            batch.fill(reader, self.to.framing);
            if let Err(error) = is_open(stream) {
                return error;
            }
            while !batch.rest().is_empty() {
                match timeout(self.patience, stream.write(batch.rest())).await {
                    Ok(Ok(0)) => return io::ErrorKind::WriteZero.into(),
                    Ok(Ok(count)) => {
                        let lines = batch.sent(count);
                        reader.took(lines);
                        *has_taken |= lines > 0;
                    }
                    Ok(Err(error)) => return error,
                    Err(late) => return late.into(),
                }
            }
            // What was encrypted may wait still.
            match timeout(self.patience, stream.flush()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(late) => return late.into(),
            }
            tokio::select! {
                () = reader.news() => {}
                // A syslog server has nothing to say but the end.
                count = stream.read(&mut heard) => match count {
                    Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                    Ok(_) => {}
                    Err(error) => return error,
                },
            }
        }
    }
}

/// Of a server that has ended the connection the kernel knows before anybody has told this task, and takes what is written to
/// it all the same.
fn is_open(stream: &Wire) -> io::Result<()> {
    match stream.socket().peek(&mut [MaybeUninit::uninit()]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Lines on their way, one behind the other.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    sent: usize,
    /// Where each ends that is not out yet.
    ends: VecDeque<usize>,
}

impl Batch {
    /// All before are out.
    fn fill(&mut self, reader: &Reader, framing: Framing) {
        self.bytes.clear();
        self.sent = 0;
        reader.show(AT_ONCE, |line| self.add(line, framing));
    }

    fn add(&mut self, line: &[u8], framing: Framing) {
        match framing {
            Framing::Newline => self.bytes.extend([line, b"\n"].into_iter().flatten()),
            Framing::Counted => {
                self.bytes.extend(format!("{} ", line.len()).bytes());
                self.bytes.extend(line);
            }
        }
        self.ends.push_back(self.bytes.len());
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So many more bytes; how many lines are out with them.
    fn sent(&mut self, count: usize) -> u64 {
        self.sent += count;
        let mut lines = 0;
        while self.ends.front().is_some_and(|end| *end <= self.sent) {
            self.ends.pop_front();
            lines += 1;
        }
        lines
    }
}

/// Whether lines do not arrive; it is said when that changes, and not with every attempt.
#[derive(Debug, Default)]
struct Trouble {
    is_said: bool,
}

impl Trouble {
    /// `stood` is how long the connection was there, when a line went over it. Whoever lets everybody in and leaves at once
    /// takes lines, too, and loses them.
    fn is_news(&mut self, stood: Option<Duration>) -> bool {
        self.is_said &= stood.is_none_or(|stood| stood < REST);
        !std::mem::replace(&mut self.is_said, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_out_with_its_last_byte() {
        for (framing, bytes, steps) in [
            (Framing::Newline, "ab\n\ncde\n", [(2, 0), (1, 1), (3, 1), (2, 1)]),
            (Framing::Counted, "2 ab0 3 cde", [(3, 0), (1, 1), (6, 1), (1, 1)]),
        ] {
            let mut batch = Batch::default();
            ["ab", "", "cde"]
                .iter()
                .for_each(|line| batch.add(line.as_bytes(), framing));
            assert_eq!(batch.rest(), bytes.as_bytes());
            for (count, lines) in steps {
                assert_eq!(batch.sent(count), lines, "{framing:?} {count}");
            }
            assert_eq!(batch.rest(), b"");
        }
    }

    #[test]
    fn what_goes_on_failing_is_said_once() {
        let mut trouble = Trouble::default();
        let [short, long] = [REST / 2, REST * 2].map(Some);
        for (stood, is_news) in [
            (None, true),
            (None, false),
            (short, false),
            (None, false),
            (long, true),
            (short, false),
        ] {
            assert_eq!(trouble.is_news(stood), is_news, "{stood:?}");
        }
    }
}
