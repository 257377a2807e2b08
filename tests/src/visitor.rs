//! A client of a scenario: it counts as present until it is dropped or was sent away.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use socket2::SockRef;

pub struct Visitor {
    stream: TcpStream,
    held: Option<Arc<AtomicUsize>>,
}

impl Visitor {
    pub(crate) fn new(stream: TcpStream, held: Arc<AtomicUsize>) -> Visitor {
        held.fetch_add(1, SeqCst);
        Visitor {
            stream,
            held: Some(held),
        }
    }

    /// So many bytes, or what came before the end.
    pub fn hear(&mut self, count: usize) -> String {
        let mut out = Vec::new();
        let mut byte = [0];
        while out.len() < count {
            match self.stream.read(&mut byte) {
                Ok(0) => return self.gone(&out, "end"),
                Ok(_) => out.push(byte[0]),
                Err(error) => return self.failed(&out, &error),
            }
        }
        out.escape_ascii().to_string()
    }

    /// Everything until the end, and how that was.
    pub fn rest(&mut self) -> String {
        let mut out = Vec::new();
        match self.stream.read_to_end(&mut out) {
            Ok(_) => self.gone(&out, "end"),
            Err(error) => self.failed(&out, &error),
        }
    }

    /// Nothing comes within this time.
    pub fn hears_nothing(&mut self, within: Duration) -> bool {
        self.stream
            .set_read_timeout(Some(within))
            .expect("a timeout above zero");
        let mut byte = [0];
        let quiet = matches!(self.stream.peek(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock);
        self.stream
            .set_read_timeout(Some(crate::PATIENCE))
            .expect("a timeout above zero");
        quiet
    }

    /// It may have been sent away already; the next reading tells.
    pub fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).ok();
    }

    pub fn ask(&mut self, bytes: &[u8]) -> String {
        self.say(bytes);
        self.hear(bytes.len())
    }

    pub fn shut(&mut self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }

    /// Goes with a reset.
    pub fn break_off(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("an option of TCP");
    }

    fn failed(&mut self, out: &[u8], error: &std::io::Error) -> String {
        match error.kind() {
            ErrorKind::ConnectionReset => self.gone(out, "reset"),
            other => self.gone(out, &format!("{other:?}")),
        }
    }

    fn gone(&mut self, out: &[u8], how: &str) -> String {
        self.let_go();
        format!("{}|{how}", out.escape_ascii())
    }

    fn let_go(&mut self) {
        if let Some(held) = self.held.take() {
            held.fetch_sub(1, SeqCst);
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.let_go();
    }
}
