//! DNS messages (RFC 1035, EDNS of RFC 6891, SRV of RFC 2782), as far as a balancer has to do with them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use domain::base::iana::Rcode;
use domain::base::name::{ToLabelIter, ToName};
use domain::base::wire::ParseError;
use domain::base::{Message, MessageBuilder, ParsedName, Record, Rtype};
use domain::rdata::{A, Aaaa, Srv};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    V4,
    V6,
    Service,
}

impl Kind {
    fn record(self) -> Rtype {
        match self {
            Kind::V4 => Rtype::A,
            Kind::V6 => Rtype::AAAA,
            Kind::Service => Rtype::SRV,
        }
    }
}

/// A name that may stand in a question.
#[derive(Clone, PartialEq, Eq)]
pub struct Name(domain::base::Name<Vec<u8>>);

impl Name {
    pub fn parse(text: &str) -> Option<Name> {
        let name = domain::base::Name::from_str(text).ok()?;
        (name.as_slice().len() > 1).then_some(Name(name))
    }

    /// `_service._protocol.name` is asked for as a service.
    pub fn is_service(&self) -> bool {
        self.0
            .iter_labels()
            .next()
            .is_some_and(|label| label.as_slice().first() == Some(&b'_'))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One place where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub host: Name,
    pub port: u16,
    pub weight: u16,
    /// Its addresses, where the server sent them along.
    pub addresses: Vec<IpAddr>,
}

/// What a valid answer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Addresses(Vec<IpAddr>),
    Services(Vec<Service>),
}

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a DNS message, or not an answer.
    Invalid,
    Truncated,
    /// There is no such name.
    NoName,
    Refused,
    /// Any other code.
    Failed,
    /// An answer without what was asked for.
    Empty,
}

/// An answer, as far as it says to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) id: u16,
    pub(super) result: Result<(Found, Duration), Fault>,
}

/// More than this of anything in one answer is left out.
const MOST: usize = 256;

/// The root's name, type, class, time to live and an empty value (RFC 1035 section 4.1.3).
const SHORTEST_RECORD: usize = 11;

/// Without EDNS an answer is no longer than this (RFC 1035 section 4.2.1).
pub(super) const PLAIN_PAYLOAD: u16 = 512;

pub(super) fn question(id: u16, name: &Name, kind: Kind, payload: u16) -> Vec<u8> {
    let mut message = MessageBuilder::new_vec();
    let header = message.header_mut();
    header.set_id(id);
    header.set_rd(true);
    let mut questions = message.question();
    // Writing to a vector cannot fail, and a name is never too long for a message.
    let _ = questions.push((&name.0, kind.record()));
    let mut additional = questions.additional();
    if payload > PLAIN_PAYLOAD {
        let _ = additional.opt(|opt| {
            opt.set_udp_payload_size(payload);
            Ok(())
        });
    }
    additional.finish()
}

/// Reads an answer to a question of this name and kind. `None` where it is to another question, or to none.
pub(super) fn answer(bytes: &[u8], name: &Name, kind: Kind) -> Option<Answer> {
    let message = Message::from_octets(bytes).ok()?;
    let header = message.header();
    let asked = message.sole_question().ok()?;
    if !header.qr() || asked.qtype() != kind.record() || !asked.qname().name_eq(&name.0) {
        return None;
    }
    let result = if header.tc() {
        Err(Fault::Truncated)
    } else {
        match message.header().rcode() {
            Rcode::NOERROR => found(&message, kind),
            Rcode::NXDOMAIN => Err(Fault::NoName),
            Rcode::REFUSED => Err(Fault::Refused),
            _ => Err(Fault::Failed),
        }
    };
    Some(Answer {
        id: header.id(),
        result,
    })
}

/// The number of a message, if it is one.
pub(super) fn id(bytes: &[u8]) -> Option<u16> {
    Some(Message::from_octets(bytes).ok()?.header().id())
}

fn found(message: &Message<&[u8]>, kind: Kind) -> Result<(Found, Duration), Fault> {
    // More records than fit would only keep whoever follows the chain busy.
    if usize::from(message.header_counts().ancount()) > message.as_slice().len() / SHORTEST_RECORD {
        return Err(Fault::Invalid);
    }
    // A name may be another's alias; what counts is at the end of the chain.
    let owner = message.canonical_name().ok_or(Fault::Invalid)?;
    let section = message.answer().map_err(|_| Fault::Invalid)?;
    let mut least = Duration::MAX;
    let ttl = |ttl: Duration| least = least.min(ttl);
    let found = match kind {
        Kind::V4 => Found::Addresses(of_name(
            section.limit_to_in::<A>(),
            &owner,
            |a| Some(a.addr().into()),
            ttl,
        )),
        Kind::V6 => Found::Addresses(of_name(
            section.limit_to_in::<Aaaa>(),
            &owner,
            |a| Some(a.addr().into()),
            ttl,
        )),
        Kind::Service => {
            let read = |service: &Srv<ParsedName<&[u8]>>| {
                Some(Service {
                    host: Name(service.target().try_to_name().ok()?),
                    port: service.port(),
                    weight: service.weight(),
                    addresses: along(message, service.target()),
                })
            };
            Found::Services(of_name(section.limit_to_in::<Srv<_>>(), &owner, read, ttl))
        }
    };
    let is_empty = match &found {
        Found::Addresses(addresses) => addresses.is_empty(),
        Found::Services(services) => services.is_empty(),
    };
    if is_empty {
        Err(Fault::Empty)
    } else {
        Ok((found, least))
    }
}

/// The addresses of a name that the server added.
fn along(message: &Message<&[u8]>, name: &impl ToName) -> Vec<IpAddr> {
    let Ok(section) = message.additional() else {
        return Vec::new();
    };
    let mut found = of_name(section.limit_to_in::<A>(), name, |a| Some(IpAddr::from(a.addr())), drop);
    found.extend(of_name(
        section.limit_to_in::<Aaaa>(),
        name,
        |a| Some(IpAddr::from(a.addr())),
        drop,
    ));
    found
}

/// What the records of this name say; each one's time to live is told beside it.
fn of_name<N: ToName, D, T>(
    records: impl Iterator<Item = Result<Record<N, D>, ParseError>>,
    name: &impl ToName,
    read: impl Fn(&D) -> Option<T>,
    mut ttl: impl FnMut(Duration),
) -> Vec<T> {
    let records = records
        .take(MOST)
        .flatten()
        .filter(|record| record.owner().name_eq(name));
    let told = records.inspect(|record| ttl(record.ttl().into_duration()));
    told.filter_map(|record| read(record.data())).collect()
}
