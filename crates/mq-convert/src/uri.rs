//! Addresses as brokers write them: `tcp://0.0.0.0:61616?a=1&b=2`, `static:(tcp://one:1, tcp://two:1)?a=1`. Options stand
//! between `&`, or between `;` as Artemis's examples have them; lists have blanks wherever people put them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::World;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Uri<'a> {
    pub(crate) scheme: &'a str,
    /// Between the scheme and the options.
    pub(crate) rest: &'a str,
    /// What is in its brackets.
    pub(crate) parts: Vec<&'a str>,
    pub(crate) options: Vec<(&'a str, &'a str)>,
}

impl<'a> Uri<'a> {
    pub(crate) fn read(text: &'a str) -> Uri<'a> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        // Options within brackets are those of one part.
        let outside = rest.rfind(')').map_or(0, |at| at + 1);
        let (base, options) = match rest[outside..].split_once('?') {
            Some((before, options)) => (&rest[..outside + before.len()], options),
            None => (rest, ""),
        };
        let inside = base.find('(').and_then(|from| base.get(from + 1..base.rfind(')')?));
        Uri {
            scheme: scheme.trim(),
            rest: base.trim(),
            parts: inside.map(list).unwrap_or_default(),
            options: options
                .split(['&', ';'])
                .filter(|option| !option.trim().is_empty())
                .map(|option| option.split_once('=').unwrap_or((option, "")))
                .map(|(name, value)| (name.trim(), value.trim()))
                .collect(),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self, world: World<'_>) -> Result<Place, String> {
        let rest = self.rest.trim_start_matches('/');
        let rest = rest.split(['/', ' ']).next().unwrap_or_default();
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest
                .rsplit_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.ok_or_else(|| format!("there is no port in {rest:?}"))?;
        let port: u16 = port.parse().map_err(|_| format!("{port:?} is no port"))?;
        let ip = host_address(host, world)?;
        Ok(Place {
            address: SocketAddr::new(ip, port),
            looked_up: is_looked_up(host).then(|| host.to_owned()),
        })
    }
}

/// An address, and the name it had if it had to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) looked_up: Option<String>,
}

fn is_looked_up(host: &str) -> bool {
    !matches!(host, "" | "*" | "localhost") && host.parse::<IpAddr>().is_err()
}

pub(crate) fn host_address(host: &str, world: World<'_>) -> Result<IpAddr, String> {
    match host {
        "" | "*" => return Ok(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => return Ok(Ipv4Addr::LOCALHOST.into()),
        _ => {}
    }
    let known = host.parse().ok().or_else(|| (world.address)(host));
    known.ok_or_else(|| format!("{host:?} has no address here: write the host's own"))
}

/// `a, b ,c`, where brackets hold together what is in them.
pub(crate) fn list(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(move |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: World<'_> = World {
        variable: &|_| None,
        address: &|name| (name == "mq1").then_some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
        hash: &|_| None,
    };

    #[test]
    fn both_separators_and_blanks_are_read() {
        for text in [
            "tcp://0.0.0.0:61616?a=1&b=x,y",
            "tcp://0.0.0.0:61616?a=1;b=x,y",
            " tcp://0.0.0.0:61616? a = 1 ; & b=x,y; ",
        ] {
            let uri = Uri::read(text);
            assert_eq!((uri.scheme, uri.rest), ("tcp", "//0.0.0.0:61616"), "{text}");
            assert_eq!(uri.options, [("a", "1"), ("b", "x,y")], "{text}");
        }
        let uri = Uri::read("static:( tcp://a:1?x=1&y=2 , failover:(tcp://b:1,tcp://c:1) )?duplex=true");
        assert_eq!(uri.parts, ["tcp://a:1?x=1&y=2", "failover:(tcp://b:1,tcp://c:1)"]);
        assert_eq!(
            (uri.scheme, uri.options.as_slice()),
            ("static", &[("duplex", "true")][..])
        );
        let uri = Uri::read("multicast://default");
        assert_eq!((uri.rest, uri.parts.len(), uri.options.len()), ("//default", 0, 0));
        assert_eq!(Uri::read(")(").parts, [""; 0]);
        assert_eq!(Uri::read("nothing").rest, "nothing");
    }

    #[test]
    fn an_address_is_where_it_listens() {
        for (text, expect) in [
            ("tcp://0.0.0.0:61616", Ok("0.0.0.0:61616")),
            ("tcp://localhost:61616/", Ok("127.0.0.1:61616")),
            ("nio://:61616?x=1", Ok("0.0.0.0:61616")),
            ("nio://*:61616", Ok("0.0.0.0:61616")),
            ("tcp://[::1]:61616", Ok("[::1]:61616")),
            ("tcp://mq1:61616", Ok("10.0.0.1:61616")),
            ("tcp://mq2:61616", Err("\"mq2\" has no address here")),
            ("tcp://mq1", Err("there is no port")),
            ("tcp://mq1:x", Err("\"x\" is no port")),
        ] {
            let found = Uri::read(text).address(WORLD);
            match (&found, expect) {
                (Ok(place), Ok(expect)) => assert_eq!(place.address.to_string(), expect),
                (Err(why), Err(expect)) => assert!(why.contains(expect), "{why}"),
                _ => panic!("{text}: {found:?}"),
            }
            let is_looked_up = found.is_ok_and(|place| place.looked_up.is_some());
            assert_eq!(is_looked_up, text.contains("mq1:61616"));
        }
    }
}
