//! The statistics page as clients and operators meet it: paths, passwords, filters, the form, and clients that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use tandem_tests::{Answer, Config, Lb, Server, ask, connect, ended, fetch, free_port, request, until};

/// A balancer with the page beside `fe` and `be`.
struct Site {
    _lb: Lb,
    config: Config,
    at: SocketAddr,
}

impl Site {
    #[track_caller]
    fn start(config: Config, settings: &[&str]) -> Site {
        let port = free_port();
        let mut text = format!("{config}listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n");
        for line in settings {
            text.push_str(&format!("  {line}\n"));
        }
        Site {
            _lb: Lb::start(&text),
            config,
            at: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        fetch(self.at, path)
    }

    #[track_caller]
    fn post(&self, headers: &[&str], form: &str) -> Answer {
        request(self.at, "POST", "/stats", headers, form)
    }

    /// The status of a server by the CSV.
    #[track_caller]
    fn status(&self, server: &str) -> String {
        let csv = self.get("/stats;csv").body;
        let line = csv.lines().find(|l| l.starts_with(&format!("be,{server},")));
        line.and_then(|l| l.split(',').nth(17)).unwrap_or_default().to_owned()
    }
}

#[test]
fn every_form_of_the_page() {
    let server = Server::echo();
    let site = Site::start(
        Config::default().server("a", &server, ""),
        &["stats uri /stats", "stats refresh 7s"],
    );
    let page = site.get("/stats");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), "no-cache");
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    for words in [
        "<title>Statistics Report for HAProxy (Tandem)</title>",
        "HAProxy version 2.6",
        "<b>uptime = </b>0d 0h00m",
        "; idle = ",
        "content=\"7\"",
    ] {
        assert!(page.body.contains(words), "{words}");
    }
    // Where the servers are is only said where the configuration asks for it.
    assert!(!site.get("/stats;csv").body.contains(&server.address().to_string()));
    for (path, media_type, start) in [
        ("/stats;csv", "text/plain", "# pxname,svname,"),
        ("/stats/;csv;norefresh", "text/plain", "# pxname,"),
        ("/stats?;csv", "text/plain", "# pxname,"),
        ("/stats;typed", "text/plain", "F.1.0.0.pxname.1:KNS:str:fe"),
        (
            "/stats;json",
            "application/json",
            "[[{\"objType\":\"Frontend\",\"proxyId\":1,",
        ),
        ("/stats;json-schema", "application/json", "{\"$schema\":"),
        (
            "/metrics",
            "text/plain; version=0.0.4",
            "# HELP haproxy_process_nbthread ",
        ),
    ] {
        let answer = site.get(path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, media_type),
            "{path}"
        );
        assert!(answer.body.starts_with(start), "{path}: {}", &answer.body[..60]);
        let refreshes = !path.contains("norefresh") && path != "/metrics";
        assert_eq!(answer.header("refresh"), if refreshes { "7" } else { "" }, "{path}");
    }
    // Browsers refresh in place, or by what stands in for the script; whoever else asks has HAProxy's header.
    assert_eq!(page.header("refresh"), "7");
    let accept = "Accept: application/xhtml+xml,text/html;q=0.9,*/*;q=0.8";
    assert_eq!(request(site.at, "GET", "/stats", &[accept], "").header("refresh"), "");
    let calm = site.get("/stats;norefresh");
    assert!(!calm.body.contains("http-equiv") && calm.header("refresh").is_empty());
    let head = request(site.at, "HEAD", "/stats", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for (method, path) in [("GET", "/"), ("GET", "/other"), ("PUT", "/stats"), ("DELETE", "/stats")] {
        assert_eq!(request(site.at, method, path, &[], "").status, 503, "{method} {path}");
    }
}

#[test]
fn passwords() {
    let server = Server::echo();
    let site = Site::start(
        Config::default().server("a", &server, ""),
        &[
            "stats uri /stats",
            "stats auth ops:pa:ss",
            "stats auth b:c",
            "stats realm Site\\ North",
        ],
    );
    for path in ["/stats", "/stats;csv", "/metrics"] {
        let refused = site.get(path);
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"Site North\"");
        assert!(!refused.body.contains("be"), "{}", refused.body.replace("be\n", ""));
    }
    // ops:pa:ss, b:c; and b:d, ops without a password.
    for (credentials, status) in [
        ("b3BzOnBhOnNz", 200),
        ("Yjpj", 200),
        ("Yjpk", 401),
        ("b3BzOg==", 401),
        ("!", 401),
    ] {
        let header = format!("Authorization: Basic {credentials}");
        assert_eq!(request(site.at, "GET", "/stats;csv", &[&header], "").status, status);
    }
    // Not even that there is something to change.
    assert_eq!(site.post(&[], "s=a&b=be&action=maint").status, 401);
}

#[test]
fn what_is_shown_and_what_is_hidden() {
    let server = Server::echo();
    let config = Config::default()
        .server("a", &server, "")
        .server("b", &server, "disabled")
        .server_at("c", ([127, 0, 0, 1], free_port()).into(), "check inter 100");
    let site = Site::start(config, &["stats uri /stats"]);
    until("the check of c", || (site.status("c") == "DOWN").then_some(()));
    let names = |path: &str| -> Vec<String> {
        let csv = site.get(path).body;
        let rows = csv.lines().skip(1);
        rows.map(|l| l.split(',').take(2).collect::<Vec<_>>().join("/"))
            .collect()
    };
    let all = [
        "fe/FRONTEND",
        "be/a",
        "be/b",
        "be/c",
        "be/BACKEND",
        "stats/FRONTEND",
        "stats/BACKEND",
    ];
    assert_eq!(names("/stats;csv"), all);
    assert_eq!(names("/stats;csv?scope=be"), &all[1..5]);
    assert_eq!(names("/stats?;csv;scope=st"), &all[5..]);
    assert_eq!(names("/stats;csv;up;scope=be"), ["be/a", "be/BACKEND"]);
    assert_eq!(names("/stats;no-maint;csv?scope=be"), ["be/a", "be/c", "be/BACKEND"]);
    assert!(site.get("/stats;csv;up").body.contains("UP (1/3)"));
    // The page itself follows, and says what happened.
    let page = site.get("/stats;up?scope=be").body;
    assert!(page.contains("id=\"be/a\"") && !page.contains("id=\"be/b\"") && !page.contains("id=\"fe/Frontend\""));
    assert!(
        page.contains("Server be/c is DOWN, reason: Layer4 connection problem"),
        "{page}"
    );
}

#[test]
fn how_full_a_stick_table_is() {
    let server = Server::echo();
    let config = Config::default()
        .backend("stick-table type ip size 4")
        .backend("stick on src")
        .server("a", &server, "");
    let site = Site::start(config, &["stats uri /stats"]);
    let shows = |words: &str| site.get("/stats").body.contains(words);
    assert!(shows("value=\"0\">0 %</meter> 0 of 4"));
    assert_eq!(ask(&mut connect(site.config.at()), b"x"), b"x");
    until("the client in the table", || {
        shows("value=\"25\">25 %</meter> 1 of 4").then_some(())
    });
}

#[test]
fn settings_of_the_page() {
    let server = Server::echo();
    let site = Site::start(
        Config::default()
            .global("node lb-7")
            .global("description about <us>")
            .backend("stick-table type ip size 4")
            .server("a", &server, "")
            .backend("backend other\n stick-table type ip size 8\n server secret 127.0.0.1:1\nring r\n format raw\nresolvers rs\n nameserver ns 127.0.0.1:1"),
        &[
            "stats uri /stats",
            "stats hide-version",
            "stats scope be",
            "stats scope .",
            "stats show-node",
            "stats show-desc",
            "stats show-legends",
        ],
    );
    let page = site.get("/stats").body;
    assert!(!page.contains("HAProxy version") && !page.contains("id=\"fe/Frontend\""));
    assert!(
        page.contains("HAProxy on lb-7 (Tandem)")
            && page.contains("id=\"stats/Frontend\"")
            && page.contains("id=\"be/a\"")
    );
    assert!(page.contains("about &#60;us&#62;") && !page.contains("<us>"));
    assert!(page.contains(&server.address().to_string()));
    // What the page keeps back, the metrics do as well.
    let metrics = site.get("/metrics").body;
    for words in [
        "{proxy=\"be\"",
        "proxy=\"be\",server=\"a\"",
        "{proxy=\"stats\"",
        "name=\"be\",type=\"ip\"",
    ] {
        assert!(metrics.contains(words), "{words}: {metrics}");
    }
    for words in [
        "=\"fe\"",
        "proxy=\"other\"",
        "name=\"other\"",
        "build_info",
        "\"2.6",
        "resolver",
        "_ring",
        "_peer_",
    ] {
        let line = metrics
            .lines()
            .find(|line| line.contains(words) && !line.starts_with('#'));
        assert_eq!(line, None, "{words}");
    }
    // Nobody may change anything, so there is no form, and a form that comes all the same is refused.
    assert!(!page.contains("method=\"post\""));
    let denied = site.post(&[], "s=a&b=be&action=maint");
    assert_eq!((denied.status, denied.header("location")), (303, "/stats;st=DENY"));
    assert_eq!(site.status("a"), "no check");
}

#[test]
fn the_form_changes_what_clients_meet() {
    let (one, two) = (Server::named("1"), Server::named("2"));
    let config = Config::default().server("a", &one, "").server("b", &two, "");
    let site = Site::start(config, &["stats uri /stats", "stats admin if TRUE"]);
    let met = || {
        let mut name = [0; 1];
        connect(site.config.at())
            .read_exact(&mut name)
            .expect("a server says its name");
        name[0]
    };
    let act = |form: &str, code: &str| {
        let answer = site.post(&[], form);
        assert_eq!((answer.status, answer.header("content-length")), (303, "0"), "{form}");
        assert_eq!(answer.header("location"), format!("/stats;st={code}"), "{form}");
    };
    let drained = |status: &str| {
        assert_eq!(site.status("a"), status);
        assert!((0..8).all(|_| met() == b'2'), "{status}");
    };
    act("s=a&b=be&action=drain", "DONE");
    drained("DRAIN");
    act("s=a&b=%232&action=maint", "DONE");
    drained("MAINT");
    act("s=a&b=be&action=ready", "DONE");
    assert_eq!(site.status("a"), "no check");
    assert!((0..8).any(|_| met() == b'1'));
    // Ending the sessions of a server ends what is open, and nothing else.
    act("s=b&b=be&action=drain", "DONE");
    let mut open = connect(site.config.at());
    open.read_exact(&mut [0; 1]).expect("a server says its name");
    act("s=a&b=be&action=shutdown", "DONE");
    assert!(ended(&mut open));
    act("s=b&b=be&action=ready", "DONE");
    // Everything that HAProxy answers otherwise.
    for (form, code) in [
        ("b=be&action=drain", "NONE"),
        ("s=a&action=drain", "NONE"),
        ("s=a&b=be", "NONE"),
        ("s=x&b=be&action=maint", "ERRP"),
        ("s=a&s=x&b=be&action=ready", "PART"),
        ("s=a&b=no&action=ready", "ERRP"),
        ("s=a&b=be&action=explode", "ERRP"),
        ("s=a&b=be&action=ehlth", "NONE"),
        ("s=a&b=be&action=arunn", "NONE"),
    ] {
        act(form, code);
    }
    let long = format!("s=a&b=be&action=drain&x={}", "x".repeat(17_000));
    act(&long, "EXCD");
    assert_eq!(site.status("a"), "no check");
    // What the address asked for is kept, and the code is said in words.
    let answer = request(
        site.at,
        "POST",
        "/stats;up;norefresh?scope=be",
        &[],
        "s=a&b=be&action=ready",
    );
    assert_eq!(answer.header("location"), "/stats;st=DONE;up;norefresh?scope=be");
    assert!(
        site.get("/stats;st=PART")
            .body
            .contains("some of the servers are unknown")
    );
}

#[test]
fn another_sites_page_cannot_use_the_operators_browser() {
    let server = Server::echo();
    let config = Config::default().server("a", &server, "");
    let site = Site::start(config, &["stats uri /stats", "stats admin if TRUE", "stats auth b:c"]);
    let known = "Authorization: Basic Yjpj";
    let own = format!("Origin: http://{}", site.at);
    let page = request(site.at, "GET", "/stats", &[known], "").body;
    let token = page
        .split("name=\"t\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let token = token.expect("the form has a token");
    let form = "s=a&b=be&action=drain";
    let with_token = format!("{form}&t={token}");
    let referer = format!("Referer: http://{}/stats", site.at);
    let cases: [(&[&str], &str, &str); 13] = [
        (&["Origin: http://evil.example"], form, "DENY"),
        (&["Origin: null"], form, "DENY"),
        (&["Sec-Fetch-Site: cross-site"], form, "DENY"),
        (&["Origin: http://evil.example"], "s=a&b=be&action=drain&t=0", "DENY"),
        (&["Referer: http://evil.example/"], form, "DENY"),
        (&["Sec-Fetch-Mode: navigate"], form, "DENY"),
        // A name that was led here says of itself that it is the same.
        (&[&own], form, "DENY"),
        (&[&own, "Sec-Fetch-Site: same-origin"], form, "DENY"),
        (&[&referer], form, "DENY"),
        (&[], form, "DONE"),
        (&[&referer], &with_token, "DONE"),
        (&[&own, "Sec-Fetch-Site: same-origin"], &with_token, "DONE"),
        (&["Origin: https://proxy.in.front"], &with_token, "DONE"),
    ];
    for (headers, form, code) in cases {
        let headers: Vec<&str> = headers.iter().copied().chain([known]).collect();
        let answer = site.post(&headers, form);
        assert_eq!(answer.header("location"), format!("/stats;st={code}"), "{headers:?}");
        assert_eq!(
            site_status(&site, known),
            if code == "DENY" { "no check" } else { "DRAIN" }
        );
    }
}

fn site_status(site: &Site, known: &str) -> String {
    let csv = request(site.at, "GET", "/stats;csv", &[known], "").body;
    let line = csv.lines().find(|l| l.starts_with("be,a,")).unwrap_or_default();
    line.split(',').nth(17).unwrap_or_default().to_owned()
}

#[test]
fn slow_and_broken_clients_keep_nobody_out() {
    let server = Server::echo();
    let site = Site::start(
        Config::default().server("a", &server, ""),
        &["stats uri /stats", "stats admin if TRUE"],
    );
    let beginnings: [&[u8]; 4] = [
        b"",
        b"GET /st",
        b"POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\ns=a",
        b"POST /stats HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ns=",
    ];
    let mut slow = Vec::new();
    for n in 0..300 {
        let mut stream = connect(site.at);
        // Some of them are shown out while they still talk.
        stream.write_all(beginnings[n % 4]).ok();
        slow.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(site.get("/stats;csv").status, 200);
    }
    assert_eq!(
        ask(&mut connect(site.config.at()), b"still balancing"),
        b"still balancing"
    );
    // Who came first had to go.
    assert!(ended(&mut slow[0]));
    // Nonsense gets an answer or an end, and the next one is served.
    for nonsense in [
        &b"\0\0\0\0\r\n\r\n"[..],
        &[b'x'; 40_000],
        b"GET /stats HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(site.at);
        stream.write_all(nonsense).ok();
        ended(&mut stream);
        assert_eq!(site.get("/stats").status, 200);
    }
}

/// A router that tells everybody on the host, as tandem-vrrp does beside its control socket; until the process ends.
fn router_for_everybody(control: &str) {
    let name = format!("tandem-vrrp state {control}");
    let address = <std::os::unix::net::SocketAddr as SocketAddrExt>::from_abstract_name(name).expect("a short name");
    let listener = UnixListener::bind_addr(&address).expect("nobody has this name");
    const ANSWER: &str = "{\"answer\": [{\"name\": \"VI_late\", \"state\": \"MASTER\", \"interface\": \"eth0\", \"vrid\": 51, \
                          \"priority\": 100, \"base_priority\": 100, \"since_seconds\": 3.0, \"addresses\": [\"192.0.2.9/24\"], \"split\": true}]}\n";
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
                if lines.get_mut().write_all(ANSWER.as_bytes()).is_err() {
                    break;
                }
                line.clear();
            }
        }
    });
}

#[test]
fn a_balancer_without_rights_finds_the_router_that_starts_later() {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !is_root {
        // A test whose reader is gone has nobody to tell.
        let _ = writeln!(
            std::io::stdout().lock(),
            "SKIP another user and root: not started as root"
        );
        return;
    }
    let root = std::env::temp_dir().join(format!("tandem-root-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("the temporary folder is writable");
    let control = format!("/nowhere/{}/control.sock", std::process::id());
    let socket = root.join("lb.sock");
    let server = Server::echo();
    let config = Config::default()
        .global("user nobody")
        .global(format!("chroot {}", root.display()))
        .global(format!("stats socket {}", socket.display()))
        .server("a", &server, "");
    let port = free_port();
    let page = format!("listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n");
    let _lb = Lb::start_with(&["--vrrp-socket", &control], &format!("{config}{page}"));
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    assert!(!fetch(at, "/stats").body.contains("h-routes"));
    router_for_everybody(&control);
    until("the router on the page", || {
        Some(fetch(at, "/stats").body)
            .filter(|page| page.contains("VI_late") && page.contains("192.0.2.9/24") && page.contains("split brain"))
    });
    let said = tandem_tests::order(&socket, "show router");
    assert!(
        said.contains("\nVI_late,MASTER,51,eth0,100,100,3,1,192.0.2.9/24\n"),
        "{said}"
    );
    std::fs::remove_dir_all(&root).ok();
}
