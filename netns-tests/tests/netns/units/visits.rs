//! Clients of a balancer that come one after the other, and how each fared; and the server that answers them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tandem_lab::Host;

/// Ports of a host of its own.
pub(super) const SERVER: u16 = 9000;
pub(super) const BALANCER: u16 = 9001;

const PATIENCE: Duration = Duration::from_secs(10);
const AT_A_TIME: usize = 3;

#[derive(Debug)]
pub(super) struct Visit {
    pub(super) begun: Instant,
    pub(super) took: Duration,
    pub(super) outcome: io::Result<()>,
}

pub(super) struct Visits {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<Vec<Visit>>>>,
}

impl Visits {
    pub(super) fn begin(host: &Host) -> Result<Visits> {
        let stop = Arc::new(AtomicBool::new(false));
        let one = |_| {
            let stop = Arc::clone(&stop);
            host.thread(move || again_and_again(&stop))
        };
        let threads = (0..AT_A_TIME).map(one).collect::<Result<_, _>>()?;
        Ok(Visits { stop, threads })
    }

    pub(super) fn end(self) -> Result<Vec<Visit>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        Ok(all)
    }
}

fn again_and_again(stop: &AtomicBool) -> Vec<Visit> {
    let mut visits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let outcome = connect().and_then(|mut stream| exchange(&mut stream));
        visits.push(Visit {
            begun,
            took: begun.elapsed(),
            outcome,
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    visits
}

/// To the balancer of the host that this thread is in.
pub(super) fn connect() -> io::Result<TcpStream> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, BALANCER));
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub(super) fn exchange(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"ping")?;
    stream.read_exact(&mut [0; 4])
}

/// Says what it hears, as long as this process lives.
pub(super) fn serve(host: &Host) -> Result<()> {
    let listener = host.inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, SERVER)))??;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    Ok(())
}
