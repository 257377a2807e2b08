//! Names that are looked up while the balancer runs: ours beside the installed HAProxy, with a name server that says
//! what the test wants.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};

use tandem_tests::{Known, Nameserver, Room, both, connect, free_port, until};

/// Listens at this address and answers its own name.
fn named(address: SocketAddr) {
    let listener = TcpListener::bind(address).expect("an address of loopback");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            stream.write_all(address.ip().to_string().as_bytes()).ok();
        }
    });
}

fn addresses(texts: &[&str]) -> Known {
    let ips: Vec<IpAddr> = texts.iter().map(|text| text.parse().expect("an address")).collect();
    Known::Addresses(ips)
}

/// Who answers a client now; nothing when nobody does.
fn who(room: &Room) -> String {
    let mut text = String::new();
    connect(room.at(0)).read_to_string(&mut text).ok();
    text
}

#[track_caller]
fn until_it_is(room: &Room, wanted: &str) {
    until(&format!("{}: {wanted:?}", room.name), || {
        (who(room) == wanted).then_some(())
    });
}

/// The lines about servers, without the counts of sessions, which depend on how often a test has asked.
fn news(room: &Room) -> Vec<String> {
    let lines = room.lines().into_iter();
    // HAProxy 2.6 says twice that it is ready; later releases do not.
    let about = lines.filter(|line| !line.contains("administratively READY"));
    let about = about.filter(|line| line.contains("Server be/") || line.contains("changed its IP"));
    about
        .map(|line| match line.split_once(" sessions active") {
            Some((head, _)) => head.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
            None => line,
        })
        .collect()
}

const HOLD: &str = "hold valid 200ms\n hold nx 500ms\n hold other 500ms\n timeout retry 200ms\n timeout resolve 200ms";

/// One server at a name and a port, which this name server is asked for.
fn one_server(room: &Room, nameserver: impl Display, server: &str) -> String {
    let (head, at) = (room.head(), room.at(0));
    format!(
        "{head}resolvers dns\n nameserver ns {nameserver}\n {HOLD}\n\
         listen be\n bind {at}\n server s {server} resolvers dns resolve-prefer ipv4 init-addr none\n"
    )
}

#[test]
fn an_address_comes_changes_goes_and_comes_back() {
    let port = free_port();
    named(SocketAddr::from(([127, 0, 0, 1], port)));
    named(SocketAddr::from(([127, 0, 0, 2], port)));
    let told = RefCell::new(Vec::new());
    let names = Nameserver::default();
    let config = |room: &Room| {
        // The first question comes before a scene begins.
        names.forgets("broker.test");
        one_server(room, names.address(), &format!("broker.test:{port}"))
    };
    both(1, config, |room| {
        names.knows("broker.test", addresses(&["127.0.0.1"]));
        until_it_is(room, "127.0.0.1");
        names.knows("broker.test", addresses(&["127.0.0.2"]));
        until_it_is(room, "127.0.0.2");
        // What it has is still there, so it stays.
        names.knows("broker.test", addresses(&["127.0.0.1", "127.0.0.2"]));
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(who(room), "127.0.0.2");
        names.forgets("broker.test");
        until_it_is(room, "");
        assert_eq!(room.cell("be", "s", "status"), "MAINT (resolution)", "{}", room.name);
        names.knows("broker.test", addresses(&["127.0.0.2"]));
        until_it_is(room, "127.0.0.2");
        told.borrow_mut().push(news(room));
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}

#[test]
fn a_name_server_that_is_asked_by_streams() {
    let port = free_port();
    named(SocketAddr::from(([127, 0, 0, 1], port)));
    named(SocketAddr::from(([127, 0, 0, 2], port)));
    let names = Nameserver::default();
    let config = |room: &Room| {
        one_server(
            room,
            format_args!("tcp@{}", names.address()),
            &format!("broker.test:{port}"),
        )
    };
    both(1, config, |room| {
        let (_, before) = names.asked();
        for ip in ["127.0.0.1", "127.0.0.2"] {
            names.knows("broker.test", addresses(&[ip]));
            until_it_is(room, ip);
        }
        names.forgets("broker.test");
        until_it_is(room, "");
        let (datagrams, streams) = names.asked();
        assert_eq!(datagrams, 0, "{}", room.name);
        assert!(streams > before, "{}", room.name);
    });
}

/// HAProxy 2.6 has no use for an answer that is cut off.
#[test]
fn what_does_not_fit_into_a_datagram_comes_by_a_stream() {
    let port = free_port();
    named(SocketAddr::from(([127, 0, 0, 1], port)));
    let names = Nameserver::default();
    let many: Vec<String> = (1..=60).map(|last| format!("127.0.0.{last}")).collect();
    names.knows(
        "brokers.test",
        addresses(&many.iter().map(String::as_str).collect::<Vec<_>>()),
    );
    let config = |room: &Room| one_server(room, names.address(), &format!("brokers.test:{port}"));
    both(1, config, |room| {
        until("it is asked", || (names.asked().0 > 0).then_some(()));
        if room.is_ours() {
            until_it_is(room, "127.0.0.1");
            assert!(names.asked().1 > 0);
            let seen = room.order("show resolvers dns");
            assert!(!seen.contains("truncated:   0"), "{seen}");
        }
    });
}

/// Of one address, until somebody says another.
#[test]
fn a_template_without_a_section() {
    let port = free_port();
    for last in 1..=2 {
        named(SocketAddr::from(([127, 0, 0, last], port)));
    }
    let config = |room: &Room| {
        format!(
            "{}listen be\n bind {}\n balance roundrobin\n server-template s 2 127.0.0.1:{port}\n",
            room.head(),
            room.at(0)
        )
    };
    both(1, config, |room| {
        assert_eq!([who(room), who(room)], ["127.0.0.1"; 2], "{}", room.name);
        room.order("set server be/s2 addr 127.0.0.2");
        let mut both = [who(room), who(room)];
        both.sort();
        assert_eq!(both, ["127.0.0.1", "127.0.0.2"], "{}", room.name);
    });
}

#[test]
fn a_template_of_a_host() {
    let port = free_port();
    for last in 1..=3 {
        named(SocketAddr::from(([127, 0, 0, last], port)));
    }
    let names = Nameserver::default();
    names.knows("brokers.test", addresses(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]));
    let config = |room: &Room| {
        format!(
            "{}resolvers dns\n nameserver ns {}\n {HOLD}\n accepted_payload_size 1400\n\
             listen be\n bind {}\n balance roundrobin\n server-template s 4 brokers.test:{port} resolvers dns \
             resolve-prefer ipv4 init-addr none\n",
            room.head(),
            names.address(),
            room.at(0)
        )
    };
    both(1, config, |room| {
        let up = |room: &Room| {
            (1..=4)
                .filter(|n| room.cell("be", &format!("s{n}"), "status") != "MAINT (resolution)")
                .count()
        };
        until(&format!("{}: three of four", room.name), || {
            (up(room) == 3).then_some(())
        });
        let mut seen: Vec<String> = (0..6).map(|_| who(room)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["127.0.0.1", "127.0.0.2", "127.0.0.3"], "{}", room.name);
    });
}

/// The change is shown with ours alone: HAProxy 2.6 keeps a place of a service that is not in the answers any more for longer than it is told.
#[test]
fn a_template_of_a_service() {
    let ports = [free_port(), free_port()];
    named(SocketAddr::from(([127, 0, 0, 1], ports[0])));
    named(SocketAddr::from(([127, 0, 0, 2], ports[1])));
    let names = Nameserver::default();
    names.knows("one.test", addresses(&["127.0.0.1"]));
    names.knows("two.test", addresses(&["127.0.0.2"]));
    names.knows("_stomp._tcp.test", Known::Service(vec![("one.test", ports[0], 2559)]));
    let config = |room: &Room| {
        format!(
            "{}resolvers dns\n nameserver ns {}\n {HOLD}\n\
             listen be\n bind {}\n balance roundrobin\n server-template s 2 _stomp._tcp.test resolvers dns \
             resolve-prefer ipv4 init-addr none\n",
            room.head(),
            names.address(),
            room.at(0)
        )
    };
    both(1, config, |room| {
        until_it_is(room, "127.0.0.1");
        assert_eq!(room.cell("be", "s1", "weight"), "10");
        if room.is_ours() {
            names.knows("_stomp._tcp.test", Known::Service(vec![("two.test", ports[1], 0)]));
            until_it_is(room, "127.0.0.2");
            assert_eq!(room.cell("be", "s2", "status"), "MAINT (resolution)");
        }
    });
}

/// Whoever has a weight keeps it where that of the service does not count; and what one backend has got another gets, too.
#[test]
fn the_weight_of_a_service_may_not_count() {
    let port = free_port();
    named(SocketAddr::from(([127, 0, 0, 1], port)));
    let names = Nameserver::default();
    names.knows("one.test", addresses(&["127.0.0.1"]));
    names.knows("_stomp._tcp.test", Known::Service(vec![("one.test", port, 2559)]));
    let config = |room: &Room| {
        let template = "_stomp._tcp.test resolvers dns resolve-prefer ipv4 init-addr none weight 7";
        format!(
            "{}resolvers dns\n nameserver ns {}\n {HOLD}\n\
             listen be\n bind {}\n server-template s 1 {template} resolve-opts ignore-weight\n\
             listen counts\n bind {}\n server-template s 1 {template}\n",
            room.head(),
            names.address(),
            room.at(0),
            room.at(1)
        )
    };
    both(2, config, |room| {
        until_it_is(room, "127.0.0.1");
        until(&format!("{}: the other weight", room.name), || {
            (room.cell("counts", "s1", "weight") == "10").then_some(())
        });
        assert_eq!(room.cell("be", "s1", "weight"), "7", "{}", room.name);
    });
}

/// A name server that says nothing any more is borne as long as its own hold says, however long others are.
#[test]
fn whoever_refuses_is_borne_as_long_as_is_said() {
    let port = free_port();
    named(SocketAddr::from(([127, 0, 0, 1], port)));
    let names = Nameserver::default();
    let config = |room: &Room| {
        names.knows("broker.test", addresses(&["127.0.0.1"]));
        let section = |name: &str, hold: &str| {
            format!(
                "resolvers {name}\n nameserver ns {}\n hold valid 200ms\n timeout retry 200ms\n timeout resolve 200ms\n {hold}\n",
                names.address()
            )
        };
        format!(
            "{}{}{}listen be\n bind {}\n server s broker.test:{port} resolvers short resolve-prefer ipv4 init-addr none\n\
             listen stays\n bind {}\n server s broker.test:{port} resolvers long resolve-prefer ipv4 init-addr none\n",
            room.head(),
            section(
                "short",
                "hold refused 300ms\n hold nx 1h\n hold other 1h\n hold timeout 1h"
            ),
            section("long", "hold refused 1h\n hold nx 1ms\n hold other 1ms"),
            room.at(0),
            room.at(1)
        )
    };
    both(2, config, |room| {
        until_it_is(room, "127.0.0.1");
        until(&format!("{}: the other server", room.name), || {
            (room.cell("stays", "s", "status") == "no check").then_some(())
        });
        names.knows("broker.test", Known::Refused);
        until_it_is(room, "");
        assert_eq!(room.cell("be", "s", "status"), "MAINT (resolution)", "{}", room.name);
        assert_eq!(room.cell("stays", "s", "status"), "no check", "{}", room.name);
    });
}

#[test]
fn what_was_seen_of_a_name_server() {
    let names = Nameserver::default();
    let config = |room: &Room| {
        format!(
            "{}resolvers dns\n nameserver ns {}\n {HOLD}\nlisten be\n bind {}\n server s gone.test:1 resolvers dns init-addr none\n",
            room.head(),
            names.address(),
            room.at(0)
        )
    };
    both(1, config, |room| {
        let seen = until("refusals", || {
            Some(room.order("show resolvers dns")).filter(|text| !text.contains("nx:          0"))
        });
        let words: Vec<&str> = seen
            .lines()
            .map(|line| line.trim_end_matches(|c: char| c.is_ascii_digit()))
            .collect();
        assert_eq!(
            words.join("\n").trim_end(),
            "Resolvers section dns\n nameserver ns:\n  sent:        \n  snd_error:   \n  valid:       \n  update:      \n  \
             cname:       \n  cname_error: \n  any_err:     \n  nx:          \n  timeout:     \n  refused:     \n  other:       \n  \
             invalid:     \n  too_big:     \n  truncated:   \n  outdated:",
            "{}",
            room.name
        );
        let rows = room.order("show stat domain resolvers");
        let mut rows = rows.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let (head, row) = (rows.next().expect("a head"), rows.next().expect("a row"));
        assert_eq!((head[0], head[1], head.len()), ("# id", "pid", 18), "{}", room.name);
        assert_eq!((row[0], row[1], row.len()), ("ns", "dns", 18), "{}", room.name);
        let nx = head.iter().position(|name| *name == "nx").expect("a column");
        assert_ne!(row[nx], "0", "{}", room.name);
        let typed = room.order("show stat domain resolvers typed");
        assert!(typed.contains("N.0.id:CGP:str:ns\nN.1.pid:CGP:str:dns\n"), "{typed}");
        assert_eq!(
            room.order("show resolvers gone").trim(),
            "Can't find that resolvers section"
        );
    });
}

#[test]
fn another_name_and_tls_by_order() {
    let port = free_port();
    for last in 1..=2 {
        named(SocketAddr::from(([127, 0, 0, last], port)));
    }
    let names = Nameserver::default();
    names.knows("one.test", addresses(&["127.0.0.1"]));
    names.knows("two.test", addresses(&["127.0.0.2"]));
    let config = |room: &Room| {
        format!(
            "{}resolvers dns\n nameserver ns {}\n {HOLD}\n\
             listen be\n bind {}\n server s one.test:{port} resolvers dns resolve-prefer ipv4 init-addr none\n\
             listen other\n bind {}\n server t 127.0.0.1:{port} ssl verify none\n server u localhost:{port} disabled\n",
            room.head(),
            names.address(),
            room.at(0),
            room.at(1)
        )
    };
    let told = RefCell::new(Vec::new());
    both(2, config, |room| {
        let mut answers = Vec::new();
        let mut order = |order: &str| answers.push(room.order(order));
        until_it_is(room, "127.0.0.1");
        order("set server be/s fqdn;set server be/s fqdn one.test;set server other/u fqdn two.test");
        order(&format!(
            "set server be/s fqdn bad..name;set server be/s fqdn {}",
            "x".repeat(300)
        ));
        order("set server be/s fqdn two.test");
        until_it_is(room, "127.0.0.2");
        order("set server be/s fqdn one.test;set server be/s fqdn two.test;set server be/s fqdn one.test");
        until_it_is(room, "127.0.0.1");
        let fqdn = |room: &Room| {
            let state = room.order("show servers state");
            let line = |name: &str| {
                let line = state.lines().find(|line| line.contains(name)).unwrap_or_default();
                let words: Vec<&str> = line.split(' ').collect();
                format!("{} {}", words[17], words[20])
            };
            [line(" s "), line(" t ")]
        };
        answers.extend(fqdn(room));
        // Who listens there speaks no TLS.
        let mut order = |order: &str| answers.push(room.order(order));
        order("set server be/s ssl on;set server other/t ssl;set server other/t ssl maybe");
        order("set server other/t ssl off");
        let mut text = String::new();
        connect(room.at(1)).read_to_string(&mut text).ok();
        assert_eq!(text, "127.0.0.1", "{}", room.name);
        answers.extend(fqdn(room));
        answers.push(room.order("set server other/t ssl on"));
        text.clear();
        connect(room.at(1)).read_to_string(&mut text).ok();
        assert_eq!(text, "", "{}", room.name);
        told.borrow_mut().push(answers);
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}
