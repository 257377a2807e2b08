//! Clients: connections that stay, and a stream of those that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use socket2::{Domain, Socket, Type};
use tandem_lab::Host;

const PATIENCE: Duration = Duration::from_secs(10);
const PER_SOURCE: usize = 4;

/// Connects from a source address; the stream is greeted with the server's name.
fn connect(source: Ipv4Addr, to: SocketAddr) -> Result<(TcpStream, String)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
    socket.connect_timeout(&to.into(), PATIENCE).context("connect")?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut greeting = String::new();
    BufReader::with_capacity(16, stream.try_clone()?)
        .read_line(&mut greeting)
        .context("read the greeting")?;
    ensure!(greeting.ends_with('\n'), "closed before the greeting");
    Ok((stream, greeting.trim_end().to_string()))
}

fn exchange(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"ping")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    ensure!(&answer == b"ping", "another answer");
    Ok(())
}

/// One short connection; which server answered it.
pub(crate) fn visit(host: &Host, source: Ipv4Addr, to: SocketAddr) -> Result<String> {
    host.inside(|| -> Result<String> {
        let (mut stream, server) = connect(source, to)?;
        exchange(&mut stream)?;
        Ok(server)
    })?
}

/// Connections that stay.
pub(crate) struct Long {
    connections: Vec<(Ipv4Addr, String, Mutex<TcpStream>)>,
}

impl Long {
    /// Four from each source.
    pub(crate) fn open(host: &Host, to: SocketAddr, sources: impl Iterator<Item = Ipv4Addr> + Send) -> Result<Self> {
        host.inside(|| -> Result<Self> {
            let mut connections = Vec::new();
            for source in sources {
                for _ in 0..PER_SOURCE {
                    let (mut stream, server) = connect(source, to)?;
                    exchange(&mut stream)?;
                    connections.push((source, server, Mutex::new(stream)));
                }
            }
            Ok(Self { connections })
        })?
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn on(&self, server: &str) -> usize {
        self.connections.iter().filter(|(_, name, _)| name == server).count()
    }

    pub(crate) fn server_of(&self, source: Ipv4Addr) -> Option<String> {
        self.connections
            .iter()
            .find(|(each, _, _)| *each == source)
            .map(|(_, server, _)| server.clone())
    }

    pub(crate) fn each_source_has_one_server(&self) -> bool {
        let mut servers = BTreeMap::new();
        self.connections
            .iter()
            .all(|(source, server, _)| servers.entry(source).or_insert(server) == &server)
    }

    /// How many of the connections to a server still answer.
    pub(crate) fn answer(&self, server: &str) -> Result<usize> {
        let mut answered = 0;
        for (_, name, stream) in &self.connections {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            if name == server && exchange(&mut stream).is_ok() {
                answered += 1;
            }
        }
        Ok(answered)
    }
}

/// What one short connection saw.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) source: Ipv4Addr,
    /// Nobody, if it failed; then `why` says more.
    pub(crate) server: Option<String>,
    #[expect(dead_code, reason = "printed with the visits that failed")]
    why: Option<String>,
}

impl Visit {
    pub(crate) fn ended(&self) -> Instant {
        self.begun + self.took
    }
}

/// Short connections, one after the other, from several threads.
pub(crate) struct Stream {
    sources: usize,
    stop: Arc<AtomicBool>,
    visits: Arc<Mutex<Vec<Visit>>>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Stream {
    /// So many are under way at most.
    pub(crate) const AT_ONCE: usize = 8;

    pub(crate) fn start(host: &Host, to: SocketAddr, sources: impl Iterator<Item = Ipv4Addr> + Clone) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let visits = Arc::new(Mutex::new(Vec::new()));
        let mut threads = Vec::new();
        for number in 0..Self::AT_ONCE {
            let mine: Vec<Ipv4Addr> = sources.clone().skip(number).step_by(Self::AT_ONCE).collect();
            let (stop, visits) = (Arc::clone(&stop), Arc::clone(&visits));
            threads.push(host.thread(move || {
                for source in mine.iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                    let visit = Visit::make(*source, to);
                    visits.lock().unwrap_or_else(PoisonError::into_inner).push(visit);
                    // A stream, not a flood: two cores are all there is.
                    std::thread::sleep(Duration::from_millis(10));
                }
            })?);
        }
        Ok(Self {
            sources: sources.count(),
            stop,
            visits,
            threads,
        })
    }

    /// Waits until every source has made a visit that began after this moment.
    pub(crate) fn wait_for_all_since(&self, moment: Instant, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        while self.sources_since(moment) < self.sources {
            if Instant::now() > deadline {
                bail!(
                    "{} of {} sources came within {within:?}",
                    self.sources_since(moment),
                    self.sources
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn sources_since(&self, moment: Instant) -> usize {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = visits.iter().filter(|visit| visit.begun > moment);
        fresh.map(|visit| visit.source).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn finish(self) -> Result<Vec<Visit>> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a client thread panicked"))??;
        }
        Ok(std::mem::take(
            &mut self.visits.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl Visit {
    fn make(source: Ipv4Addr, to: SocketAddr) -> Self {
        let begun = Instant::now();
        let outcome = connect(source, to).and_then(|(mut stream, server)| exchange(&mut stream).map(|()| server));
        let took = begun.elapsed();
        match outcome {
            Ok(server) => Self {
                begun,
                took,
                source,
                server: Some(server),
                why: None,
            },
            Err(error) => Self {
                begun,
                took,
                source,
                server: None,
                why: Some(format!("{error:#}")),
            },
        }
    }
}
