//! A service manager that keeps the listeners, and the process after one that was killed.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use tandem_tests::{Config, Lb, PATIENCE, Server, binary, connect, free_port, until};

/// What systemd would be.
struct Manager {
    name: String,
    socket: UnixDatagram,
    kept: Vec<(String, OwnedFd)>,
}

impl Manager {
    fn new() -> Manager {
        let name = format!("tandem-manager-{}", free_port());
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

/// Until the manager keeps so many listeners.
fn start(manager: &mut Manager, config: &str, listeners: usize) -> Killed {
    let file = std::env::temp_dir().join(format!("{}.cfg", manager.name));
    std::fs::write(&file, config).expect("the temporary folder is writable");
    let mut command = Command::new(binary("tandem-lb"));
    command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null());
    command.env("NOTIFY_SOCKET", format!("@{}", manager.name));
    let child = Killed(command.spawn().expect("the program starts"), file);
    assert!(manager.hear().contains("READY=1"));
    until("the listeners to be kept", || {
        manager.hear();
        (manager.kept.len() == listeners).then_some(())
    });
    child
}

#[test]
fn clients_wait_for_the_next_process_when_one_is_killed() {
    let (server, mut manager) = (Server::echo(), Manager::new());
    let config = Config::default().server("s", &server, "");
    let page = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port());
    let text =
        format!("{config}\nfrontend page\n    mode http\n    bind {page}\n    stats enable\n    stats uri /stats\n");
    drop(start(&mut manager, &text, 2));
    let kept = std::mem::take(&mut manager.kept);
    assert!(
        kept.iter().all(|(name, _)| name.starts_with("tandem-lb-127.0.0.1_")),
        "{kept:?}"
    );
    // Nobody is there, and nobody is refused.
    let mut client = connect(config.at());
    client.write_all(b"anybody?").expect("the kernel takes it");
    let mut reader = connect(page.into());
    let question = b"GET /stats;csv HTTP/1.0\r\n\r\n";
    reader.write_all(question).expect("the kernel takes it");

    let _next = start_with(&kept, &text);
    let mut answer = [0; 8];
    client.read_exact(&mut answer).expect("somebody is there now");
    assert_eq!(&answer, b"anybody?");
    let mut csv = String::new();
    reader.read_to_string(&mut csv).expect("the page is there too");
    assert!(csv.contains("# pxname,svname"), "{csv}");
}

/// As systemd passes descriptors on: from 3 upwards, with their names.
fn start_with(kept: &[(String, OwnedFd)], text: &str) -> Lb {
    let number = |fd: &OwnedFd| usize::try_from(fd.as_raw_fd()).expect("a number");
    let last = kept.iter().map(|(_, fd)| number(fd)).max().expect("there are some");
    let mut names = vec!["other"; last - 2];
    for (name, fd) in kept {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty())).expect("it is open");
        names[number(fd) - 3] = name;
    }
    Lb::start_as(text, |command| {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg("LISTEN_PID=$$ exec \"$0\" \"$@\"");
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
            .env("LISTEN_FDS", names.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"));
        shell
    })
}

#[test]
fn who_drains_is_not_waited_for() {
    let (server, mut manager) = (Server::echo(), Manager::new());
    let config = Config::default().server("s", &server, "");
    let process = start(&mut manager, &config.to_string(), 1);
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
