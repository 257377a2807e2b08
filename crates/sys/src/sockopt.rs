//! Options of stream sockets, named for what they do to a connection.
//!
//! A socket of the unix family knows none of the TCP ones; asking it is no error, because whoever relays does not care.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// How long a packet and its answer take, as the kernel has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    pub usual: Duration,
    pub variance: Duration,
}

/// How many segments of a connection are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    pub unacknowledged: u32,
    pub selected: u32,
    pub lost: u32,
    pub retransmitted: u32,
    pub forward: u32,
    pub reordering: u32,
}

/// Of a TCP connection.
pub fn round_trip(socket: &Socket) -> io::Result<RoundTrip> {
    let info = info(socket)?;
    Ok(RoundTrip {
        usual: Duration::from_micros(info.tcpi_rtt.into()),
        variance: Duration::from_micros(info.tcpi_rttvar.into()),
    })
}

/// Of a TCP connection.
pub fn segments(socket: &Socket) -> io::Result<Segments> {
    let info = info(socket)?;
    Ok(Segments {
        unacknowledged: info.tcpi_unacked,
        selected: info.tcpi_sacked,
        lost: info.tcpi_lost,
        retransmitted: info.tcpi_retrans,
        forward: info.tcpi_fackets,
        reordering: info.tcpi_reordering,
    })
}

fn info(socket: &Socket) -> io::Result<libc::tcp_info> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    #[allow(unsafe_code)]
    // SAFETY: the kernel writes no more than `length` bytes, which is what `info` has, and zeros are a valid `tcp_info`.
    unsafe {
        let to = info.as_mut_ptr().cast();
        if libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, to, &mut length) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(info.assume_init())
    }
}

/// The cookie of the network that a socket is in, which is given to no other one until the host starts anew.
pub(crate) fn network(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut cookie = 0u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    #[allow(unsafe_code)]
    // SAFETY: the kernel writes no more than `length` bytes, which is what `cookie` has.
    unsafe {
        let to = (&raw mut cookie).cast();
        if libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            to,
            &mut length,
        ) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(cookie)
}

/// How many bytes the kernel was given and the other end has not taken yet.
pub fn unsent(socket: &Socket) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    #[allow(unsafe_code)]
    // SAFETY: the kernel writes one number of this kind to `bytes`.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    match done {
        0 => Ok(u64::try_from(bytes).unwrap_or(0)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How many bytes the kernel keeps, each way; `None` leaves the system's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    pub receive: Option<usize>,
    pub send: Option<usize>,
}

impl Buffers {
    pub fn apply(self, socket: &Socket) -> io::Result<()> {
        if let Some(bytes) = self.receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        self.send.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes))
    }
}

/// Whether a TCP listener lets clients in only when they have said something, or a second is over.
pub fn defer_accept(listener: &Socket, is_wanted: bool) -> io::Result<()> {
    let seconds = libc::c_int::from(is_wanted);
    #[allow(unsafe_code)]
    // SAFETY: the kernel reads as many bytes of `seconds` as it has.
    let done = unsafe {
        let from = (&raw const seconds).cast();
        let length = size_of::<libc::c_int>() as libc::socklen_t;
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            from,
            length,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Keepalive probes; `None` leaves the system's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
}

/// Turns keepalive probes on.
pub fn keep_alive(socket: &Socket, probes: Keepalive) -> io::Result<()> {
    if !is_tcp(socket)? {
        return Ok(());
    }
    let mut params = TcpKeepalive::new();
    if let Some(idle) = probes.idle {
        params = params.with_time(idle);
    }
    if let Some(interval) = probes.interval {
        params = params.with_interval(interval);
    }
    if let Some(count) = probes.count {
        params = params.with_retries(count);
    }
    socket.set_tcp_keepalive(&params)
}

/// Sends small writes at once: a relay has already waited for as much as there was.
pub fn no_delay(socket: &Socket) -> io::Result<()> {
    match socket.set_tcp_nodelay(true) {
        // A path's socket has nothing to delay. To ask first which kind it is would be a call more for each connection.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
        done => done,
    }
}

/// Closing sends RST and keeps no TIME-WAIT state: right for a check's connection, wrong for a user's.
pub fn reset_on_close(socket: &Socket) -> io::Result<()> {
    if is_tcp(socket)? {
        socket.set_linger(Some(Duration::ZERO))
    } else {
        Ok(())
    }
}

/// Closing is what it usually is, although something else was said before.
pub fn end_in_order(socket: &Socket) -> io::Result<()> {
    socket.set_linger(None)
}

/// Makes closing say nothing to the other end, which goes on waiting for an answer. Without the right to that
/// (`CAP_NET_ADMIN`) a reset is sent that does not get beyond the next router, as HAProxy does it; with a `ttl` it is one
/// that gets as far as that.
pub fn vanish_on_close(socket: &Socket, ttl: Option<u8>) -> io::Result<()> {
    if !is_tcp(socket)? {
        return Ok(());
    }
    let repair = || nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::TcpRepair, &1);
    if ttl.is_none() && repair().is_ok() {
        return Ok(());
    }
    let ttl = u32::from(ttl.unwrap_or(1));
    match socket.domain()? {
        socket2::Domain::IPV6 => socket.set_unicast_hops_v6(ttl)?,
        _ => socket.set_ttl_v4(ttl)?,
    }
    reset_on_close(socket)
}

/// The field of the packets' headers that routers may treat them by: TOS, or the traffic class of IPv6.
pub fn type_of_service(socket: &Socket, value: u8) -> io::Result<()> {
    match socket.domain()? {
        socket2::Domain::IPV4 => socket.set_tos_v4(value.into()),
        socket2::Domain::IPV6 => socket.set_tclass_v6(value.into()),
        _ => Ok(()),
    }
}

fn is_tcp(socket: &Socket) -> io::Result<bool> {
    Ok(socket.domain()? != socket2::Domain::UNIX)
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn what_was_set_is_there() {
        let s = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let probes = Keepalive {
            idle: Some(Duration::from_secs(7)),
            interval: None,
            count: Some(3),
        };
        keep_alive(&s, probes).unwrap();
        no_delay(&s).unwrap();
        reset_on_close(&s).unwrap();
        assert!(s.keepalive().unwrap() && s.tcp_nodelay().unwrap());
        assert_eq!(s.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
        assert_eq!(s.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(s.linger().unwrap(), Some(Duration::ZERO));
    }

    #[test]
    fn a_unix_socket_is_left_alone() {
        let (s, _) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
        keep_alive(&s, Keepalive::default()).unwrap();
        no_delay(&s).unwrap();
        reset_on_close(&s).unwrap();
    }
}
