//! An advertisement: the one message of the protocol.
//!
//! RFC 3768 section 5 (version 2), RFC 9568 section 5 (version 3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::checksum::checksum;
use super::{Dialect, Endpoints};
use crate::settings::{AuthV2, Centis, Family, Seconds, Version, Vrid};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    pub vrid: Vrid,
    /// 0 means "I am leaving".
    pub priority: u8,
    pub addresses: Addresses,
    pub form: Form,
}

/// What the versions do not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    V2 { interval: Seconds, auth: AuthV2 },
    V3 { interval: Centis },
}

/// At most 255, all of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    V4(Vec<Ipv4Addr>),
    V6(Vec<Ipv6Addr>),
}

impl Addresses {
    /// Those of `family` among `all`, in order.
    pub fn of(family: Family, all: impl Iterator<Item = IpAddr>) -> Addresses {
        match family {
            Family::V4 => Addresses::V4(
                all.filter_map(|a| if let IpAddr::V4(a) = a { Some(a) } else { None })
                    .take(255)
                    .collect(),
            ),
            Family::V6 => Addresses::V6(
                all.filter_map(|a| if let IpAddr::V6(a) = a { Some(a) } else { None })
                    .take(255)
                    .collect(),
            ),
        }
    }

    pub const fn family(&self) -> Family {
        match self {
            Addresses::V4(_) => Family::V4,
            Addresses::V6(_) => Family::V6,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Addresses::V4(a) => a.len(),
            Addresses::V6(a) => a.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Addresses::V4(list) => list.iter().for_each(|a| out.extend(a.octets())),
            Addresses::V6(list) => list.iter().for_each(|a| out.extend(a.octets())),
        }
    }
}

impl Advert {
    pub const fn version(&self) -> Version {
        match self.form {
            Form::V2 { .. } => Version::V2,
            Form::V3 { .. } => Version::V3,
        }
    }

    /// The message with its checksum. `dialect` matters for version 3 over IPv4 only; elsewhere there is one way.
    pub fn encode(&self, ends: Endpoints, dialect: Dialect) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.addresses.len() * self.addresses.family().size());
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        out.extend([
            self.version().number() << 4 | 1,
            self.vrid.value(),
            self.priority,
            count,
        ]);
        match self.form {
            Form::V2 { interval, auth } => out.extend([auth_type(&auth), interval.value()]),
            Form::V3 { interval } => out.extend(interval.value().to_be_bytes()),
        }
        out.extend([0, 0]);
        self.addresses.put(&mut out);
        if let (Form::V2 { auth, .. }, Family::V4) = (self.form, self.addresses.family()) {
            out.extend(auth_data(&auth));
        }
        let pseudo = match (self.version(), self.addresses.family()) {
            (Version::V2, Family::V4) => None,
            (Version::V3, Family::V4) => dialect.pseudo(ends),
            (_, Family::V6) => Some(ends),
        };
        let sum = checksum(&out, pseudo);
        out[6..8].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

const fn auth_type(auth: &AuthV2) -> u8 {
    match auth {
        AuthV2::None => 0,
        AuthV2::Simple(_) => 1,
    }
}

/// Always there in version 2 over IPv4, also when there is nothing to say.
const fn auth_data(auth: &AuthV2) -> [u8; 8] {
    match auth {
        AuthV2::None => [0; 8],
        AuthV2::Simple(password) => *password.bytes(),
    }
}
