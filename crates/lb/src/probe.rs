//! One health check: can a connection be made, and does what answers say what it should?
//!
//! The words are HAProxy's (reference 2.1). The connection is closed with RST, which leaves nothing behind on either
//! host, however often it is done.

mod around;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockAddr;
use tandem_lb_core::backend::AgentAnswer;
use tandem_lb_core::expr::Context;
use tandem_lb_core::health::{Advice, CheckResult, CheckStatus};
use tandem_lb_core::probe::{Connect, End, Input, Output, Probe, Script};
use tandem_lb_core::proxy_header::{Details, Ends, Version, Write};
use tandem_ops::clock::Clock;
use tandem_sys::relay::{Endpoint, Packets, Stream, is_shortage};
use tandem_sys::sockopt;
use tandem_time::Mono;
use tandem_tls::Origin;
use tokio::time::{Instant, timeout_at};

use crate::departure;
use crate::servers::Server;
use crate::tls::{HandshakeError, Tls, Vault, ip_of};
use crate::wire::Wire;
pub(crate) use around::Around;

/// How much of an answer is read at once.
const AT_ONCE: usize = 4096;

/// How long a check may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    /// For the answers, from the connection on; `None` leaves them what connecting has not used.
    pub(crate) answer: Option<Duration>,
}

/// What is asked, and where.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) server: &'a Server,
    pub(crate) to: &'a SockAddr,
    pub(crate) script: Option<&'a Script>,
    /// The PROXY header that comes first, unless the script says otherwise.
    pub(crate) header: Option<Write>,
    pub(crate) tls: Option<Secure<'a>>,
    /// What expressions of the script may ask.
    pub(crate) around: &'a dyn Context,
}

/// How TLS is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) origin: &'a Origin,
    /// The name that is asked for.
    pub(crate) name: Option<&'a str>,
    /// What to talk, where that is not what the origin says.
    pub(crate) alpn: Option<&'a [String]>,
    /// Connections speak it that do not say whether.
    pub(crate) is_usual: bool,
}

/// Why there is no connection to ask over.
enum Obstacle {
    /// The network or the system says so.
    Io(io::Error),
    Tls(HandshakeError),
}

/// Makes one check, and says how it went.
pub(crate) async fn check(asked: Asked<'_>, patience: Patience, clock: Clock) -> CheckResult {
    match asked.script {
        None => connect(asked, patience.connect, clock).await,
        Some(script) => ask(asked, script, patience, clock).await,
    }
}

async fn connect(asked: Asked<'_>, limit: Duration, clock: Clock) -> CheckResult {
    let asked = Asked {
        tls: asked.tls.filter(|tls| tls.is_usual),
        ..asked
    };
    let began = clock.now();
    let reached = Cell::new(false);
    let outcome = tokio::time::timeout(
        limit,
        attempt(asked.server, asked.to, asked.header, asked.tls, &reached),
    )
    .await;
    let took = clock.now() - began;
    match outcome {
        Ok(Ok(_)) if asked.tls.is_some() => CheckResult::new(CheckStatus::L6Ok, took),
        Ok(Ok(_)) => CheckResult::new(CheckStatus::L4Ok, took),
        Ok(Err(Obstacle::Io(error))) => {
            CheckResult::new(status(asked.to, &error), took).with_info(no_way(asked.to, &error))
        }
        Ok(Err(Obstacle::Tls(error))) => CheckResult::new(CheckStatus::L6Response, took).with_info(said(&error)),
        Err(_) if reached.get() => CheckResult::new(CheckStatus::L6Timeout, took),
        Err(_) => CheckResult::new(CheckStatus::L4Timeout, took),
    }
}

/// `reached` when the server has answered, and only TLS is still to come.
async fn attempt(
    asked: &Server,
    to: &SockAddr,
    header: Option<Write>,
    tls: Option<Secure<'_>>,
    reached: &Cell<bool>,
) -> Result<Wire, Obstacle> {
    let server = departure::connect(asked, to, None, Packets::default())?;
    poll_fn(|cx| server.poll_connected(cx)).await?;
    sockopt::reset_on_close(server.socket())?;
    if let Some(header) = header {
        write(&server, &header.for_check(ends(&server))).await?;
    }
    let Some(Secure {
        vault,
        origin,
        name,
        alpn,
        is_usual: _,
    }) = tls
    else {
        return Ok(Wire::Plain(server));
    };
    reached.set(true);
    let connection = match alpn {
        None => origin.connect(name, ip_of(&server)),
        Some(alpn) => origin.connect_for(name, ip_of(&server), alpn),
    };
    let connection = connection.map_err(|why| Obstacle::Tls(HandshakeError::Failed(why)))?;
    let tls = Tls::new(server, connection, vault.tally.spoken());
    poll_fn(|cx| tls.poll_established(cx)).await.map_err(Obstacle::Tls)?;
    Ok(Wire::Tls(Box::new(tls)))
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Obstacle {
        Obstacle::Io(error)
    }
}

async fn write(server: &impl Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| server.poll_write(cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    poll_fn(|cx| server.poll_flush(cx)).await
}

/// Ours and the server's; a unix socket has none.
fn ends(server: &Endpoint) -> Option<Ends> {
    Some(Ends {
        source: server.socket().local_addr().ok()?.as_socket()?,
        destination: server.socket().peer_addr().ok()?.as_socket()?,
    })
}

async fn ask(asked: Asked<'_>, script: &Script, patience: Patience, clock: Clock) -> CheckResult {
    let began = clock.now();
    let end = Conversation {
        probe: Probe::new(script, asked.around),
        asked,
        patience,
        clock,
        until: began + patience.connect,
        server: None,
    };
    let End { status, code, info } = end.lead().await;
    CheckResult {
        status,
        duration: clock.now() - began,
        code,
        info,
    }
}

/// Asks an agent. One that cannot be reached, or says nothing that is known, changes nothing.
pub(crate) async fn agent(
    server: &Server,
    to: Option<SocketAddr>,
    send: Option<&str>,
    limit: Duration,
    clock: Clock,
) -> AgentAnswer {
    let began = clock.now();
    let heard = match to {
        Some(to) => tokio::time::timeout(limit, hear_agent(server, to, send)).await,
        None => Ok(Err(io::Error::other("an agent needs an address"))),
    };
    let took = clock.now() - began;
    let plain = |status| CheckResult::new(status, took);
    let (advice, result) = match heard {
        Err(_) => (None, plain(CheckStatus::L7Timeout)),
        Ok(Err(error)) => (None, plain(of_agent(&error)).with_info(words(&error))),
        Ok(Ok(line)) => match Advice::read(&line) {
            None => (
                None,
                plain(CheckStatus::L7Response).with_info("TCPCHK got an empty response"),
            ),
            Some(advice) => {
                let result = as_result(&advice, took);
                (Some(advice), result)
            }
        },
    };
    AgentAnswer {
        advice: advice.unwrap_or_default(),
        result,
    }
}

fn as_result(advice: &Advice, took: Duration) -> CheckResult {
    let (status, code, info) = match (&advice.odd, &advice.service) {
        (Some(odd), _) => (
            CheckStatus::Checked,
            None,
            Some(format!("agent reports an error : {odd}")),
        ),
        (None, None) => (CheckStatus::Checked, None, None),
        (None, Some(service)) => {
            let status = if service.is_up {
                CheckStatus::L7Ok
            } else {
                CheckStatus::L7Status
            };
            (status, Some(0), Some(service.info()))
        }
    };
    CheckResult {
        status,
        duration: took,
        code,
        info: info.map(Into::into),
    }
}

async fn hear_agent(server: &Server, to: SocketAddr, send: Option<&str>) -> io::Result<Vec<u8>> {
    let agent = departure::connect(server, &to.into(), None, Packets::default())?;
    poll_fn(|cx| agent.poll_connected(cx)).await?;
    write(&agent, send.unwrap_or_default().as_bytes()).await?;
    let mut line = Vec::new();
    while !Advice::is_over(&line) {
        let mut bytes = [0; AT_ONCE];
        match poll_fn(|cx| agent.poll_read(cx, &mut bytes)).await? {
            0 => break,
            count => line.extend_from_slice(&bytes[..count]),
        }
    }
    Ok(line)
}

/// A check that is under way, and its connection.
struct Conversation<'a> {
    probe: Probe<'a>,
    asked: Asked<'a>,
    patience: Patience,
    clock: Clock,
    until: Mono,
    server: Option<Wire>,
}

impl Conversation<'_> {
    async fn lead(mut self) -> End {
        loop {
            while let Some(output) = self.probe.poll_output() {
                match output {
                    Output::Connect(connect) => self.connect(connect).await,
                    Output::Send(bytes) => self.send(&bytes).await,
                    Output::Done(end) => return self.named(end),
                }
            }
            self.hear().await;
        }
    }

    /// What only connects has shown more where TLS was spoken at the end.
    fn named(&self, end: End) -> End {
        let status = match (end.status, &self.server) {
            (CheckStatus::L4Ok, Some(Wire::Tls(_))) => CheckStatus::L6Ok,
            (status, _) => status,
        };
        End { status, ..end }
    }

    fn deadline(&self) -> Instant {
        Instant::from_std(self.clock.instant(self.until))
    }

    async fn connect(&mut self, connect: Connect) {
        self.server = None;
        let to = elsewhere(self.asked.to, &connect);
        let header = match self.asked.header {
            None if connect.sends_header => Some(Write {
                version: Version::V1,
                details: Details::default(),
            }),
            usual => usual.filter(|_| connect.as_usual || connect.sends_header),
        };
        let tls = self.asked.tls.and_then(|tls| spoken(tls, &connect));
        let reached = Cell::new(false);
        match timeout_at(self.deadline(), attempt(self.asked.server, &to, header, tls, &reached)).await {
            Ok(Ok(server)) => {
                if connect.lingers {
                    // It has only just been set; what cannot be undone is only a reset.
                    let _is_reset = sockopt::end_in_order(server.socket());
                }
                self.server = Some(server);
                if let Some(answer) = self.patience.answer {
                    self.until = self.clock.now() + answer;
                }
                self.probe.handle(Input::Connected);
            }
            Ok(Err(Obstacle::Io(error))) => self.probe.handle(Input::NotConnected {
                words: &no_way(&to, &error),
                shortage: is_ours(&to, &error),
            }),
            Ok(Err(Obstacle::Tls(error))) => self.probe.handle(Input::NotSecure(said(&error))),
            Err(_) if reached.get() => self.probe.handle(Input::LateSecure),
            Err(_) => self.probe.handle(Input::Late),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let Some(server) = &self.server else { return };
        match timeout_at(self.deadline(), write(server, bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.probe.handle(Input::Broken(&words(&error))),
            Err(_) => self.probe.handle(Input::Late),
        }
    }

    async fn hear(&mut self) {
        let Some(server) = &self.server else {
            return self.probe.handle(Input::Late);
        };
        let mut bytes = [0; AT_ONCE];
        let read = timeout_at(self.deadline(), poll_fn(|cx| server.poll_read(cx, &mut bytes))).await;
        match read {
            Ok(Ok(0)) => self.probe.handle(Input::Closed),
            Ok(Ok(count)) => self.probe.handle(Input::Received(&bytes[..count])),
            Ok(Err(error)) => self.probe.handle(Input::Broken(&words(&error))),
            Err(_) => self.probe.handle(Input::Late),
        }
    }
}

/// How a connection speaks it, if it does.
fn spoken<'a>(tls: Secure<'a>, connect: &'a Connect) -> Option<Secure<'a>> {
    let speaks = connect.speaks_tls || connect.as_usual && tls.is_usual;
    if !speaks {
        return None;
    }
    let own_alpn = Some(&*connect.alpn).filter(|alpn| !alpn.is_empty() || !connect.as_usual);
    Some(Secure {
        name: connect.sni.as_deref().or(tls.name.filter(|_| connect.as_usual)),
        alpn: own_alpn,
        ..tls
    })
}

/// At another address or port, where the step says so. A path has none.
fn elsewhere(to: &SockAddr, connect: &Connect) -> SockAddr {
    let Some(at) = to.as_socket() else { return to.clone() };
    SocketAddr::new(connect.ip.unwrap_or(at.ip()), connect.port.unwrap_or(at.port())).into()
}

/// That a path leads nowhere is known here, before anybody was asked.
fn is_ours(to: &SockAddr, error: &io::Error) -> bool {
    is_shortage(error) || to.is_unix()
}

fn no_way(to: &SockAddr, error: &io::Error) -> String {
    match to.is_unix() {
        true => format!("General socket error ({})", words(error)),
        false => words(error),
    }
}

fn of_agent(error: &io::Error) -> CheckStatus {
    if is_shortage(error) {
        CheckStatus::SocketError
    } else {
        CheckStatus::L4Connection
    }
}

fn status(to: &SockAddr, error: &io::Error) -> CheckStatus {
    if is_ours(to, error) {
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

/// Why the handshake failed, in HAProxy's words.
fn said(error: &HandshakeError) -> &'static str {
    match error {
        HandshakeError::Closed => "Connection closed during SSL handshake",
        HandshakeError::Io(_) => "Connection error during SSL handshake",
        HandshakeError::Failed(_) => "SSL handshake failure",
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::probe::around::Around;

    async fn check(listener: &SockAddr) -> CheckResult {
        connect(
            plainly(&Server::sample(), listener),
            Duration::from_secs(5),
            Clock::start(),
        )
        .await
    }

    fn plainly<'a>(server: &'a Server, to: &'a SockAddr) -> Asked<'a> {
        Asked {
            server,
            to,
            script: None,
            header: None,
            tls: None,
            around: &Around::NOWHERE,
        }
    }

    #[tokio::test(flavor = "local")]
    async fn up_and_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = SockAddr::from(listener.local_addr().unwrap());
        assert_eq!(check(&at).await.status, CheckStatus::L4Ok);
        drop(listener);
        let refused = check(&at).await;
        assert_eq!(refused.status, CheckStatus::L4Connection);
        assert_eq!(refused.info.as_deref(), Some("Connection refused"));
    }

    #[tokio::test(flavor = "local")]
    async fn a_full_backlog_times_out() {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let at = listener.local_addr().unwrap();
        let _fills_it = std::net::TcpStream::connect(at.as_socket().unwrap()).unwrap();
        let result = connect(
            plainly(&Server::sample(), &at),
            Duration::from_millis(50),
            Clock::start(),
        )
        .await;
        assert_eq!((result.status, result.info), (CheckStatus::L4Timeout, None));
        assert!(result.duration >= Duration::from_millis(50));
    }
}
