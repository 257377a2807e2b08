//! Publishers and consumers: what they get confirmed in a while, how long they waited for it, and that all of it arrives.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tokio::task::JoinSet;

use super::load::Load;
use super::wire::{Heard, Talk, Wire};

/// What is confirmed arrives within this after the last is.
const DRAIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What was done in a while.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) confirmed: u64,
    /// From the first message to the last confirmation.
    pub(super) took: Duration,
    /// From sending a message to its confirmation: 99 % were as fast as this.
    pub(super) p99: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    confirmed: Cell<u64>,
    delivered: Cell<u64>,
}

/// Everybody is connected, and consumes, before the first publishes.
pub(super) async fn work<T: Talk + 'static>(to: SocketAddr, load: Load, name: &str, time: Duration) -> Result<Work> {
    let counts = Rc::new(Counts::default());
    let mut consumers = JoinSet::new();
    for queue in 0..load.queues() {
        let (mut wire, mut talk) = connect::<T>(to).await?;
        talk.consumes(&mut wire, &queue_name(name, queue)).await?;
        consumers.spawn_local(take(wire, talk, counts.clone()));
    }
    let mut connected = Vec::new();
    for publisher in 0..load.publishers {
        let (mut wire, mut talk) = connect::<T>(to).await?;
        talk.publishes(&mut wire, &queue_name(name, publisher % load.queues()))
            .await?;
        connected.push((wire, talk));
    }
    let begun = Instant::now();
    let mut publishers = JoinSet::new();
    for (wire, talk) in connected {
        publishers.spawn_local(publish(wire, talk, load, begun + time, counts.clone()));
    }
    let mut waits = Vec::new();
    while let Some(done) = publishers.join_next().await {
        waits.extend(done??);
    }
    let took = begun.elapsed();
    arrives(&counts, &mut consumers).await?;
    waits.sort_unstable();
    let p99 = waits.get((waits.len() * 99 / 100).min(waits.len().saturating_sub(1)));
    Ok(Work {
        confirmed: counts.confirmed.get(),
        took,
        p99: *p99.context("nothing was confirmed")?,
    })
}

/// So many messages into one queue, which nobody takes.
pub(super) async fn fill<T: Talk>(to: SocketAddr, queue: &str, size: usize, count: u64) -> Result<()> {
    let (mut wire, mut talk) = connect::<T>(to).await?;
    talk.publishes(&mut wire, queue).await?;
    let body = body(size);
    let window = Load { publishers: 1, size }.window() as u64 * 4;
    let (mut sent, mut confirmed) = (0, 0);
    while confirmed < count {
        while sent < count && sent - confirmed < window {
            talk.publish(&body, &mut wire.outgoing);
            sent += 1;
        }
        wire.flush().await?;
        wire.read().await?;
        while let Some(heard) = talk.hear(&mut wire)? {
            if let Heard::Confirmed { number, and_before } = heard {
                confirmed = if and_before { number } else { confirmed + 1 };
            }
        }
    }
    Ok(())
}

async fn connect<T: Talk>(to: SocketAddr) -> Result<(Wire, T)> {
    let mut wire = Wire::connect(to).await?;
    let (talk, _) = T::begin(&mut wire).await?;
    Ok((wire, talk))
}

fn queue_name(load: &str, number: usize) -> String {
    format!("bench-{load}-{number}")
}

fn body(size: usize) -> Bytes {
    // Not all the same, so that nobody compresses it away.
    let mut state = 0x2545_f491_u32;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..size).map(byte).collect::<Vec<u8>>().into()
}

/// Keeps its window full until the end, and then waits for what is on its way.
async fn publish<T: Talk>(
    mut wire: Wire,
    mut talk: T,
    load: Load,
    end: Instant,
    counts: Rc<Counts>,
) -> Result<Vec<Duration>> {
    let body = body(load.size);
    let mut on_the_way: VecDeque<(u64, Instant)> = VecDeque::new();
    let (mut number, mut waits) = (0, Vec::new());
    loop {
        let now = Instant::now();
        while now < end && on_the_way.len() < load.window() {
            number += 1;
            talk.publish(&body, &mut wire.outgoing);
            on_the_way.push_back((number, now));
        }
        if on_the_way.is_empty() {
            return Ok(waits);
        }
        wire.flush().await?;
        wire.read().await?;
        let came = Instant::now();
        while let Some(heard) = talk.hear(&mut wire)? {
            let Heard::Confirmed { number, and_before } = heard else {
                continue;
            };
            let before = on_the_way.len();
            on_the_way.retain(|(sent, at)| {
                let stays = if and_before { *sent > number } else { *sent != number };
                if !stays {
                    waits.push(came - *at);
                }
                stays
            });
            let confirmed = before - on_the_way.len();
            ensure!(confirmed > 0, "message {number} is confirmed twice, or was never sent");
            counts.confirmed.set(counts.confirmed.get() + confirmed as u64);
        }
    }
}

/// Takes and acknowledges until it is told to stop.
async fn take<T: Talk>(mut wire: Wire, mut talk: T, counts: Rc<Counts>) -> Result<()> {
    loop {
        while let Some(heard) = talk.hear(&mut wire)? {
            counts
                .delivered
                .set(counts.delivered.get() + u64::from(heard == Heard::Message));
        }
        wire.flush().await?;
        wire.read().await?;
    }
}

/// A broker that confirms and does not deliver has no figure.
async fn arrives(counts: &Counts, consumers: &mut JoinSet<Result<()>>) -> Result<()> {
    let until = Instant::now() + DRAIN;
    while counts.delivered.get() < counts.confirmed.get() {
        if let Some(ended) = consumers.try_join_next() {
            ended??;
        }
        ensure!(
            Instant::now() < until,
            "of {} confirmed messages {} have arrived",
            counts.confirmed.get(),
            counts.delivered.get()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
