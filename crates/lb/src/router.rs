//! The router beside us: what `tandem-vrrp` says of this host's virtual addresses, for the page.
//!
//! The control socket belongs to the router's user, so the line to it is opened while we still have the right to, and
//! kept. Later, and from another root, there is the socket that tells everybody ([`beside`]); whoever answers there must be
//! root, ourselves, or the user whose router we found at the start. It is asked every few seconds with little patience, by
//! a task of its own. So the page only shows what is known already, and a router that hangs costs nobody anything. Where
//! there is none, nothing is known.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use socket2::{Domain, SockAddr, Socket, Type};
use tandem_ops::beside;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

const ROOT: u32 = 0;
const ASK_EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_millis(500);
/// 255 instances with many addresses each are shorter.
const LONGEST: u64 = 1 << 20;

/// The way to it. A router that starts later is found as long as its socket may be opened.
#[derive(Debug)]
pub(crate) struct Way {
    socket: PathBuf,
    open: Option<Socket>,
    /// Whose word is believed.
    trusted: Vec<u32>,
}

/// What is known of it.
#[derive(Debug, Default)]
pub(crate) struct Router {
    instances: RefCell<Vec<Instance>>,
}

type Line = BufReader<UnixStream>;

/// One virtual router.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Instance {
    pub(crate) name: String,
    /// `MASTER`, `BACKUP`, `FAULT`...
    pub(crate) state: String,
    pub(crate) interface: Option<String>,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) base_priority: u8,
    pub(crate) since_seconds: f64,
    pub(crate) addresses: Vec<String>,
    /// Both hosts are, or were, master, and only their own link says so.
    #[serde(default)]
    pub(crate) split: bool,
}

#[derive(Deserialize)]
struct Answer {
    answer: Vec<Instance>,
}

impl Way {
    /// To be called before privileges go.
    pub(crate) fn open(socket: PathBuf) -> Way {
        // Without one there is nothing to be opened; whether that is worth a word is seen with the first question.
        let open = SockAddr::unix(&socket).and_then(|address| connect(&address)).ok();
        let found = open.as_ref().and_then(|line| beside::listener_of(line).ok());
        Way {
            trusted: [ROOT].into_iter().chain(found).collect(),
            open,
            socket,
        }
    }

    /// The line that was opened; for the runtime to use.
    fn line(&mut self) -> Option<Line> {
        self.open.take().and_then(|stream| line(stream).ok())
    }

    /// A new line: to the control socket where we may, else to the one for everybody.
    fn dial(&self) -> io::Result<Line> {
        let control = SockAddr::unix(&self.socket).and_then(|address| connect(&address));
        let refused = match control {
            Ok(stream) => return line(stream),
            Err(error) => error,
        };
        let Ok(stream) = beside::state_of_router(&self.socket).and_then(|address| connect(&address)) else {
            return Err(refused);
        };
        let who = beside::listener_of(&stream)?;
        if !self.trusted.contains(&who) && who != nix::unistd::geteuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("the user {who} answers for the router, and is not believed"),
            ));
        }
        line(stream)
    }
}

impl Router {
    /// Empty when there is no router, or it does not answer.
    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.instances.borrow().clone()
    }

    /// Asks until the process ends.
    pub(crate) async fn watch(self: Rc<Router>, mut way: Way) {
        let mut said = false;
        let mut line = way.line();
        loop {
            let was_open = line.is_some();
            let mut answer = patient(&mut line, &way).await;
            if was_open && answer.is_err() {
                // It may have been started again meanwhile.
                answer = patient(&mut line, &way).await;
            }
            match answer {
                Ok(instances) => {
                    said = false;
                    self.instances.replace(instances);
                }
                Err(error) => {
                    self.instances.replace(Vec::new());
                    // That there is no router is nothing to talk about.
                    if error.kind() != io::ErrorKind::NotFound && !std::mem::replace(&mut said, true) {
                        tracing::info!(socket = %way.socket.display(), %error, "the router is not asked for its state");
                    }
                }
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

/// A router that is too busy to let anybody in does not hold up our start.
fn connect(address: &SockAddr) -> io::Result<Socket> {
    let stream = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    stream.set_nonblocking(true)?;
    stream.connect(address)?;
    Ok(stream)
}

fn line(stream: Socket) -> io::Result<Line> {
    UnixStream::from_std(stream.into()).map(BufReader::new)
}

async fn patient(line: &mut Option<Line>, way: &Way) -> io::Result<Vec<Instance>> {
    let asked = tokio::time::timeout(PATIENCE, ask(line, way)).await;
    let answer = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    if answer.is_err() {
        // Whatever may still come is the answer to another question.
        *line = None;
    }
    answer
}

async fn ask(line: &mut Option<Line>, way: &Way) -> io::Result<Vec<Instance>> {
    let stream = match line {
        Some(stream) => stream,
        None => line.insert(way.dial()?),
    };
    stream.write_all(b"{\"ask\": \"state\"}\n").await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_line(&mut answer).await?;
    read(&answer)
}

fn read(line: &str) -> io::Result<Vec<Instance>> {
    let Answer { answer } = serde_json::from_str(line)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_answers() {
        let line = r#"{"answer": [{"name": "VI_1", "interface": "eth0", "vrid": 51, "version": 2, "state": "MASTER",
            "want": "MASTER", "leaving": false, "holds": true, "since_seconds": 12.5, "priority": 150,
            "base_priority": 100, "master": null, "addresses": ["192.0.2.1/24"]}]}"#;
        let instances = read(line).expect("an answer");
        assert_eq!((instances[0].name.as_str(), instances[0].priority), ("VI_1", 150));
        for wrong in [
            "",
            "{\"error\": \"ending\"}",
            "{\"answer\": 7}",
            "{\"answer\": [{\"name\": \"x\"}]}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test(flavor = "local")]
    async fn a_router_that_starts_later_is_found_without_its_file() {
        let control = PathBuf::from(format!("/nowhere/{}/control.sock", std::process::id()));
        let mut way = Way::open(control.clone());
        assert!(way.line().is_none() && way.dial().is_err());
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let address = beside::state_of_router(&control).expect("a short path");
        listener
            .bind(&address)
            .and_then(|()| listener.listen(1))
            .expect("nobody has this name");
        assert!(way.dial().is_ok());
    }
}
