//! An address with the length of its prefix, such as `10.9.0.1/24`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The length never exceeds what the family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    ip: IpAddr,
    length: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address with a prefix length; write it like 10.9.0.1/24 or 2001:db8::1/64")]
pub struct BadCidr(String);

impl Cidr {
    pub fn new(ip: IpAddr, length: u8) -> Result<Self, BadCidr> {
        if length > bits(ip) {
            return Err(BadCidr(format!("{ip}/{length}")));
        }
        Ok(Self { ip, length })
    }

    /// The address alone: /32 or /128.
    pub fn host(ip: IpAddr) -> Self {
        Self { ip, length: bits(ip) }
    }

    /// The first of all that have this address, in their order: prefix 0.
    pub fn shortest(ip: IpAddr) -> Self {
        Self { ip, length: 0 }
    }

    /// Every address of the family that this one belongs to.
    pub fn everything_like(ip: IpAddr) -> Self {
        let ip = match ip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { ip, length: 0 }
    }

    pub fn ip(self) -> IpAddr {
        self.ip
    }

    pub fn length(self) -> u8 {
        self.length
    }
}

fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let bad = || BadCidr(text.to_string());
        let (ip, length) = text.split_once('/').ok_or_else(bad)?;
        let ip = ip.parse().map_err(|_| bad())?;
        Self::new(ip, length.parse().map_err(|_| bad())?).map_err(|_| bad())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_both_families() {
        for text in [
            "10.9.0.1/24",
            "0.0.0.0/0",
            "10.0.0.1/32",
            "2001:db8::1/64",
            "::/0",
            "fe80::1/128",
        ] {
            assert_eq!(text.parse::<Cidr>().map(|cidr| cidr.to_string()), Ok(text.to_string()));
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "10.9.0.1",
            "10.9.0.1/33",
            "10.9.0.1/-1",
            "10.9.0/24",
            "::1/129",
            "10.9.0.1/24/1",
            "10.9.0.1/ 24",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(BadCidr(text.to_string())));
        }
    }
}
