//! Every kind of place that a frontend listens at and that lines go to.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};
use tandem_sys::listen::abstract_address;
use tandem_tests::{
    Config, Lb, PATIENCE, Server, Syslog, ask, check, connect, ended, free_port, free_ports, order, order_by, until,
};

/// A folder of the test's own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tandem-places-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A process that is nobody's child; told to end when dropped.
struct Daemon(Pid);

impl Drop for Daemon {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGTERM).ok();
    }
}

fn is_refused(to: SocketAddr) -> bool {
    TcpStream::connect(to).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused)
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        writeln!(std::io::stderr(), "SKIP IPv6: there is no ::1").ok();
    }
    has
}

#[test]
fn a_unix_socket() {
    let (folder, server, syslog) = (Folder::new("unix"), Server::echo(), Syslog::default());
    let path = folder.path("lb");
    let config = Config::default()
        .log_to(syslog.address())
        .frontend(format!("bind {}", path.display()))
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = UnixStream::connect(&path).expect("it listens there");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    client.write_all(b"hi").expect("it is open");
    let mut answer = [0; 2];
    client.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"hi");
    drop(client);
    let line = syslog.line_with(" be/s ");
    assert!(line.contains("]: unix:2 ["), "{line}");
}

#[test]
fn a_server_on_a_unix_socket() {
    let folder = Folder::new("server");
    let path = folder.path("server");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a short path");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            stream.write_all(b"u").ok();
        }
    });
    let config = Config::default().backend(format!("server s unix@{} check inter 50ms", path.display()));
    let _lb = Lb::start(&config.to_string());
    let mut answer = [0; 1];
    connect(config.at())
        .read_exact(&mut answer)
        .expect("the server speaks first");
    assert_eq!(&answer, b"u");
}

/// Who listens at such a name goes on with it after the files were read again, and so does who is asked there.
#[test]
fn names_that_are_no_files() {
    let server = Server::echo();
    let at = |what: &str| format!("abns@tandem-places-{what}-{}", std::process::id());
    let config = Config::default()
        .global(format!("stats socket {} level admin", at("control")))
        .frontend(format!("bind {}", at("bind")))
        .server("s", &server, "");
    let mut lb = Lb::start(&config.to_string());
    let outer = Config::default().backend(format!("server s {} check inter 50ms", at("bind")));
    let _outer = Lb::start(&outer.to_string());
    assert_eq!(ask(&mut connect(outer.at()), b"hi"), b"hi");
    let name = abstract_address(&at("control")["abns@".len()..]).expect("a short name");
    let ask_control = |what: &str| {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        socket.connect(&name).expect("it listens there");
        order_by(OwnedFd::from(socket).into(), what).expect("an answer")
    };
    assert!(ask_control("show cli sockets").contains(&format!("{} admin", at("control"))));
    lb.reload(Signal::SIGUSR2, &config.to_string());
    assert_eq!(ask(&mut connect(outer.at()), b"hi"), b"hi");
    assert!(ask_control("show stat").contains("fe,FRONTEND"));
}

#[test]
fn a_listener_of_the_parents() {
    let server = Server::echo();
    let ours = TcpListener::bind("127.0.0.1:0").expect("a free port");
    fcntl(&ours, FcntlArg::F_SETFD(FdFlag::empty())).expect("it is open");
    let config = Config::default()
        .frontend(format!("bind fd@{}", ours.as_raw_fd()))
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let at = ours.local_addr().expect("it is bound");
    drop(ours);
    assert_eq!(ask(&mut connect(at), b"hi"), b"hi");
}

#[test]
fn both_families() {
    if !has_ipv6() {
        return;
    }
    let (server, syslog) = (Server::echo(), Syslog::default());
    let [one, both, six] = [free_port(), free_port(), free_port()];
    let config = Config::default()
        .log_to(syslog.address())
        .frontend(format!("bind [::1]:{one}"))
        .frontend(format!("bind :::{both} v4v6"))
        .frontend(format!("bind :::{six} v6only"))
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let v4 = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let v6 = |port: u16| SocketAddr::new("::1".parse().expect("an address"), port);
    for at in [v6(one), v6(both), v4(both), v6(six)] {
        assert_eq!(ask(&mut connect(at), b"hi"), b"hi", "{at}");
    }
    assert!(is_refused(v4(one)) && is_refused(v4(six)));
    syslog.line_with("]: ::1:");
    syslog.line_with("]: ::ffff:127.0.0.1:");
}

#[test]
fn a_range_of_ports_on_one_interface() {
    let server = Server::echo();
    // Three to listen on, and one that nobody may answer.
    let first = free_ports(4);
    let moved = i32::from(server.address().port()) - i32::from(first) - 1;
    let config = Config::default()
        .frontend(format!("bind 127.0.0.1:{first}-{} interface lo", first + 2))
        .backend(format!("server s 127.0.0.1:{moved:+}"));
    let _lb = Lb::start(&config.to_string());
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(ask(&mut connect(at(first + 1)), b"hi"), b"hi");
    assert!(connect(at(first)).local_addr().is_ok() && connect(at(first + 2)).local_addr().is_ok());
    assert!(is_refused(at(first + 3)));
}

#[test]
fn logasap_writes_when_the_server_has_accepted() {
    let (server, syslog) = (Server::echo(), Syslog::default());
    let config = Config::default()
        .log_to(syslog.address())
        .frontend("option logasap")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    let line = syslog.line_with(" be/s ");
    assert!(line.contains("/+") && line.contains(" +0 -- "), "{line}");
    assert_eq!(ask(&mut client, b"still"), b"still");
}

#[test]
fn lines_to_a_unix_socket_that_comes_late() {
    let (folder, server) = (Folder::new("log"), Server::echo());
    let path = folder.path("log");
    let config = Config::default()
        .global(format!("log {} local0", path.display()))
        .defaults("log global")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    assert_eq!(ask(&mut connect(config.at()), b"lost"), b"lost");
    let log = UnixDatagram::bind(&path).expect("a short path");
    log.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    assert_eq!(ask(&mut connect(config.at()), b"told"), b"told");
    let mut line = [0; 1024];
    let length = log.recv(&mut line).expect("a line");
    let line = String::from_utf8_lossy(&line[..length]);
    assert!(line.starts_with("<134>") && line.contains("Connect from "), "{line}");
    // Nobody reads any more: what the socket does not take is lost, and traffic goes on.
    for _ in 0..300 {
        assert_eq!(ask(&mut connect(config.at()), b"on"), b"on");
    }
}

#[test]
fn the_journal_gets_lines_and_priorities() {
    let server = Server::echo();
    let (mut journal, theirs) = UnixStream::pair().expect("a pair of sockets");
    journal.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    let theirs = OwnedFd::from(theirs);
    let stat = nix::sys::stat::fstat(&theirs).expect("it is open");
    let config = Config::default()
        .global("log stdout format priority local0")
        .defaults("log global")
        .server("s", &server, "");
    let mut lb = Lb::start_as(&config.to_string(), |mut command| {
        let stdout = theirs.try_clone().expect("a descriptor is left");
        command
            .env("JOURNAL_STREAM", format!("{}:{}", stat.st_dev, stat.st_ino))
            .stdout(stdout)
            .stderr(theirs);
        command
    });
    assert_eq!(ask(&mut connect(config.at()), b"hi"), b"hi");
    lb.configure("global\n    no such thing\n");
    lb.signal(Signal::SIGHUP);
    let mut text = String::new();
    while !text.contains("nothing was changed") {
        let mut more = [0; 1024];
        let length = journal.read(&mut more).expect("text");
        assert!(length > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&more[..length]));
    }
    assert!(
        text.contains("<134>Connect from 127.0.0.1:") && text.contains("<3>"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "{text}");
    lb.signal(Signal::SIGTERM);
    assert!(lb.ended().success());
}

#[test]
fn a_daemon_in_a_jail_as_nobody() {
    if std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() != 0) {
        writeln!(std::io::stderr(), "SKIP chroot: not root").ok();
        return;
    }
    let (folder, server) = (Folder::new("jail"), Server::echo());
    let pidfile = folder.path("pid");
    let config = Config::default()
        .global("daemon")
        .global(format!("chroot {}", folder.0.display()))
        .global(format!("pidfile {}", pidfile.display()))
        .global("user nobody")
        .server("s", &server, "check");
    let output = check(&[], &config.to_string());
    assert!(output.status.success(), "{output:?}");
    let pid = std::fs::read_to_string(&pidfile).expect("the daemon is ready");
    let pid = pid.trim().parse().expect("a process id");
    let daemon = Daemon(Pid::from_raw(pid));
    let owner = std::fs::metadata(format!("/proc/{pid}")).expect("it runs").uid();
    assert_ne!(owner, 0);
    assert_eq!(ask(&mut connect(config.at()), b"hi"), b"hi");
    drop(daemon);
    until("the listener to close", || is_refused(config.at()).then_some(()));
}

#[test]
fn nothing_to_listen_on() {
    let empty = "defaults\n    mode tcp\n";
    let checked = check(&["-c"], empty);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    let run = check(&[], empty);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stderr).contains("no listener"), "{run:?}");
}

#[test]
fn a_disabled_backend_serves_nobody() {
    let (folder, server, syslog) = (Folder::new("disabled"), Server::echo(), Syslog::default());
    let socket = folder.path("stats");
    let config = Config::default()
        .log_to(syslog.address())
        .global(format!("stats socket {}", socket.display()))
        .backend("disabled")
        .server("s", &server, "check inter 50ms");
    let _lb = Lb::start(&config.to_string());
    assert!(ended(&mut connect(config.at())));
    syslog.line_with(" fe be/<NOSRV> -1/-1/");
    assert_eq!(server.accepted(), 0);
    // As on HAProxy, nothing is told of it.
    let text = order(&socket, "show stat");
    assert!(text.contains("\nfe,FRONTEND,") && !text.contains("\nbe,"), "{text}");
}
