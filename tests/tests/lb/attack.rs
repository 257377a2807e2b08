//! Clients and servers that behave badly, and too few files for all of them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, Noise, PATIENCE, Server, ask, connect, ended, until};

/// Closing this socket sends RST.
fn reset_on_close(client: &TcpStream) {
    socket2::SockRef::from(client)
        .set_linger(Some(Duration::ZERO))
        .expect("it is a TCP socket");
}

/// How many files are open when nothing happens: every thread has its event loop by then.
fn files_at_rest(lb: &Lb) -> usize {
    let mut before = (0, Instant::now());
    until("the number of files to stand still", || {
        let now = lb.open_files();
        if now != before.0 {
            before = (now, Instant::now());
        }
        (before.1.elapsed() > Duration::from_millis(300)).then_some(now)
    })
}

/// With so few open files, as a user who may not raise that.
fn with_files(files: u32, command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(format!("ulimit -n {files}; exec \"$0\" \"$@\""))
        .arg(command.get_program())
        .args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0) {
        shell.gid(65_534).uid(65_534);
    }
    shell
}

#[test]
fn exhausted_files_cost_no_time_and_come_back() {
    let server = Server::echo();
    // It starts with so many, and they need a few files more than there are beside its own.
    let config = Config::default()
        .global("maxconn 24\n nbthread 1")
        .server("s", &server, "");
    let lb = Lb::start_as(&config.to_string(), |command| with_files(64, &command));
    let mut first = connect(config.at());
    assert_eq!(ask(&mut first, b"first"), b"first");
    let others: Vec<_> = (0..100).map(|_| connect(config.at())).collect();
    // Whoever spins here uses all of the second.
    let (began, used) = (Instant::now(), lb.cpu_ticks());
    std::thread::sleep(Duration::from_secs(1));
    let ticks = lb.cpu_ticks() - used;
    assert!(ticks < 30, "{ticks} ticks in {:?}", began.elapsed());
    assert_eq!(ask(&mut first, b"still"), b"still");
    drop(others);
    until("the files to come back", || {
        let mut client = connect(config.at());
        client.write_all(b"again").ok()?;
        let mut answer = [0; 5];
        client.read_exact(&mut answer).ok()?;
        (&answer == b"again").then_some(())
    });
}

#[test]
fn a_storm_of_resets_leaves_nothing_behind() {
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let lb = Lb::start(&config.to_string());
    let mut bystander = connect(config.at());
    assert_eq!(ask(&mut bystander, b"x"), b"x");
    let files = files_at_rest(&lb);
    let mut noise = Noise::new(1);
    for n in 0..600 {
        let mut client = connect(config.at());
        if n % 3 > 0 {
            client.write_all(&noise.bytes(n * 100)).ok();
        }
        if n % 2 > 0 {
            reset_on_close(&client);
        }
    }
    assert_eq!(ask(&mut bystander, b"y"), b"y");
    until("all of them to be gone", || (lb.open_files() <= files).then_some(()));
}

#[test]
fn ten_megabytes_in_flight_when_the_client_finishes() {
    const SIZE: usize = 10 << 20;
    let server = Server::echo();
    let config = Config::default().server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let client = connect(config.at());
    let mut writer = client.try_clone().expect("a descriptor is left");
    let writes = std::thread::spawn(move || {
        writer.write_all(&Noise::new(7).bytes(SIZE)).expect("it is taken");
        writer.shutdown(Shutdown::Write).expect("it is open");
    });
    // The way back is blocked until everything has been tried to send.
    std::thread::sleep(Duration::from_millis(200));
    let mut got = Vec::new();
    (&client).read_to_end(&mut got).expect("all of it");
    writes.join().expect("it wrote");
    assert!(got == Noise::new(7).bytes(SIZE), "{} bytes", got.len());
}

#[test]
fn a_server_that_never_answers_is_left_when_time_is_up() {
    let server = Server::start(|stream| {
        let mut rest = Vec::new();
        (&stream).read_to_end(&mut rest).ok();
    });
    let config = Config::default()
        .defaults("timeout server 200ms")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    client.write_all(b"anybody?").expect("it is taken");
    assert!(ended(&mut client));
}

/// Clients come and go at random while servers die and return. Every byte that comes back is the right one, who lives is
/// served, and at the end everything is as before.
#[test]
fn servers_come_and_go_under_random_clients() {
    let mut servers = [Server::echo(), Server::echo()];
    let config = Config::default()
        .backend("balance leastconn")
        .backend("option redispatch")
        .server("a", &servers[0], "check inter 50ms fall 2 rise 1")
        .server("b", &servers[1], "check inter 50ms fall 2 rise 1 maxconn 10");
    let lb = Lb::start(&config.to_string());
    let files = files_at_rest(&lb);
    let (over, served, cut) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let clients: Vec<_> = (0..20u64)
        .map(|seed| {
            let (over, served, cut, at) = (over.clone(), served.clone(), cut.clone(), config.at());
            std::thread::spawn(move || {
                let mut noise = Noise::new(seed);
                while !over.load(SeqCst) {
                    let size = usize::from(noise.bytes(1)[0]) * 400 + 1;
                    let question = noise.bytes(size);
                    let mut client = connect(at);
                    if size % 7 == 0 {
                        reset_on_close(&client);
                        continue;
                    }
                    let mut answer = Vec::new();
                    let mut reader = client.try_clone().expect("a descriptor is left");
                    std::thread::scope(|scope| {
                        scope.spawn(|| {
                            client
                                .write_all(&question)
                                .and_then(|()| client.shutdown(Shutdown::Write))
                                .ok();
                        });
                        if let Err(error) = reader.read_to_end(&mut answer) {
                            assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "hangs for {PATIENCE:?}");
                        }
                    });
                    assert!(question.starts_with(&answer), "a wrong byte");
                    let count = if answer.len() == question.len() { &served } else { &cut };
                    count.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    for turn in 0..4 {
        let goal = served.load(SeqCst) + 100;
        until("a hundred more to be served", || {
            (served.load(SeqCst) >= goal).then_some(())
        });
        let server = &mut servers[turn % 2];
        server.kill();
        let goal = served.load(SeqCst) + 100;
        until("a hundred without the dead one", || {
            (served.load(SeqCst) >= goal).then_some(())
        });
        server.revive();
    }
    over.store(true, SeqCst);
    for client in clients {
        client.join().expect("it saw only right bytes");
    }
    until("all of them to be gone", || {
        (lb.open_files() <= files + 2).then_some(())
    });
}
