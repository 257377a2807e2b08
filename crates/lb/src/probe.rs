//! One health check: can a connection be made?
//!
//! The words are HAProxy's (reference 2.1). The connection is closed with RST, which leaves nothing behind on either
//! host, however often it is done.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use socket2::SockAddr;
use tandem_lb_core::health::{CheckResult, CheckStatus};
use tandem_ops::clock::Clock;
use tandem_sys::relay::{Endpoint, is_shortage};
use tandem_sys::sockopt;

/// Connects, and says how it went.
pub(crate) async fn connect(to: &SockAddr, limit: Duration, clock: Clock) -> CheckResult {
    let began = clock.now();
    let outcome = tokio::time::timeout(limit, attempt(to)).await;
    let took = clock.now() - began;
    match outcome {
        Ok(Ok(())) => CheckResult::new(CheckStatus::L4Ok, took),
        Ok(Err(error)) => CheckResult::new(status(&error), took).with_info(words(&error)),
        Err(_) => CheckResult::new(CheckStatus::L4Timeout, took),
    }
}

async fn attempt(to: &SockAddr) -> io::Result<()> {
    let server = Endpoint::connect(to)?;
    poll_fn(|cx| server.poll_connected(cx)).await?;
    sockopt::reset_on_close(server.socket())
}

fn status(error: &io::Error) -> CheckStatus {
    if is_shortage(error) {
        CheckStatus::SocketError
    } else {
        CheckStatus::L4Connection
    }
}

/// What the C library says, without the number that Rust puts behind it.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    async fn check(listener: &SockAddr) -> CheckResult {
        connect(listener, Duration::from_secs(5), Clock::start()).await
    }

    #[tokio::test]
    async fn up_and_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = SockAddr::from(listener.local_addr().unwrap());
        assert_eq!(check(&at).await.status, CheckStatus::L4Ok);
        drop(listener);
        let refused = check(&at).await;
        assert_eq!(refused.status, CheckStatus::L4Connection);
        assert_eq!(refused.info.as_deref(), Some("Connection refused"));
    }

    #[tokio::test]
    async fn a_full_backlog_times_out() {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener
            .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        listener.listen(0).unwrap();
        let at = listener.local_addr().unwrap();
        let _fills_it = std::net::TcpStream::connect(at.as_socket().unwrap()).unwrap();
        let result = connect(&at, Duration::from_millis(50), Clock::start()).await;
        assert_eq!((result.status, result.info), (CheckStatus::L4Timeout, None));
        assert!(result.duration >= Duration::from_millis(50));
    }
}
