//! Small TCP servers to balance over. They can be killed and come back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use crate::until;

/// A port that is free for both families. Not from the kernel, which would take it from the range where outgoing
/// connections get theirs: another test's client may then have it before the program under test does.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many free ports in a row.
pub fn free_ports(count: u16) -> u16 {
    const FIRST: u16 = 10_000;
    const RANGE: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own_start = std::process::id().wrapping_mul(101);
    // Without IPv6 the second address cannot be bound and says nothing.
    let taken = |port: u16| {
        let busy = |address| TcpListener::bind((address, port)).is_err_and(|e| e.kind() == ErrorKind::AddrInUse);
        busy("0.0.0.0") || busy("::")
    };
    until("free ports", || {
        let place = own_start.wrapping_add(NEXT.fetch_add(u32::from(count), SeqCst)) % RANGE;
        let first = FIRST + u16::try_from(place).ok()?;
        (!(first..first + count).any(taken)).then_some(first)
    })
}

type Talk = dyn Fn(TcpStream) + Send + Sync;

/// Serves each connection on a thread of its own, until it is killed or dropped.
pub struct Server {
    address: SocketAddr,
    talk: Arc<Talk>,
    life: Option<Life>,
}

struct Life {
    ended: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Server {
    /// Sends back what it gets, and ends when the client does.
    pub fn echo() -> Server {
        Server::start(|mut stream| {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..n]).is_err() {
                    return;
                }
            }
        })
    }

    /// Says its name to whoever connects, and then behaves as an echo.
    pub fn named(name: &'static str) -> Server {
        Server::start(move |mut stream| {
            if stream.write_all(name.as_bytes()).is_err() {
                return;
            }
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..n]).is_err() {
                    return;
                }
            }
        })
    }

    /// Leads every connection as `talk` says; the connection is closed when it returns.
    pub fn start(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for a server");
        let address = listener.local_addr().expect("it is bound");
        let talk: Arc<Talk> = Arc::new(talk);
        let life = Some(Life::begin(listener, talk.clone()));
        Server { address, talk, life }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that it has accepted in this life.
    pub fn accepted(&self) -> usize {
        self.life.as_ref().map_or(0, |life| life.accepted.load(SeqCst))
    }

    /// Closes the listener and every connection, as the death of its process would.
    pub fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.end(self.address);
        }
    }

    /// Comes back at the same address.
    pub fn revive(&mut self) {
        let listener = until("the port of the dead server", || TcpListener::bind(self.address).ok());
        self.life = Some(Life::begin(listener, self.talk.clone()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Life {
    fn begin(listener: TcpListener, talk: Arc<Talk>) -> Life {
        let (ended, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let (ended, accepted, connections) = (ended.clone(), accepted.clone(), connections.clone());
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if ended.load(SeqCst) {
                        return;
                    }
                    accepted.fetch_add(1, SeqCst);
                    let mut kept = connections.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend(stream.try_clone());
                    drop(kept);
                    let talk = talk.clone();
                    std::thread::spawn(move || {
                        let end = stream.try_clone();
                        talk(stream);
                        // The clone that a kill needs would keep the connection open.
                        end.and_then(|s| s.shutdown(Shutdown::Both)).ok();
                    });
                }
            }
        });
        Life {
            ended,
            accepted,
            connections,
            thread,
        }
    }

    fn end(self, address: SocketAddr) {
        self.ended.store(true, SeqCst);
        // Wakes the accepting thread, which then sees that it is over.
        drop(TcpStream::connect(address));
        self.thread.join().ok();
        for stream in self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}
