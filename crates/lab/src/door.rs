//! A door from the machine into a host: whoever connects outside talks to an address inside.
//!
//! A socket stays in the network it was made in. The listener is opened before the namespaces are entered, so it listens on
//! the machine's own loopback; the connections behind it are made by threads that stand in the host.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::Shutdown as SocketShutdown;

use crate::error::{Doing, LabError};
use crate::host::Host;

/// More at the same time are turned away: a door is for a person with a browser, not for load.
const MOST_VISITORS: usize = 64;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Open, but leading nowhere yet.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

/// A door that leads somewhere, until it is dropped.
#[derive(Debug)]
pub struct Passage {
    listener: Arc<TcpListener>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Door {
    /// Call it before the namespaces are entered. Port 0 lets the kernel choose.
    pub fn open(address: SocketAddr) -> Result<Self, LabError> {
        let listener = TcpListener::bind(address).doing(|| format!("open a door at {address}"))?;
        Ok(Self { listener })
    }

    pub fn address(&self) -> Result<SocketAddr, LabError> {
        self.listener.local_addr().doing(|| "ask for the door's address".into())
    }

    pub fn lead_to(self, host: &Host, inside: SocketAddr) -> Result<Passage, LabError> {
        let listener = Arc::new(self.listener);
        let accepting = Arc::clone(&listener);
        let thread = host.thread(move || greet(&accepting, inside))?;
        Ok(Passage {
            listener,
            thread: Some(thread),
        })
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        use std::os::fd::AsRawFd;
        // Wakes the thread that accepts.
        let _ = nix::sys::socket::shutdown(self.listener.as_raw_fd(), SocketShutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn greet(listener: &TcpListener, inside: SocketAddr) {
    let visitors = Arc::new(AtomicUsize::new(0));
    loop {
        let outer = match listener.accept() {
            Ok((outer, _)) => outer,
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
            // Shut down by the owner, or of no further use.
            Err(_) => return,
        };
        if visitors.fetch_add(1, Ordering::Relaxed) >= MOST_VISITORS {
            visitors.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let leaving = Arc::clone(&visitors);
        // Threads inherit the network of the one that starts them.
        std::thread::spawn(move || {
            // One visitor's trouble is visible to that visitor as a closed connection.
            let _ = guide(&outer, inside);
            leaving.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn guide(outer: &TcpStream, inside: SocketAddr) -> io::Result<()> {
    let inner = TcpStream::connect_timeout(&inside, CONNECT_WITHIN)?;
    std::thread::scope(|scope| {
        scope.spawn(|| pour(outer, &inner));
        pour(&inner, outer)
    })
}

fn pour(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let outcome = io::copy(&mut from, &mut to);
    // Half-close, as the sender meant it; a sender that broke off ends both ways.
    let how = if outcome.is_ok() {
        Shutdown::Write
    } else {
        Shutdown::Both
    };
    to.shutdown(how)?;
    outcome.map(drop)
}
