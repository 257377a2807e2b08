//! Listeners on their way: those that were passed under a number, those that have a limit, and those that nobody wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, PATIENCE, Server, ask, connect, free_port, until};

use crate::socket::Socket;

/// The old process was started with it, the new one was not, and both know it by the same number.
#[test]
fn one_that_was_passed_under_a_number_is_found_again() {
    let (server, socket) = (Server::echo(), Socket::new());
    let passed = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = passed.local_addr().expect("bound");
    let number = passed.as_raw_fd();
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let text = config.frontend(format!("bind fd@{number}")).to_string();
    fcntl(&passed, FcntlArg::F_SETFD(FdFlag::empty())).expect("it is open");
    let mut old = Lb::start(&text);
    drop(passed);
    let mut client = connect(at);
    assert_eq!(ask(&mut client, b"before"), b"before");
    let mut running = old.succeed(socket.path(), &text);
    assert!(old.ended().success());
    assert_eq!(ask(&mut client, b"after"), b"after");
    assert_eq!(ask(&mut connect(at), b"new"), b"new");
    // And once more, from one that had it from another.
    let _newer = running.succeed(socket.path(), &text);
    assert!(running.ended().success());
    assert_eq!(ask(&mut connect(at), b"newer"), b"newer");
}

/// Whether an echo comes back within a moment.
fn is_served(client: &mut TcpStream) -> bool {
    client
        .set_read_timeout(Some(Duration::from_millis(150)))
        .expect("above zero");
    let is_served = client.read_exact(&mut [0]).is_ok();
    client.set_read_timeout(Some(PATIENCE)).expect("above zero");
    is_served
}

#[test]
fn whoever_is_moved_counts_at_the_listener_and_is_never_too_many() {
    let (server, socket) = (Server::echo(), Socket::new());
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let limited = |n: u32| config.clone().frontend(format!("bind {at} maxconn {n}")).to_string();
    let mut old = Lb::start(&limited(2));
    let (mut one, mut two) = (connect(at), connect(at));
    assert_eq!(
        (ask(&mut one, b"1"), ask(&mut two, b"2")),
        (b"1".to_vec(), b"2".to_vec())
    );
    // In the new configuration it is another line, and takes fewer.
    let bind = format!("bind {at} maxconn 1");
    let fewer = limited(2).replace(
        &format!("bind {}\n", config.at()),
        &format!("{bind}\n    bind {}\n", config.at()),
    );
    let fewer = fewer.replace(&format!("    bind {at} maxconn 2\n"), "");
    let _new = old.succeed(socket.path(), &fewer);
    assert!(old.ended().success());
    assert_eq!(
        (ask(&mut one, b"1"), ask(&mut two, b"2")),
        (b"1".to_vec(), b"2".to_vec())
    );
    let mut three = connect(at);
    three.write_all(b"3").expect("the kernel takes it");
    assert!(!is_served(&mut three));
    drop(one);
    assert!(!is_served(&mut three));
    drop(two);
    three.read_exact(&mut [0]).expect("its turn has come");
}

#[test]
fn who_waits_where_nobody_listens_any_more_is_taken_by_the_old_process() {
    let (server, socket) = (Server::echo(), Socket::new());
    let gone = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.clone().frontend(format!("bind {gone}")).to_string());
    old.signal(Signal::SIGTTOU);
    until("it to pause", || {
        socket.ask("show stat").contains(",PAUSED,").then_some(())
    });
    let mut waiting = connect(gone);
    waiting.write_all(b"waits").expect("the kernel takes it");
    let _new = old.succeed(socket.path(), &config.to_string());
    let mut answer = [0; 5];
    waiting.read_exact(&mut answer).expect("it was let in");
    assert_eq!(&answer, b"waits");
    until("nobody else to be let in there", || {
        TcpStream::connect(gone).is_err().then_some(())
    });
    assert!(old.is_running());
    drop(waiting);
    assert!(old.ended().success());
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
}
