//! Where connections to servers come from (`source`).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The system chooses when there is none.
    pub ip: Option<IpAddr>,
    /// The system chooses when there are none.
    pub ports: Option<RangeInclusive<u16>>,
    /// Whom they seem to come from instead (`usesrc`).
    pub guise: Option<Guise>,
    /// The interface by which they leave.
    pub interface: Option<Arc<str>>,
}

/// Whom a connection seems to come from. The kernel lets only those do that who hold CAP_NET_ADMIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guise {
    /// The client, with its port.
    Client,
    /// The client, with a port of ours.
    ClientIp,
    Fixed(SocketAddr),
}

impl Source {
    /// The numbers in `text`: a port, or `FIRST-LAST`; `None` for 0.
    fn ports(text: &str) -> Option<Option<RangeInclusive<u16>>> {
        let number = |text: &str| text.parse::<u16>().ok();
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(text)?, number(text)?),
        };
        match (first, last) {
            (0, 0) => Some(None),
            (0, _) => None,
            (first, last) if first <= last => Some(Some(first..=last)),
            _ => None,
        }
    }

    /// `ADDRESS[:PORT[-PORT]]`; an address of zeros leaves the choice to the system.
    fn read(text: &str) -> Option<Source> {
        let is_alone = text.ends_with(']') || text.parse::<IpAddr>().is_ok();
        let (host, ports) = match text.rsplit_once(':') {
            Some((host, ports)) if !is_alone => (host, Source::ports(ports)?),
            _ => (text, None),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let ip = match host {
            "*" | "" => None,
            _ => Some(host.parse::<IpAddr>().ok()?).filter(|ip| !ip.is_unspecified()),
        };
        Some(Source {
            ip,
            ports,
            ..Source::default()
        })
    }
}

/// As both dialects write it: `ADDRESS[:PORT[-PORT]] [usesrc client|clientip|ADDRESS] [interface NAME]`.
impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let odd = |word: &str| format!("`{word}` is no address to come from; names are not looked up here");
        let mut source = Some(first)
            .filter(|first| !first.is_empty())
            .and_then(Source::read)
            .ok_or_else(|| odd(first))?;
        while let Some(word) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("something is missing behind `{word}`"))?;
            match word {
                "usesrc" => source.guise = Some(value.parse()?),
                "interface" => source.interface = Some(value.into()),
                _ => return Err(format!("`{word}` is neither `usesrc` nor `interface`")),
            }
        }
        Ok(source)
    }
}

impl FromStr for Guise {
    type Err = String;

    fn from_str(text: &str) -> Result<Guise, String> {
        let fixed = || {
            let read = Source::read(text)?;
            let port = read.ports.map_or(0, |ports| *ports.start());
            Some(Guise::Fixed(SocketAddr::new(read.ip?, port)))
        };
        match text {
            "client" => Ok(Guise::Client),
            "clientip" => Ok(Guise::ClientIp),
            _ => fixed().ok_or_else(|| format!("`{text}` is nobody that a connection could come from")),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            None => f.write_str("*")?,
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            Some(ip) => ip.fmt(f)?,
        }
        match self.ports.as_ref().map(|ports| (*ports.start(), *ports.end())) {
            None => {}
            Some((first, last)) if first == last => write!(f, ":{first}")?,
            Some((first, last)) => write!(f, ":{first}-{last}")?,
        }
        match self.guise {
            None => {}
            Some(Guise::Client) => f.write_str(" usesrc client")?,
            Some(Guise::ClientIp) => f.write_str(" usesrc clientip")?,
            Some(Guise::Fixed(whom)) => write!(f, " usesrc {whom}")?,
        }
        match &self.interface {
            Some(interface) => write!(f, " interface {interface}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "*",
            "10.0.0.1:1-2 usesrc clientip",
            "[2001:db8::1] usesrc 10.0.0.9:7 interface eth0",
            "*:9 usesrc client",
        ] {
            assert_eq!(
                text.parse::<Source>().map(|source| source.to_string()),
                Ok(text.to_owned())
            );
        }
        for odd in ["", "x", "* usesrc", "* usesrc x", "* from y"] {
            assert!(odd.parse::<Source>().is_err(), "{odd}");
        }
    }

    #[test]
    fn addresses_and_ports() {
        let read = |text| Source::read(text).map(|source| (source.ip.map(|ip| ip.to_string()), source.ports));
        let some = |ip: &str, ports| Some((Some(ip.to_owned()), ports));
        assert_eq!(read("10.0.0.1"), some("10.0.0.1", None));
        assert_eq!(read("10.0.0.1:0"), some("10.0.0.1", None));
        assert_eq!(read("10.0.0.1:5-9"), some("10.0.0.1", Some(5..=9)));
        assert_eq!(read("2001:db8::1"), some("2001:db8::1", None));
        assert_eq!(read("[2001:db8::1]:7"), some("2001:db8::1", Some(7..=7)));
        assert_eq!(read("0.0.0.0"), Some((None, None)));
        assert_eq!(read("*:1000-2000"), Some((None, Some(1000..=2000))));
        for odd in [
            "x",
            "10.0.0.1:",
            "10.0.0.1:9-5",
            "10.0.0.1:0-5",
            "10.0.0.1:70000",
            "10.0.0.1:x",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
