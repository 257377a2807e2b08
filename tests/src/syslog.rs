//! A syslog server that remembers what it was told.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::until;

/// Nobody's line.
const MARK: &[u8] = b"\0";

/// Receives lines over UDP from when it is made until it is dropped.
pub struct Syslog {
    address: SocketAddr,
    heard: Arc<Heard>,
    marker: UdpSocket,
    asked: AtomicUsize,
}

#[derive(Default)]
struct Heard {
    lines: Mutex<Vec<String>>,
    marks: AtomicUsize,
}

impl Default for Syslog {
    fn default() -> Syslog {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port for syslog");
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a timeout above zero");
        let address = socket.local_addr().expect("it is bound");
        let heard = Arc::<Heard>::default();
        let kept = Arc::downgrade(&heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Some(heard) = kept.upgrade() {
                match socket.recv(&mut buffer) {
                    Ok(n) if buffer[..n] == *MARK => {
                        heard.marks.fetch_add(1, SeqCst);
                    }
                    Ok(n) => {
                        let text = String::from_utf8_lossy(&buffer[..n]).trim_end().to_owned();
                        heard.lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                    }
                    Err(_) => {}
                }
            }
        });
        let marker = UdpSocket::bind("127.0.0.1:0").expect("a port for marks");
        marker.connect(address).expect("it is on this machine");
        Syslog {
            address,
            heard,
            marker,
            asked: AtomicUsize::new(0),
        }
    }
}

impl Syslog {
    /// For a configuration: `log ADDRESS local0`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that was sent before this was called: on a loaded machine lines wait to be read, and the mark waits behind them.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        let mark = self.asked.fetch_add(1, SeqCst) + 1;
        self.marker.send(MARK).expect("it is on this machine");
        until("the mark behind the log's lines", || {
            (self.heard.marks.load(SeqCst) >= mark).then_some(())
        });
        self.heard.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line with this in it, once it has come.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> String {
        until(&format!("a log line with {part:?}"), || {
            self.lines().into_iter().find(|line| line.contains(part))
        })
    }
}
