//! The clients: connections that are open before anything is measured, and what they do for a while.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::load::{Doing, Load};

const BUFFER: usize = 256 << 10;
/// So many clients connect again and again.
const CONNECTING: usize = 16;
const SMALL: usize = 64;
/// What each connection sends and gets back in a burst, and how many of them do so at a time.
const BURST: usize = 64 << 10;
const AT_A_TIME: usize = 256;

/// What was done in a while.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) units: f64,
    pub(super) took: Duration,
    pub(super) waits: Option<Waits>,
}

/// How long an exchange took: half of them, 99 % and 99.9 % were as fast as this, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Waits {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

/// Connected, and ready to begin.
pub(super) struct Clients {
    doing: Doing,
    to: SocketAddr,
    streams: Vec<TcpStream>,
    /// They are open, and nothing is read from them.
    idle: Vec<TcpStream>,
}

/// Where a proxy is found: what is sent there comes back, or comes in masses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) echo: SocketAddr,
    pub(super) source: SocketAddr,
}

impl Clients {
    /// Each connection has been through the proxy once.
    pub(super) async fn connect(load: Load, at: Places) -> io::Result<Self> {
        let doing = load.doing;
        let (mut streams, mut idle) = (Vec::new(), Vec::new());
        match doing {
            Doing::Bulk {
                connections,
                both_ways: false,
            } => streams = pouring(connections, at.source).await?,
            Doing::Bulk { connections, .. } | Doing::Exchange { connections, .. } | Doing::Brokers { connections } => {
                streams = talking(connections, at.echo).await?;
            }
            Doing::Connect => {}
            Doing::Idle {
                connections,
                after_burst,
            } => {
                idle = talking(connections, at.echo).await?;
                if after_burst {
                    idle = burst(idle).await?;
                }
            }
            Doing::Beside { idle: count, busy } => {
                idle = talking(count, at.echo).await?;
                streams = talking(busy, at.echo).await?;
            }
            Doing::Slow { slow, busy } => {
                idle = pouring(slow, at.source).await?;
                streams = talking(busy, at.echo).await?;
            }
        }
        Ok(Self {
            doing,
            to: at.echo,
            streams,
            idle,
        })
    }

    /// How many connections do nothing.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Works until the time is over; the connections close.
    pub(super) async fn work(self, time: Duration) -> io::Result<Work> {
        let Self {
            doing,
            to,
            streams,
            idle,
        } = self;
        let begun = Instant::now();
        let end = begun + time;
        let mut tasks = JoinSet::new();
        for (number, stream) in streams.into_iter().enumerate() {
            match doing {
                Doing::Bulk { both_ways: false, .. } => drop(tasks.spawn(swallow(stream, end))),
                Doing::Bulk { .. } => {
                    let (read, write) = stream.into_split();
                    tasks.spawn(flood(write, end));
                    tasks.spawn(swallow(read, end));
                }
                Doing::Exchange { size, .. } => drop(tasks.spawn(ask(stream, size, Duration::ZERO, end))),
                Doing::Brokers { .. } => {
                    let (size, pause) = habit(number);
                    tasks.spawn(ask(stream, size, pause, end));
                }
                _ => drop(tasks.spawn(ask(stream, SMALL, Duration::ZERO, end))),
            }
        }
        if doing == Doing::Connect {
            (0..CONNECTING).for_each(|_| drop(tasks.spawn(come_and_go(to, end))));
        }
        let (mut units, mut waits) = (0.0, Vec::new());
        while let Some(ended) = tasks.join_next().await {
            let mut share = ended.map_err(io::Error::other)??;
            units += share.units;
            waits.append(&mut share.waits);
        }
        drop(idle);
        Ok(Work {
            units,
            took: begun.elapsed(),
            waits: Waits::of(waits),
        })
    }
}

/// What a broker's client says, and how long it is silent then: few say much, some have bursts, most send a heartbeat.
fn habit(number: usize) -> (usize, Duration) {
    match number % 32 {
        0 => (1 << 10, Duration::ZERO),
        1..4 => (16 << 10, Duration::from_millis(250)),
        _ => (SMALL, Duration::from_secs(1)),
    }
}

/// Connections on which something has come.
async fn pouring(count: usize, to: SocketAddr) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(to).await?;
        stream.read_u8().await?;
        streams.push(stream);
    }
    Ok(streams)
}

/// Connections that have had an answer.
async fn talking(count: usize, to: SocketAddr) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(to).await?;
        exchange(&mut stream, &mut [0; SMALL]).await?;
        streams.push(stream);
    }
    Ok(streams)
}

/// Much on all of them, many at a time.
async fn burst(streams: Vec<TcpStream>) -> io::Result<Vec<TcpStream>> {
    let (mut waiting, mut tasks, mut done) = (streams.into_iter(), JoinSet::new(), Vec::new());
    let one = |mut stream: TcpStream| async move {
        let (mut read, mut write) = stream.split();
        let (asked, mut answer) = (vec![0; BURST], vec![0; BURST]);
        tokio::try_join!(write.write_all(&asked), read.read_exact(&mut answer))?;
        io::Result::Ok(stream)
    };
    waiting
        .by_ref()
        .take(AT_A_TIME)
        .for_each(|stream| drop(tasks.spawn(one(stream))));
    while let Some(ended) = tasks.join_next().await {
        done.push(ended.map_err(io::Error::other)??);
        waiting
            .next()
            .into_iter()
            .for_each(|stream| drop(tasks.spawn(one(stream))));
    }
    Ok(done)
}

/// Of one task.
#[derive(Default)]
struct Share {
    units: f64,
    waits: Vec<u32>,
}

impl Share {
    fn exchanged(&mut self, since: Instant) {
        self.units += 1.0;
        self.waits
            .push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

impl Waits {
    fn of(mut micros: Vec<u32>) -> Option<Self> {
        micros.sort_unstable();
        let at = |share: f64| {
            let place = (micros.len() as f64 * share) as usize;
            micros
                .get(place.min(micros.len().saturating_sub(1)))
                .map(|m| f64::from(*m))
        };
        Some(Self {
            p50: at(0.5)?,
            p99: at(0.99)?,
            p999: at(0.999)?,
        })
    }
}

async fn open(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.read_exact(bytes).await.map(drop)
}

async fn swallow(mut stream: impl AsyncRead + Unpin, end: Instant) -> io::Result<Share> {
    let (mut share, mut buffer) = (Share::default(), vec![0; BUFFER]);
    loop {
        let Ok(read) = tokio::time::timeout_at(end.into(), stream.read(&mut buffer)).await else {
            return Ok(share);
        };
        match read? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => share.units += length as f64,
        }
    }
}

/// What it writes is counted when it comes back.
async fn flood(mut stream: impl AsyncWrite + Unpin, end: Instant) -> io::Result<Share> {
    let buffer = vec![0; BUFFER];
    while let Ok(written) = tokio::time::timeout_at(end.into(), stream.write(&buffer)).await {
        written?;
    }
    Ok(Share::default())
}

async fn ask(mut stream: TcpStream, size: usize, pause: Duration, end: Instant) -> io::Result<Share> {
    let (mut share, mut bytes) = (Share::default(), vec![0; size]);
    loop {
        let begun = Instant::now();
        if begun >= end {
            return Ok(share);
        }
        exchange(&mut stream, &mut bytes).await?;
        share.exchanged(begun);
        if !pause.is_zero() {
            tokio::time::sleep_until((Instant::now() + pause).min(end).into()).await;
        }
    }
}

async fn come_and_go(to: SocketAddr, end: Instant) -> io::Result<Share> {
    let mut share = Share::default();
    loop {
        let begun = Instant::now();
        if begun >= end {
            return Ok(share);
        }
        exchange(&mut open(to).await?, &mut [0; SMALL]).await?;
        share.exchanged(begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_many_and_of_none() {
        let of = |list: Vec<u32>| Waits::of(list).map(|w| (w.p50, w.p99, w.p999));
        assert_eq!(of((0..1000).rev().collect()), Some((500.0, 990.0, 999.0)));
        assert_eq!(of(vec![7]), Some((7.0, 7.0, 7.0)));
        assert_eq!(of(Vec::new()), None);
    }
}
