//! A balancer's file in HAProxy's dialect as the lab can have it: each line stays where it is, what a lab has not is made
//! a comment, and every such change is noted.

use std::net::IpAddr;
use std::ops::Range;

use tandem_lb_config::{Dialect, Heard, NamedText, World, heard};

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

/// A line as its daemon would hear it.
pub struct Line {
    at: Range<usize>,
    place: String,
    section: String,
    words: Vec<String>,
    is_left_out: bool,
}

/// Those of each text; `None` of one in TOML. Mistakes are said by whoever reads what is made of it.
pub fn heard_of(texts: &[NamedText], world: World<'_>) -> Vec<Option<Vec<Line>>> {
    let is_toml = |text: &&NamedText| Dialect::recognise(&text.bytes) == Dialect::Toml;
    let those: Vec<NamedText> = texts.iter().filter(|text| !is_toml(text)).cloned().collect();
    let (heard, sources) = heard(&those, world);
    let mut heard = heard.into_iter();
    let line = |line: Heard| Line {
        at: line.at.start..line.at.end,
        place: sources.origin(line.at).to_string(),
        section: line.section,
        words: line.words,
        is_left_out: line.is_left_out,
    };
    let of = |text: &NamedText| match is_toml(&text) {
        true => None,
        false => Some(heard.next()?.into_iter().map(line).collect()),
    };
    texts.iter().map(of).collect()
}

pub struct Mapping<'a> {
    pub along: &'a mut Along,
    pub changes: &'a mut Changes,
    pub places: &'a mut Places,
    /// Which of the two hosts.
    pub side: usize,
    /// `maxconn` as the files say it, and where.
    pub connections: Option<(u32, String)>,
    /// Ports of this host that frontends are bound to: a server there is a frontend of the same files.
    pub chained: Vec<String>,
}

pub const ONE_USER: &str = "a lab has one user";
const NO_LOG: &str = "the lab has nobody who takes logs";
pub const PLAIN: &str = "the lab's brokers are asked and served as they are: over plain TCP";
pub const OWN: &str = "each host has one of its own";

/// What a line says that is taken out of it, and of how many words it is.
const OF_SOCKETS: [(&str, usize); 4] = [("user", 2), ("group", 2), ("uid", 2), ("gid", 2)];
const OF_SERVERS: [(&str, usize); 37] = [
    ("source", 2),
    ("usesrc", 2),
    ("no-verifyhost", 1),
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
pub const CHECKS: [&str; 8] = [
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
    pub fn map(&mut self, text: &NamedText, heard: &[Line]) -> Mapped {
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut folders = Vec::new();
        for line in heard {
            let fate = match line.is_left_out {
                // It is decided here, so that nobody decides otherwise.
                true => Fate::Goes,
                false => self.line(&line.section, &line.words, &line.place, &mut folders),
            };
            match fate {
                Fate::Stays => {}
                Fate::Goes => edits.push((line.at.start..line.at.start, "# ".into())),
                Fate::Becomes(now) => edits.push((line.at.clone(), joined(&now))),
            }
        }
        let mut text = edited(&text.bytes, edits);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Mapped { text, folders }
    }

    /// Before anything is mapped.
    pub fn chain_binds(&mut self, heard: &[Line]) {
        let binds = heard.iter().filter(|line| !line.is_left_out && line.words[0] == "bind");
        self.chain(binds.filter_map(|line| line.words.get(1)).map(String::as_str));
    }

    /// Keeps the ports that this host's own clients can connect to.
    pub fn chain<'a>(&mut self, addresses: impl Iterator<Item = &'a str>) {
        let here = addresses
            .flat_map(|all| all.split(','))
            .map(split)
            .filter(|(ip, port)| {
                let is_here = match ip.parse::<IpAddr>() {
                    Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
                    Err(_) => ["", "*", "localhost"].contains(&ip.as_str()),
                };
                is_here && !port.is_empty()
            });
        self.chained.extend(here.map(|(_, port)| port));
    }

    /// Whether a server there is a frontend of the same files.
    pub fn is_chained(&self, ip: &str, port: &String) -> bool {
        let is_here = ip == "localhost" || ip.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        is_here && self.chained.contains(port)
    }

    fn line(&mut self, section: &str, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let was = words.join(" ");
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        match (section, said.as_slice()) {
            ("global", ["stats", "socket", ..]) => self.stats_socket(words, place, folders),
            ("global", ["maxconn", count]) => {
                // It is said again below.
                let count = count.parse().ok().filter(|count| *count > 0);
                self.connections = count.map(|count| (count, place.to_owned()));
                Fate::Goes
            }
            ("global", ["unix-bind", ..]) => {
                let now = without(words, 1, &OF_SOCKETS);
                self.becomes(words, now, place, ONE_USER)
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
            ("backend" | "listen" | "defaults", ["source", from, rest @ ..]) => {
                let own = self.places.hosts[self.side].to_string();
                if rest.is_empty() && from.split(':').next() == Some(own.as_str()) {
                    return Fate::Stays;
                }
                self.changes
                    .note(place, was, None, "a host of the lab has its own address only");
                Fate::Goes
            }
            ("backend" | "listen", ["server", _, _, ..]) => self.server(words, place),
            ("backend" | "listen" | "defaults", ["default-server", ..]) => {
                let now = without(words, 1, &[&OF_SERVERS[..], &OF_NAMES[..]].concat());
                self.becomes(words, now, place, PLAIN)
            }
            ("frontend" | "listen" | "peers", ["bind", ..]) => self.bind(words, place, folders),
            _ => self.led(words, place),
        }
    }

    fn stats_socket(&mut self, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let mut now = without(words, 3, &OF_SOCKETS);
        if let Some(at) = now.get_mut(2) {
            self.own_socket(at, folders);
        }
        self.becomes(
            words,
            now,
            place,
            "each host has one of its own, and a lab has one user",
        )
    }

    /// The address of a socket in the file system is one that every host has for itself.
    fn own_socket(&self, address: &mut String, folders: &mut Vec<String>) -> bool {
        let path = address.trim_start_matches("unix@").to_owned();
        let own = own_path(&path);
        folders.extend(folder_of(own.as_deref().unwrap_or(&path)));
        let is_moved = own.is_some();
        if let Some(own) = own {
            *address = own;
        }
        is_moved
    }

    fn bind(&mut self, words: &[String], place: &str, folders: &mut Vec<String>) -> Fate {
        let mut now = without(words, 2, &OF_SOCKETS);
        let mut why = ONE_USER;
        if now.get_mut(1).is_some_and(|at| self.own_socket(at, folders)) {
            why = OWN;
        }
        for at in 2..now.len() {
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
        let at = &words[2];
        let mut moved = at.clone();
        // Whoever is spoken to there is a frontend of these files, and speaks what they say.
        if at.starts_with('/') || at.starts_with("unix@") {
            let mut now = words.to_vec();
            return match self.own_socket(&mut moved, &mut Vec::new()) {
                true => {
                    now[2] = moved;
                    self.becomes(words, now, place, OWN)
                }
                false => Fate::Stays,
            };
        }
        let (ip, port) = split(at);
        if at.starts_with("abns@") || self.is_chained(&ip, &port) {
            return Fate::Stays;
        }
        let mut now = without(words, 3, &OF_SERVERS);
        let plain = now.clone();
        if let Some(stands_for) = self.places.server(self.side, &ip) {
            now = without(&now, 3, &OF_NAMES);
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

/// What the lab needs of every balancer. A machine that allows one user fewer files shall rehearse all the same.
pub fn needed() -> String {
    format!(
        "\n# Of the lab.\nglobal\n    maxconn {CONNECTIONS}\n    no strict-limits\n    stats socket {FOLDER}/lb.sock mode 660 level admin expose-fd listeners\n"
    )
}

enum Fate {
    Stays,
    /// It becomes a comment.
    Goes,
    Becomes(Vec<String>),
}

/// The words without some from that one on, and without what belongs to those.
fn without(words: &[String], from: usize, some: &[(&str, usize)]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let found = some.iter().find(|(name, _)| at >= from && name == word);
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

/// A host as it was written, without brackets, and its port with the colon.
pub fn split(address: &str) -> (String, String) {
    let address = ["ipv4@", "ipv6@"]
        .iter()
        .find_map(|family| address.strip_prefix(family))
        .unwrap_or(address);
    if let Some((ip, port)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (ip.to_owned(), port.to_owned());
    }
    match address.rsplit_once(':') {
        Some((ip, port)) => (ip.to_owned(), format!(":{port}")),
        None => (address.to_owned(), String::new()),
    }
}

/// The words as a line: they had their quotes and variables resolved.
fn joined(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
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
            &[],
        );
        let mut mapping = Mapping {
            along,
            changes: &mut changes,
            places: &mut places,
            side: 0,
            connections: None,
            chained: Vec::new(),
        };
        let texts = [NamedText::new("h.cfg", text.as_bytes())];
        let world = World::new(&|_| None, &|_| Err("none".into()));
        let heard = heard_of(&texts, world).remove(0).expect("it is no TOML");
        mapping.chain_binds(&heard);
        let text = mapping.map(&texts[0], &heard).text;
        let connections = mapping.connections.map(|(count, _)| count);
        let changes = changes.into_inner().iter().map(ToString::to_string).collect();
        (text, changes, connections)
    }

    #[test]
    fn what_the_file_sets_holds_and_what_conditions_leave_out_does_not() {
        let text = "global\n setenv B1 10.5.0.11\n setenv B2 10.5.0.12\n.if 0\n maxconn 20000\n.else\n maxconn 300\n.endif\n\
                    backend b\n server s1 \"${B1}:61613\" check\n server s2 \"${B2}:61613\" send-proxy\n";
        let (text, changes, connections) = mapped(text, &mut Along::default());
        assert_eq!(connections, Some(300));
        assert!(
            text.contains(" server s1 \"${B1}:61613\" check\n server s2 10.5.0.12:61613\n"),
            "{text}"
        );
        assert!(
            text.contains("# .if 0\n # maxconn 20000\n# .else\n # maxconn 300\n# .endif\n"),
            "{text}"
        );
        assert_eq!(changes.len(), 1, "{changes:?}");
    }

    #[test]
    fn every_word_after_the_keyword_of_default_server_is_an_option() {
        let text = "defaults\n default-server ssl verify none check\nbackend b\n default-server send-proxy check\n";
        let (text, changes, _) = mapped(text, &mut Along::default());
        assert_eq!(
            text,
            "defaults\n default-server check\nbackend b\n default-server check\n"
        );
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn a_server_that_is_a_frontend_of_the_same_files_is_spoken_to_as_they_say() {
        let text = "frontend a\n bind /var/lib/haproxy/x.sock accept-proxy\n bind 127.0.0.1:81 accept-proxy\n\
                    backend b\n server x /var/lib/haproxy/x.sock send-proxy-v2\n server y 127.0.0.1:81 send-proxy\n";
        let (text, changes, _) = mapped(text, &mut Along::default());
        assert_eq!(
            text,
            "frontend a\n bind /run/drill/var/lib/haproxy/x.sock accept-proxy\n bind 127.0.0.1:81 accept-proxy\n\
             backend b\n server x /run/drill/var/lib/haproxy/x.sock send-proxy-v2\n server y 127.0.0.1:81 send-proxy\n"
        );
        assert_eq!(changes.len(), 2);
    }

    #[test]
    fn a_file_with_mistakes_is_mapped_all_the_same() {
        let text = "global\n stats socket\n stats socket user\nbackend\n server\n server x\n bind\n default-server\n";
        mapped(text, &mut Along::default());
        assert_eq!(split("[fd00::11]:61613"), ("fd00::11".into(), ":61613".into()));
        assert_eq!(split("ipv4@h:1"), ("h".into(), ":1".into()));
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "# comment\nglobal\n  user haproxy\n  maxconn 500 # many\n  stats socket /run/a.sock user x level admin\n\
                    backend b\n  server s \"10.0.0.11:1\" check inter 2s\n  server own 127.0.0.1:2 ssl verify none check";
        let (mapped, changes, connections) = mapped(text, &mut Along::default());
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
        let mut along = Along::default();
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
        let (text, changes, _) = mapped(text, &mut Along::default());
        assert_eq!(text.matches("  # ").count(), 3, "{text}");
        assert_eq!(changes.len(), 3);
    }
}
