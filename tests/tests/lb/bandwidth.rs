//! `filter bwlim-in`, `filter bwlim-out`: who is slowed down takes its time, and nobody else does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, Server, connect};

/// Bytes that a visit brings.
const MUCH: usize = 300_000;

/// Says how much it was told, once the client is done, and then as much as it is asked for.
fn warehouse() -> Server {
    Server::start(|mut stream: TcpStream| {
        let mut order = [0; 4];
        while stream.read_exact(&mut order).is_ok() {
            let mut goods = vec![0; MUCH];
            match &order {
                b"take" if stream.read_exact(&mut goods).is_ok() => drop(stream.write_all(b"done")),
                b"give" => drop(stream.write_all(&goods)),
                _ => return,
            }
        }
    })
}

fn bring(client: &mut TcpStream) -> Duration {
    let began = Instant::now();
    client.write_all(b"take").expect("it is read");
    client.write_all(&vec![0; MUCH]).expect("it is read");
    client.read_exact(&mut [0; 4]).expect("it is done");
    began.elapsed()
}

fn fetch(client: &mut TcpStream) -> Duration {
    let began = Instant::now();
    client.write_all(b"give").expect("it is read");
    client.read_exact(&mut vec![0; MUCH]).expect("it comes");
    began.elapsed()
}

/// 250,000 bytes a second, of which 50,000 may come at once.
const LIMIT: &str = "default-limit 50000 default-period 200ms";

fn is_slow(took: Duration) -> bool {
    // One second by the numbers; a loaded machine may take longer.
    took > Duration::from_millis(800)
}

/// Whether it is quick in one of a few tries: a loaded machine is slow now and then, a limit always.
fn is_quick(mut fetch: impl FnMut() -> Duration) -> bool {
    (0..3).any(|_| !is_slow(fetch()))
}

#[test]
fn each_way_by_itself() {
    let server = warehouse();
    let config = Config::default()
        .frontend(format!("filter bwlim-in up {LIMIT}"))
        .frontend(format!("filter bwlim-out down {LIMIT} min-size 1460"))
        .frontend("acl slow src 127.0.0.1")
        .frontend("tcp-request content set-bandwidth-limit up if slow")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    let brought = bring(&mut client);
    assert!(is_slow(brought), "{brought:?}");
    assert!(is_quick(|| fetch(&mut client)), "no rule has asked for the other");
}

#[test]
fn by_what_the_server_answers_and_with_another_limit() {
    let server = warehouse();
    let config = Config::default()
        .frontend(format!("filter bwlim-out down {LIMIT}"))
        .frontend("tcp-response content set-bandwidth-limit down limit 10m period int(1000)")
        .backend(format!("filter bwlim-in up {LIMIT}"))
        .backend("tcp-request content set-bandwidth-limit up limit 20000")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert!(is_quick(|| fetch(&mut client)), "the rule has asked for more");
    // Two seconds and a half by the rule's limit, one by the filter's own.
    let brought = bring(&mut client);
    assert!(brought > Duration::from_millis(1800), "{brought:?}");
}

/// Nobody sends anything that could wake it: only its own timer does.
#[test]
fn who_waits_for_a_few_bytes_is_woken_for_them() {
    let server = warehouse();
    let config = Config::default()
        .frontend("filter bwlim-out down default-limit 100000 default-period 300ms")
        .frontend("tcp-request content set-bandwidth-limit down limit 0")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    // Three windows of 100,000: the rule's 0 leaves the usual limit, as in HAProxy.
    let fetched = fetch(&mut client);
    assert!(
        fetched > Duration::from_millis(450) && fetched < Duration::from_secs(5),
        "{fetched:?}"
    );
}

#[test]
fn all_of_one_key_share() {
    let server = warehouse();
    let config = Config::default()
        .frontend("stick-table type ip size 100 store bytes_out_rate(200ms)")
        .frontend("filter bwlim-out down limit 50000 key src")
        .frontend("tcp-request content set-bandwidth-limit down")
        .server("s", &server, "");
    let _lb = Lb::start(&config.to_string());
    let began = Instant::now();
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = connect(config.at());
            thread::spawn(move || fetch(&mut client))
        })
        .collect();
    for client in clients {
        client.join().expect("it gets all");
    }
    // 900,000 bytes at 250,000 a second.
    assert!(began.elapsed() > Duration::from_millis(2_800), "{:?}", began.elapsed());
}
