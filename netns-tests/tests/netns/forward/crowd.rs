//! Clients: connections that are always busy, and those who only look who is there.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tandem_lab::Host;

/// Longer than the kernels take to send something again after the longest pause here.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Busy {
    stop: Arc<AtomicBool>,
    exchanges: Vec<Arc<AtomicU64>>,
    servers: BTreeSet<String>,
    lost: Arc<Mutex<Vec<String>>>,
    longest: Arc<AtomicU64>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

pub(super) struct Told {
    pub(super) lost: usize,
    pub(super) why: Vec<String>,
    connections: usize,
    exchanges: u64,
    longest: Duration,
}

impl Busy {
    pub(super) fn start(host: &Host, to: SocketAddr, count: usize) -> Result<Busy> {
        let streams: Vec<(TcpStream, String)> =
            host.inside(|| (0..count).map(|_| connect(to)).collect::<Result<Vec<_>>>())??;
        let mut busy = Busy {
            stop: Arc::default(),
            exchanges: Vec::new(),
            servers: BTreeSet::new(),
            lost: Arc::default(),
            longest: Arc::default(),
            threads: Vec::new(),
        };
        for (mut stream, server) in streams {
            busy.servers.insert(server);
            let (stop, done, lost, longest) = (
                busy.stop.clone(),
                Arc::<AtomicU64>::default(),
                busy.lost.clone(),
                busy.longest.clone(),
            );
            busy.exchanges.push(done.clone());
            busy.threads.push(host.thread(move || {
                while !stop.load(Relaxed) {
                    let begun = Instant::now();
                    if let Err(error) = exchange(&mut stream) {
                        lost.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(format!("{error:#}"));
                        return;
                    }
                    longest.fetch_max(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX), Relaxed);
                    done.fetch_add(1, Relaxed);
                    // Busy, not a flood: two cores are all there is.
                    std::thread::sleep(Duration::from_millis(5));
                }
            })?);
        }
        Ok(busy)
    }

    pub(super) fn servers(&self) -> BTreeSet<String> {
        self.servers.clone()
    }

    /// Waits until each of them has had answers after now, or is lost.
    pub(super) fn moves_on(&self) -> Result<()> {
        let before: Vec<u64> = self.exchanges.iter().map(|done| done.load(Relaxed)).collect();
        let deadline = Instant::now() + PATIENCE;
        while self
            .exchanges
            .iter()
            .zip(&before)
            .any(|(done, before)| done.load(Relaxed) < before + 2)
        {
            let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone();
            ensure!(lost.is_empty(), "{} connections were lost: {lost:?}", lost.len());
            ensure!(Instant::now() < deadline, "not all connections move on");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Told> {
        self.stop.store(true, Relaxed);
        let connections = self.threads.len();
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        let why = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Told {
            lost: why.len(),
            why,
            connections,
            exchanges: self.exchanges.iter().map(|done| done.load(Relaxed)).sum(),
            longest: Duration::from_millis(self.longest.load(Relaxed)),
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told {
            lost,
            connections,
            exchanges,
            longest,
            ..
        } = self;
        write!(
            f,
            "{lost} of {connections} busy connections lost, {exchanges} exchanges, the longest {longest:.2?}"
        )
    }
}

/// One short connection; which server answered it.
pub(super) fn visit(host: &Host, to: SocketAddr) -> Result<String> {
    host.inside(|| -> Result<String> {
        let (mut stream, server) = connect(to)?;
        exchange(&mut stream)?;
        Ok(server)
    })?
}

/// More than fits into one packet, both ways.
pub(super) fn large_exchange(host: &Host, to: SocketAddr) -> Result<()> {
    host.inside(|| -> Result<()> {
        let (mut stream, _) = connect(to)?;
        let sent: Vec<u8> = (0..400 * 1024).map(|n: u32| n.to_le_bytes()[0]).collect();
        let mut writer = stream.try_clone()?;
        let mut received = vec![0; sent.len()];
        std::thread::scope(|scope| -> Result<()> {
            let writing = scope.spawn(|| writer.write_all(&sent));
            stream
                .read_exact(&mut received)
                .context("what was sent does not come back")?;
            writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
            Ok(())
        })?;
        ensure!(received == sent, "something else came back");
        Ok(())
    })?
}

fn connect(to: SocketAddr) -> Result<(TcpStream, String)> {
    let stream = TcpStream::connect_timeout(&to, Duration::from_secs(3)).context("connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut greeting = String::new();
    BufReader::with_capacity(16, stream.try_clone()?).read_line(&mut greeting)?;
    ensure!(greeting.ends_with('\n'), "closed before the greeting");
    Ok((stream, greeting.trim_end().to_owned()))
}

fn exchange(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"ping")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"ping", "another answer");
    Ok(())
}
