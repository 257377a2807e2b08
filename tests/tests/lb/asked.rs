//! How often rules for contents are asked, beside HAProxy: what stands before the one that waits acts each time, so a count
//! that limits clients depends on it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use tandem_tests::{Room, Server, both, connect, until};

#[derive(Clone, Copy, Debug)]
enum Act {
    Says(&'static str),
    /// Says that this is all.
    Ends,
}

/// What a client does, each so many milliseconds after the one before.
type Acts = [(u64, Act)];

/// Who comes by each of the listeners: what he does after so many milliseconds more, what he hears, and how often the rules
/// are asked because of him.
const CLIENTS: &[(&Acts, &str, u32)] = &[
    // Once when he comes, and once when time is up.
    (&[], "a", 2),
    (&[(300, Act::Says("one"))], "a", 3),
    (&[(300, Act::Says("one")), (300, Act::Says("two"))], "a", 4),
    (&[(300, Act::Says("one")), (300, Act::Ends)], "a", 3),
    // The backend has rules and a time of its own.
    (&[], "a", 4),
    // While a name is looked up nobody is asked again, also where no more will come.
    (&[(300, Act::Says("one")), (300, Act::Ends)], "a", 1),
    // All of a request is there at once, or its body comes later.
    (
        &[(
            0,
            Act::Says("GET /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        )],
        "HTTP/1.1 200",
        1,
    ),
    (
        &[
            (
                0,
                Act::Says("POST /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"),
            ),
            (300, Act::Says("s=x")),
        ],
        "HTTP/1.1 303",
        2,
    ),
    // What clients say is nothing to rules for answers.
    (&[(300, Act::Says("x")), (100, Act::Says("y"))], "onetwo", 4),
    (&[(300, Act::Says("x")), (100, Act::Says("y"))], "", 2),
];

/// Rules that count, and wait as long as they may.
fn waits(kind: &str, delay: &str) -> String {
    format!(" {kind} inspect-delay {delay}\n {kind} content sc-inc-gpc0(0)\n {kind} content accept if WAIT_END\n")
}

fn config(room: &Room, servers: &[Server; 3], names: &UdpSocket) -> String {
    let [named, slow, mute] = servers.each_ref().map(Server::address);
    let names = names.local_addr().expect("it is bound");
    let at = |listeners: std::ops::Range<u16>| -> String {
        let binds: String = listeners.map(|n| format!(" bind {}\n", room.at(n))).collect();
        binds + " tcp-request connection track-sc0 dst_port table counts\n"
    };
    [
        room.head(),
        "backend counts\n stick-table type integer size 100 store gpc0\n".to_owned(),
        format!("resolvers silent\n nameserver ns {names}\n timeout resolve 20s\n timeout retry 20s\n"),
        format!("backend be\n server s {named}\n"),
        format!(
            "frontend waits\n{}{} default_backend be\n",
            at(0..4),
            waits("tcp-request", "1s")
        ),
        format!(
            "frontend two\n{}{} default_backend own\n",
            at(4..5),
            waits("tcp-request", "400ms")
        ),
        format!("backend own\n{} server s {named}\n", waits("tcp-request", "400ms")),
        format!(
            "frontend asks\n{} tcp-request inspect-delay 1s\n tcp-request content sc-inc-gpc0(0)\n \
             tcp-request content do-resolve(txn.ip,silent,ipv4) str(a.test)\n default_backend be\n",
            at(5..6)
        ),
        format!(
            "listen page\n mode http\n{}{} stats enable\n stats uri /stats\n stats admin if TRUE\n",
            at(6..8),
            waits("tcp-request", "1s")
        ),
        format!(
            "listen answers\n{}{} server s {slow}\n",
            at(8..9),
            waits("tcp-response", "1s")
        ),
        format!(
            "listen none\n{}{} server s {mute}\n",
            at(9..10),
            waits("tcp-response", "1s")
        ),
    ]
    .concat()
}

/// What he heard of what is expected; he stays until he is dropped.
fn visit(at: SocketAddr, acts: &Acts, expected: &str) -> (TcpStream, String) {
    let mut stream = connect(at);
    for (pause, act) in acts {
        thread::sleep(Duration::from_millis(*pause));
        match act {
            Act::Says(text) => stream.write_all(text.as_bytes()).expect("it is read"),
            Act::Ends => stream.shutdown(Shutdown::Write).expect("it is open"),
        }
    }
    let mut heard = vec![0; expected.len()];
    let result = stream.read_exact(&mut heard);
    let heard = String::from_utf8_lossy(&heard).into_owned();
    (stream, result.map_or_else(|error| error.to_string(), |()| heard))
}

/// By the ports of the listeners.
fn counts(room: &Room) -> BTreeMap<u16, u32> {
    let table = room.order("show table counts");
    let number = |line: &str, name: &str| {
        let mut words = line.split(' ');
        words.find_map(|word| word.strip_prefix(name)?.parse::<u32>().ok())
    };
    let count = |line: &str| Some((u16::try_from(number(line, "key=")?).ok()?, number(line, "gpc0=")?));
    table.lines().filter_map(count).collect()
}

#[test]
fn as_often_as_in_haproxy() {
    // Who is asked there never answers.
    let names = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let servers = [
        Server::named("a"),
        Server::start(|mut stream| {
            thread::sleep(Duration::from_millis(200));
            stream.write_all(b"one").ok();
            thread::sleep(Duration::from_millis(300));
            stream.write_all(b"two").ok();
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        }),
        Server::start(|mut stream| {
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        }),
    ];
    let listeners = || (0..).zip(CLIENTS);
    both(
        10,
        |room| config(room, &servers, &names),
        |room| {
            let heard: Vec<_> = thread::scope(|scope| {
                let visits = listeners().map(|(n, (acts, expected, _))| {
                    let at = room.at(n);
                    scope.spawn(move || visit(at, acts, expected))
                });
                let visits: Vec<_> = visits.collect();
                visits
                    .into_iter()
                    .map(|visit| visit.join().expect("it comes back"))
                    .collect()
            });
            for ((_, heard), (acts, expected, _)) in heard.iter().zip(CLIENTS) {
                assert_eq!(heard, expected, "{}: {acts:?}", room.name);
            }
            let expected: BTreeMap<u16, u32> = listeners()
                .map(|(n, (.., count))| (room.at(n).port(), *count))
                .collect();
            // Nobody hears when the last of them is over; what is wrong is told as it is.
            let deadline = Instant::now() + Duration::from_secs(5);
            let counted = until("the last to be asked", || {
                let counts = counts(room);
                let is_all = expected.iter().all(|(port, count)| counts.get(port) >= Some(count));
                (is_all || Instant::now() > deadline).then_some(counts)
            });
            assert_eq!(counted, expected, "{}", room.name);
        },
    );
}
