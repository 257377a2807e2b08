//! The TCP connections that this host has to some of its addresses, whoever serves them, as the kernel lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Of this thread's network, which need not be that of the thread that the process began with.
const LISTS: [&str; 2] = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];

/// One connection, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// Those to these addresses. There may be many, so another thread reads them.
pub(crate) async fn to(addresses: BTreeSet<IpAddr>) -> io::Result<Vec<Flow>> {
    let read = tokio::task::spawn_blocking(move || read(&addresses));
    read.await.map_err(io::Error::other)?
}

/// How many there are to each of some addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<IpAddr, usize>);

impl Counts {
    /// To all of these; nothing where it was not looked for all of them.
    pub(crate) fn of<'a>(&self, addresses: impl IntoIterator<Item = &'a IpAddr>) -> Option<usize> {
        addresses.into_iter().map(|address| self.0.get(address)).sum()
    }
}

/// Read once for all of them.
pub(crate) async fn count(addresses: BTreeSet<IpAddr>) -> io::Result<Counts> {
    let mut counts: BTreeMap<IpAddr, usize> = addresses.iter().map(|address| (*address, 0)).collect();
    for flow in to(addresses).await? {
        *counts.entry(flow.local.ip()).or_default() += 1;
    }
    Ok(Counts(counts))
}

fn read(addresses: &BTreeSet<IpAddr>) -> io::Result<Vec<Flow>> {
    let mut flows = Vec::new();
    for path in LISTS {
        match fs::read_to_string(path) {
            Ok(list) => flows.extend(
                list.lines()
                    .filter_map(flow)
                    .filter(|f| addresses.contains(&f.local.ip())),
            ),
            // A kernel without IPv6.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        }
    }
    Ok(flows)
}

/// A line such as ` 0: 6409000A:1628 0309000A:9C40 01 …`; nothing for one that is no connection.
fn flow(line: &str) -> Option<Flow> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    lives(state).then_some(())?;
    Some(Flow {
        remote: address(remote)?,
        local: address(local)?,
    })
}

/// Not one that only waits for stray packets (TIME_WAIT), is closed, or listens.
fn lives(state: &str) -> bool {
    !matches!(state, "06" | "07" | "0A")
}

/// Words of 32 bits as the machine has them in memory.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = Vec::with_capacity(16);
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        octets.extend(word.to_ne_bytes());
    }
    let ip = match octets.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernel() {
        let line =
            |local, remote, state| format!("   3: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 0");
        let read = |local, remote, state| {
            flow(&line(local, remote, state)).map(|f| (f.local.to_string(), f.remote.to_string()))
        };
        let four = ("6400090A:1628", "0300090A:9C40");
        let told = Some(("10.9.0.100:5672".to_owned(), "10.9.0.3:40000".to_owned()));
        for (state, expected) in [
            ("01", told.clone()),
            ("03", told.clone()),
            ("08", told.clone()),
            ("06", None),
            ("07", None),
            ("0A", None),
        ] {
            assert_eq!(read(four.0, four.1, state), expected, "{state}");
        }
        let mapped = (
            "0000000000000000FFFF00006400090A:1628",
            "0000000000000000FFFF00000300090A:9C40",
        );
        assert_eq!(read(mapped.0, mapped.1, "01"), told, "a socket of both families");
        let six = read(
            "000000FD000009000000000000010000:0050",
            "B80D0120000000000000000001000000:0051",
            "01",
        );
        assert_eq!(
            six,
            Some(("[fd00:0:9::100]:80".to_owned(), "[2001:db8::1]:81".to_owned()))
        );
        for wrong in [
            "",
            "  sl  local_address rem_address   st",
            "0: 6400090A 0300090A:9C40 01",
            "0: 6400:1 0300090A:1 01",
        ] {
            assert_eq!(flow(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_not_looked_for_is_not_none() {
        let [one, two, other] = [1, 2, 3].map(|last| IpAddr::from([203, 0, 113, last]));
        let counts = Counts(BTreeMap::from([(one, 2), (two, 0)]));
        assert_eq!(counts.of(&[one, two]), Some(2));
        assert_eq!(counts.of(&[two]), Some(0));
        assert_eq!(counts.of(&[one, other]), None);
        assert_eq!(Counts::default().of(&[one]), None);
    }

    #[test]
    fn those_of_this_host() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let local = listener.local_addr().expect("bound");
        let client = TcpStream::connect(local).expect("it listens");
        let remote = client.local_addr().expect("connected");
        let _server = listener.accept().expect("it came");
        let flows = read(&BTreeSet::from([local.ip()])).expect("the kernel lists them");
        assert!(flows.contains(&Flow { remote, local }), "{flows:?}");
        assert!(
            !flows.iter().any(|f| f.local == local && f.remote.port() == 0),
            "no listener"
        );
        let others = read(&BTreeSet::from([IpAddr::from([203, 0, 113, 1])])).expect("the kernel lists them");
        assert_eq!(others, []);
    }
}
