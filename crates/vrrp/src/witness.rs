//! Whether witnesses answer. Any answer will do, so each is asked for a TCP connection to a port that nobody uses: a host
//! that is there refuses it. That needs no privilege and passes wherever TCP does.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A witness on the same network answers in a fraction of this.
const WITHIN: Duration = Duration::from_millis(200);

/// "discard": hardly anybody listens there, and whoever does answers too.
const PORT: u16 = 9;

/// How many of them do.
pub(crate) async fn reachable(witnesses: &[IpAddr]) -> usize {
    let mut asked = JoinSet::new();
    for witness in witnesses {
        let witness = *witness;
        asked.spawn_local(async move { tokio::time::timeout(WITHIN, answers(witness)).await });
    }
    let mut count = 0;
    while let Some(outcome) = asked.join_next().await {
        count += usize::from(matches!(outcome, Ok(Ok(true))));
    }
    count
}

async fn answers(witness: IpAddr) -> bool {
    match TcpStream::connect((witness, PORT)).await {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    #[test]
    fn whoever_refuses_is_there() {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .expect("a runtime");
        let here = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        assert_eq!(runtime.block_on(reachable(&here)), 2);
        assert_eq!(runtime.block_on(reachable(&[])), 0);
    }
}
