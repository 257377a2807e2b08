//! Questions that go as datagrams.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;
use tandem_lb_config::Nameserver;
use tandem_lb_core::dns::Way;
use tokio::net::UdpSocket;

/// From a port of its own, and only this name server is heard on it: whoever wants to lie has to guess more.
pub(super) fn socket(nameserver: &Nameserver) -> Option<UdpSocket> {
    if nameserver.way == Way::Stream {
        return None;
    }
    let any = match nameserver.address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let opened = std::net::UdpSocket::bind(any).and_then(|socket| {
        socket.connect(nameserver.address)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    });
    match opened {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::warn!(%error, nameserver = %nameserver.address, "a name server cannot be asked");
            None
        }
    }
}

/// Whether it is on its way. The kernel is asked, and not what is known of the socket: of one that was only just opened
/// nobody knows yet that it can be written to, and the first question would wait for the time of the second.
pub(super) fn send(socket: &UdpSocket, question: &[u8]) -> bool {
    SockRef::from(socket).send(question).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "local")]
    async fn the_first_question_goes_out_at_once() {
        let there = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        there
            .set_read_timeout(Some(std::time::Duration::from_secs(20)))
            .expect("a timeout above zero");
        let nameserver = Nameserver {
            name: "n".into(),
            address: there.local_addr().expect("it is bound"),
            way: Way::Datagram,
        };
        let socket = socket(&nameserver).expect("a socket");
        assert!(send(&socket, b"who?"));
        let mut heard = [0; 8];
        assert_eq!(there.recv(&mut heard).ok(), Some(4));
    }
}
