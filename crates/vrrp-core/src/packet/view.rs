//! The fields of a message, read where they are and not yet judged.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::checksum;
use super::{Addresses, Advert, Dialect, Endpoints, Form};
use crate::settings::{AuthV2, Centis, Family, Password, Seconds, Vrid};

/// At least the eight bytes of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    bytes: &'a [u8],
    family: Family,
}

/// The authentication types of version 2, RFC 2338 section 5.3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    None,
    Simple,
    Ah,
    Unknown(u8),
}

/// Why bytes are no advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("version {0} is neither 2 nor 3")]
    Version(u8),
    #[error("type {0} is not an advertisement")]
    Type(u8),
    #[error("VRID 0")]
    Vrid,
    #[error("{got} bytes where the address count wants {want}")]
    Length { got: usize, want: usize },
    #[error("an interval of 0")]
    Interval,
    #[error("authentication type {0}")]
    AuthType(u8),
}

impl<'a> View<'a> {
    pub const HEADER: usize = 8;
    const AUTH: usize = 8;

    pub const fn new(bytes: &'a [u8], family: Family) -> Option<View<'a>> {
        if bytes.len() < Self::HEADER {
            None
        } else {
            Some(View { bytes, family })
        }
    }

    pub const fn version(&self) -> u8 {
        self.bytes[0] >> 4
    }

    pub const fn kind(&self) -> u8 {
        self.bytes[0] & 0x0f
    }

    pub const fn vrid(&self) -> u8 {
        self.bytes[1]
    }

    pub const fn priority(&self) -> u8 {
        self.bytes[2]
    }

    pub const fn count(&self) -> usize {
        self.bytes[3] as usize
    }

    pub const fn auth_type(&self) -> AuthType {
        match self.bytes[4] {
            0 => AuthType::None,
            1 => AuthType::Simple,
            2 => AuthType::Ah,
            other => AuthType::Unknown(other),
        }
    }

    /// Version 2, seconds.
    pub const fn seconds(&self) -> u8 {
        self.bytes[5]
    }

    /// Version 3, hundredths of a second; the four reserved bits are not read.
    pub const fn centis(&self) -> u16 {
        u16::from_be_bytes([self.bytes[4] & 0x0f, self.bytes[5]])
    }

    /// Bytes of a message with this version and count. Version 2 over IPv6 has no authentication data.
    pub const fn message_len(&self) -> usize {
        let addresses = Self::HEADER + self.count() * self.family.size();
        match (self.version(), self.family) {
            (2, Family::V4) => addresses + Self::AUTH,
            _ => addresses,
        }
    }

    /// The authentication data of version 2; `None` when the message is too short or has none.
    pub fn password(&self) -> Option<Password> {
        let data = self.bytes.get(self.message_len() - Self::AUTH..self.message_len())?;
        (self.version() == 2 && self.family == Family::V4).then(|| Password::cut(data))
    }

    /// The dialects in which the checksum is right; none when it is wrong. Where there is only one way it is `With` or
    /// `Without` by that way.
    pub fn dialects(&self, ends: Endpoints) -> impl Iterator<Item = Dialect> + use<'a> {
        let message = match self.family {
            Family::V4 => self.bytes.get(..self.message_len()),
            // The kernel sums all there is, a trailer too.
            Family::V6 => Some(self.bytes),
        };
        let known: &[Dialect] = match (self.version(), self.family) {
            (2, Family::V4) => &[Dialect::Without],
            (_, Family::V4) => &Dialect::ALL,
            (_, Family::V6) => &[Dialect::With],
        };
        known
            .iter()
            .copied()
            .filter(move |d| message.is_some_and(|m| checksum(m, d.pseudo(ends)) == 0))
    }

    /// The advert, from exactly [`Self::message_len`] bytes; what follows them is not looked at.
    pub fn advert(&self) -> Result<Advert, Malformed> {
        if self.kind() != 1 {
            return Err(Malformed::Type(self.kind()));
        }
        let vrid = Vrid::new(self.vrid()).ok_or(Malformed::Vrid)?;
        let form = self.form()?;
        let addresses = self.addresses()?;
        Ok(Advert {
            vrid,
            priority: self.priority(),
            addresses,
            form,
        })
    }

    fn form(&self) -> Result<Form, Malformed> {
        match self.version() {
            2 => {
                let interval = Seconds::new(self.seconds()).ok_or(Malformed::Interval)?;
                Ok(Form::V2 {
                    interval,
                    auth: self.auth()?,
                })
            }
            3 => Ok(Form::V3 {
                interval: Centis::new(self.centis()).ok_or(Malformed::Interval)?,
            }),
            other => Err(Malformed::Version(other)),
        }
    }

    fn auth(&self) -> Result<AuthV2, Malformed> {
        let short = Malformed::Length {
            got: self.bytes.len(),
            want: self.message_len(),
        };
        match self.auth_type() {
            AuthType::None => Ok(AuthV2::None),
            AuthType::Simple => self.password().map(AuthV2::Simple).ok_or(short),
            AuthType::Ah => Err(Malformed::AuthType(2)),
            AuthType::Unknown(other) => Err(Malformed::AuthType(other)),
        }
    }

    fn addresses(&self) -> Result<Addresses, Malformed> {
        let short = Malformed::Length {
            got: self.bytes.len(),
            want: self.message_len(),
        };
        if self.bytes.len() < self.message_len() {
            return Err(short);
        }
        let list = &self.bytes[Self::HEADER..Self::HEADER + self.count() * self.family.size()];
        Ok(match self.family {
            Family::V4 => Addresses::V4(
                list.as_chunks()
                    .0
                    .iter()
                    .map(|a: &[u8; 4]| Ipv4Addr::from(*a))
                    .collect(),
            ),
            Family::V6 => Addresses::V6(
                list.as_chunks()
                    .0
                    .iter()
                    .map(|a: &[u8; 16]| Ipv6Addr::from(*a))
                    .collect(),
            ),
        })
    }
}
