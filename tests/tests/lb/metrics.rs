//! Metrics as a scraper meets them: both formats, HAProxy's parameters, histograms that agree with what was done, and a
//! real client library that reads all of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use nix::sys::signal::Signal;
use tandem_tests::{Answer, Config, Lb, Server, ask, connect, fetch, free_port, read_by_library, request, until};

use crate::haproxy;

const OPEN: &str = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";

struct Scene {
    lb: Lb,
    server: Server,
    /// Without servers.
    base: Config,
    config: Config,
    at: SocketAddr,
    /// The section with the exporter.
    page: String,
}

impl Scene {
    fn new() -> Scene {
        let server = Server::echo();
        let port = free_port();
        let base = Config::default()
            .global("description one of two")
            .backend("description the brokers")
            .backend("stick-table type ip size 1k")
            .backend("stick on src");
        let config = base
            .clone()
            .server("a", &server, "check inter 100")
            .server("b", &server, "disabled");
        // As people have it: a frontend of its own, only for this.
        let page = format!(
            "frontend prometheus\n  bind 127.0.0.1:{port}\n  mode http\n  \
             http-request use-service prometheus-exporter if {{ path /metrics }}\n  no log\n"
        );
        Scene {
            lb: Lb::start(&format!("{config}{page}")),
            server,
            config,
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            base,
            page,
        }
    }

    #[track_caller]
    fn scrape(&self, query: &str, headers: &[&str]) -> Answer {
        request(self.at, "GET", &format!("/metrics{query}"), headers, "")
    }

    /// The value of one sample.
    #[track_caller]
    fn sample(&self, series: &str) -> f64 {
        let text = self.scrape("", &[OPEN]).body;
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(series).and_then(|l| l.strip_prefix(' ')));
        let value = line.unwrap_or_else(|| panic!("no {series}")).parse();
        value.expect("a number")
    }

    fn serve_sessions(&self, count: usize, bytes: usize) {
        let ended = || self.sample("tandem_server_session_age_seconds_count{proxy=\"be\",server=\"a\"}");
        let before = ended();
        for _ in 0..count {
            let mut client = connect(self.config.at());
            assert_eq!(ask(&mut client, &vec![7; bytes]).len(), bytes);
        }
        until("the sessions to be counted", || {
            (ended() >= before + count as f64).then_some(())
        });
    }
}

#[test]
fn histograms_say_what_was_done() {
    let scene = Scene::new();
    scene.serve_sessions(7, 3000);
    scene.serve_sessions(2, 100_000);
    let of = |rest: &str| scene.sample(&format!("tandem_server_{rest}"));
    let labels = "proxy=\"be\",server=\"a\"";
    for direction in ["in", "out"] {
        let labels = format!("{labels},direction=\"{direction}\"");
        assert_eq!(of(&format!("session_bytes_sum{{{labels}}}")), 221_000.0);
        for (le, count) in [
            ("1024.0", 0.0),
            ("4096.0", 7.0),
            ("65536.0", 7.0),
            ("262144.0", 9.0),
            ("+Inf", 9.0),
        ] {
            assert_eq!(
                of(&format!("session_bytes_bucket{{{labels},le=\"{le}\"}}")),
                count,
                "{le}"
            );
        }
    }
    for name in ["queue_time", "connect_time", "session_age"] {
        let (sum, count) = (
            of(&format!("{name}_seconds_sum{{{labels}}}")),
            of(&format!("{name}_seconds_count{{{labels}}}")),
        );
        // Nine short sessions over loopback: nothing took a minute.
        assert!(count == 9.0 && (0.0..60.0).contains(&sum), "{name}: {sum} over {count}");
    }
    assert_eq!(of("session_age_seconds_count{proxy=\"be\",server=\"b\"}"), 0.0);
    // Those that are open have an age, too, which grows.
    assert_eq!(of(&format!("open_session_age_seconds_gcount{{{labels}}}")), 0.0);
    let mut client = connect(scene.config.at());
    assert_eq!(ask(&mut client, b"hello"), b"hello");
    assert_eq!(of(&format!("open_session_age_seconds_gcount{{{labels}}}")), 1.0);
    // How long it took to reach the server is known by now.
    for (name, count) in [("queue_time", 10.0), ("connect_time", 10.0), ("session_age", 9.0)] {
        assert_eq!(of(&format!("{name}_seconds_count{{{labels}}}")), count, "{name}");
    }
    until("it to be older than a tenth of a second", || {
        let younger = of(&format!("open_session_age_seconds_bucket{{{labels},le=\"0.1\"}}"));
        (younger == 0.0 && of(&format!("open_session_age_seconds_gsum{{{labels}}}")) > 0.1).then_some(())
    });
}

/// What is said a second, of a connection that is open for as long as it is looked at: in the metrics, the CSV and the page.
#[test]
fn rates_of_who_is_there_are_told_while_he_speaks() {
    let (server, port) = (Server::echo(), free_port());
    let config = Config::default().server("a", &server, "");
    let page = format!("listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n");
    let _lb = Lb::start(&format!("{config}{page}"));
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let mut client = connect(config.at());
    let csv = || {
        let body = fetch(at, "/stats;csv").body;
        let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
        let heads = cells(body.lines().next().unwrap_or_default());
        let row = body.lines().find(|line| line.starts_with("be,a,"));
        let row = cells(row.unwrap_or_default());
        ["tandem_bin_rate", "tandem_bout_rate"].map(|name| {
            let place = heads.iter().position(|head| head == name).expect("a column");
            row[place].parse::<u64>().expect("a number")
        })
    };
    let metrics = || {
        let text = fetch(at, "/metrics").body;
        ["in", "out"].map(|way| {
            let series = format!("tandem_server_bytes_{way}_per_second{{proxy=\"be\",server=\"a\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(series.as_str()));
            line.expect("a sample").parse::<f64>().expect("a number")
        })
    };
    let on_page = || {
        let body = fetch(at, "/stats").body;
        let row = body.split("id=\"be/a\"").nth(1).unwrap_or_default();
        let row = row.split("</tr>").next().unwrap_or_default().to_owned();
        ["Bytes in/s", "Bytes out/s"].map(|name| {
            let cell = row.split(&format!("data-label=\"{name}\"")).nth(1).expect("a cell");
            let cell = cell.split_once('>').and_then(|(_, rest)| rest.split_once("</td>"));
            cell.expect("its text").0.to_owned()
        })
    };
    until("both ways to be told everywhere", || {
        assert_eq!(ask(&mut client, &[7; 20_000]).len(), 20_000);
        let is_much = csv().iter().all(|rate| *rate > 1000)
            && metrics().iter().all(|rate| *rate > 1000.0)
            && on_page().iter().all(|cell| cell.contains("kB"));
        is_much.then_some(())
    });
    // And that it is silent.
    until("silence to be told", || {
        (csv() == [0, 0] && metrics() == [0.0, 0.0]).then_some(())
    });
}

#[test]
fn histograms_go_on_when_the_configuration_is_read_again() {
    let mut scene = Scene::new();
    let count = |scene: &Scene, server: &str| {
        scene.sample(&format!(
            "tandem_server_session_age_seconds_count{{proxy=\"be\",server=\"{server}\"}}"
        ))
    };
    scene.serve_sessions(5, 10);
    // A server before it is gone, and its weight is another.
    let config = scene.base.clone().server("new", &scene.server, "disabled").server(
        "a",
        &scene.server,
        "check inter 100 weight 9",
    );
    let text = format!("{config}{}", scene.page);
    scene.lb.reload(Signal::SIGHUP, &text);
    until("the new server", || {
        let metrics = scene.scrape("", &[]).body;
        metrics.contains("server=\"new\"").then_some(())
    });
    assert_eq!((count(&scene, "a"), count(&scene, "new")), (5.0, 0.0));
    scene.serve_sessions(2, 10);
    assert_eq!(count(&scene, "a"), 7.0);
}

#[test]
fn parameters_of_haproxys_exporter() {
    let scene = Scene::new();
    let families = |query: &str| -> Vec<String> {
        let text = scene.scrape(query, &[]).body;
        let types = text.lines().filter_map(|l| l.strip_prefix("# TYPE "));
        types
            .filter_map(|l| l.split(' ').next())
            .map(ToOwned::to_owned)
            .collect()
    };
    assert!(families("?scope=server").iter().all(|name| name.contains("_server_")));
    assert!(families("?scope=").is_empty());
    assert_eq!(families("?scope=*&extra-counters"), families(""));
    assert_eq!(
        families("?metrics=haproxy_server_status,haproxy_backend_weight"),
        ["haproxy_backend_weight", "haproxy_server_status"]
    );
    assert!(!families("?metrics=-haproxy_server_status").contains(&"haproxy_server_status".to_owned()));
    assert_eq!(scene.scrape("?scope=bogus", &[]).status, 400);
    // Nobody has asked for the page.
    for path in ["/haproxy?stats", "/", "/stats;csv"] {
        assert_eq!(request(scene.at, "GET", path, &[], "").status, 503, "{path}");
    }
    assert!(!scene.scrape("", &[]).body.contains("desc=\""));
    let described = scene.scrape("?desc-labels", &[]).body;
    for line in [
        "haproxy_process_nbproc{desc=\"one of two\"} 1",
        "haproxy_backend_current_queue{proxy=\"be\",desc=\"the brokers\"} 0",
        "haproxy_server_current_queue{proxy=\"be\",desc=\"the brokers\",server=\"a\"} 0",
        "haproxy_frontend_current_sessions{proxy=\"fe\"} 0",
    ] {
        assert!(described.lines().any(|known| known == line), "{line}\n{described}");
    }
    let servers = |query: &str| {
        scene
            .scrape(query, &[])
            .body
            .contains("haproxy_server_status{proxy=\"be\",server=\"b\"")
    };
    assert!(servers("") && !servers("?no-maint"));
}

/// A family as a reader of the text understands it.
#[derive(Debug, Default)]
struct Family {
    of: String,
    unit: Option<String>,
    samples: Vec<(String, String)>,
}

/// Reads the text by the rules that both formats share, and the stricter ones of OpenMetrics.
fn families(text: &str, is_open: bool) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut is_over = false;
    for line in text.lines() {
        assert!(!is_over, "nothing follows the end: {line}");
        match line.strip_prefix("# ") {
            Some("EOF") => is_over = true,
            Some(about) => {
                let [word, name, rest] = about.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}");
                };
                if word == "HELP" {
                    assert!(!all.contains_key(name), "{name} comes twice");
                    current = name.to_owned();
                }
                let family = all.entry(name.to_owned()).or_default();
                assert!(name == current && family.samples.is_empty(), "{line}");
                match word {
                    "TYPE" => family.of = rest.to_owned(),
                    "UNIT" => family.unit = Some(rest.to_owned()),
                    _ => assert_eq!(word, "HELP"),
                }
            }
            None => {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                value.parse::<f64>().expect("a number");
                let name = series.split('{').next().unwrap_or_default();
                let family = all.get_mut(&current).expect("the head comes first");
                let ending = name.strip_prefix(current.as_str()).expect("it is of this family");
                let allowed: &[&str] = match (family.of.as_str(), is_open) {
                    ("counter", true) => &["_total"],
                    ("info", _) => &["_info"],
                    ("histogram", _) => &["_bucket", "_sum", "_count"],
                    ("gaugehistogram", true) => &["_bucket", "_gsum", "_gcount"],
                    _ => &[""],
                };
                assert!(allowed.contains(&ending), "{line} of a {}", family.of);
                let is_new = family.samples.iter().all(|(other, _)| other != series);
                assert!(is_new, "{series} comes twice");
                family.samples.push((series.to_owned(), value.to_owned()));
            }
        }
    }
    assert_eq!(is_over, is_open);
    all
}

#[test]
fn the_text_keeps_the_rules_of_its_format() {
    let scene = Scene::new();
    scene.serve_sessions(3, 10);
    let (text, open) = (scene.scrape("", &[]), scene.scrape("", &[OPEN]));
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4");
    assert_eq!(
        open.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let (text, open) = (families(&text.body, false), families(&open.body, true));
    assert_eq!(text.len(), open.len());
    assert_eq!(open["haproxy_server_downtime_seconds"].unit.as_deref(), Some("seconds"));
    assert_eq!(open["haproxy_process_build"].of, "info");
    for (name, family) in &open {
        assert!(!name.ends_with("_total") || family.of != "counter", "{name}");
        assert!(!family.samples.is_empty(), "{name}");
    }
    // Both say the same of the same things.
    let of_server = |families: &BTreeMap<String, Family>| families["tandem_server_session_bytes"].samples.clone();
    assert_eq!(of_server(&text), of_server(&open));
}

#[test]
fn a_client_library_reads_all_of_it() {
    let scene = Scene::new();
    scene.serve_sessions(3, 10);
    for (format, headers) in [("text", &[][..]), ("open", &[OPEN])] {
        let scraped = scene.scrape("", headers).body;
        let Some(found) = read_by_library(&scraped, format) else {
            return;
        };
        let own = scraped.lines().filter(|l| !l.starts_with('#')).count();
        assert!(found.families > 100 && found.types >= 3, "{format}: {found:?}");
        assert_eq!(found.samples, own, "{format}");
    }
}

/// Every kind of proxy and server that has figures of its own.
fn everything(servers: [SocketAddr; 2], ports: [u16; 4]) -> String {
    let [one, two] = servers;
    let [metrics, front, listen, idle] = ports;
    // With two threads HAProxy may count one client as two at once: both are woken, and only one can have it.
    format!(
        "global\n maxconn 300\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend fe\n bind 127.0.0.1:{front} name first\n option socket-stats\n maxconn 100\n rate-limit sessions 50\n default_backend be\n\
         backend be\n balance roundrobin\n stick-table type ip size 1k expire 1h\n stick store-request src\n \
         server s1 {one} check inter 100ms weight 3\n server s2 {two}\n \
         server s3 {two} backup disabled maxconn 20 maxqueue 7 check\n server s4 127.0.0.1:1 check inter 100ms fall 1\n\
         backend empty\n\
         backend unchecked\n server u {one}\n\
         listen li\n bind 127.0.0.1:{listen}\n server l {one} disabled\n\
         frontend idle\n bind 127.0.0.1:{idle}\n default_backend unchecked\n\
         frontend prometheus\n mode http\n bind 127.0.0.1:{metrics}\n \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n no log\n"
    )
}

/// Series and their values, and the types of the families, of those that have traffic; the checks have settled.
fn scraped(at: SocketAddr, front: u16) -> (BTreeMap<String, String>, Vec<String>) {
    let read = || fetch(at, "/metrics").body;
    for sessions in 1..=3 {
        let mut client = connect(([127, 0, 0, 1], front).into());
        assert_eq!(ask(&mut client, b"hello"), b"hello");
        drop(client);
        let counted = format!("haproxy_backend_sessions_total{{proxy=\"be\"}} {sessions}");
        until("the session to end", || {
            let text = read();
            (text.contains(&counted) && text.contains("haproxy_backend_current_sessions{proxy=\"be\"} 0")).then_some(())
        });
    }
    let (up, down) = ("L4OK\"} 1", "server=\"s4\",state=\"DOWN\"} 1");
    let text = until("the checks", || {
        // One that is under way is no result.
        Some(read()).filter(|text| text.contains(up) && text.contains(down) && text.contains("L4CON\"} 1"))
    });
    let lines = || text.lines().filter(|line| !line.is_empty());
    let series = lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '));
    let series = series
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let types = lines()
        .filter(|line| line.starts_with("# TYPE "))
        .map(str::to_owned)
        .collect();
    (series, types)
}

/// What is of this moment or of this process, and no answer to the configuration and the traffic.
fn is_of_the_moment(series: &str) -> bool {
    let endings = [
        "_seconds",
        "_seconds_total",
        "_rate",
        "_rate_max",
        "_percent",
        "_tasks",
        "_queue",
        "_jobs",
        "_bytes",
        "_fds",
        "_sockets",
        "_pipes",
        "pipes_free_total",
        "process_jobs",
        "process_listeners",
        "check_failures_total",
        "process_connections_total",
        "process_requests_total",
        "process_bytes_out_total",
        "need_connections_current",
        "process_current_connections",
        // Here as many as the files allow; there no more than the configuration says.
        "hard_max_connections",
    ];
    let name = series.split('{').next().unwrap_or_default();
    endings.iter().any(|ending| name.ends_with(ending))
        // Whoever scrapes is counted.
        || series.contains("proxy=\"prometheus\"")
        || name == "haproxy_process_build_info"
}

#[test]
fn names_types_labels_and_figures_are_those_of_haproxys_exporter() {
    if haproxy::version().is_none() {
        return haproxy::say("SKIP metrics beside HAProxy: haproxy is not installed");
    }
    let servers = [Server::echo(), Server::echo()];
    let at = servers.each_ref().map(Server::address);
    let [a, b] = [(); 2].map(|()| [(); 4].map(|()| free_port()));
    let _lb = Lb::start(&everything(at, a));
    let (ours, our_types) = scraped(([127, 0, 0, 1], a[0]).into(), a[1]);
    let _haproxy = haproxy::start(&everything(at, b));
    let page = SocketAddr::from(([127, 0, 0, 1], b[0]));
    until("HAProxy's exporter", || std::net::TcpStream::connect(page).ok());
    let (theirs, their_types) = scraped(page, b[1]);
    let missing: Vec<_> = their_types.iter().filter(|line| !our_types.contains(line)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let mut different = Vec::new();
    let mut compared = 0;
    for (series, value) in &theirs {
        match ours.get(series) {
            None if series.starts_with("haproxy_process_build_info") => {}
            None => different.push(format!("{series}: HAProxy {value}, we have none")),
            Some(_) if is_of_the_moment(series) => {}
            Some(ours) if ours != value => different.push(format!("{series}: HAProxy {value}, we {ours}")),
            Some(_) => compared += 1,
        }
    }
    // What is only here is ours by name, or of a later HAProxy.
    let later = ["haproxy_resolver_", "_current_session_rate", "_agent_"];
    let is_known = |series: &String| series.starts_with("tandem_") || later.iter().any(|name| series.contains(name));
    let extra = ours
        .keys()
        .filter(|series| !theirs.contains_key(*series) && !is_known(series));
    different.extend(
        extra
            .filter(|s| !s.contains("build_info"))
            .map(|s| format!("{s}: only we have it")),
    );
    haproxy::say(&format!(
        "{} names and {} series are HAProxy's, {compared} of them with the same figure",
        their_types.len(),
        theirs.len()
    ));
    assert!(different.is_empty(), "{}", different.join("\n"));
}
