//! The clients: connections that are open before anything is measured, and what they do for a while.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::load::Load;

const BUFFER: usize = 256 << 10;
/// So many clients connect again and again.
const CONNECTING: usize = 16;
const SMALL: usize = 64;

/// What was done in a while.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) units: f64,
    pub(super) took: Duration,
    pub(super) waits: Option<Waits>,
}

/// How long an exchange took: half of them, 99 % and 99.9 % were as fast as this, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Waits {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

/// Connected, and ready to begin.
pub(super) struct Clients {
    load: Load,
    to: SocketAddr,
    streams: Vec<TcpStream>,
}

impl Clients {
    /// Each connection has been through the proxy once.
    pub(super) async fn connect(load: Load, to: SocketAddr) -> io::Result<Self> {
        let count = match load {
            Load::Bulk { connections } | Load::Exchange { connections, .. } | Load::Idle { connections } => connections,
            Load::Connect => 0,
        };
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = open(to).await?;
            match load {
                Load::Bulk { .. } => drop(stream.read_u8().await?),
                _ => exchange(&mut stream, &mut [0; SMALL]).await?,
            }
            streams.push(stream);
        }
        Ok(Self { load, to, streams })
    }

    /// Works until the time is over; the connections close.
    pub(super) async fn work(self, time: Duration) -> io::Result<Work> {
        let Self { load, to, streams } = self;
        let begun = Instant::now();
        let end = begun + time;
        let mut tasks = JoinSet::new();
        for stream in streams {
            match load {
                Load::Bulk { .. } => tasks.spawn(swallow(stream, end)),
                Load::Exchange { size, .. } => tasks.spawn(ask(stream, size, end)),
                Load::Connect | Load::Idle { .. } => continue,
            };
        }
        if load == Load::Connect {
            (0..CONNECTING).for_each(|_| drop(tasks.spawn(come_and_go(to, end))));
        }
        let (mut units, mut waits) = (0.0, Vec::new());
        while let Some(ended) = tasks.join_next().await {
            let mut share = ended.map_err(io::Error::other)??;
            units += share.units;
            waits.append(&mut share.waits);
        }
        Ok(Work {
            units,
            took: begun.elapsed(),
            waits: Waits::of(waits),
        })
    }
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

async fn swallow(mut stream: TcpStream, end: Instant) -> io::Result<Share> {
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

async fn ask(mut stream: TcpStream, size: usize, end: Instant) -> io::Result<Share> {
    let (mut share, mut bytes) = (Share::default(), vec![0; size]);
    loop {
        let begun = Instant::now();
        if begun >= end {
            return Ok(share);
        }
        exchange(&mut stream, &mut bytes).await?;
        share.exchanged(begun);
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
