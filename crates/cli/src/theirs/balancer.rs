//! A balancer's file in HAProxy's dialect as the lab can have it: each line stays where it is, what a lab has not is made
//! a comment, and every such change is noted.

use std::ops::Range;

use tandem_lb_config::opens_section;
use tandem_text::haproxy::{Line, lines};
use tandem_text::{SourceMap, Span};

use super::along::Along;
use super::change::Changes;
use super::place::Places;
use super::router::{folder_of, own_path};
use crate::pair::site::{CONNECTIONS, FOLDER};

/// What one file becomes.
pub struct Mapped {
    pub text: String,
    pub folders: Vec<String>,
}

pub struct Mapping<'a> {
    pub along: &'a mut Along,
    pub changes: &'a mut Changes,
    pub places: &'a mut Places,
    /// Which of the two hosts.
    pub side: usize,
    /// `maxconn` as the files say it.
    pub connections: Option<u32>,
}

const ONE_USER: &str = "a lab has one user";
const NO_LOG: &str = "the lab has nobody who takes logs";
const PLAIN: &str = "the lab's brokers are asked and served as they are: over plain TCP";

/// What a line says that is taken out of it, and of how many words it is.
const OF_SOCKETS: [(&str, usize); 4] = [("user", 2), ("group", 2), ("uid", 2), ("gid", 2)];
const OF_SERVERS: [(&str, usize); 34] = [
    ("ssl", 1),
    ("check-ssl", 1),
    ("no-check-ssl", 1),
    ("verify", 2),
    ("verifyhost", 2),
    ("ca-file", 2),
    ("crl-file", 2),
    ("crt", 2),
    ("sni", 2),
    ("check-sni", 2),
    ("alpn", 2),
    ("check-alpn", 2),
    ("ciphers", 2),
    ("ciphersuites", 2),
    ("ssl-min-ver", 2),
    ("ssl-max-ver", 2),
    ("force-tlsv12", 1),
    ("force-tlsv13", 1),
    ("no-sslv3", 1),
    ("no-tlsv10", 1),
    ("no-tlsv11", 1),
    ("no-tls-tickets", 1),
    ("send-proxy", 1),
    ("send-proxy-v2", 1),
    ("send-proxy-v2-ssl", 1),
    ("send-proxy-v2-ssl-cn", 1),
    ("check-send-proxy", 1),
    ("proxy-v2-options", 2),
    ("agent-check", 1),
    ("agent-port", 2),
    ("agent-addr", 2),
    ("agent-inter", 2),
    ("agent-send", 2),
    ("observe-agent", 1),
];
const OF_NAMES: [(&str, usize); 5] = [
    ("resolvers", 2),
    ("init-addr", 2),
    ("resolve-prefer", 2),
    ("resolve-net", 2),
    ("resolve-opts", 2),
];

/// Lines of a section `global` that would act on this machine or cannot be had by one user.
const GLOBAL: [(&str, &str); 15] = [
    ("user", ONE_USER),
    ("group", ONE_USER),
    ("uid", ONE_USER),
    ("gid", ONE_USER),
    ("chroot", ONE_USER),
    ("log", NO_LOG),
    ("daemon", "the lab minds its processes itself"),
    ("pidfile", "the lab minds its processes itself"),
    ("master-worker", "the lab minds its processes itself"),
    ("ulimit-n", "the lab has this machine's limits"),
    ("fd-hard-limit", "the lab has this machine's limits"),
    ("server-state-file", "both hosts would have the same file"),
    ("server-state-base", "both hosts would have the same file"),
    ("stats-file", "both hosts would have the same file"),
    ("tandem-state-file", "both hosts would have the same file"),
];

/// Checks that ask for what only the real servers say.
const CHECKS: [&str; 8] = [
    "httpchk",
    "mysql-check",
    "pgsql-check",
    "redis-check",
    "ldap-check",
    "smtpchk",
    "ssl-hello-chk",
    "external-check",
];

impl Mapping<'_> {
    pub fn map(&mut self, name: &str, bytes: &[u8]) -> Mapped {
        let mut sources = SourceMap::default();
        let file = sources.add(name, bytes);
        // Mistakes are said by whoever reads what is made of it.
        let lines = lines(file, bytes, &|name| std::env::var(name).ok(), &mut Vec::new());
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut folders = Vec::new();
        let mut section = String::new();
        for line in &lines {
            let Some(first) = line.words.first() else { continue };
            if opens_section(&first.text) {
                section.clone_from(&first.text);
            }
            let words: Vec<String> = line.words.iter().map(|word| word.text.clone()).collect();
            let place = sources.origin(line.span).to_string();
            match self.line(&section, &words, &place, &mut folders) {
                Fate::Stays => {}
                Fate::Goes => edits.push((range(line.span.start, line.span.start), "# ".into())),
                Fate::Becomes(now) => edits.extend(changed(line, &now)),
            }
        }
        let mut text = edited(bytes, edits);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Mapped { text, folders }
    }

    fn line(&mut self, section: &str, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let was = words.join(" ");
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        match (section, said.as_slice()) {
            ("global", ["stats", "socket", ..]) => self.stats_socket(words, place, folders),
            ("global", ["maxconn", count]) => {
                // It is said again below.
                self.connections = count.parse().ok();
                Fate::Goes
            }
            ("global", [keyword, ..]) => {
                let Some((_, why)) = GLOBAL.iter().find(|(word, _)| word == keyword) else {
                    return self.led(words, place);
                };
                self.changes.note(place, was, None, why);
                Fate::Goes
            }
            (_, ["log", target, ..]) if !["global", "stdout", "stderr"].contains(target) => {
                self.changes.note(place, was, None, NO_LOG);
                Fate::Goes
            }
            (_, ["option", check, ..]) if CHECKS.contains(check) => {
                self.changes.note(place, was, None, PLAIN);
                Fate::Goes
            }
            (_, ["http-check" | "external-check", ..]) => {
                self.changes.note(place, was, None, PLAIN);
                Fate::Goes
            }
            (_, ["source", .., "usesrc", _]) | (_, ["source", _, "usesrc", ..]) => {
                self.changes.note(
                    place,
                    was,
                    None,
                    "the lab's brokers do not answer through the balancers",
                );
                Fate::Goes
            }
            ("backend" | "listen", ["server", _, _, ..]) => self.server(words, place),
            ("backend" | "listen" | "defaults", ["default-server", ..]) => {
                let now = without(words, &[&OF_SERVERS[..], &OF_NAMES[..]].concat());
                self.becomes(words, now, place, PLAIN)
            }
            ("frontend" | "listen" | "peers", ["bind", ..]) => self.bind(words, place, folders),
            _ => self.led(words, place),
        }
    }

    fn stats_socket(&mut self, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let mut now = without(words, &OF_SOCKETS);
        let path = now[2].trim_start_matches("unix@").to_owned();
        if let Some(own) = own_path(&path) {
            now[2] = own;
        }
        folders.extend(folder_of(&now[2]));
        self.becomes(
            words,
            now,
            place,
            "each host has one of its own, and a lab has one user",
        )
    }

    fn bind(&mut self, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let mut now = without(words, &OF_SOCKETS);
        let mut why = "a lab has one user";
        let path = now
            .get(1)
            .map(|at| at.trim_start_matches("unix@").to_owned())
            .unwrap_or_default();
        if let Some(own) = own_path(&path) {
            folders.extend(folder_of(&own));
            now[1] = own;
            why = "each host has one of its own";
        }
        for at in 1..now.len() {
            let names_file =
                ["crt", "ca-file", "crl-file", "crt-list", "ca-verify-file"].contains(&now[at - 1].as_str());
            if !names_file {
                continue;
            }
            match self.along.copy_of(&now[at]) {
                Some(copy) => {
                    now[at] = copy;
                    why = "the file was brought along";
                }
                None if now[at].starts_with('/') && !std::path::Path::new(&now[at]).exists() => {
                    let why = format!("{} is not on this machine and was not given", now[at]);
                    self.changes.note(place, words.join(" "), None, &why);
                    return Fate::Goes;
                }
                None => {}
            }
        }
        self.becomes(words, now, place, why)
    }

    fn server(&mut self, words: &[String], place: &str) -> Fate {
        let mut now = without(words, &OF_SERVERS);
        let plain = now.clone();
        let (ip, port) = split(&now[2]);
        if let Some(stands_for) = self.places.server(self.side, &ip) {
            now = without(&now, &OF_NAMES);
            now[2] = format!("{stands_for}{port}");
            let why = match plain == words {
                true => "the lab's brokers are on hosts of their own, and it looks up no names",
                false => {
                    "the lab's brokers are on hosts of their own, are spoken to in plain TCP, and it looks up no names"
                }
            };
            return self.becomes(words, now, place, why);
        }
        self.becomes(words, now, place, PLAIN)
    }

    /// A line that names files that were brought along.
    fn led(&mut self, words: &[String], place: &str) -> Fate {
        let lead = |word: &String| self.along.lead(word).unwrap_or_else(|| word.clone());
        let now = words.iter().map(lead).collect();
        self.becomes(words, now, place, "the file was brought along")
    }

    fn becomes(&mut self, words: &[String], now: Vec<String>, place: &str, why: &str) -> Fate {
        if now == words {
            return Fate::Stays;
        }
        self.changes.note(place, words.join(" "), Some(&now.join(" ")), why);
        Fate::Becomes(now)
    }
}

/// What the lab needs of every balancer.
pub fn needed() -> String {
    format!(
        "\n# Of the lab.\nglobal\n    maxconn {CONNECTIONS}\n    stats socket {FOLDER}/lb.sock mode 660 level admin expose-fd listeners\n"
    )
}

enum Fate {
    Stays,
    /// It becomes a comment.
    Goes,
    Becomes(Vec<String>),
}

/// The words without some, and without what belongs to those.
fn without(words: &[String], some: &[(&str, usize)]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        // The first three are no options: keyword, name, address.
        let found = some.iter().find(|(name, _)| at >= 2 && name == word);
        match found {
            Some((_, length)) => at += length,
            None => {
                kept.push(word.clone());
                at += 1;
            }
        }
    }
    kept
}

/// An address as it was written, and its port with the colon.
fn split(address: &str) -> (String, String) {
    let address = address.trim_start_matches("ipv4@");
    match address.rsplit_once(':') {
        Some((ip, port)) => (ip.to_owned(), format!(":{port}")),
        None => (address.to_owned(), String::new()),
    }
}

fn range(start: usize, end: usize) -> Range<usize> {
    start..end
}

/// The whole line anew: its words had their quotes and variables resolved.
fn changed(line: &Line, now: &[String]) -> Option<(Range<usize>, String)> {
    let words: Vec<String> = now.iter().map(|word| quoted(word)).collect();
    let Span { start, end, .. } = line.span;
    Some((range(start, end), words.join(" ")))
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !"\"'\\#$".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    // Between apostrophes everything stands for itself but the apostrophe.
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn edited(bytes: &[u8], edits: Vec<(Range<usize>, String)>) -> String {
    let mut out = Vec::new();
    let mut at = 0;
    for (range, text) in edits {
        out.extend_from_slice(&bytes[at..range.start]);
        out.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(&bytes[at..]);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn mapped(text: &str, along: &mut Along) -> (String, Vec<String>, Option<u32>) {
        let mut changes = Changes::default();
        let mut places = Places::of(
            Ipv4Addr::new(10, 0, 0, 100),
            24,
            [Some(Ipv4Addr::new(10, 0, 0, 1)), None],
        );
        let mut mapping = Mapping {
            along,
            changes: &mut changes,
            places: &mut places,
            side: 0,
            connections: None,
        };
        let text = mapping.map("h.cfg", text.as_bytes()).text;
        let connections = mapping.connections;
        let changes = changes.into_inner().iter().map(ToString::to_string).collect();
        (text, changes, connections)
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "# comment\nglobal\n  user haproxy\n  maxconn 500 # many\n  stats socket /run/a.sock user x level admin\n\
                    backend b\n  server s \"10.0.0.11:1\" check inter 2s\n  server own 127.0.0.1:2 ssl verify none check";
        let (mapped, changes, connections) = mapped(text, &mut Along::new());
        assert_eq!(
            mapped,
            "# comment\nglobal\n  # user haproxy\n  # maxconn 500 # many\n  stats socket /run/a.sock level admin\n\
             backend b\n  server s \"10.0.0.11:1\" check inter 2s\n  server own 198.18.200.1:2 check\n"
        );
        assert_eq!(connections, Some(500));
        let places: Vec<&str> = changes.iter().filter_map(|change| change.split(": ").next()).collect();
        assert_eq!(places, ["h.cfg:3", "h.cfg:5", "h.cfg:8"]);
    }

    #[test]
    fn a_certificate_is_brought_along_or_missed() {
        let text = "frontend f\n  bind :1 ssl crt /no/such/site.pem\n  bind :2\n";
        let mut along = Along::new();
        let (without, changes, _) = mapped(text, &mut along);
        assert_eq!(
            without,
            "frontend f\n  # bind :1 ssl crt /no/such/site.pem\n  bind :2\n"
        );
        assert!(
            changes[0].contains("is not on this machine and was not given"),
            "{changes:?}"
        );
        along.bring("site.pem", b"PEM".to_vec());
        let (with, ..) = mapped(text, &mut along);
        assert!(with.contains(&format!("crt {FOLDER}/along/site.pem\n")), "{with}");
    }

    #[test]
    fn what_the_brokers_do_not_speak_is_not_asked() {
        let text = "backend b\n  option httpchk GET /\n  http-check expect status 200\n  option tcpka\n  log 10.0.0.5 local0\n";
        let (text, changes, _) = mapped(text, &mut Along::new());
        assert_eq!(text.matches("  # ").count(), 3, "{text}");
        assert_eq!(changes.len(), 3);
    }
}
