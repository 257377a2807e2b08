//! Whether witnesses answer. Any answer will do, so each is asked in two ways at once: an ICMP echo, where raw sockets are
//! permitted, and a TCP connection to a port that nobody uses, which a host that is there refuses. Some gateways drop the
//! one and some the other.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::task::Poll;
use std::time::Duration;

use tandem_sys::netlink::{Netlink, Route};
use tandem_sys::raw::EchoSocket;
use tandem_sys::readable::Readable;
use tandem_vrrp_core::settings::Family;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A witness on the same network answers in a fraction of this.
const WITHIN: Duration = Duration::from_millis(200);

/// One packet may be lost.
const AGAIN: Duration = Duration::from_millis(60);

/// "discard": hardly anybody listens there, and whoever does answers too.
const PORT: u16 = 9;

/// By which everything else is reached that no other route leads to; of several the best.
pub(crate) async fn gateway(family: Family) -> Option<IpAddr> {
    // What cannot be listed is no witness.
    let routes = Netlink::open().ok()?.routes().await.ok()?;
    let ours = |via: &IpAddr| Family::of(via) == family;
    let defaults = routes
        .into_iter()
        .filter(|route| route.to.length() == 0 && route.table == Route::MAIN);
    let mut gateways: Vec<(Option<u32>, IpAddr)> = defaults
        .flat_map(|route| {
            let hops = route.hops.into_iter().filter_map(|hop| hop.via);
            let all: Vec<IpAddr> = route.via.into_iter().chain(hops).collect();
            all.into_iter().map(move |via| (route.metric, via))
        })
        .filter(|(_, via)| ours(via))
        .collect();
    gateways.sort_by_key(|(metric, _)| *metric);
    gateways.first().map(|(_, via)| *via)
}

/// How many of them do, as soon as those are enough: one that is dead is not waited for then.
pub(crate) async fn reachable(witnesses: &[IpAddr], enough: usize) -> usize {
    let mut asked = JoinSet::new();
    for (number, witness) in (std::process::id() << 8..).zip(witnesses) {
        let witness = *witness;
        asked.spawn_local(async move { tokio::time::timeout(WITHIN, answers(witness, number)).await.is_ok() });
    }
    count(asked, enough).await
}

async fn count(mut asked: JoinSet<bool>, enough: usize) -> usize {
    let mut count = 0;
    while count < enough
        && let Some(outcome) = asked.join_next().await
    {
        count += usize::from(outcome.unwrap_or(false));
    }
    count
}

/// Ends when it has answered.
async fn answers(witness: IpAddr, number: u32) {
    tokio::select! {
        () = refuses(witness) => {}
        () = echoes(witness, number) => {}
    }
}

async fn refuses(witness: IpAddr) {
    let answered = match TcpStream::connect((witness, PORT)).await {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    };
    if !answered {
        // Unreachable for TCP; an echo may still come.
        std::future::pending().await
    }
}

async fn echoes(witness: IpAddr, number: u32) {
    if echo(witness, number).await.is_err() {
        // Not permitted, or no way there.
        std::future::pending().await
    }
}

async fn echo(witness: IpAddr, number: u32) -> io::Result<()> {
    let socket = Readable::new(EchoSocket::open(witness)?)?;
    loop {
        socket.inner().ask(number)?;
        let answer = std::future::poll_fn(|cx| {
            loop {
                match socket.inner().is_answer(number) {
                    Ok(true) => return Poll::Ready(Ok(())),
                    // What others asked is heard here, too.
                    Ok(false) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => socket.found_empty(),
                    Err(error) => return Poll::Ready(Err(error)),
                }
                std::task::ready!(socket.poll_readable(cx))?;
            }
        });
        if let Ok(answered) = tokio::time::timeout(AGAIN, answer).await {
            return answered;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .expect("a runtime");
        runtime.block_on(work)
    }

    #[test]
    fn whoever_refuses_is_there() {
        let here = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        assert_eq!(run(reachable(&here, 2)), 2);
        assert_eq!(run(reachable(&[], 1)), 0);
    }

    #[test]
    fn whoever_is_dead_is_not_waited_for_when_the_others_are_enough() {
        let one_is_dead = || {
            let mut asked = JoinSet::new();
            asked.spawn_local(std::future::pending());
            asked.spawn_local(async { false });
            asked.spawn_local(async { true });
            asked
        };
        assert_eq!(run(async { count(one_is_dead(), 1).await }), 1);
        let both = run(async { tokio::time::timeout(WITHIN, count(one_is_dead(), 2)).await });
        assert!(both.is_err(), "it may still answer");
    }

    #[test]
    fn whoever_echoes_is_there() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let asked = run(async { tokio::time::timeout(WITHIN, echo(here, 77)).await });
        match asked.expect("loopback answers in time") {
            Ok(()) => {}
            // As an ordinary user; then TCP alone asks.
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        }
    }
}
