//! A name server that says what a test wants.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What it knows of a name; a name that it does not know does not exist.
#[derive(Clone, Debug)]
pub enum Known {
    Addresses(Vec<IpAddr>),
    /// Hosts, ports and weights.
    Service(Vec<(&'static str, u16, u16)>),
}

/// Answers over UDP from when it is made until it is dropped.
pub struct Nameserver {
    address: SocketAddr,
    known: Arc<Mutex<BTreeMap<&'static str, Known>>>,
}

impl Default for Nameserver {
    fn default() -> Nameserver {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port for names");
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a timeout above zero");
        let address = socket.local_addr().expect("it is bound");
        let known = Arc::<Mutex<BTreeMap<_, _>>>::default();
        let weak = Arc::downgrade(&known);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Some(known) = weak.upgrade() {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(answer) = answer(&buffer[..length], &known) {
                    socket.send_to(&answer, from).ok();
                }
            }
        });
        Nameserver { address, known }
    }
}

impl Nameserver {
    /// For a configuration: `nameserver NAME ADDRESS`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn knows(&self, name: &'static str, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name, known);
    }

    pub fn forgets(&self, name: &'static str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// RFC 1035 section 4: the question comes back, and what is known of it behind that.
fn answer(question: &[u8], all: &BTreeMap<&'static str, Known>) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
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
    let code = if known.is_none() { 3 } else { 0 };
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
