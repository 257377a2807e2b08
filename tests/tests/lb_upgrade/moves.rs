//! Single connections in each state that they may be in.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use tandem_tests::{Config, Lb, Noise, Server, Syslog, ask, connect, ended, until};

use crate::socket::Socket;

#[test]
fn an_idle_connection_lives_on_in_the_successor() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    let new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(ask(&mut client, b"after"), b"after");
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert_eq!(server.accepted(), 2);
    drop(new);
}

#[test]
fn what_waits_for_a_slow_reader_is_moved_along() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    // More than all the buffers on the way hold, so both directions stand still with something in the balancer's.
    let noise = Noise::new(7).bytes(48 << 20);
    let sent = noise.clone();
    let mut writer = client.try_clone().expect("a second handle");
    writer.set_write_timeout(None).expect("no timeout is a valid one");
    let writing = std::thread::spawn(move || writer.write_all(&sent).and_then(|()| writer.shutdown(Shutdown::Write)));
    until("the directions to stand still", || {
        let moved = socket.figure("fe", "FRONTEND", "bin");
        std::thread::sleep(Duration::from_millis(100));
        (moved > 0 && moved == socket.figure("fe", "FRONTEND", "bin")).then_some(())
    });
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    let mut echoed = Vec::new();
    client
        .read_to_end(&mut echoed)
        .expect("everything comes back, and then the end");
    writing
        .join()
        .expect("the writer is well")
        .expect("everything was taken");
    assert!(echoed == noise);
}

#[test]
fn a_half_closed_connection_stays_half_closed() {
    // Answers only when the client has said everything.
    let server = Server::start(|mut stream| {
        let mut heard = Vec::new();
        if stream.read_to_end(&mut heard).is_ok() {
            std::thread::sleep(Duration::from_millis(700));
            stream.write_all(&heard).ok();
        }
    });
    let (socket, syslog) = (Socket::new(), Syslog::default());
    let config = Config::default()
        .global(socket.line())
        .log_to(syslog.address())
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"all that I say").expect("room");
    client.shutdown(Shutdown::Write).expect("connected");
    until("the server to be reached", || (server.accepted() == 1).then_some(()));
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the answer and the end");
    assert_eq!(answer, "all that I say");
    // One line for the connection, with what both processes have carried and how long both have led it.
    let line = syslog.line_with(" fe be/s ");
    assert!(line.contains(" 14 -- "), "{line}");
    let times = line.split(" fe be/s ").nth(1).and_then(|rest| rest.split(' ').next());
    let total = times
        .and_then(|t| t.rsplit('/').next())
        .and_then(|t| t.parse::<u64>().ok());
    assert!(total.is_some_and(|ms| ms >= 700), "{line}");
    assert_eq!(syslog.lines().iter().filter(|l| l.contains(" fe be/s ")).count(), 1);
}

/// Whether what took so long was ended by three seconds that had begun before the move. A move that takes longer than that,
/// on a loaded machine, is ended by them as soon as it is over.
fn is_no_new(took: Duration, moved: Duration) -> bool {
    took < moved.max(Duration::from_secs(3)) + Duration::from_millis(1400)
}

#[test]
fn timers_go_on_and_do_not_begin_again() {
    let (server, socket, syslog) = (Server::echo(), Socket::new(), Syslog::default());
    let config = Config::default()
        .global(socket.line())
        .defaults("timeout client 3s")
        .log_to(syslog.address())
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"x"), b"x");
    let silent = std::time::Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    let moved = silent.elapsed();
    assert!(ended(&mut client));
    let took = silent.elapsed();
    assert!(
        took >= Duration::from_millis(2900) && is_no_new(took, moved),
        "{took:?}"
    );
    let line = syslog.line_with(" fe be/s ");
    assert!(line.contains(" cD "), "{line}");
}

#[test]
fn who_waits_for_a_place_waits_in_the_successor() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default()
        .global(socket.line())
        .defaults("timeout queue 20s")
        .server("s", &server, "maxconn 1");
    let mut old = Lb::start(&config.to_string());
    let mut first = connect(config.at());
    assert_eq!(ask(&mut first, b"first"), b"first");
    let mut second = connect(config.at());
    second.write_all(b"second").expect("the kernel takes it");
    until("the second to wait", || {
        (socket.figure("be", "BACKEND", "qcur") == 1).then_some(())
    });
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(ask(&mut first, b"still"), b"still");
    drop(first);
    let mut answer = [0; 6];
    second.read_exact(&mut answer).expect("its turn comes");
    assert_eq!(&answer, b"second");
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default()
        .global(socket.line())
        .defaults("timeout queue 20s")
        .server("s", &server, "maxconn 1");
    let mut old = Lb::start(&config.to_string());
    let mut holder = connect(config.at());
    assert_eq!(ask(&mut holder, b"first"), b"first");
    let waiting: Vec<_> = (1..=12)
        .map(|number| {
            let mut stream = connect(config.at());
            stream.write_all(&[number]).expect("the kernel takes it");
            until("it to wait", || {
                (socket.figure("be", "BACKEND", "qcur") == u64::from(number)).then_some(())
            });
            (stream, number)
        })
        .collect();
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    until("all of them to wait", || {
        (socket.figure("be", "BACKEND", "qcur") == 12).then_some(())
    });
    for (mut stream, number) in waiting {
        // Each goes when the one before it does, and stays: who is passed over is not served at all.
        drop(std::mem::replace(
            &mut holder,
            stream.try_clone().expect("a descriptor"),
        ));
        let mut answer = [0];
        stream.read_exact(&mut answer).expect("its turn comes");
        assert_eq!(answer, [number]);
    }
}

#[test]
fn what_the_successor_does_not_know_stays_and_drains() {
    let (one, two, socket) = (Server::named("one"), Server::named("two"), Socket::new());
    let config = Config::default().global(socket.line());
    let both = config.clone().server("one", &one, "").server("two", &two, "");
    let only = config.server("two", &two, "");
    let mut old = Lb::start(&both.to_string());
    let mut hello = [0; 3];
    let mut clients = [connect(both.at()), connect(both.at())].map(|mut client| {
        client.read_exact(&mut hello).expect("its server's name");
        (hello, client)
    });
    clients.sort_by_key(|(name, _)| *name);
    let [(_, mut at_one), (_, mut at_two)] = clients;

    let new = old.succeed(socket.path(), &only.to_string());
    assert_eq!(ask(&mut at_one, b"1"), b"1");
    assert_eq!(ask(&mut at_two, b"2"), b"2");
    assert!(old.is_running());
    assert_eq!(socket.figure("fe", "FRONTEND", "scur"), 1);
    drop(at_one);
    assert!(old.ended().success());
    assert_eq!(ask(&mut at_two, b"still"), b"still");
    drop(new);
}

/// Rules have set something for it already; it waits in the new process all the same.
#[test]
fn who_waits_for_a_place_takes_along_what_rules_know() {
    let (server, socket, syslog) = (Server::echo(), Socket::new(), Syslog::default());
    let config = Config::default()
        .global(socket.line())
        .log_to(syslog.address())
        .defaults("timeout queue 20s")
        .frontend("tcp-request connection set-src str(192.0.2.7)")
        .frontend("tcp-request inspect-delay 5s")
        .frontend("tcp-request content set-var(sess.a) int(1)")
        .server("s", &server, "maxconn 1");
    let mut old = Lb::start(&config.to_string());
    let mut first = connect(config.at());
    assert_eq!(ask(&mut first, b"first"), b"first");
    let mut second = connect(config.at());
    second.write_all(b"second").expect("the kernel takes it");
    until("the second to wait", || {
        (socket.figure("be", "BACKEND", "qcur") == 1).then_some(())
    });
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    drop(first);
    let mut answer = [0; 6];
    second.read_exact(&mut answer).expect("its turn comes");
    assert_eq!(&answer, b"second");
    drop(second);
    until("both lines", || {
        (syslog.lines().iter().filter(|l| l.contains(" be/s ")).count() == 2).then_some(())
    });
    assert!(
        syslog
            .lines()
            .iter()
            .filter(|l| l.contains(" be/s "))
            .all(|l| l.contains("192.0.2.7:"))
    );
    // Counted once, by whoever met it first.
    assert_eq!(socket.figure("be", "BACKEND", "stot"), 2);
}

/// A server that answers nobody would keep the old process for as long as it is waited for.
#[test]
fn who_connects_for_long_connects_anew_in_the_successor() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).expect("small")).expect("it listens");
    let at = listener.local_addr().expect("bound");
    let is_full = || TcpStream::connect_timeout(&at, Duration::from_millis(200));
    let waiting: Vec<TcpStream> = std::iter::from_fn(|| is_full().ok()).collect();
    let socket = Socket::new();
    let config = Config::default()
        .global(socket.line())
        .defaults("timeout connect 60s")
        .server_at("s", at, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"hello").expect("the kernel takes it");
    until("it to connect", || {
        (socket.figure("be", "s", "scur") == 1).then_some(())
    });
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    // Now there is room.
    drop(waiting);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut heard = [0; 5];
            if stream.read_exact(&mut heard).is_ok() && stream.write_all(&heard).is_ok() {
                return;
            }
        }
    });
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("it is served in the end");
    assert_eq!(&answer, b"hello");
}

#[test]
fn who_has_waited_for_long_waits_no_longer_in_the_successor() {
    let (server, socket, syslog) = (Server::echo(), Socket::new(), Syslog::default());
    let config = Config::default()
        .global(socket.line())
        .log_to(syslog.address())
        .defaults("timeout queue 3s")
        .server("s", &server, "maxconn 1");
    let mut old = Lb::start(&config.to_string());
    let mut first = connect(config.at());
    assert_eq!(ask(&mut first, b"first"), b"first");
    let mut second = connect(config.at());
    until("the second to wait", || {
        (socket.figure("be", "BACKEND", "qcur") == 1).then_some(())
    });
    let waiting = std::time::Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    let moved = waiting.elapsed();
    assert!(ended(&mut second));
    let took = waiting.elapsed();
    assert!(is_no_new(took, moved), "{took:?}");
    assert!(syslog.line_with(" sQ ").contains("/-1/"));
    assert_eq!(ask(&mut first, b"still"), b"still");
}

#[test]
fn who_is_slowed_down_stays_slow() {
    const MUCH: usize = 300_000;
    let (server, socket) = (Server::echo(), Socket::new());
    let limits = [
        "filter bwlim-in alone default-limit 1g default-period 1s",
        "filter bwlim-out shared limit 1g key src",
        "stick-table type ip size 10 store bytes_out_rate(200ms)",
        "tcp-request content set-bandwidth-limit alone limit int(50000) period 200ms if { src_port gt 0 }",
        "tcp-request content set-bandwidth-limit shared",
    ];
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let config = limits.iter().fold(config, Config::frontend);
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    // The rules of the next process would not slow it down.
    let after = config.to_string().replace("src_port gt 0", "src_port eq 0");
    let _new = old.succeed(socket.path(), &after);
    assert!(old.ended().success());
    let began = std::time::Instant::now();
    let mut writer = client.try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || writer.write_all(&vec![0; MUCH]));
    client.read_exact(&mut vec![0; MUCH]).expect("all comes back");
    writing.join().expect("the writer is well").expect("all was taken");
    // 250,000 bytes a second, of which 50,000 may come at once.
    assert!(began.elapsed() > Duration::from_millis(800), "{:?}", began.elapsed());
}

/// An entry of a table is held and counted in by whoever leads the connection.
#[test]
fn who_is_tracked_is_tracked_in_the_successor() {
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default()
        .global(socket.line())
        .frontend("tcp-request connection track-sc0 src table be")
        .backend("stick-table type ip size 100 expire 1h store conn_cur,bytes_in_cnt")
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");
    // Those who are answered may have their answer before the table knows of it.
    let shows = |words: [&str; 3]| {
        until(&format!("the table to show {words:?}"), || {
            let table = socket.ask("show table be");
            words.iter().all(|word| table.contains(word)).then_some(())
        });
    };
    shows([" use=1 ", " conn_cur=1 ", " bytes_in_cnt=6\n"]);
    let _new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    shows([" use=1 ", " conn_cur=1 ", " bytes_in_cnt=6\n"]);
    assert_eq!(ask(&mut client, b"after"), b"after");
    shows([" use=1 ", " conn_cur=1 ", " bytes_in_cnt=11\n"]);
    drop(client);
    shows([" use=0 ", " conn_cur=0 ", " bytes_in_cnt=11\n"]);
}

/// A successor that may open fewer files takes what it can; nobody is lost.
#[test]
fn what_the_kernel_does_not_give_the_successor_stays_and_drains() {
    const CLIENTS: usize = 60;
    let (server, socket) = (Server::echo(), Socket::new());
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(config.at())).collect();
    let all_speak = |clients: &mut Vec<TcpStream>| clients.iter_mut().for_each(|c| assert_eq!(ask(c, b"x"), b"x"));
    all_speak(&mut clients);
    let (path, pid) = (socket.path().display().to_string(), old.pid().to_string());
    let _new = Lb::start_as(&config.to_string(), |mut command| {
        command.args(["-x", &path, "-sf", &pid]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "ulimit -n 90; exec \"$0\" \"$@\""]);
        shell.arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    });
    let moved = || socket.figure("fe", "FRONTEND", "scur");
    until("some to move", || (moved() > 0).then_some(()));
    all_speak(&mut clients);
    assert!(old.is_running() && moved() < CLIENTS as u64, "{}", moved());
    drop(clients);
    assert!(old.ended().success());
    until("all to be gone", || (moved() == 0).then_some(()));
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
}
