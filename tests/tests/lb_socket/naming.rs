//! Servers that are called otherwise than the configuration has it: they stay who they are, here and in the next process.

use std::io::Read;

use tandem_tests::{Config, Lb, Papers, Server, connect, free_port, until};

use super::room::Room;

/// Of each server its name, its port and how its last check ended.
fn told(room: &Room) -> Vec<[String; 3]> {
    let csv = room.ask("show stat be 4 -1");
    let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let places = ["svname", "addr", "check_status"].map(|name| {
        let place = header.iter().position(|cell| *cell == name);
        place.expect("a column of that name")
    });
    let mut all: Vec<_> = lines
        .filter(|row| row.len() == header.len())
        .map(|row| places.map(|place| row[place].trim_start_matches("* ").to_owned()))
        .collect();
    all.sort();
    all
}

#[test]
fn two_servers_change_names_and_are_spoken_to_as_before() {
    let (room, papers, secure) = (Room::new(), Papers::new(), free_port());
    let [raw, tls] = ["raw", "tls"].map(Server::named);
    let config = Config::default()
        .global(format!("{} expose-fd listeners", room.line()))
        .server_at(
            "a",
            ([127, 0, 0, 1], secure).into(),
            "check inter 100ms ssl verify none",
        )
        .server("b", &raw, "check inter 100ms");
    let text = format!(
        "{config}
frontend secure
    bind 127.0.0.1:{secure} ssl crt {}
    default_backend behind
backend behind
    server s {}
",
        papers.issue("own.pem", &["own.test"]),
        tls.address(),
    );
    let mut running = Lb::start(&text);
    for order in [
        "disable server be/a; disable server be/b",
        "set server be/a name t; set server be/b name a; set server be/t name b",
        "enable server be/a; enable server be/b",
    ] {
        assert_eq!(room.ask(order).trim_end(), "", "{order}");
    }
    let raw_place = raw.address().to_string();
    let expected = [["a", &raw_place, "L4OK"], ["b", &format!("127.0.0.1:{secure}"), "L6OK"]];
    for process in 1..=3 {
        if process > 1 {
            let next = running.succeed(&room.socket(), &text);
            assert!(running.ended().success());
            running = next;
        }
        until("both to be checked, each in its way", || {
            (told(&room) == expected).then_some(())
        });
        let mut words: Vec<String> = (0..4)
            .map(|_| {
                let mut word = [0; 3];
                let read = connect(config.at()).read_exact(&mut word);
                read.expect("whoever answers says its name");
                String::from_utf8_lossy(&word).into_owned()
            })
            .collect();
        words.sort();
        words.dedup();
        assert_eq!(words, ["raw", "tls"], "process {process}");
    }
}
