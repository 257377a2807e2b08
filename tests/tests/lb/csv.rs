//! The CSV under traffic, parsed as tools do, by position; and beside the installed HAProxy's for the same configuration.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use tandem_tests::{Config, Lb, Server, ask, connect, ended, fetch, free_port, request, until};

use crate::haproxy;

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

/// Who asks for the head alone is told how long the rest would be, and only what went out is counted.
#[test]
fn a_body_that_nobody_asks_for_is_not_counted() {
    let config = Config::default().server("a", &Server::echo(), "");
    let (text, at) = site(free_port());
    let _lb = Lb::start(&format!("{config}{text}"));
    let sent = || {
        let csv = fetch(at, "/stats;csv").body;
        let sent: usize = rows(&csv)["stats/FRONTEND"][9].parse().expect("bytes out");
        (sent, csv.len())
    };
    let (before, length) = sent();
    let head = request(at, "HEAD", "/stats;csv", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let would_be: usize = head.header("content-length").parse().expect("a length");
    assert!(would_be > 500, "{would_be}");
    assert_eq!(sent().0, before + length);
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

/// Columns that say when something was, how long it took, or how much of it there is in one second; and what HAProxy thinks
/// that its pools of idle connections may need, which no connection here is taken from.
const OF_THE_MOMENT: [usize; 22] = [
    23, 24, 33, 35, 38, 46, 47, 55, 58, 59, 60, 61, 64, 77, 78, 90, 91, 92, 93, 95, 96, 98,
];

/// Where a pair of balancers listens: for clients, for those whom a rule refuses at once, as a session, by what they say.
struct Ports {
    front: SocketAddr,
    refusing: [SocketAddr; 3],
    page: SocketAddr,
}

fn with_denials(servers: &[Server; 2]) -> (String, Ports) {
    let [front, a, b, c, page] = [(); 5].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let [one, agent] = servers;
    let config = Config::default()
        .global("maxconn 200")
        .global("nbthread 1")
        .frontend("id 90")
        .frontend(format!("bind {front} name first"))
        .backend("id 80")
        .frontend("option socket-stats")
        .backend("balance source")
        .backend("stick-table type ip size 1k")
        .backend("stick on src")
        .server("a", one, "check inter 100 weight 3")
        .server_at("b", ([127, 0, 0, 1], 1).into(), "check inter 100 backup")
        .server("c", one, "id 33")
        .server("d", one, "check disabled maxconn 5")
        .server("e", one, "check inter 100 backup observe layer4")
        .server("f", one, "track be/a backup")
        .server("g", one, "track be/e backup")
        .server(
            "h",
            one,
            &format!(
                "backup agent-check agent-inter 100 agent-port {}",
                agent.address().port()
            ),
        );
    let refusing = [(a, "connection reject"), (b, "session reject"), (c, "content reject")];
    let more: String = refusing
        .iter()
        .zip(["x", "y", "z"])
        .map(|((at, rule), name)| {
            format!("frontend {name}\n bind {at}\n option socket-stats\n tcp-request {rule}\n default_backend be\n")
        })
        .collect();
    let (text, _) = site(page.port());
    let ports = Ports {
        front,
        refusing: [a, b, c],
        page,
    };
    (format!("{config}{more}{text}  option socket-stats\n"), ports)
}

/// The same clients for each, and the rows when all of them are counted.
fn visited(ports: &Ports) -> Rows {
    let read = || {
        std::net::TcpStream::connect(ports.page).ok()?;
        Some(rows(&fetch(ports.page, "/stats;csv").body))
    };
    let cell = |rows: &Rows, row: &str, column: usize| rows[row][column].trim_start_matches("* ").to_owned();
    until("checks", || {
        let rows = read()?;
        let states = [("be/a", "UP"), ("be/b", "DOWN"), ("be/e", "UP"), ("be/f", "UP")];
        let are_so = states.iter().all(|(row, state)| cell(&rows, row, 17) == *state);
        (are_so && cell(&rows, "be/h", 62) == "L7OK").then_some(())
    });
    for round in 1..=4 {
        let mut client = connect(ports.front);
        assert_eq!(ask(&mut client, &[7; 500]).len(), 500);
        client.shutdown(std::net::Shutdown::Write).expect("it is open");
        assert!(ended(&mut client));
        until("it to be counted", || {
            let rows = read()?;
            let is_gone = cell(&rows, "fe/FRONTEND", 4) == "0" && cell(&rows, "be/BACKEND", 4) == "0";
            (is_gone && cell(&rows, "fe/FRONTEND", 7) == round.to_string()).then_some(())
        });
    }
    for at in ports.refusing {
        for _ in 0..3 {
            assert!(ended(&mut connect(at)));
        }
    }
    until("the refused to be counted", || {
        let rows = read()?;
        let counts = [("x/FRONTEND", 81), ("y/FRONTEND", 82), ("z/FRONTEND", 10)];
        let is_gone = |row: &str| cell(&rows, row, 4) == "0";
        let are_counted = |(row, column): &(&str, usize)| cell(&rows, row, *column) == "3" && is_gone(row);
        let are_counted = counts.iter().all(are_counted);
        (are_counted && !rows["be/a"][36].starts_with('*')).then_some(rows)
    })
}

/// The rows in their order, and those of `;json`.
fn order(at: SocketAddr) -> [Vec<String>; 2] {
    let csv = fetch(at, "/stats;csv").body;
    let lines = csv.lines().filter(|line| line.contains(',') && !line.starts_with('#'));
    let name = |line: &str| line.split(',').take(2).collect::<Vec<_>>().join("/");
    let json: Vec<Vec<serde_json::Value>> = serde_json::from_str(&fetch(at, "/stats;json").body).expect("it is JSON");
    let text =
        |row: &[serde_json::Value], place: usize| row[place]["value"]["value"].as_str().unwrap_or_default().to_owned();
    let named = json.iter().map(|row| format!("{}/{}", text(row, 0), text(row, 1)));
    [lines.map(name).collect(), named.collect()]
}

/// What every value of `;json` is called and what kind of thing it is, by `proxy/name`.
fn shapes(at: SocketAddr) -> BTreeMap<String, Vec<String>> {
    let body = fetch(at, "/stats;json").body;
    let rows: Vec<Vec<serde_json::Value>> = serde_json::from_str(&body).expect("it is JSON");
    let mut shapes = BTreeMap::new();
    for row in rows {
        let text = |place: usize| row[place]["value"]["value"].as_str().unwrap_or_default().to_owned();
        let key = format!("{}/{}", text(0), text(1));
        // Behind these come columns of later versions, and what modules add.
        let of_2_6 = row.iter().filter(|value| value["field"]["pos"].as_u64() <= Some(102));
        let shape = |value: &serde_json::Value| {
            let kind = (
                &value["objType"],
                &value["field"],
                &value["tags"],
                &value["value"]["type"],
            );
            format!("{kind:?}")
        };
        shapes.insert(key, of_2_6.map(shape).collect());
    }
    shapes
}

#[test]
fn every_cell_is_where_the_installed_haproxy_has_it() {
    let Some(version) = haproxy::version() else {
        return haproxy::say("SKIP CSV beside HAProxy: haproxy is not installed");
    };
    let servers = [Server::echo(), Server::named("up\n")];
    let [(our_text, our_ports), (their_text, their_ports)] = [(); 2].map(|()| with_denials(&servers));
    let _ours = Lb::start(&our_text);
    let _theirs = haproxy::start(&their_text);
    let (ours, theirs) = (visited(&our_ports), visited(&their_ports));
    assert_eq!(ours["#"][..103], theirs["#"][..103], "the columns of {version}");
    assert_eq!(order(our_ports.page), order(their_ports.page));
    let (mut compared, mut different) = (0, Vec::new());
    for (row, cells) in ours.iter().filter(|(row, _)| *row != "#") {
        // Each has its own ports, and the page is asked as often as it takes.
        let is_own = |column: usize| OF_THE_MOMENT.contains(&column) || column == 73 && row.ends_with("/sock-1");
        let is_own = |column| is_own(column) || column == 73 && row.ends_with("/first") || row.starts_with("stats/");
        for (column, (our, their)) in cells.iter().zip(&theirs[row]).enumerate().take(103) {
            let [our, their] = [our, their].map(|cell| cell.trim_start_matches("* "));
            // HAProxy has whom it refuses at the door for a moment.
            let is_refused = column == 5 && row.starts_with(['x', 'y']);
            let is_same = match is_own(column) && column != 17 {
                true => our.is_empty() == their.is_empty(),
                false => our == their,
            };
            compared += 1;
            if !is_same && !is_refused {
                different.push(format!("{row} {}: HAProxy {their:?}, we {our:?}", ours["#"][column]));
            }
        }
    }
    haproxy::say(&format!("CSV: {compared} cells as {version} has them"));
    let (ours, theirs) = (shapes(our_ports.page), shapes(their_ports.page));
    for (row, ours) in &ours {
        let (missing, extra) = (not_in(&theirs[row], ours), not_in(ours, &theirs[row]));
        if !missing.is_empty() || !extra.is_empty() {
            different.push(format!("{row} as JSON: HAProxy {missing:?}, we {extra:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn not_in<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    these.iter().filter(|shape| !those.contains(shape)).collect()
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
