//! Telling the service manager how we are (`sd_notify(3)`).
//!
//! The protocol is one datagram of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names, so it is written here:
//! half the lines of the usual crate, without its changes to the environment, and abstract addresses come with the
//! standard library.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tandem_sys::pass;

/// A line to the service manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State<'a> {
    Ready,
    /// Carries the monotonic time, without which systemd does not accept it for `Type=notify-reload`.
    Reloading,
    Stopping,
    /// Whatever is under way, the end of it too, may take this long from now. (What the manager would wait anyhow stays.)
    Extend(Duration),
    /// One line for people; `systemctl status` shows it.
    Status(&'a str),
    /// "Still alive."
    Watchdog,
    MainPid(u32),
    /// The descriptors kept under this name are not needed any more.
    Forget(&'a str),
}

/// What systemd takes as the name of a kept descriptor.
const LONGEST_NAME: usize = 255;

/// The way to the service manager; without one, everything here does nothing.
#[derive(Debug)]
pub struct Notifier {
    to: Option<UnixDatagram>,
}

impl Notifier {
    pub fn from_environment() -> io::Result<Notifier> {
        match env::var_os("NOTIFY_SOCKET") {
            Some(name) => Notifier::to(&name),
            None => Ok(Notifier { to: None }),
        }
    }

    /// `name` is a path, or an abstract name behind an `@`. Connected at once, because a chroot may hide the path later.
    pub fn to(name: &OsStr) -> io::Result<Notifier> {
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "NOTIFY_SOCKET is neither a path nor @name",
                ));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // That nobody listens there is for `send` to say: a manager that is gone is no reason not to run.
        socket.connect_addr(&address).ok();
        Ok(Notifier { to: Some(socket) })
    }

    /// Sends all of `states` in one datagram, so that the manager sees them together.
    pub fn send(&self, states: &[State<'_>]) -> io::Result<()> {
        let Some(socket) = &self.to else {
            return Ok(());
        };
        let message: String = states.iter().map(State::line).collect();
        socket.send(message.as_bytes()).map(|_| ())
    }
}

impl Notifier {
    /// Has the manager keep a copy of a descriptor, so that the next process can have it even if this one is killed.
    pub fn store(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let Some(socket) = &self.to else {
            return Ok(());
        };
        let message = format!("FDSTORE=1\nFDNAME={}\n", valid_name(name));
        pass::send(socket, message.as_bytes(), &[descriptor]).map(|_| ())
    }
}

/// The descriptors that the manager has for this process under names that begin so (`LISTEN_FDS`), and those names. Each
/// belongs to whoever takes it, so this may be asked once only.
pub fn kept(prefix: &str) -> Vec<(RawFd, String)> {
    let variable = |name| env::var(name).ok();
    kept_for(
        prefix,
        std::process::id(),
        variable("LISTEN_PID").as_deref(),
        variable("LISTEN_FDS").as_deref(),
        variable("LISTEN_FDNAMES").as_deref(),
    )
}

fn kept_for(
    prefix: &str,
    me: u32,
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
) -> Vec<(RawFd, String)> {
    /// After the standard streams.
    const FIRST: RawFd = 3;
    if pid.and_then(|pid| pid.parse().ok()) != Some(me) {
        return Vec::new();
    }
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    let names = names.unwrap_or_default().split(':');
    let numbered = (FIRST..).zip(names).take(count);
    numbered
        .filter(|(_, name)| name.starts_with(prefix))
        .map(|(number, name)| (number, name.to_owned()))
        .collect()
}

/// Printable, without the colon that separates names in `LISTEN_FDNAMES`.
pub fn valid_name(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_graphic() && c != ':' { c } else { '_' };
    name.chars().take(LONGEST_NAME).map(fits).collect()
}

impl State<'_> {
    fn line(&self) -> String {
        match self {
            State::Ready => "READY=1\n".to_owned(),
            State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_micros()),
            State::Stopping => "STOPPING=1\n".to_owned(),
            State::Extend(by) => format!("EXTEND_TIMEOUT_USEC={}\n", by.as_micros()),
            State::Status(text) => format!("STATUS={}\n", text.replace('\n', " ")),
            State::Watchdog => "WATCHDOG=1\n".to_owned(),
            State::MainPid(pid) => format!("MAINPID={pid}\n"),
            State::Forget(name) => format!("FDSTOREREMOVE=1\nFDNAME={}\n", valid_name(name)),
        }
    }
}

fn monotonic_micros() -> u128 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|t| Duration::from(t).as_micros())
        .unwrap_or_default()
}

/// How often the service manager wants [`State::Watchdog`]: half of what it would wait, when it asks this process at all.
pub fn watchdog_interval() -> Option<Duration> {
    let for_us = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
    let micros: u64 = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (for_us && micros > 0).then(|| Duration::from_micros(micros) / 2)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    fn receive(server: &UnixDatagram) -> String {
        server
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout above zero");
        let mut buffer = [0; 512];
        let length = server.recv(&mut buffer).expect("a datagram arrives");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn an_abstract_socket_hears_it() {
        let name = format!("tandem-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let server = UnixDatagram::bind_addr(&address).expect("the name is ours");
        let notifier = Notifier::to(OsStr::new(&format!("@{name}"))).expect("a valid name");
        notifier
            .send(&[State::Ready, State::Status("two\nlines"), State::MainPid(5)])
            .expect("it listens");
        assert_eq!(receive(&server), "READY=1\nSTATUS=two lines\nMAINPID=5\n");

        notifier
            .send(&[State::Extend(Duration::from_secs(90))])
            .expect("it listens");
        assert_eq!(receive(&server), "EXTEND_TIMEOUT_USEC=90000000\n");

        notifier.send(&[State::Reloading]).expect("it listens");
        let text = receive(&server);
        let micros = text
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .expect("the time follows");
        assert!(micros.trim_end().parse::<u64>().expect("a number") > 0);
    }

    #[test]
    fn a_descriptor_is_kept_by_name() {
        let name = format!("tandem-notify-kept-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let server = UnixDatagram::bind_addr(&address).expect("the name is ours");
        let notifier = Notifier::to(OsStr::new(&format!("@{name}"))).expect("a valid name");
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        notifier.store("a:b", ours.as_fd()).expect("it listens");
        let (mut buffer, mut passed) = ([0; 64], Vec::new());
        let count = pass::receive(&server, &mut buffer, &mut passed).expect("a datagram");
        assert_eq!(&buffer[..count], b"FDSTORE=1\nFDNAME=a_b\n");
        assert_eq!(passed.len(), 1);
        notifier.send(&[State::Forget("a:b")]).expect("it listens");
        assert_eq!(receive(&server), "FDSTOREREMOVE=1\nFDNAME=a_b\n");
    }

    #[test]
    fn only_ours_are_taken_back() {
        let names = Some("tandem-a:other:tandem-b:tandem-c");
        let ours = [(3, "tandem-a".to_owned()), (5, "tandem-b".to_owned())];
        assert_eq!(kept_for("tandem-", 7, Some("7"), Some("3"), names), ours);
        assert_eq!(kept_for("tandem-", 8, Some("7"), Some("3"), names), []);
        assert_eq!(kept_for("tandem-", 7, None, Some("3"), names), []);
        assert_eq!(kept_for("tandem-", 7, Some("7"), Some("x"), names), []);
        assert_eq!(kept_for("tandem-", 7, Some("7"), Some("9"), None), []);
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        Notifier { to: None }
            .send(&[State::Stopping, State::Watchdog])
            .expect("nothing to fail");
    }

    #[test]
    fn a_relative_name_is_refused() {
        assert!(Notifier::to(OsStr::new("run/notify")).is_err());
    }
}
