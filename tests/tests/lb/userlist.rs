//! Who sees the page and who changes what it shows, by userlists and conditions, beside HAProxy.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use tandem_tests::{Config, Lb, Room, Server, both, fetch, free_port, request};

/// `user:password` as a browser sends it.
fn authorization(given: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in given.as_bytes().chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { letter.into() } else { '=' });
        }
    }
    format!("Authorization: Basic {text}")
}

const STAFF: &str = "userlist staff\n group watchers users eve\n group doers\n \
    user adam password $6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1 groups doers\n \
    user eve insecure-password apple\n user cain insecure-password stone\n";

fn status(at: SocketAddr, given: Option<&str>) -> u16 {
    let header = given.map(authorization);
    let headers: Vec<&str> = header.iter().map(String::as_str).collect();
    request(at, "GET", "/stats", &headers, "").status
}

#[test]
fn rules_say_who_sees_it() {
    let config = |room: &Room| {
        format!(
            "{}{STAFF}listen page\n mode http\n bind {}\n bind {}\n stats enable\n stats uri /stats\n \
             stats http-request deny if {{ dst_port {} }}\n stats http-request auth realm staff unless {{ http_auth(staff) }}\n \
             stats http-request deny unless {{ http_auth_group(staff) doers watchers }}\n",
            room.head(),
            room.at(0),
            room.at(1),
            room.at(1).port(),
        )
    };
    both(2, config, |room| {
        for (given, expect) in [
            (None, 401),
            (Some("adam:Hello world!"), 200),
            (Some("adam:Hello world"), 401),
            (Some("eve:apple"), 200),
            (Some("eve:Hello world!"), 401),
            (Some("nobody:"), 401),
            // He is in no group.
            (Some("cain:stone"), 403),
        ] {
            assert_eq!(status(room.at(0), given), expect, "{}: {given:?}", room.name);
        }
        assert_eq!(status(room.at(1), Some("eve:apple")), 403, "{}", room.name);
        let answer = request(room.at(0), "GET", "/stats", &[], "");
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"staff\"",
            "{}",
            room.name
        );
    });
}

/// A page that is closed for the night goes by the clocks where it is.
#[test]
fn conditions_go_by_local_time() {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = format!(
        "listen page\n mode http\n bind {at}\n stats enable\n stats uri /stats\n \
         stats http-request deny unless {{ date,ltime(%z) -m str +0530 }}\n"
    );
    let _lb = Lb::start_as(&config, |mut command| {
        command.env("TZ", "Anywhere-5:30");
        command
    });
    assert_eq!(status(at, None), 200);
}

#[test]
fn conditions_say_who_changes_something() {
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}{STAFF}listen page\n mode http\n bind {}\n stats enable\n stats uri /stats\n \
             stats http-request auth unless {{ http_auth(staff) }}\n stats admin if {{ http_auth_group(staff) doers }}\n\
             backend be\n server s {}\n",
            room.head(),
            room.at(0),
            server.address(),
        )
    };
    both(1, config, |room| {
        let change = |given: &str| {
            let header = authorization(given);
            request(room.at(0), "POST", "/stats", &[&header], "s=s&action=drain&b=be");
            room.cell("be", "s", "status")
        };
        assert_eq!(change("eve:apple"), "no check", "{}", room.name);
        assert_eq!(change("adam:Hello world!"), "DRAIN", "{}", room.name);
    });
}

/// A user who is gone from the file sees the page no more.
#[test]
fn a_reload_changes_the_users() {
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let page = format!(
        "{}{STAFF}listen page\n mode http\n bind {at}\n stats enable\n stats uri /stats\n \
         stats http-request auth unless {{ http_auth(staff) }}\n",
        Config::default()
    );
    let mut lb = Lb::start(&page);
    assert_eq!(
        (status(at, Some("eve:apple")), status(at, Some("cain:stone"))),
        (200, 200)
    );
    lb.reload(
        Signal::SIGUSR2,
        &page.replace(" user cain insecure-password stone\n", ""),
    );
    assert_eq!(
        (status(at, Some("eve:apple")), status(at, Some("cain:stone"))),
        (200, 401)
    );
    assert_eq!(fetch(at, "/stats").status, 401);
}
