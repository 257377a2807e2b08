//! A client that asks the virtual address a question every two milliseconds, and what it saw.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use tandem_lab::Host;

const EVERY: Duration = Duration::from_millis(2);
const PORT: u16 = 7007;
/// An answer that takes longer counts as none.
const LATEST: Duration = Duration::from_millis(300);

/// Answers with the host's name, as long as it lives.
pub(super) struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Responder {
    pub(super) fn start(host: &Host) -> Result<Responder> {
        let socket = host.inside(|| UdpSocket::bind(("0.0.0.0", PORT)))??;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, name) = (stop.clone(), host.name().to_string());
        let thread = host.thread(move || {
            let mut question = [0; 16];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut question) else {
                    continue;
                };
                let answer = [&question[..length], name.as_bytes()].concat();
                // Who cannot be answered has not been answered; the probe counts that.
                socket.send_to(&answer, from).ok();
            }
        })?;
        Ok(Responder {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A responder that failed shows as questions without an answer.
            thread.join().ok();
        }
    }
}

pub(super) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<std::io::Result<Seen>>>,
}

/// Every question in its order: who answered it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    asked: u64,
    answered: BTreeMap<u64, String>,
}

impl Probe {
    pub(super) fn start(client: &Host, vip: IpAddr) -> Result<Probe> {
        let socket = client.inside(|| UdpSocket::bind(("0.0.0.0", 0)))??;
        socket.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = client.thread(move || ask(&socket, SocketAddr::new(vip, PORT), &ended))?;
        Ok(Probe { stop, thread })
    }

    pub(super) fn finish(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let outcome = self.thread.join().map_err(|_| anyhow!("the probe panicked"))?;
        let seen = outcome??;
        ensure!(!seen.answered.is_empty(), "nobody ever answered");
        Ok(seen)
    }
}

fn ask(socket: &UdpSocket, to: SocketAddr, ended: &AtomicBool) -> std::io::Result<Seen> {
    let mut seen = Seen::default();
    let begun = Instant::now();
    let mut stopped = None;
    loop {
        if stopped.is_none() && ended.load(Ordering::Relaxed) {
            stopped = Some(Instant::now());
        }
        match stopped {
            None => {
                // No route or no neighbour yet: a question without an answer.
                socket.send_to(&seen.asked.to_be_bytes(), to).ok();
                seen.asked += 1;
            }
            Some(at) if at.elapsed() > LATEST => return Ok(seen),
            Some(_) => {}
        }
        listen(socket, &mut seen)?;
        let next = begun + EVERY * u32::try_from(seen.asked).unwrap_or(u32::MAX);
        std::thread::sleep(
            next.saturating_duration_since(Instant::now())
                .max(Duration::from_micros(200)),
        );
    }
}

fn listen(socket: &UdpSocket, seen: &mut Seen) -> std::io::Result<()> {
    let mut answer = [0; 64];
    loop {
        match socket.recv(&mut answer) {
            Ok(length) => {
                if let Some((number, name)) = answer[..length].split_first_chunk() {
                    let name = String::from_utf8_lossy(name).into_owned();
                    seen.answered.insert(u64::from_be_bytes(*number), name);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // Of an earlier question: the host is there, the port was not yet.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

impl Seen {
    /// Questions without an answer, from the first that had one.
    pub(super) fn lost(&self) -> u64 {
        let first = self.answered.keys().next().copied().unwrap_or(0);
        self.asked - first - self.answered.len() as u64
    }

    /// The longest row of them, as time.
    pub(super) fn gap(&self) -> Duration {
        let pairs = self.answered.keys().zip(self.answered.keys().skip(1));
        let longest = pairs.map(|(one, next)| next - one - 1).max().unwrap_or(0);
        EVERY * u32::try_from(longest).unwrap_or(u32::MAX)
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    pub(super) fn last(&self) -> Result<&str> {
        let last = self.answered.values().next_back();
        last.map(String::as_str).context("nobody ever answered")
    }
}
