//! The router beside us: what `tandem-vrrp` says of this host's virtual addresses, for the page.
//!
//! It is asked every few seconds on its control socket, with little patience, by a task of its own. So the page only shows
//! what is known already, and a router that hangs costs nobody anything. Where there is none, nothing is known.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

const ASK_EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_millis(500);
/// 255 instances with many addresses each are shorter.
const LONGEST: u64 = 1 << 20;

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Router {
    socket: PathBuf,
    instances: RefCell<Vec<Instance>>,
}

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
}

#[derive(Deserialize)]
struct Answer {
    answer: Vec<Instance>,
}

impl Router {
    pub(crate) fn at(socket: PathBuf) -> Rc<Router> {
        Rc::new(Router {
            socket,
            instances: RefCell::default(),
        })
    }

    /// Empty when there is no router, or it does not answer.
    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.instances.borrow().clone()
    }

    /// Asks until the process ends.
    pub(crate) async fn watch(self: Rc<Router>) {
        let mut said = false;
        loop {
            let asked = tokio::time::timeout(PATIENCE, ask(&self.socket)).await;
            let answer = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            match answer {
                Ok(instances) => {
                    said = false;
                    self.instances.replace(instances);
                }
                Err(error) => {
                    self.instances.replace(Vec::new());
                    // That there is no router is nothing to talk about.
                    if error.kind() != io::ErrorKind::NotFound && !std::mem::replace(&mut said, true) {
                        tracing::info!(socket = %self.socket.display(), %error, "the router is not asked for its state");
                    }
                }
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

async fn ask(socket: &Path) -> io::Result<Vec<Instance>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"{\"ask\": \"state\"}\n").await?;
    let mut line = String::new();
    BufReader::new(stream).take(LONGEST).read_line(&mut line).await?;
    read(&line)
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
}
