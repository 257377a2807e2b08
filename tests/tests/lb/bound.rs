//! Who gets a connection when no server may have much more than the others, beside HAProxy.

use std::cell::RefCell;
use std::io::Read;

use tandem_tests::{Room, Server, both, connect};

/// The servers that answer so many clients, one after the other, who all stay.
fn picks(room: &Room, count: usize) -> String {
    let mut clients = Vec::new();
    let mut names = String::new();
    for _ in 0..count {
        let mut client = connect(room.at(0));
        let mut name = [0; 1];
        client.read_exact(&mut name).expect("the server's name");
        names.push(char::from(name[0]));
        clients.push(client);
    }
    names
}

fn scene(balance: &str, servers: &[Server]) -> impl Fn(&Room) -> String {
    let lines: String = servers
        .iter()
        .zip(["a", "b", "c"])
        .zip([1, 1, 2])
        .map(|((server, name), weight)| format!(" server {name} {} weight {weight}\n", server.address()))
        .collect();
    let balance = balance.to_owned();
    move |room: &Room| format!("{}listen l\n bind {}\n {balance}\n{lines}", room.head(), room.at(0))
}

#[test]
fn the_bound_sends_the_same_clients_to_the_same_servers() {
    let servers = ["a", "b", "c"].map(Server::named);
    for factor in [101, 150, 250] {
        let balance = format!("balance source\n hash-type consistent\n hash-balance-factor {factor}");
        let seen = RefCell::new(Vec::new());
        both(1, scene(&balance, &servers), |room| {
            seen.borrow_mut().push(picks(room, 40))
        });
        let seen = seen.into_inner();
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{factor}: {seen:#?}");
        // The client's own server is one; without a bound it would have all of them.
        assert!(
            seen.iter().all(|names| names.contains('b') && names.contains('c')),
            "{seen:?}"
        );
    }
}

#[test]
fn many_draws_are_close_to_the_least_busy() {
    let servers = ["a", "b", "c"].map(Server::named);
    both(1, scene("balance random(12)", &servers), |room| {
        let names = picks(room, 60);
        for (name, part) in [("a", 15), ("b", 15), ("c", 30)] {
            let count = names.matches(name).count();
            assert!(
                count.abs_diff(part) <= 4,
                "{}: {name} has {count} of 60: {names}",
                room.name
            );
        }
    });
}
