//! What the process says of itself beside HAProxy's words: the same lines, numbers and kinds in the same order.

use std::cell::RefCell;

use serde_json::Value;
use tandem_tests::{Room, Server, both};

/// HAProxy 2.6 misspells it; later ones and we do not.
const MISSPELT: (&str, &str) = ("TotalSplicdedBytesOut", "TotalSplicedBytesOut");

fn config(room: &Room, server: &Server) -> String {
    format!(
        "{}resolvers dns\n nameserver one 127.0.0.1:1\n nameserver two 127.0.0.1:1\n\
         listen l\n bind {}\n server s {}\n",
        room.head(),
        room.at(0),
        server.address()
    )
}

/// What HAProxy says, when there is one, and what we say.
fn asked(words: &str) -> Vec<String> {
    let (server, said) = (Server::echo(), RefCell::new(Vec::new()));
    both(
        1,
        |room| config(room, &server),
        |room| {
            let answer = room.order(words).replace(MISSPELT.0, MISSPELT.1);
            said.borrow_mut().push(answer);
        },
    );
    said.into_inner()
}

#[test]
fn lines_are_haproxys_in_its_order() {
    // So much of a line is no value.
    for (words, parts) in [("show info", 1), ("show info typed", 3), ("show info desc", 1)] {
        let said = asked(words);
        let [theirs, ours] = &said[..] else { continue };
        let heads = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.contains(':'));
            let head = |line: &str| line.splitn(parts + 1, ':').take(parts).collect::<Vec<_>>().join(":");
            lines.map(head).collect()
        };
        let (theirs, ours) = (heads(theirs), heads(ours));
        // What later ones say beside stands behind.
        assert!(ours.len() >= theirs.len(), "{words}");
        assert_eq!(ours[..theirs.len()], theirs, "{words}");
    }
}

#[test]
fn json_is_haproxys() {
    let said = asked("show info json");
    let [theirs, ours] = &said[..] else { return };
    let entries = |text: &str| -> Vec<Value> {
        let mut entries: Vec<Value> = serde_json::from_str(text.trim()).expect("a list");
        for entry in &mut entries {
            let value = entry["value"].as_object_mut().expect("a kind and a value");
            // The values are the process's own.
            assert!(value.remove("value").is_some());
        }
        entries
    };
    let (theirs, ours) = (entries(theirs), entries(ours));
    assert_eq!(ours[..theirs.len()], theirs);
}

#[test]
fn name_servers_stand_as_haproxy_has_them() {
    let said = asked("show resolvers dns");
    assert_eq!(said.first(), said.last());
}
