//! The other end of `tandem-vrrp-launch`, which alone may become another user.
//!
//! The service manager starts it when we connect; where there is none and we are root, we start it ourselves, with a
//! socket as its stdin, in the network that we are in.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::rc::Rc;

use nix::unistd::{AccessFlags, access, geteuid};
use tandem_sys::capabilities::{Capability, holds};
use tandem_vrrp::wire::{Ask, PROGRAM, SOCKET, Told};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use crate::args::Args;

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Status(i32),
    Signal(i32),
    /// It never ran.
    Refused(String),
    /// Its launcher ended first, and it with that.
    Lost,
}

/// Connected when the first script needs it, and again when it has ended.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// Its command line.
    arguments: Vec<OsString>,
    known: RefCell<Option<Connection>>,
    last: Cell<u64>,
    /// `enable_script_security`, for what we run ourselves; a launcher is always so.
    careful: Cell<bool>,
    /// We may do what a launcher may.
    are_free: bool,
}

/// Who waits for the end of which run.
type Waiting = Rc<RefCell<BTreeMap<u64, oneshot::Sender<Ending>>>>;

#[derive(Clone, Debug)]
struct Connection {
    to: mpsc::UnboundedSender<Ask>,
    waiting: Waiting,
}

/// A script that a launcher runs. It is killed when this is dropped before its end.
#[derive(Debug)]
pub(crate) struct Launched {
    id: u64,
    to: mpsc::UnboundedSender<Ask>,
    ended: oneshot::Receiver<Ending>,
    is_over: bool,
}

/// Why scripts of other users cannot be run; `None` when they can.
pub(crate) fn why_absent() -> Option<String> {
    if listens() { None } else { program().err() }
}

/// Whether what is for who we are is run by a launcher all the same.
pub(crate) fn runs_ours() -> bool {
    !are_free() && listens()
}

/// One that the service manager starts, and that we may ask.
fn listens() -> bool {
    access(SOCKET, AccessFlags::W_OK).is_ok()
}

/// Not knowing is no reason to ask somebody else.
fn are_free() -> bool {
    holds(Capability::SetUid).unwrap_or(true)
}

/// Beside this program, where whoever may start it may change user.
fn program() -> Result<PathBuf, String> {
    if !geteuid().is_root() {
        return Err(format!(
            "{PROGRAM} does not listen on {SOCKET}, and only root may start it"
        ));
    }
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        return Err(format!("there is neither {SOCKET} nor {}", program.display()));
    }
    Ok(program)
}

impl Launcher {
    /// For the commands of this configuration.
    pub(crate) fn new(args: &Args) -> Rc<Launcher> {
        let mut arguments = vec!["-f".into(), args.file.clone().into_os_string()];
        if let Some(id) = &args.config_id {
            arguments.extend(["-i".into(), id.into()]);
        }
        Rc::new(Launcher {
            arguments,
            known: RefCell::default(),
            last: Cell::new(0),
            careful: Cell::new(false),
            are_free: are_free(),
        })
    }

    pub(crate) fn set_careful(&self, careful: bool) {
        self.careful.set(careful);
    }

    pub(crate) const fn is_careful(&self) -> bool {
        self.careful.get()
    }

    /// Who is as restricted as its unit has a launcher run even what is for itself: what a script may do must not depend on
    /// who runs it.
    pub(crate) fn is_freer(&self) -> bool {
        !self.are_free && listens()
    }

    pub(crate) fn run(&self, words: Vec<String>, user: String, group: Option<String>) -> io::Result<Launched> {
        let Connection { to, waiting } = self.connected()?;
        let id = self.last.get() + 1;
        self.last.set(id);
        let (end, ended) = oneshot::channel();
        waiting.borrow_mut().insert(id, end);
        let ask = Ask::Run { id, words, user, group };
        to.send(ask).map_err(|_| io::Error::other("the launcher has ended"))?;
        Ok(Launched {
            id,
            to,
            ended,
            is_over: false,
        })
    }

    fn connected(&self) -> io::Result<Connection> {
        let mut known = self.known.borrow_mut();
        if let Some(connection) = known.as_ref().filter(|known| !known.to.is_closed()) {
            return Ok(connection.clone());
        }
        let stream = StdStream::connect(SOCKET).or_else(|_| self.start())?;
        stream.set_nonblocking(true)?;
        let connection = serve(UnixStream::from_std(stream)?);
        Ok(known.insert(connection).clone())
    }

    /// In the network that we are in. Signals from a terminal are for us.
    fn start(&self) -> io::Result<StdStream> {
        let program = program().map_err(io::Error::other)?;
        let (ours, its) = StdStream::pair()?;
        let mut command = Command::new(program);
        command.args(&self.arguments).stdin(OwnedFd::from(its)).process_group(0);
        let mut child = command.spawn()?;
        tokio::task::spawn_local(async move { child.wait().await });
        Ok(ours)
    }
}

impl Launched {
    pub(crate) async fn wait(&mut self) -> Ending {
        let ending = (&mut self.ended).await;
        self.is_over = true;
        ending.unwrap_or(Ending::Lost)
    }

    /// The whole process group.
    pub(crate) fn kill(&self, hard: bool) {
        // A launcher that has ended has killed it.
        self.to.send(Ask::Kill { id: self.id, hard }).ok();
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if !self.is_over {
            self.kill(true);
        }
    }
}

/// Until the launcher or the last of those who ask is gone. What still waits then is lost, and who asks next
/// connects anew.
fn serve(stream: UnixStream) -> Connection {
    let (to, asks) = mpsc::unbounded_channel::<Ask>();
    let waiting = Waiting::default();
    let (reader, writer) = stream.into_split();
    let told = Rc::clone(&waiting);
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = write(writer, asks) => {}
            () = read(reader, &told) => {}
        }
        told.borrow_mut().clear();
    });
    Connection { to, waiting }
}

async fn write(mut writer: OwnedWriteHalf, mut asks: mpsc::UnboundedReceiver<Ask>) {
    while let Some(ask) = asks.recv().await {
        let Ok(mut line) = serde_json::to_vec(&ask) else {
            continue;
        };
        line.push(b'\n');
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read(reader: OwnedReadHalf, waiting: &Waiting) {
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(told) = serde_json::from_str(&line) else { return };
        let (id, ending) = ending(told);
        let end = waiting.borrow_mut().remove(&id);
        // Whoever asked may have gone.
        end.map(|end| end.send(ending).ok());
    }
}

fn ending(told: Told) -> (u64, Ending) {
    match told {
        Told::Refused { id, why } => (id, Ending::Refused(why)),
        Told::Ended {
            id, code: Some(code), ..
        } => (id, Ending::Status(code)),
        Told::Ended {
            id,
            signal: Some(signal),
            ..
        } => (id, Ending::Signal(signal)),
        Told::Ended { id, .. } => (id, Ending::Refused("it ended in no known way".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a launcher that dies, nothing is waited for, and nothing more is asked.
    #[tokio::test(flavor = "local")]
    async fn who_is_gone_is_noticed_at_once() {
        let (ours, its) = UnixStream::pair().expect("a pair of sockets");
        let Connection { to, waiting } = serve(ours);
        let (end, ended) = oneshot::channel();
        waiting.borrow_mut().insert(1, end);
        drop(its);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), ended).await;
        assert!(ended.expect("in time").is_err(), "the run is lost");
        to.closed().await;
    }
}
