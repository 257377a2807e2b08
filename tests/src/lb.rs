//! `tandem-lb` as a process.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::manager::Manager;
use crate::{PATIENCE, ask, until};

/// The program of that name that was built together with this test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("target/debug/deps/test has a folder two levels up");
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: cargo build -p {name}", path.display());
    path
}

/// A configuration in a file of its own, removed when dropped.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(text: &str) -> ConfigFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-lb-{}-{}.cfg", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("the temporary folder is writable");
        ConfigFile(path)
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Runs `tandem-lb` with these arguments and `-f` the configuration, until it ends by itself.
pub fn check(arguments: &[&str], config: &str) -> Output {
    let file = ConfigFile::new(config);
    let mut command = Command::new(binary("tandem-lb"));
    command
        .args(arguments)
        .arg("-f")
        .arg(&file.0)
        .env_remove("NOTIFY_SOCKET");
    command.output().expect("the program runs")
}

/// A running balancer; killed when dropped.
pub struct Lb {
    child: Child,
    config: ConfigFile,
    manager: Manager,
}

impl Lb {
    /// Starts it and waits until it says that it is ready.
    #[track_caller]
    pub fn start(config: &str) -> Lb {
        Lb::start_with(&[], config)
    }

    #[track_caller]
    pub fn start_with(arguments: &[&str], config: &str) -> Lb {
        Lb::start_as(config, |mut command| {
            command.args(arguments);
            command
        })
    }

    /// `prepared` gets the command before it is run, to change it or to wrap it into another.
    #[track_caller]
    pub fn start_as(config: &str, prepared: impl FnOnce(Command) -> Command) -> Lb {
        // Tests of one file run side by side, and a usual limit of 1,024 files is not for hundreds of connections each.
        tandem_sys::limits::raise_open_files(None, None);
        let file = ConfigFile::new(config);
        let name = format!("{}", file.0.display());
        let manager = Manager::new(&name);
        let mut command = Command::new(binary("tandem-lb"));
        command
            .arg("-db")
            .arg("-f")
            .arg(&file.0)
            .env("NOTIFY_SOCKET", format!("@{name}"))
            .stdin(Stdio::null());
        let child = prepared(command).spawn().expect("the program starts");
        let mut lb = Lb {
            child,
            config: file,
            manager,
        };
        lb.told("READY=1");
        lb
    }

    /// Writes another configuration into its file.
    pub fn configure(&self, config: &str) {
        std::fs::write(&self.config.0, config).expect("the temporary folder is writable");
    }

    /// Has it follow another configuration, and answers what it then tells its service manager.
    #[track_caller]
    pub fn reload(&mut self, signal: Signal, config: &str) -> String {
        self.configure(config);
        self.signal(signal);
        self.told("RELOADING=1\nMONOTONIC_USEC=");
        self.told("READY=1")
    }

    /// Waits until it says these words to its service manager.
    #[track_caller]
    fn told(&mut self, words: &str) -> String {
        let told = self.manager.hear(words);
        told.unwrap_or_else(|error| panic!("no {words:?}: {error}; ended: {:?}", self.child.try_wait()))
    }

    /// What its service manager was told that no test has looked at.
    pub fn told_beside(&self) -> String {
        self.manager.rest()
    }

    /// Starts a successor of this one, which takes over through its stats socket, and waits until that is ready.
    #[track_caller]
    pub fn succeed(&self, socket: &Path, config: &str) -> Lb {
        let (socket, pid) = (socket.display().to_string(), self.pid().to_string());
        Lb::start_with(&["-x", &socket, "-sf", &pid], config)
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits for the end that was asked for.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        until("the end of the balancer", || {
            self.child.try_wait().expect("it is our child")
        })
    }

    /// The memory that it has in use, in KiB (`VmRSS`).
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix("VmRSS:"))
            .expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Files that it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// CPU time that it has used, in clock ticks.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let after_name = stat.rsplit(") ").next().expect("the name is in parentheses");
        let field = |n: usize| after_name.split(' ').nth(n - 3).and_then(|f| f.parse::<u64>().ok());
        field(14)
            .zip(field(15))
            .map(|(user, system)| user + system)
            .expect("proc(5)")
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }
}

impl Drop for Lb {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Connects to the balancer, with a limit on how long a read may take.
#[track_caller]
pub fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("the balancer listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream
}

/// Clients of an echo, whose connections are known to stand.
#[track_caller]
pub fn talking(to: SocketAddr, count: usize) -> Vec<TcpStream> {
    let client = |_| {
        let mut client = connect(to);
        assert_eq!(ask(&mut client, b"before"), b"before");
        client
    };
    (0..count).map(client).collect()
}
