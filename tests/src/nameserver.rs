//! A name server that says what a test wants.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// What it knows of a name; a name that it does not know does not exist.
#[derive(Clone, Debug)]
pub enum Known {
    Addresses(Vec<IpAddr>),
    /// Hosts, ports and weights.
    Service(Vec<(&'static str, u16, u16)>),
    /// It does not say.
    Refused,
}

/// Answers over UDP and TCP from when it is made until it is dropped.
pub struct Nameserver {
    address: SocketAddr,
    mind: Arc<Mind>,
}

#[derive(Default)]
struct Mind {
    known: Mutex<BTreeMap<&'static str, Known>>,
    /// How many questions came by each way.
    datagrams: AtomicUsize,
    streams: AtomicUsize,
}

/// How long its threads may not notice that it is over.
const LOOK: Duration = Duration::from_millis(50);

impl Default for Nameserver {
    fn default() -> Nameserver {
        let (socket, listener) = places();
        let address = socket.local_addr().expect("it is bound");
        let mind = Arc::<Mind>::default();
        let weak = Arc::downgrade(&mind);
        thread::spawn(move || datagrams(&socket, &weak));
        let weak = Arc::downgrade(&mind);
        thread::spawn(move || streams(&listener, &weak));
        Nameserver { address, mind }
    }
}

/// One port for both ways.
fn places() -> (UdpSocket, TcpListener) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for names");
        let address = listener.local_addr().expect("it is bound");
        if let Ok(socket) = UdpSocket::bind(address) {
            socket.set_read_timeout(Some(LOOK)).expect("a timeout above zero");
            listener.set_nonblocking(true).expect("it is a socket");
            return (socket, listener);
        }
    }
}

fn datagrams(socket: &UdpSocket, mind: &Weak<Mind>) {
    /// Without EDNS no answer is longer (RFC 1035 section 4.2.1).
    const MOST: usize = 512;
    const TRUNCATED: u8 = 2;
    let mut buffer = [0; 1500];
    while let Some(mind) = mind.upgrade() {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        mind.datagrams.fetch_add(1, SeqCst);
        let Some(mut answer) = mind.answer(&buffer[..length]) else {
            continue;
        };
        if answer.len() > MOST {
            // What is left is the header, which counts no records, and the question.
            let end = name(&answer, HEADER).map_or(HEADER, |(_, end)| end + 4);
            answer.truncate(end);
            answer[2] |= TRUNCATED;
            answer[6..HEADER].fill(0);
        }
        socket.send_to(&answer, from).ok();
    }
}

fn streams(listener: &TcpListener, mind: &Weak<Mind>) {
    while mind.strong_count() > 0 {
        match listener.accept() {
            Ok((stream, _)) => {
                let mind = mind.clone();
                thread::spawn(move || converse(stream, &mind).ok());
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// RFC 1035 section 4.2.2: each message behind its length.
fn converse(mut stream: TcpStream, mind: &Weak<Mind>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        let Some(mind) = mind.upgrade() else { return Ok(()) };
        mind.streams.fetch_add(1, SeqCst);
        let answer = mind.answer(&question).unwrap_or_default();
        stream.write_all(&[&(answer.len() as u16).to_be_bytes()[..], &answer].concat())?;
    }
}

impl Mind {
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        answer(question, &self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Nameserver {
    /// For a configuration: `nameserver NAME ADDRESS`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn knows(&self, name: &'static str, known: Known) {
        let mut all = self.mind.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name, known);
    }

    pub fn forgets(&self, name: &'static str) {
        let mut all = self.mind.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
    }

    /// How many questions came as datagrams, and how many by streams.
    pub fn asked(&self) -> (usize, usize) {
        (self.mind.datagrams.load(SeqCst), self.mind.streams.load(SeqCst))
    }
}

const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// RFC 1035 section 4: the question comes back, and what is known of it behind that.
fn answer(question: &[u8], all: &BTreeMap<&'static str, Known>) -> Option<Vec<u8>> {
    let (name, end) = name(question, HEADER)?;
    let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let known = all.get(name.as_str());
    let records: Vec<Vec<u8>> = match known {
        Some(Known::Addresses(addresses)) => addresses
            .iter()
            .filter_map(|ip| match (ip, kind) {
                (IpAddr::V4(v4), A) => Some(v4.octets().to_vec()),
                (IpAddr::V6(v6), AAAA) => Some(v6.octets().to_vec()),
                _ => None,
            })
            .collect(),
        Some(Known::Service(places)) if kind == SRV => places
            .iter()
            .map(|(host, port, weight)| {
                let numbers = [1, *weight, *port].map(u16::to_be_bytes).concat();
                [numbers, wire_name(host)].concat()
            })
            .collect(),
        _ => Vec::new(),
    };
    let code = match known {
        None => 3,
        Some(Known::Refused) => 5,
        Some(_) => 0,
    };
    let mut out = question[..2].to_vec();
    out.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    out.extend_from_slice(&question[HEADER..end + 4]);
    for record in records {
        // The name is that of the question; class IN, and a minute to live.
        out.extend([0xc0, HEADER as u8]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((record.len() as u16).to_be_bytes());
        out.extend(record);
    }
    Some(out)
}

/// A name without pointers, and where what follows begins.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        at += length;
    }
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name
        .split('.')
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}
