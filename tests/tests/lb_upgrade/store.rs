//! A service manager that keeps the listeners, and the process after one that was killed.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tandem_tests::{Config, Lb, PATIENCE, Server, binary, connect, until};

/// What systemd would be.
struct Manager {
    name: String,
    socket: UnixDatagram,
    kept: Vec<(String, OwnedFd)>,
}

impl Manager {
    fn new() -> Manager {
        let name = format!("tandem-manager-{}", tandem_tests::free_port());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let socket = UnixDatagram::bind_addr(&address).expect("the name is ours");
        socket.set_read_timeout(Some(PATIENCE)).expect("above zero");
        let kept = Vec::new();
        Manager { name, socket, kept }
    }

    /// The next message, and what it asks to keep is kept.
    fn hear(&mut self) -> String {
        let (mut buffer, mut passed) = ([0; 512], Vec::new());
        let count = tandem_sys::pass::receive(&self.socket, &mut buffer, &mut passed).expect("it says something");
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let name = text.lines().find_map(|l| l.strip_prefix("FDNAME=")).unwrap_or_default();
        if text.contains("FDSTORE=1") {
            self.kept.extend(passed.into_iter().map(|fd| (name.to_owned(), fd)));
        }
        if text.contains("FDSTOREREMOVE=1") {
            self.kept.retain(|(kept, _)| kept != name);
        }
        text
    }
}

struct Killed(Child, std::path::PathBuf);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
        std::fs::remove_file(&self.1).ok();
    }
}

/// Until the manager keeps the listener.
fn start(manager: &mut Manager, config: &Config) -> Killed {
    let file = std::env::temp_dir().join(format!("{}.cfg", manager.name));
    std::fs::write(&file, config.to_string()).expect("the temporary folder is writable");
    let mut command = Command::new(binary("tandem-lb"));
    command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null());
    command.env("NOTIFY_SOCKET", format!("@{}", manager.name));
    let child = Killed(command.spawn().expect("the program starts"), file);
    assert!(manager.hear().contains("READY=1"));
    until("the listener to be kept", || {
        manager.hear();
        (!manager.kept.is_empty()).then_some(())
    });
    child
}

#[test]
fn clients_wait_for_the_next_process_when_one_is_killed() {
    let (server, mut manager) = (Server::echo(), Manager::new());
    let config = Config::default().server("s", &server, "");
    drop(start(&mut manager, &config));
    let (name, listener) = manager.kept.pop().expect("one listener");
    assert!(name.starts_with("tandem-lb-127.0.0.1_"), "{name}");
    // Nobody is there, and nobody is refused.
    let mut client = connect(config.at());
    client.write_all(b"anybody?").expect("the kernel takes it");

    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).expect("it is open");
    let before = usize::try_from(listener.as_raw_fd()).expect("a number") - 3;
    let names = "other:".repeat(before) + &name;
    let _next = Lb::start_as(&config.to_string(), |command| {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg("LISTEN_PID=$$ exec \"$0\" \"$@\"");
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
            .env("LISTEN_FDS", (before + 1).to_string())
            .env("LISTEN_FDNAMES", &names);
        shell
    });
    let mut answer = [0; 8];
    client.read_exact(&mut answer).expect("somebody is there now");
    assert_eq!(&answer, b"anybody?");
}

#[test]
fn who_drains_is_not_waited_for() {
    let (server, mut manager) = (Server::echo(), Manager::new());
    let config = Config::default().server("s", &server, "");
    let process = start(&mut manager, &config);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(process.0.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1).expect("it runs");
    until("the listener to be let go", || {
        manager.hear();
        manager.kept.is_empty().then_some(())
    });
    until("clients to be refused", || {
        std::net::TcpStream::connect(config.at()).is_err().then_some(())
    });
}
