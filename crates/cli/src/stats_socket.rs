//! The operator's end of a balancer's stats socket: one command, one answer. HAProxy's socket speaks the same.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where the examples put the socket.
pub(crate) const USUAL: &str = "/run/tandem/lb.sock";
/// How long the balancer may be silent before we stop waiting for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is read of one answer. A table of a million entries is about 150 MB.
const LONGEST: u64 = 1 << 30;

/// Where the socket is: a path, or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatsSocket {
    Unix(PathBuf),
    Tcp(String),
}

impl StatsSocket {
    /// Sends one line and reads until the balancer closes.
    pub(crate) fn ask(&self, line: &str) -> io::Result<String> {
        match self {
            StatsSocket::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                talk(&stream, line, || stream.shutdown(Shutdown::Write))
            }
            StatsSocket::Tcp(at) => {
                let stream = connect(at)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                talk(&stream, line, || stream.shutdown(Shutdown::Write))
            }
        }
    }
}

/// The line goes out, and what comes back is read to its end.
fn talk(mut stream: impl Read + Write, line: &str, finish: impl Fn() -> io::Result<()>) -> io::Result<String> {
    stream.write_all(format!("{line}\n").as_bytes())?;
    finish()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

impl FromStr for StatsSocket {
    type Err = std::convert::Infallible;

    /// What has a port and no slash is an address; everything else is a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        Ok(match port {
            Some(Ok(_)) if !text.contains('/') => StatsSocket::Tcp(text.to_owned()),
            _ => StatsSocket::Unix(PathBuf::from(text)),
        })
    }
}

impl fmt::Display for StatsSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatsSocket::Unix(path) => path.display().fmt(f),
            StatsSocket::Tcp(at) => at.fmt(f),
        }
    }
}

fn connect(at: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in at.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_path_unless_it_has_a_port() {
        for (text, tcp) in [
            ("/run/x.sock", false),
            ("x.sock", false),
            ("127.0.0.1:9999", true),
            ("[::1]:9999", true),
            ("lb1:9999", true),
            ("lb1:http", false),
            ("/run/odd:99", false),
        ] {
            let place: StatsSocket = text.parse().unwrap();
            assert_eq!(matches!(place, StatsSocket::Tcp(_)), tcp, "{text}");
            assert_eq!(place.to_string(), text);
        }
    }
}
