//! Who goes first of those who wait for a server, beside HAProxy.

use std::io::{Read, Write};
use std::net::TcpStream;

use tandem_tests::{Room, Server, both, connect, until};

/// In the order in which they come: the listener, which says the priority, and in which turn it is served.
const COMERS: [(u16, usize); 4] = [(0, 2), (1, 3), (2, 0), (3, 1)];

const RULES: [&str; 4] = [
    "",
    "tcp-request content set-priority-class int(5)",
    "tcp-request content set-priority-class int(-5)",
    "tcp-request content set-priority-offset int(-60000)",
];

#[test]
fn the_lower_class_goes_first_and_then_whoever_came_first() {
    let server = Server::named("s");
    let config = |room: &Room| {
        let fronts: String = (0..4)
            .map(|n| {
                let rule = RULES[usize::from(n)];
                format!("frontend f{n}\n bind {}\n {rule}\n default_backend b\n", room.at(n))
            })
            .collect();
        let head = room.head();
        format!(
            "{head} timeout queue 20s\n{fronts}backend b\n server s {} maxconn 1\n",
            server.address()
        )
    };
    both(4, config, |room| {
        let mut first = connect(room.at(0));
        first.read_exact(&mut [0; 1]).expect("the server's name");
        let waiting = || room.cell("b", "BACKEND", "qcur");
        let mut comers: Vec<(TcpStream, usize)> = Vec::new();
        for (n, (listener, turn)) in COMERS.into_iter().enumerate() {
            let mut comer = connect(room.at(listener));
            comer.write_all(b"x").expect("the kernel takes it");
            comers.push((comer, turn));
            until(&format!("{}: {} wait", room.name, n + 1), || {
                (waiting() == (n + 1).to_string()).then_some(())
            });
        }
        comers.sort_by_key(|(_, turn)| *turn);
        drop(first);
        for (mut comer, turn) in comers {
            let mut name = [0; 1];
            comer
                .read_exact(&mut name)
                .unwrap_or_else(|error| panic!("{}: turn {turn}: {error}", room.name));
            let left = (COMERS.len() - 1 - turn).to_string();
            until(&format!("{}: {left} wait", room.name), || {
                (waiting() == left).then_some(())
            });
        }
    });
}

/// The limit of a server grows with what its backend has to do.
#[test]
fn a_limit_that_grows_with_the_load() {
    // Whoever is taken in turn does not go before those who wait.
    grows("leastconn", ["1", "1", "1", "2", "2", "3", "3", "4", "4"]);
    grows("roundrobin", ["1"; 9]);
}

fn grows(balance: &str, wanted: [&str; 9]) {
    let server = Server::named("s");
    let config = |room: &Room| {
        let (head, at) = (room.head(), room.at(0));
        let of_server = server.address();
        format!(
            "{head} timeout queue 20s\nlisten b\n bind {at}\n balance {balance}\n fullconn 8\n \
             server s {of_server} minconn 1 maxconn 4\n"
        )
    };
    both(1, config, |room| {
        let cells = || (room.cell("b", "s", "scur"), room.cell("b", "BACKEND", "qcur"));
        let mut clients = Vec::new();
        let mut seen = Vec::new();
        for n in 1..=9u32 {
            clients.push(connect(room.at(0)));
            until(&format!("{}: {n} are there", room.name), || {
                let (served, waiting) = cells();
                let number = |text: &str| text.parse::<u32>().unwrap_or(0);
                (number(&served) + number(&waiting) == n).then_some(())
            });
            seen.push(cells().0);
        }
        assert_eq!(room.cell("b", "BACKEND", "slim"), "8", "{}", room.name);
        assert_eq!(seen, wanted, "{}: {balance}", room.name);
        // A place that becomes free fills all that the load allows.
        clients.remove(0);
        until(&format!("{}: {balance}: as many as may be", room.name), || {
            (cells() == ("4".to_owned(), "4".to_owned())).then_some(())
        });
    });
}
