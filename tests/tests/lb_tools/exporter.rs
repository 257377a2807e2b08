//! `prometheus-haproxy-exporter`: reads the page's CSV by position.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use tandem_tests::{fetch, free_port, until};

use super::room::say;
use super::stage::{Side, Stage, assert_same};

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Times of checks and sessions, and rates, differ from run to run; the page's own bytes and visits differ by the tool.
const VOLATILE: [&str; 7] = [
    "_rate",
    "_duration_",
    "_average_seconds",
    "_time_",
    "frontend=\"page\"",
    "backend=\"page\"",
    "_last_session",
];

fn metrics(uri: &str) -> Option<Vec<String>> {
    let port = free_port();
    let mut command = Command::new("prometheus-haproxy-exporter");
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--haproxy.scrape-uri={uri}"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    let _exporter = Exporter(child);
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    until("the exporter", || TcpStream::connect(at).ok());
    let text = fetch(at, "/metrics").body;
    assert!(text.contains("\nhaproxy_up 1\n"), "{uri}: {text}");
    let of_haproxy = text.lines().filter(|line| line.starts_with("haproxy_"));
    let ours = of_haproxy.filter(|line| {
        !["haproxy_exporter_", "haproxy_version_info"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let masked = ours.map(|line| match VOLATILE.iter().any(|word| line.contains(word)) {
        true => line.rsplit_once(' ').map_or(line, |(name, _)| name).to_owned(),
        false => line.to_owned(),
    });
    Some(masked.collect())
}

#[test]
fn over_http_and_over_the_socket() {
    let Some(stage) = Stage::set("prometheus-haproxy-exporter") else {
        return;
    };
    type Uri = fn(&Side) -> String;
    let ways: [(&str, Uri); 2] = [
        ("the page", |side| format!("http://{}/;csv", side.page())),
        ("the socket", |side| format!("unix:{}", side.room.socket().display())),
    ];
    for (way, uri) in ways {
        let [Some(theirs), Some(ours)] = stage.both(|side| metrics(&uri(side))) else {
            return say("SKIP prometheus-haproxy-exporter: not installed");
        };
        assert_same(way, [theirs, ours]);
    }
}
