//! Clients that others wrote, through the balancer.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tandem_tests::{Config, Lb, Mq, binary, order};

pub(super) const STOMP_PY: &str = "stomp.py==9.0.0";

/// Sends, receives, acknowledges, refuses, commits, aborts, reconnects; prints what it found.
const SCRIPT: &str = r#"
import sys, time, queue, stomp
host, port = sys.argv[1], int(sys.argv[2])

class Listener(stomp.ConnectionListener):
    def __init__(self):
        self.messages, self.receipts, self.errors = queue.Queue(), queue.Queue(), queue.Queue()
    def on_message(self, frame): self.messages.put(frame)
    def on_receipt(self, frame): self.receipts.put(frame.headers['receipt-id'])
    def on_error(self, frame): self.errors.put(frame.headers.get('message'))

def connection(kind, **more):
    c = kind([(host, port)], **more)
    l = Listener()
    c.set_listener('', l)
    c.connect('guest', 'guest', wait=True)
    return c, l

for kind in (stomp.Connection10, stomp.Connection11, stomp.Connection12):
    c, l = connection(kind)
    name = kind.__name__
    c.subscribe('/queue/' + name, id='1', ack='client')
    c.send('/queue/' + name, 'hello: \u00e9 ' + name, headers={'kind': 'a:b\\c'} if name != 'StompConnection10' else {})
    m = l.messages.get(timeout=10)
    print(name, m.body)
    if kind is stomp.Connection10: c.ack(m.headers['message-id'])
    elif kind is stomp.Connection11: c.ack(m.headers['message-id'], '1')
    else: c.ack(m.headers['ack'])
    c.disconnect(receipt='bye-' + name)
    print(l.receipts.get(timeout=10))

c, l = connection(stomp.Connection12, heartbeats=(500, 500))
c.send('/queue/tx', 'rolled back', transaction=(t := c.begin()))
c.abort(t)
c.send('/queue/tx', 'committed', transaction=(t := c.begin()))
c.commit(t)
c.subscribe('/queue/tx', id='t', ack='client-individual')
m = l.messages.get(timeout=10)
print(m.body)
c.nack(m.headers['ack'])
m = l.messages.get(timeout=10)
print(m.body, m.headers.get('redelivered'))
c.ack(m.headers['ack'])
time.sleep(1.8)
print('alive', c.is_connected())
c.send('/queue/tx', b'\x00\x01binary', receipt='r1', headers={'content-type': 'application/octet-stream'})
print(l.receipts.get(timeout=10))
m = l.messages.get(timeout=10)
print(m.headers['content-length'])
c.send('/nowhere/x', 'x')
print(l.errors.get(timeout=10))
"#;

const EXPECTED: &str = "\
StompConnection10 hello: \u{e9} StompConnection10
bye-StompConnection10
StompConnection11 hello: \u{e9} StompConnection11
bye-StompConnection11
StompConnection12 hello: \u{e9} StompConnection12
bye-StompConnection12
committed
committed true
alive True
r1
8
the destination cannot be used
";

/// Runs a script with a package from PyPI, through the balancer; what it printed, or `None` when the package cannot be had.
pub(super) fn python(package: &str, script: &str) -> Option<String> {
    let folder = python_package(package)?;
    Some(Behind::start().said(python_with(&folder, script)))
}

/// The same at these addresses.
pub(super) fn python_at(package: &str, script: &str, to: &[SocketAddr]) -> Option<String> {
    let folder = python_package(package)?;
    Some(said(python_with(&folder, script), to))
}

/// Python alone, which knows TLS and sockets.
pub(super) fn python_alone(script: &str, to: &[SocketAddr]) -> Option<String> {
    match Command::new("python3").arg("--version").output() {
        Ok(_) => Some(said(python_with(Path::new("/nonexistent"), script), to)),
        Err(error) => {
            super::say(&format!("SKIP: python3: {error}"));
            None
        }
    }
}

/// One that has only begun: what it says is read line by line.
pub(super) fn python_begun(package: &str, script: &str, to: SocketAddr) -> Option<Begun> {
    let folder = python_package(package)?;
    let mut child = python_with(&folder, script)
        .arg(to.ip().to_string())
        .arg(to.port().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it has installed a package before");
    let said = BufReader::new(child.stdout.take().expect("it is piped"));
    Some(Begun { child, said })
}

/// A client that runs; killed when dropped.
pub(super) struct Begun {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Begun {
    #[track_caller]
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it says texts");
        assert!(line.ends_with('\n'), "the client has ended: {line:?}");
        line.trim_end_matches('\n').to_owned()
    }

    /// All that it says until it ends. A line that was not whole was not said.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let mut text = String::new();
        self.said.read_to_string(&mut text).expect("it says texts");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    pub(super) fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it reads");
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn python_with(folder: &Path, script: &str) -> Command {
    let mut python = Command::new("python3");
    python
        .args(["-c", script])
        .env("PYTHONPATH", folder)
        .env("PYTHONIOENCODING", "utf-8");
    python
}

fn python_package(package: &str) -> Option<PathBuf> {
    package_in("python", package, |folder| {
        let mut pip = bounded("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(folder)
            .arg(package);
        pip
    })
}

/// The same with a package from npm.
pub(super) fn node(package: &str, script: &str) -> Option<String> {
    let folder = package_in("node", package, |folder| {
        let mut npm = bounded("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(package);
        npm
    })?;
    let mut node = Command::new("node");
    node.args(["-e", script, "--"])
        .env("NODE_PATH", folder.join("node_modules"));
    Some(Behind::start().said(node))
}

/// A node behind a balancer.
pub(super) struct Behind {
    /// It ends first.
    _lb: Lb,
    pub(super) mq: Mq,
    at: SocketAddr,
    /// The balancer's stats socket.
    orders: PathBuf,
}

impl Behind {
    #[track_caller]
    pub(super) fn start() -> Behind {
        let mq = Mq::start("anonymous = true");
        let orders = mq.folder().with_file_name("orders");
        let config = Config::default()
            .global(format!("stats socket {} level admin", orders.display()))
            .server_at("mq", mq.address(), "");
        let _lb = Lb::start(&config.to_string());
        let at = config.at();
        Behind { _lb, mq, at, orders }
    }

    /// Where clients find it.
    pub(super) fn at(&self) -> SocketAddr {
        self.at
    }

    /// The balancer cuts all connections to the node.
    #[track_caller]
    pub(super) fn cut(&self) {
        assert_eq!(order(&self.orders, CUT).trim(), "");
    }

    /// What a client prints that is told address and port, and where it can have its connections cut.
    fn said(&self, mut client: Command) -> String {
        client.env("ORDERS", &self.orders).env("CUT", CUT);
        said(client, &[self.at])
    }
}

/// What `Behind` and the clients' scripts say to the balancer.
const CUT: &str = "shutdown sessions server be/mq";

fn said(mut client: Command, to: &[SocketAddr]) -> String {
    for address in to {
        client.arg(address.ip().to_string()).arg(address.port().to_string());
    }
    let output = client.output().expect("it has installed a package before");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    said
}

/// A registry that does not answer is not waited for: what cannot be had is skipped.
fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "120", program]);
    command
}

/// A folder with a package, made once beside the build. Several tests want the same ones at the same time, and none may
/// begin while another has only half of it there.
fn package_in(kind: &str, package: &str, install: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
    let name = format!("{kind}-{}", package.replace(['=', '@', '/'], "-"));
    let folder = binary("tandem-mq").parent()?.parent()?.join(&name);
    let made = folder.join("made");
    let lock = File::create(folder.with_file_name(format!("{name}.lock"))).ok()?;
    lock.lock().ok()?;
    if !made.exists() {
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).ok()?;
        let output = install(&folder).output();
        if !output.is_ok_and(|output| output.status.success()) {
            super::say(&format!("SKIP {package}: it cannot be installed"));
            return None;
        }
        std::fs::write(made, "").ok()?;
    }
    Some(folder)
}

#[test]
fn stomp_py() {
    if let Some(said) = python(STOMP_PY, SCRIPT) {
        assert_eq!(said, EXPECTED);
    }
}

#[test]
fn stompjs() {
    if let Some(said) = node("@stomp/stompjs@7.1.1", include_str!("stomp_with_js.cjs")) {
        assert_eq!(said, include_str!("stomp_with_js.txt"));
    }
}
