//! What can be said over the link.

use std::net::IpAddr;

use super::frame::BODY;

/// A virtual router as both hosts know it; names and interfaces may differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub vrid: u8,
    /// Its first address.
    pub address: IpAddr,
}

/// Where a virtual router is on the sender's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In fault, drained, or not begun.
    Out,
    /// It would take over.
    Ready,
    Master,
    /// Said goodbye, still serving.
    Leaving,
    /// It would take over, and leaves it to us because this link says that we are master: our adverts do not reach it.
    Yielded,
}

/// One line of the sender's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub position: Position,
    pub priority: u8,
    /// Where its adverts come from.
    pub source: Option<IpAddr>,
}

/// What one host wants of the other, for one virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// I leave; be master now.
    TakeOver,
    /// I am about to leave, and go on serving the connections that I have: hand me what is not yours.
    Keep(Lodging),
    /// I serve none of them any more.
    Over,
    /// I would be master again: leave, and keep the connections that you have.
    Return,
}

/// Where connections go on whose address has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lodging {
    /// An address of that host on the network of the virtual router.
    pub via: IpAddr,
    /// Of that host, there: what comes from it is not handed to it again.
    pub mac: [u8; 6],
    /// For so long at most.
    pub seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// I am here.
    Hello,
    /// How some of my virtual routers are.
    View(Vec<Entry>),
    Wish {
        wish: Wish,
        key: Key,
        ticket: u64,
    },
    /// To the one with this ticket.
    Answer {
        ticket: u64,
        willing: bool,
    },
    /// Of a later version.
    Unknown,
}

const ADDRESS: usize = 17;
const ENTRY: usize = 3 + 2 * ADDRESS;

impl Message {
    /// In one `View`.
    pub const ENTRIES: usize = (BODY - 1) / ENTRY;

    pub(super) fn kind(&self) -> u8 {
        match self {
            Message::Hello => 0,
            Message::View(_) => 1,
            Message::Wish { wish, .. } => match wish {
                Wish::TakeOver => 2,
                Wish::Keep(_) => 4,
                Wish::Over => 5,
                Wish::Return => 6,
            },
            Message::Answer { .. } => 3,
            Message::Unknown => u8::MAX,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Message::Hello | Message::Unknown => {}
            Message::View(entries) => {
                let entries = &entries[..entries.len().min(Self::ENTRIES)];
                body.push(u8::try_from(entries.len()).unwrap_or(u8::MAX));
                for entry in entries {
                    body.extend([entry.key.vrid, entry.position as u8, entry.priority]);
                    write(&mut body, Some(entry.key.address));
                    write(&mut body, entry.source);
                }
            }
            Message::Wish { wish, key, ticket } => {
                body.extend(ticket.to_be_bytes());
                body.push(key.vrid);
                write(&mut body, Some(key.address));
                if let Wish::Keep(lodging) = wish {
                    write(&mut body, Some(lodging.via));
                    body.extend(lodging.mac);
                    body.extend(lodging.seconds.to_be_bytes());
                }
            }
            Message::Answer { ticket, willing } => {
                body.extend(ticket.to_be_bytes());
                body.push(u8::from(*willing));
            }
        }
        body
    }

    /// `None` when a known kind has another body than it must have.
    pub(super) fn read(kind: u8, body: &[u8]) -> Option<Message> {
        let mut rest = Rest(body);
        let message = match kind {
            0 => Message::Hello,
            1 => {
                let count = usize::from(rest.byte()?);
                let entries: Option<Vec<Entry>> = (0..count).map(|_| rest.entry()).collect();
                Message::View(entries?)
            }
            2 | 4..=6 => {
                let ticket = rest.number()?;
                let key = rest.key()?;
                let wish = match kind {
                    4 => Wish::Keep(rest.lodging()?),
                    5 => Wish::Over,
                    6 => Wish::Return,
                    _ => Wish::TakeOver,
                };
                Message::Wish { wish, key, ticket }
            }
            3 => Message::Answer {
                ticket: rest.number()?,
                willing: rest.byte()? != 0,
            },
            _ => return Some(Message::Unknown),
        };
        rest.0.is_empty().then_some(message)
    }
}

impl Position {
    fn read(byte: u8) -> Option<Position> {
        [
            Position::Out,
            Position::Ready,
            Position::Master,
            Position::Leaving,
            Position::Yielded,
        ]
        .into_iter()
        .find(|position| *position as u8 == byte)
    }
}

/// A family, 4, 6 or 0 for none, and 16 bytes.
fn write(body: &mut Vec<u8>, address: Option<IpAddr>) {
    let (family, octets) = match address {
        None => (0, [0; 16]),
        Some(IpAddr::V4(v4)) => (4, v4.to_ipv6_mapped().octets()),
        Some(IpAddr::V6(v6)) => (6, v6.octets()),
    };
    body.push(family);
    body.extend(octets);
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn address(&mut self) -> Option<Option<IpAddr>> {
        let family = self.byte()?;
        let octets = std::net::Ipv6Addr::from(self.take::<16>()?);
        match family {
            0 => Some(None),
            4 => octets.to_ipv4_mapped().map(|v4| Some(v4.into())),
            6 => Some(Some(octets.into())),
            _ => None,
        }
    }

    fn key(&mut self) -> Option<Key> {
        let vrid = self.byte()?;
        Some(Key {
            vrid,
            address: self.address()??,
        })
    }

    fn lodging(&mut self) -> Option<Lodging> {
        Some(Lodging {
            via: self.address()??,
            mac: self.take()?,
            seconds: self.take().map(u32::from_be_bytes)?,
        })
    }

    fn entry(&mut self) -> Option<Entry> {
        let [vrid, position, priority] = self.take()?;
        Some(Entry {
            key: Key {
                vrid,
                address: self.address()??,
            },
            position: Position::read(position)?,
            priority,
            source: self.address()?,
        })
    }
}
