//! What the two dialects write about looking names up, word by word.

use std::net::{IpAddr, SocketAddr};

use crate::plan::InitAddr;

/// Where name servers listen (RFC 1035 section 4.2.1).
const PORT: u16 = 53;

/// `10.0.0.2:53`, or without the port.
pub(crate) fn nameserver(text: &str) -> Result<SocketAddr, String> {
    if text.starts_with("tcp") {
        return Err("name servers are asked over UDP only: write the address without `tcp@`".to_owned());
    }
    let bare = ["udp@", "udp4@", "udp6@", "ipv4@", "ipv6@"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    // HAProxy takes an IPv6 address and a port without brackets, too.
    let unbracketed = || {
        let (ip, port) = bare.rsplit_once(':')?;
        Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
    };
    let parsed = bare.parse().ok();
    let parsed = parsed.or_else(|| bare.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, PORT)));
    parsed
        .or_else(unbracketed)
        .filter(|address| address.port() > 0)
        .ok_or_else(|| format!("`{text}` is no address of a name server: write 10.0.0.2:53"))
}

/// The servers of a `resolv.conf`. A zone behind an address is a matter of the host's own, and such a line is left out.
pub(crate) fn resolv_conf(text: &str) -> impl Iterator<Item = SocketAddr> {
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
        for (text, want) in [
            ("10.0.0.2:5353", "10.0.0.2:5353"),
            ("10.0.0.2", "10.0.0.2:53"),
            ("udp@10.0.0.2:53", "10.0.0.2:53"),
            ("2001:db8::2", "[2001:db8::2]:53"),
            ("[2001:db8::2]:5353", "[2001:db8::2]:5353"),
        ] {
            assert_eq!(nameserver(text), Ok(want.parse().expect("an address")), "{text}");
        }
        for text in ["tcp@10.0.0.2:53", "name", "10.0.0.2:0", ""] {
            assert!(nameserver(text).is_err(), "{text}");
        }
        let found: Vec<_> =
            resolv_conf("# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n").collect();
        assert_eq!(found, ["10.0.0.2:53".parse().expect("an address")]);
    }
}
