//! What the two dialects write about looking names up, word by word.

use std::net::{IpAddr, SocketAddr};

use tandem_lb_core::dns::Way;

use crate::expr::World;
use crate::plan::{InitAddr, Nameserver};

/// Where name servers listen (RFC 1035 section 4.2.1).
const PORT: u16 = 53;

/// Whom this host asks.
const SYSTEM: &str = "/etc/resolv.conf";

/// What may stand before an address, and how is asked there.
const PREFIXES: &[(&str, Way)] = &[
    ("udp@", Way::Datagram),
    ("udp4@", Way::Datagram),
    ("udp6@", Way::Datagram),
    ("ipv4@", Way::Datagram),
    ("ipv6@", Way::Datagram),
    ("tcp@", Way::Stream),
    ("tcp4@", Way::Stream),
    ("tcp6@", Way::Stream),
];

/// `10.0.0.2:53`, or without the port; `tcp@10.0.0.2:53`, and never without it.
pub(crate) fn nameserver(text: &str) -> Result<(Way, SocketAddr), String> {
    let prefixed = PREFIXES
        .iter()
        .find_map(|(prefix, way)| Some((*way, text.strip_prefix(prefix)?)));
    let (way, bare) = prefixed.unwrap_or((Way::Datagram, text));
    // HAProxy takes an IPv6 address and a port without brackets, too.
    let unbracketed = || {
        let (ip, port) = bare.rsplit_once(':')?;
        Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
    };
    let parsed = bare.parse().ok();
    let with_usual_port = || Some(SocketAddr::new(bare.parse().ok()?, PORT)).filter(|_| way == Way::Datagram);
    let parsed = parsed.or_else(with_usual_port);
    parsed
        .or_else(unbracketed)
        .filter(|address| address.port() > 0)
        .map(|address| (way, address))
        .ok_or_else(|| format!("`{text}` is no address of a name server: write 10.0.0.2:53"))
}

/// The name servers that this host asks itself.
pub(crate) fn of_this_host(world: World<'_>) -> Result<Vec<Nameserver>, String> {
    let text = (world.file)(SYSTEM).map_err(|why| format!("{SYSTEM} cannot be read: {why}"))?;
    let text = String::from_utf8_lossy(&text);
    Ok(resolv_conf(&text).map(Nameserver::of).collect())
}

/// The servers of a `resolv.conf`. A zone behind an address is a matter of the host's own, and such a line is left out.
fn resolv_conf(text: &str) -> impl Iterator<Item = SocketAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let ip = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        Some(SocketAddr::new(ip.parse().ok()?, PORT))
    })
}

/// `10.0.0.0/8`: an address, and how many of its bits count.
pub(crate) fn network(text: &str) -> Result<(IpAddr, u8), String> {
    let read = || {
        let (ip, bits) = text.split_once('/').unwrap_or((text, ""));
        let ip: IpAddr = ip.parse().ok()?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = if bits.is_empty() { most } else { bits.parse().ok()? };
        (bits <= most).then_some((ip, bits))
    };
    read().ok_or_else(|| format!("`{text}` is no network: write 10.0.0.0/8"))
}

/// One way to find a server's first address.
pub(crate) fn init_addr(text: &str) -> Result<InitAddr, String> {
    Ok(match text {
        "last" => InitAddr::Last,
        "libc" => InitAddr::Libc,
        "none" => InitAddr::None,
        ip => {
            InitAddr::Ip(ip.parse().map_err(|_| {
                format!("`{ip}` is no way to find a first address: write last, libc, none, or an address")
            })?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers() {
        for (text, way, want) in [
            ("10.0.0.2:5353", Way::Datagram, "10.0.0.2:5353"),
            ("10.0.0.2", Way::Datagram, "10.0.0.2:53"),
            ("udp@10.0.0.2:53", Way::Datagram, "10.0.0.2:53"),
            ("2001:db8::2", Way::Datagram, "[2001:db8::2]:53"),
            ("[2001:db8::2]:5353", Way::Datagram, "[2001:db8::2]:5353"),
            ("tcp@10.0.0.2:5353", Way::Stream, "10.0.0.2:5353"),
            ("tcp6@[2001:db8::2]:5353", Way::Stream, "[2001:db8::2]:5353"),
        ] {
            let want = want.parse().expect("an address");
            assert_eq!(nameserver(text), Ok((way, want)), "{text}");
        }
        for text in ["tcp@", "tcp@10.0.0.2", "tls@10.0.0.2:53", "name", "10.0.0.2:0", ""] {
            assert!(nameserver(text).is_err(), "{text}");
        }
        let found: Vec<_> =
            resolv_conf("# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n").collect();
        assert_eq!(found, ["10.0.0.2:53".parse().expect("an address")]);
    }
}
