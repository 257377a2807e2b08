//! A STOMP 1.2 client, just enough to send with a receipt and to take and acknowledge, with an end to every wait.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// What frames go over.
pub trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

pub struct Stomp {
    stream: Box<dyn Wire>,
    unread: Vec<u8>,
}

pub struct Frame {
    pub text: String,
}

pub const CONNECT: &[u8] = b"CONNECT\naccept-version:1.2\nhost:drill\n\n\0";
/// More than this without an end is no frame of ours.
const LONGEST: usize = 1 << 20;

impl Stomp {
    /// Every later wait is as long at most, too.
    pub fn connect((from, to): (IpAddr, SocketAddr), within: Duration) -> io::Result<Stomp> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&to.into(), within)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(within))?;
        stream.set_write_timeout(Some(within))?;
        Stomp::over(Box::new(stream))
    }

    /// Over what is connected already, and has its limits.
    pub fn over(stream: Box<dyn Wire>) -> io::Result<Stomp> {
        let mut stomp = Stomp {
            stream,
            unread: Vec::new(),
        };
        stomp.stream.write_all(CONNECT)?;
        match stomp.hear()? {
            frame if frame.is("CONNECTED") => Ok(stomp),
            frame => Err(frame.unexpected()),
        }
    }

    /// Returns when the broker has said that it is safe.
    pub fn send(&mut self, queue: &str, body: &str) -> io::Result<()> {
        self.say(&format!("SEND\ndestination:{queue}\nreceipt:r\n\n{body}"))?;
        match self.hear()? {
            frame if frame.is("RECEIPT") => Ok(()),
            frame => Err(frame.unexpected()),
        }
    }

    pub fn subscribe(&mut self, queue: &str, number: usize) -> io::Result<()> {
        self.say(&format!(
            "SUBSCRIBE\nid:{number}\ndestination:{queue}\nack:client-individual\n\n"
        ))
    }

    /// The next message's body; `None` when none came in time.
    pub fn take(&mut self) -> io::Result<Option<String>> {
        match self.hear() {
            Ok(frame) => {
                if !frame.is("MESSAGE") {
                    return Err(frame.unexpected());
                }
                if let Some(ack) = frame.header("ack") {
                    self.say(&format!("ACK\nid:{ack}\n\n"))?;
                }
                Ok(Some(frame.body().to_owned()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn say(&mut self, frame: &str) -> io::Result<()> {
        self.stream.write_all(format!("{frame}\0").as_bytes())
    }

    fn hear(&mut self) -> io::Result<Frame> {
        loop {
            // Line ends between frames are heart-beats.
            let begin = self
                .unread
                .iter()
                .take_while(|byte| matches!(byte, b'\n' | b'\r'))
                .count();
            if let Some(end) = self.unread[begin..].iter().position(|byte| *byte == 0) {
                let text = String::from_utf8_lossy(&self.unread[begin..begin + end]).into_owned();
                self.unread.drain(..=begin + end);
                return Ok(Frame { text });
            }
            if self.unread.len() > LONGEST {
                return Err(io::Error::new(ErrorKind::InvalidData, "a frame without an end"));
            }
            let mut buffer = [0; 16 << 10];
            match self.stream.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

impl Frame {
    fn is(&self, command: &str) -> bool {
        self.text.lines().next() == Some(command)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let head = self
            .text
            .split_once("\n\n")
            .map_or(self.text.as_str(), |(head, _)| head);
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    }

    fn body(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, body)| body)
    }

    fn unexpected(&self) -> io::Error {
        let words: String = self.text.chars().take(120).collect();
        io::Error::other(format!("an unexpected frame: {words:?}"))
    }
}
