//! What is another number in each run: ports, times, places in memory.

use std::net::SocketAddr;
use std::path::Path;

/// Columns of `show stat` that depend on when one looks, or on the process. All others are compared.
const PASSING: [&str; 28] = [
    "pid",
    "lastchg",
    "downtime",
    "rate",
    "rate_max",
    "req_rate",
    "req_rate_max",
    "conn_rate",
    "conn_rate_max",
    "check_duration",
    "agent_duration",
    "lastsess",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
    "qt_max",
    "ct_max",
    "rt_max",
    "tt_max",
    "chkfail",
    "hanafail",
    "eint",
    "qtime_max",
    "ctime_max",
    "rtime_max",
    "ttime_max",
    "last_chk",
];

/// Columns that only one of the two has: of HTTP and its idle connections, or of ours.
const APART: [&str; 8] = [
    "-",
    "h1_",
    "h2_",
    "ssl_",
    "tandem_",
    "reqbin",
    "resbin",
    "need_conn_est",
];

/// From this last number of an address on it is not said at which server a client was.
pub(crate) const ANONYMOUS: u8 = 100;

pub(crate) struct Mask {
    known: Vec<(String, SocketAddr)>,
    path: String,
}

impl Mask {
    pub(crate) fn new(known: Vec<(String, SocketAddr)>, path: &Path) -> Mask {
        Mask {
            known,
            path: path.display().to_string(),
        }
    }

    /// The addresses that stand for the names in braces.
    pub(crate) fn filled_in(&self, text: &str) -> String {
        let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/configs/files/broker.pem");
        let mut text = text.replace("{path}", &self.path).replace("{pem}", certificate);
        for (name, address) in &self.known {
            text = text.replace(&format!("{{{name}}}"), &address.to_string());
            text = text.replace(&format!("{{{name}.port}}"), &address.port().to_string());
        }
        text
    }

    /// Addresses by their names, other ports by one letter, and no times in tables.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.replace(&self.path, "{path}");
        for (name, address) in &self.known {
            text = text.replace(&address.to_string(), &format!("{{{name}}}"));
            text = text.replace(&format!("port {}", address.port()), &format!("port {{{name}}}"));
        }
        let word = |word: &str| match word {
            _ if word.starts_with("0x") && word.ends_with(':') => "0x:".to_owned(),
            _ if word.starts_with("exp=") && word != "exp=0" => "exp=N".to_owned(),
            _ if word.starts_with("'") && word.trim_matches('\'').parse::<u16>().is_ok() => "'P'".to_owned(),
            _ => port(word),
        };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }

    /// Without the date; times are `N`, and those that never came stay -1.
    pub(crate) fn log_line(&self, line: &str) -> String {
        let line = self.text(line);
        let last = line.split([':', ' ']).next().and_then(|ip| ip.strip_prefix("127.0.0."));
        let is_anonymous = last
            .and_then(|last| last.parse().ok())
            .is_some_and(|last: u8| last >= ANONYMOUS);
        let words = line.split(' ').enumerate().map(|(place, word)| {
            match place {
                3 if is_anonymous => return word.split('/').next().unwrap_or_default().to_owned(),
                7 if is_anonymous => return "conns".to_owned(),
                _ => {}
            }
            if word.starts_with('[') && word.ends_with(']') && word.contains('/') {
                return "[T]".to_owned();
            }
            if word.ends_with("ms,") || word.ends_with("ms.") {
                return "Nms".to_owned();
            }
            timers(word).unwrap_or_else(|| word.to_owned())
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// A line for each cell that says something.
    pub(crate) fn csv(&self, csv: &str) -> Vec<String> {
        let mut lines = csv.lines().map(|line| cells(line.trim_start_matches("# ")));
        let names = lines.next().unwrap_or_default();
        let mut out = Vec::new();
        for row in lines.filter(|row| row.len() > 2) {
            for (name, cell) in names.iter().zip(&row).skip(2) {
                let is_compared =
                    !PASSING.contains(&name.as_str()) && !APART.iter().any(|apart| name.starts_with(apart));
                if !cell.is_empty() && is_compared {
                    // A star says that a check is under way.
                    let cell = self.text(cell.trim_start_matches("* "));
                    out.push(format!("stat {}/{} {name}={cell}", row[0], row[1]));
                }
            }
        }
        out
    }
}

/// A quote keeps commas together.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cells.last_mut().expect("there is a first").push(other),
        }
    }
    cells
}

/// `127.0.0.1:41234` without a port that the kernel chose.
fn port(word: &str) -> String {
    let end = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    match end.rsplit_once(':') {
        Some((ip, port)) if ip.contains("127.0.0.") && port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{ip}:P{}", &word[end.len()..])
        }
        _ => word.to_owned(),
    }
}

/// The three of `tcplog`.
fn timers(word: &str) -> Option<String> {
    let parts: Vec<&str> = word.split('/').collect();
    let is_number = |part: &&str| part.trim_start_matches(['+', '-']).parse::<u64>().is_ok();
    if parts.len() != 3 || !parts.iter().all(is_number) {
        return None;
    }
    let masked = parts.iter().map(|part| if *part == "-1" { "-1" } else { "N" });
    Some(masked.collect::<Vec<_>>().join("/"))
}
