//! What happens while something else is waited for.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use socket2::SockRef;
use tandem_tests::{Config, Lb, Papers, Server, order, until};

use super::{ask, client, secure_echo, shown};

/// Who has spoken and is gone has no place in a queue, where the configuration says so.
#[test]
fn a_client_that_leaves_while_it_queues_is_noticed_with_tls_too() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["a.example"]);
    let (server, socket) = (Server::echo(), papers.path("socket"));
    let config = Config::default()
        .global(format!("stats socket {socket} level admin"))
        .backend("option abortonclose")
        .backend("timeout queue 1h")
        .server("s", &server, "maxconn 1");
    let at = config.at();
    let text = config
        .to_string()
        .replace(&format!("bind {at}"), &format!("bind {at} ssl crt {own}"));
    let _lb = Lb::start(&text);
    let queued = |count: &str| {
        let is_so = || {
            let csv = order(&socket, "show stat");
            let line = csv
                .lines()
                .find(|line| line.starts_with("be,BACKEND,"))
                .map(str::to_owned);
            line.filter(|line| line.split(',').nth(2) == Some(count)).map(drop)
        };
        until(&format!("{count} to queue"), is_so);
    };
    let mut first = client(at, "a.example", None);
    assert_eq!(ask(&mut first, b"a").expect("an answer"), b"a");
    for waits in [true, false] {
        let mut next = client(at, "a.example", None);
        next.write_all(b"words").expect("room");
        if waits {
            queued("1");
        }
        // Closed so, it is reset.
        let how = SockRef::from(&next.sock).set_linger(Some(Duration::ZERO));
        how.expect("it can be said");
        drop(next);
        queued("0");
    }
    assert_eq!(ask(&mut first, b"b").expect("who is served stays"), b"b");
}

/// An operator replaces a file and then what is in force, while a reload has read the old file and not come to its end. Nothing
/// is read again for that: whoever replaces one file after the other could hold the reload up for as long.
#[test]
fn a_certificate_that_is_replaced_while_a_reload_reads_stays() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["old.example"]);
    let [authority, slow, socket] = ["ca.pem", "slow.pem", "socket"].map(|name| papers.path(name));
    let server = secure_echo(&papers.pem(&["s.example"]));
    let config = Config::default()
        .global(format!("stats socket {socket} level admin"))
        .server("s", &server, &format!("ssl verify required ca-file {authority}"));
    let at = config.at();
    let text = config
        .to_string()
        .replace(&format!("bind {at}"), &format!("bind {at} ssl crt {own}"));
    let lb = Lb::start(&text);
    let shows = || {
        let mut stream = client(at, "x.example", None);
        ask(&mut stream, b"?").expect("an answer");
        shown(&stream)
    };
    assert_eq!(shows(), "old.example");
    let content = fs::read(&authority).expect("it is there");
    mkfifo(&*slow, Mode::S_IRWXU).expect("a pipe with a name");
    fs::rename(&slow, &authority).expect("renamed");
    lb.configure(&text);
    lb.signal(Signal::SIGHUP);
    // Listeners come first: the certificate is read when the servers' files are.
    let mut reading = until("the reload to read", || {
        let open = OpenOptions::new()
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&authority);
        open.ok()
    });
    let new = fs::read_to_string(papers.issue("own.pem", &["new.example"])).expect("written just now");
    assert!(order(&socket, &format!("set ssl cert {own} <<\n{new}")).contains("created"));
    assert!(order(&socket, &format!("commit ssl cert {own}")).contains("Success"));
    assert_eq!(shows(), "new.example");
    // What is in the pipe can be read once.
    reading.write_all(&content).expect("a pipe has room for it");
    drop(reading);
    let mut told = String::new();
    until("the reload to be over", || {
        told.push_str(&lb.told_beside());
        told.contains("READY=1").then_some(())
    });
    assert!(!told.contains("refused"), "{told}");
    assert_eq!(shows(), "new.example");
}
