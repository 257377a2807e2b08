//! The clients: long connections that exchange all the time, and streams of short ones; each from an address of its own.
//!
//! Every byte that comes back is compared with the byte that went out.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::stage::{Quarter, ServerName, Stage};
use super::tally::{Failure, Tally};

const LONG_CLIENTS: u8 = 16;
const SHORT_STREAMS: u8 = 4;
const LONG_PAYLOAD: usize = 4096;
const SHORT_PAYLOAD: usize = 512;
const LONG_PAUSE: Duration = Duration::from_millis(10);
const SHORT_PAUSE: Duration = Duration::from_millis(5);
/// An answer later than this is no answer: more than the balancer's own limits for connect and retries together.
const PATIENCE: Duration = Duration::from_secs(6);

pub struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Lets every client end its exchange, then waits for it.
    pub fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            // A client that panicked has said so on standard error.
            let _ = client.join();
        }
    }
}

pub fn start(stage: &dyn Stage, tally: &Arc<Tally>) -> anyhow::Result<Traffic> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut traffic = Traffic {
        stop: Arc::clone(&stop),
        clients: Vec::new(),
    };
    let client = || Client {
        target: stage.target(),
        quarter: stage.quarter(),
        tally: Arc::clone(tally),
        stop: Arc::clone(&stop),
    };
    for n in 1..=LONG_CLIENTS {
        let client = client();
        traffic
            .clients
            .push(stage.client(Box::new(move || client.live_long(n)))?);
    }
    for stream in 1..=SHORT_STREAMS {
        let client = client();
        traffic
            .clients
            .push(stage.client(Box::new(move || client.come_and_go(stream)))?);
    }
    Ok(traffic)
}

struct Client {
    target: SocketAddr,
    quarter: Quarter,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
}

impl Client {
    fn live_long(&self, number: u8) {
        let from = self.quarter.address(0, u16::from(number));
        let payload: Vec<u8> = (0..LONG_PAYLOAD).map(|i| (i as u8) ^ number).collect();
        while !self.stopped() {
            let begun = Instant::now();
            let mut server = None;
            let outcome = self.open(from, &payload, &mut server).and_then(|mut stream| {
                if let Some(s) = server {
                    self.tally.long_opened(s);
                }
                while !self.stopped() {
                    std::thread::sleep(LONG_PAUSE);
                    self.exchange(&mut stream, &payload)?;
                }
                Ok(())
            });
            if let Some(s) = server {
                self.tally.long_closed(s);
            }
            self.judge(outcome, server, begun);
        }
    }

    fn come_and_go(&self, stream: u8) {
        let payload = vec![stream; SHORT_PAYLOAD];
        // Each connection is a client the balancer has not seen, so that a server that returns gets its share again.
        let mut host = 0_u16;
        while !self.stopped() {
            host = host.wrapping_add(1);
            let from = self.quarter.address(stream, host);
            let begun = Instant::now();
            let mut server = None;
            let outcome = self.open(from, &payload, &mut server).map(drop);
            self.judge(outcome, server, begun);
            std::thread::sleep(SHORT_PAUSE);
        }
    }

    /// Connects from an address of the client's own, speaks first (who only waits never learns that a host died), learns
    /// from the first byte which server it got, and ends its first exchange.
    fn open(&self, from: Ipv4Addr, payload: &[u8], server: &mut Option<ServerName>) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.set_tcp_nodelay(true)?;
        let begun = Instant::now();
        socket.connect_timeout(&self.target.into(), PATIENCE)?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(payload)?;
        let mut name = [0];
        stream.read_exact(&mut name)?;
        let served_by = ServerName::from_byte(name[0]);
        *server = served_by;
        let named = served_by.ok_or_else(|| io::Error::other("the first byte is not a server's name"))?;
        self.tally.served(named);
        self.hear(&mut stream, payload, begun)?;
        Ok(stream)
    }

    fn exchange(&self, stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
        let begun = Instant::now();
        stream.write_all(payload)?;
        self.hear(stream, payload, begun)
    }

    fn hear(&self, stream: &mut TcpStream, payload: &[u8], begun: Instant) -> io::Result<()> {
        let mut back = vec![0; payload.len()];
        stream.read_exact(&mut back)?;
        if back != payload {
            return Err(io::Error::other("other bytes came back than were sent"));
        }
        self.tally.exchanged(2 * payload.len(), begun.elapsed());
        Ok(())
    }

    fn judge(&self, outcome: io::Result<()>, server: Option<ServerName>, begun: Instant) {
        if let Err(e) = outcome {
            self.tally.failed(Failure {
                server,
                begun,
                what: e.to_string(),
            });
            // A balancer that refuses everything must not make this a busy loop.
            std::thread::sleep(LONG_PAUSE);
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
