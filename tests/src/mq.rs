//! `tandem-mq` as a process with a folder of its own, and a small STOMP client that knows nothing of ours.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{PATIENCE, binary, free_port, until};

/// A broker node; killed, and its folder removed, when dropped.
pub struct Mq {
    child: Option<Child>,
    /// Keeps the file system of its data, where that is one of its own.
    disk: Option<Disk>,
    folder: PathBuf,
    address: SocketAddr,
    settings: String,
}

impl Mq {
    /// Starts with these lines at the top of its configuration, and waits until it is ready.
    #[track_caller]
    pub fn start(settings: &str) -> Mq {
        let mut mq = Mq::new(settings);
        mq.run();
        mq
    }

    /// The same with its data on a file system of so many megabytes, which ends with it; nothing where we may not have one.
    #[track_caller]
    pub fn on_disk_of(megabytes: u32, settings: &str) -> Option<Mq> {
        let mut mq = Mq::new(settings);
        mq.disk = Some(Disk::of(megabytes, &mq.folder())?);
        mq.run();
        Some(mq)
    }

    fn new(settings: &str) -> Mq {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        tandem_sys::limits::raise_open_files(None, None);
        let name = format!("tandem-mq-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        Mq {
            child: None,
            disk: None,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            settings: settings.to_owned(),
        }
    }

    /// Starts the process again, on the same folder and port.
    #[track_caller]
    pub fn run(&mut self) {
        let (file, name) = (self.write(), self.folder.display().to_string());
        let ready = UnixDatagram::bind_addr(&UnixAddr::from_abstract_name(&name).expect("a short name"));
        let ready = ready.expect("the name is ours");
        ready.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let mut command = match &self.disk {
            None => Command::new(binary("tandem-mq")),
            Some(disk) => disk.enter(binary("tandem-mq")),
        };
        command
            .arg("-f")
            .arg(&file)
            .env("NOTIFY_SOCKET", format!("@{name}"))
            .stdin(Stdio::null())
            .stderr(self.said(OpenOptions::new().create(true).append(true)));
        self.child = Some(command.spawn().expect("the program starts"));
        let mut buffer = [0; 256];
        let told = ready.recv(&mut buffer);
        let mut ended = || self.child.as_mut().and_then(|child| child.try_wait().ok());
        told.unwrap_or_else(|e| panic!("not ready: {e}; ended: {:?}", ended()));
    }

    /// Its configuration; answers where.
    fn write(&self) -> PathBuf {
        let (file, name) = (self.folder.join("mq.toml"), self.folder.display());
        // Whether the disk of whoever tests is nearly full is not what is tested.
        let usage = match self.settings.contains("max-disk-usage") {
            true => "",
            false => "max-disk-usage = 100\n",
        };
        // Lines before the first section stay there.
        let text = format!(
            "data-dir = \"{name}/data\"\n{usage}{}\n[[listen]]\naddress = \"{}\"\n",
            self.settings, self.address
        );
        std::fs::write(&file, text).expect("the folder is writable");
        file
    }

    /// Lets it read these lines instead of those it had, and waits until it has said what it made of them.
    #[track_caller]
    pub fn reload(&mut self, settings: &str) {
        const SAID: [&str; 2] = ["has been read again", "everything stays as it was"];
        let count = |mq: &Mq| SAID.iter().map(|said| mq.log().matches(said).count()).sum::<usize>();
        settings.clone_into(&mut self.settings);
        self.write();
        let before = count(self);
        self.signal(Signal::SIGHUP);
        until("the file to be read again", || (count(self) > before).then_some(()));
    }

    fn said(&self, how: &OpenOptions) -> File {
        how.open(self.folder.join("log")).expect("the folder is ours")
    }

    /// All that it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).expect("it is text")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The names and sizes of the journal's files.
    pub fn journal(&self) -> Vec<(String, u64)> {
        let data = self.folder();
        let data = self.disk.as_ref().map_or(data.clone(), |disk| disk.seen(&data));
        let entries = std::fs::read_dir(data.join("journal")).expect("it has a journal");
        let known = entries.map(|entry| {
            let entry = entry.expect("a readable folder");
            let size = entry.metadata().map_or(0, |about| about.len());
            (entry.file_name().to_string_lossy().into_owned(), size)
        });
        known.collect()
    }

    /// As the power goes.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        kill(pid, signal).expect("it runs");
    }

    /// Asks it to stop and waits for its end.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("it runs");
        until("the end of the broker", || child.try_wait().expect("it is our child"))
    }

    /// The memory that it has in use, in KiB.
    pub fn memory(&self) -> u64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }
}

/// A process that does nothing but to keep a mount namespace, with a small file system on a folder.
struct Disk(Child);

impl Disk {
    fn of(megabytes: u32, folder: &Path) -> Option<Disk> {
        std::fs::create_dir_all(folder).expect("the folder is ours");
        let mount = format!("mount -t tmpfs -o size={megabytes}m none \"$0\" && echo there && read end");
        let child = Command::new("unshare")
            .args(Disk::spaces())
            .args(["sh", "-c", &mount])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut disk = Disk(child);
        let mut said = [0; 6];
        let out = disk.0.stdout.as_mut()?;
        out.read_exact(&mut said).ok()?;
        Some(disk)
    }

    /// Somebody who is not root is that in a user namespace.
    fn spaces() -> &'static [&'static str] {
        match nix::unistd::geteuid().is_root() {
            true => &["--mount"],
            false => &["--mount", "--user", "--map-root-user"],
        }
    }

    /// A program that sees it.
    fn enter(&self, program: PathBuf) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--mount"]);
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// Where a path in it is for us.
    fn seen(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.0.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Mq {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            write!(std::io::stderr().lock(), "{}", self.log()).ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// What a configuration has for a password.
#[track_caller]
pub fn hashed(password: &str) -> String {
    let made = Command::new("sh")
        .args(["-c", "printf %s \"$1\" | \"$0\" --hash-password"])
        .arg(binary("tandem-mq"))
        .arg(password)
        .output()
        .expect("the program runs");
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// One STOMP connection, by hand.
pub struct Stomp {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Stomp {
    #[track_caller]
    pub fn connect(to: SocketAddr) -> Stomp {
        let mut stomp = Stomp::raw(to);
        stomp.say("CONNECT\naccept-version:1.2\nhost:test\nclient-id:test\n\n");
        let answer = stomp.hear();
        assert!(answer.starts_with("CONNECTED\n"), "{answer}");
        stomp
    }

    /// Connected, and nothing said yet.
    #[track_caller]
    pub fn raw(to: SocketAddr) -> Stomp {
        let stream = TcpStream::connect(to).expect("the broker listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream.set_nodelay(true).expect("it is TCP");
        Stomp {
            stream,
            unread: Vec::new(),
        }
    }

    /// A frame without its end.
    #[track_caller]
    pub fn say(&mut self, frame: &str) {
        self.try_say(frame).expect("the broker reads");
    }

    pub fn try_say(&mut self, frame: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{frame}\0").as_bytes())
    }

    /// The next frame, or what ended the connection.
    pub fn try_hear(&mut self) -> std::io::Result<String> {
        loop {
            let begin = self.unread.iter().take_while(|byte| **byte == b'\n').count();
            if let Some(end) = self.unread[begin..].iter().position(|byte| *byte == 0) {
                let frame = String::from_utf8_lossy(&self.unread[begin..begin + end]).into_owned();
                self.unread.drain(..=begin + end);
                return Ok(frame);
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[track_caller]
    pub fn hear(&mut self) -> String {
        self.try_hear().expect("a frame comes")
    }

    /// Sends a message and waits until it is safe.
    #[track_caller]
    pub fn send(&mut self, destination: &str, body: &str) {
        self.say(&format!("SEND\ndestination:{destination}\nreceipt:r\n\n{body}"));
        let answer = self.hear();
        assert!(answer.starts_with("RECEIPT\n"), "{answer}");
    }

    #[track_caller]
    pub fn subscribe(&mut self, destination: &str, ack: &str) {
        self.say(&format!(
            "SUBSCRIBE\nid:0\ndestination:{destination}\nack:{ack}\nreceipt:sub\n\n"
        ));
    }

    /// The next message, whatever comes before it.
    #[track_caller]
    pub fn hear_message(&mut self) -> String {
        loop {
            let frame = self.hear();
            if frame.starts_with("MESSAGE\n") {
                return frame;
            }
        }
    }

    /// The bodies of so many messages, each acknowledged.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<String> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            let frame = self.hear();
            if let Some(rest) = frame.strip_prefix("MESSAGE\n") {
                let (head, body) = rest.split_once("\n\n").expect("a head and a body");
                bodies.push(body.to_owned());
                if let Some(ack) = head.lines().find_map(|line| line.strip_prefix("ack:")) {
                    self.say(&format!("ACK\nid:{ack}\n\n"));
                }
            }
        }
        bodies
    }

    /// Everything that was said is done and safe.
    #[track_caller]
    pub fn settle(&mut self) {
        self.say("BEGIN\ntransaction:settle\nreceipt:settled\n\n");
        while !self.hear().contains("receipt-id:settled") {}
        self.say("ABORT\ntransaction:settle\n\n");
    }
}
