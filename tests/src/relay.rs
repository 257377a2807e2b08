//! A TCP relay between two programs that a test can cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// Relays until it is dropped.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    is_cut: AtomicBool,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Whoever connects here is connected there.
    #[track_caller]
    pub fn to(target: SocketAddr) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            is_cut: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                if !shared.is_cut.load(SeqCst)
                    && let Ok(other) = TcpStream::connect(target)
                {
                    shared.join(stream, other);
                }
            }
        });
        Relay { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections; there is none any more until it is mended.
    pub fn cut(&self) {
        self.state.is_cut.store(true, SeqCst);
        self.state.end();
    }

    pub fn mend(&self) {
        self.state.is_cut.store(false, SeqCst);
    }
}

impl State {
    fn join(&self, one: TcpStream, other: TcpStream) {
        let both = (one.try_clone(), other.try_clone());
        let (Ok(one_again), Ok(other_again)) = both else { return };
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.extend([&one, &other].into_iter().filter_map(|stream| stream.try_clone().ok()));
        drop(streams);
        std::thread::spawn(move || pass(one, other));
        std::thread::spawn(move || pass(other_again, one_again));
    }

    fn end(&self) {
        let streams = std::mem::take(&mut *self.streams.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in streams {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
    from.shutdown(Shutdown::Both).ok();
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.is_over.store(true, SeqCst);
        self.state.end();
        // Wakes the thread that accepts.
        TcpStream::connect(self.address).ok();
    }
}
