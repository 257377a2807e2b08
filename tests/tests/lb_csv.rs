//! The CSV under traffic, parsed as tools do, by position; and beside the installed HAProxy's for the same configuration.

#[path = "page/haproxy.rs"]
mod haproxy;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use tandem_tests::{Config, Lb, Server, ask, connect, fetch, free_port, until};

type Rows = BTreeMap<String, Vec<String>>;

/// Rows by `proxy/name`, as cells; the header is the row `#`.
fn rows(csv: &str) -> Rows {
    let mut rows = Rows::new();
    for line in csv.lines().filter(|l| !l.is_empty()) {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        let key = if line.starts_with("# ") {
            "#".to_owned()
        } else {
            format!("{}/{}", cells[0], cells[1])
        };
        rows.insert(key, cells);
    }
    rows
}

fn site(port: u16) -> (String, SocketAddr) {
    let text = format!(
        "listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats show-legends\n"
    );
    (text, SocketAddr::from(([127, 0, 0, 1], port)))
}

#[test]
fn figures_follow_the_traffic() {
    let (one, mut two) = (Server::echo(), Server::echo());
    let config = Config::default()
        .server("a", &one, "weight 3")
        .server("b", &two, "check inter 50 fall 1 rise 1 maxconn 40")
        .backend("balance leastconn");
    let (text, at) = site(free_port());
    let _lb = Lb::start(&format!("{config}{text}"));
    let read = || rows(&fetch(at, "/stats;csv").body);
    let number = |rows: &Rows, row: &str, column: usize| -> i64 { rows[row][column].parse().unwrap_or(-1) };

    let mut clients: Vec<_> = (0..8).map(|_| connect(config.at())).collect();
    clients.iter_mut().for_each(|c| assert_eq!(ask(c, &[1; 500]), [1; 500]));
    // The last bytes may reach the client before they are counted.
    let open = until("all bytes to be counted", || {
        Some(read()).filter(|r| number(r, "fe/FRONTEND", 9) == 4000)
    });
    // scur smax stot bin bout of connections that are still open.
    for row in ["fe/FRONTEND", "be/BACKEND"] {
        let figures: Vec<i64> = [4, 5, 7, 8, 9].map(|c| number(&open, row, c)).to_vec();
        assert_eq!(figures, [8, 8, 8, 4000, 4000], "{row}");
    }
    let both = |rows: &Rows, column| number(rows, "be/a", column) + number(rows, "be/b", column);
    assert_eq!([4, 7, 8, 30, 84].map(|c| both(&open, c)), [8, 8, 4000, 8, 8]);
    // Sessions of the last second, and the most of any second.
    assert!(number(&open, "fe/FRONTEND", 33) <= 8 && number(&open, "fe/FRONTEND", 35) <= 8);
    let shape = [
        (6, ""),
        (17, "no check"),
        (18, "3"),
        (19, "1"),
        (20, "0"),
        (26, "1"),
        (28, "1"),
        (32, "2"),
        (75, "tcp"),
    ];
    shape
        .iter()
        .for_each(|(c, text)| assert_eq!(open["be/a"][*c], *text, "column {c}"));
    assert_eq!(
        (open["be/b"][6].as_str(), open["be/b"][73].as_str()),
        ("40", two.address().to_string().as_str())
    );
    assert_eq!(open["be/BACKEND"][76], "leastconn");

    drop(clients);
    let closed = until("the end of all sessions", || {
        Some(read()).filter(|r| number(r, "fe/FRONTEND", 4) == 0)
    });
    assert_eq!([5, 7].map(|c| number(&closed, "fe/FRONTEND", c)), [8, 8]);
    assert_eq!(number(&closed, "be/BACKEND", 55), 0, "a session began just now");

    two.kill();
    let down = until("b to be down", || Some(read()).filter(|r| r["be/b"][17] == "DOWN"));
    assert_eq!([21, 22].map(|c| number(&down, "be/b", c)), [1, 1]);
    assert_eq!(
        (down["be/b"][36].trim_start_matches("* "), down["be/b"][65].as_str()),
        ("L4CON", "Layer4 connection problem")
    );
    assert_eq!(down["be/b"][56], "Connection refused");
    assert_eq!(down["be/BACKEND"][17..21], ["UP", "3", "1", "0"]);
    two.revive();
    until("b to be up", || Some(read()).filter(|r| r["be/b"][17] == "UP"));
    until("the sessions of that second to be over", || {
        // Eight sessions fall into one second, or into two.
        Some(read()).filter(|r| number(r, "fe/FRONTEND", 33) == 0 && (4..=8).contains(&number(r, "fe/FRONTEND", 35)))
    });
}

#[test]
fn averages_and_metrics_of_ended_sessions() {
    let server = Server::echo();
    let config = Config::default().server("a", &server, "");
    let (text, at) = site(free_port());
    let _lb = Lb::start(&format!("{config}{text}"));
    let mut client = connect(config.at());
    ask(&mut client, b"x");
    std::thread::sleep(std::time::Duration::from_millis(120));
    drop(client);
    let read = || rows(&fetch(at, "/stats;csv").body);
    let ended = until("the end", || Some(read()).filter(|r| r["be/a"][61] != "0"));
    let total: i64 = ended["be/a"][61].parse().expect("ttime");
    assert!((120..20_000).contains(&total), "{total}");
    assert_eq!(
        ended["be/a"][61], ended["be/a"][93],
        "one session is the average and the longest"
    );
    let metrics = fetch(at, "/metrics").body;
    for line in [
        "haproxy_server_sessions_total{proxy=\"be\",server=\"a\"} 1",
        "haproxy_backend_bytes_in_total{proxy=\"be\"} 1",
        "haproxy_frontend_status{proxy=\"fe\",state=\"UP\"} 1",
        "haproxy_process_nbthread 2",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}\n{metrics}");
    }
    let servers = fetch(at, "/metrics?scope=server&scope=global").body;
    assert!(servers.contains("haproxy_process_") && servers.contains("haproxy_server_"));
    assert!(!servers.contains("haproxy_backend_"));
}

#[test]
fn every_cell_is_where_the_installed_haproxy_has_it() {
    let Some(version) = haproxy::version() else {
        return haproxy::say("SKIP CSV beside HAProxy: haproxy is not installed");
    };
    let server = Server::echo();
    let sections = |port: u16| {
        Config::default()
            .global("maxconn 200")
            .frontend(format!("bind 127.0.0.1:{port}"))
            .backend("balance source")
            .backend("stick-table type ip size 1k")
            .backend("stick on src")
            .server("a", &server, "check inter 100 weight 3")
            .server_at("b", ([127, 0, 0, 1], 1).into(), "check inter 100 backup")
            .server("c", &server, "")
            .server("d", &server, "check disabled maxconn 5")
    };
    let (our_text, our_at) = site(free_port());
    let (their_text, their_at) = site(free_port());
    let _ours = Lb::start(&format!("{}{our_text}", sections(free_port())));
    let _theirs = haproxy::HaProxy::start(&format!("{}{their_text}", sections(free_port())));
    let settled = |at: SocketAddr| {
        until("checks", || {
            let read = std::net::TcpStream::connect(at)
                .ok()
                .map(|_| rows(&fetch(at, "/stats;csv").body))?;
            (read["be/a"][17] == "UP" && read["be/b"][17] == "DOWN" && !read["be/a"][36].starts_with('*'))
                .then_some(read)
        })
    };
    let (ours, theirs) = (settled(our_at), settled(their_at));
    assert_eq!(ours["#"][..103], theirs["#"][..103], "the columns of {version}");
    let keys = |rows: &Rows| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&ours), keys(&theirs));
    // What is said in words or comes from the configuration is equal; of the rest, whether there is anything.
    let equal = [
        6, 17, 18, 19, 20, 25, 26, 27, 28, 31, 32, 34, 36, 56, 65, 67, 68, 69, 75, 76, 99,
    ];
    let mut compared = 0;
    for (row, cells) in ours.iter().filter(|(row, _)| *row != "#") {
        for (column, (our, their)) in cells.iter().zip(&theirs[row]).enumerate().take(103) {
            if equal.contains(&column) {
                assert_eq!(
                    our.trim_start_matches("* "),
                    their.trim_start_matches("* "),
                    "{row} {}",
                    ours["#"][column]
                );
            } else {
                assert_eq!(
                    our.is_empty(),
                    their.is_empty(),
                    "{row} {}: {our:?} {their:?}",
                    ours["#"][column]
                );
            }
            compared += 1;
        }
    }
    haproxy::say(&format!("CSV: {compared} cells as {version} has them"));
}

#[test]
fn tools_that_append_to_the_address() {
    let server = Server::echo();
    let config = Config::default().server("a", &server, "");
    let port = free_port();
    let text = format!("frontend root\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /\n");
    let _lb = Lb::start(&format!("{config}{text}"));
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    for path in ["/;csv", "/haproxy?stats;csv", "/haproxy?stats/;csv", "/;csv;norefresh"] {
        let answer = fetch(at, path);
        let widths: Vec<usize> = answer.body.lines().map(|l| l.split(',').count()).collect();
        assert!(
            widths.len() >= 4 && widths.iter().all(|w| *w == widths[0]),
            "{path}: {widths:?}"
        );
        assert!(answer.body.starts_with("# pxname,svname,"), "{path}");
    }
    assert!(fetch(at, "/?;csv;scope=be").body.contains("\nbe,a,"));
    // Half a request and an end is nobody's fault but the client's.
    connect(at).write_all(b"GET / HT").expect("it is taken");
    assert_eq!(fetch(at, "/;csv").status, 200);
}
