//! Clients of the page who ask and do not read, and those who never finish asking: what they cost is bounded in memory and
//! in time, also where there are few of them and nobody else wants their places.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tandem_tests::{Config, Lb, PATIENCE, Server, connect, fetch, free_port};

/// A site with a page beside a backend with these servers.
fn site(config: &Config) -> (Lb, SocketAddr) {
    let port = free_port();
    let page = format!(
        "listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats admin if TRUE\n"
    );
    let lb = Lb::start(&format!("{config}{page}"));
    (lb, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Whoever asks for much and does not read has it kept for him, and there may be many of them.
#[test]
fn answers_that_nobody_reads_do_not_fill_the_memory() {
    const SERVERS: u16 = 1000;
    const READERS: usize = 24;
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let config = (0..SERVERS).fold(Config::default(), |config, n| {
        config.server_at(&format!("s{n}"), nobody, "")
    });
    let (lb, at) = site(&config);
    let whole = fetch(at, "/metrics").body.len();
    assert!(whole > 8 << 20, "{whole}");
    let before = lb.memory();
    let mut most = 0;
    // One after another: an answer takes its time on a slow machine, and each of them has only so much.
    let readers: Vec<TcpStream> = (0..READERS)
        .map(|_| {
            let mut reader = connect(at);
            let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
            reader.write_all(request).expect("it is taken");
            reader.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
            // The first byte says that the rest is there.
            reader.read_exact(&mut [0]).expect("an answer begins");
            most = most.max(lb.memory());
            reader
        })
        .collect();
    let grown = most.saturating_sub(before) >> 10;
    assert!(
        grown < 150,
        "{grown} MiB more for {READERS} answers of {} MiB",
        whole >> 20
    );
    // Who reads is not the one who has to go.
    assert!(fetch(at, "/metrics").body.len() > whole / 2);
    drop(readers);
    assert_eq!(fetch(at, "/stats;csv").status, 200);
}

/// There are places left for others, and they have to go all the same.
#[test]
fn a_few_slow_clients_have_to_go_in_time() {
    let (_lb, at) = site(&Config::default().server("a", &Server::echo(), ""));
    let lasts = |said: &'static [u8], more: &'static [u8]| {
        std::thread::spawn(move || {
            let (began, mut client) = (Instant::now(), connect(at));
            client.write_all(said).expect("it is taken");
            client
                .set_read_timeout(Some(Duration::from_millis(500)))
                .expect("a timeout above zero");
            let mut rest = [0; 4096];
            while began.elapsed() < 4 * PATIENCE {
                match client.read(&mut rest) {
                    Ok(1..) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        // The end is seen by reading.
                        client.write_all(more).ok();
                    }
                    Ok(0) | Err(_) => break,
                }
            }
            began.elapsed().as_secs()
        })
    };
    let post = b"POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\ns=a";
    for (client, seconds) in [
        (lasts(b"", b""), 9..25),
        (lasts(b"GET /stats HTTP/1.1\r\nX: ", b"x"), 9..25),
        (lasts(post, b"x"), 29..50),
    ]
    .map(|(client, seconds)| (client.join().expect("its thread ends"), seconds))
    {
        assert!(
            seconds.contains(&client),
            "gone after {client} seconds, not {seconds:?}"
        );
    }
}
