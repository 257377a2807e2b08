//! A syslog server that remembers what it was told.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::until;

/// Receives lines over UDP from when it is made until it is dropped.
pub struct Syslog {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Default for Syslog {
    fn default() -> Syslog {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port for syslog");
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a timeout above zero");
        let address = socket.local_addr().expect("it is bound");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&lines);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Some(lines) = kept.upgrade() {
                if let Ok(n) = socket.recv(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..n]).trim_end().to_owned();
                    lines.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                }
            }
        });
        Syslog { address, lines }
    }
}

impl Syslog {
    /// For a configuration: `log ADDRESS local0`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line with this in it, once it has come.
    #[track_caller]
    pub fn line_with(&self, part: &str) -> String {
        until(&format!("a log line with {part:?}"), || {
            self.lines().into_iter().find(|line| line.contains(part))
        })
    }
}
