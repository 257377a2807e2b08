//! The table that nf_tables carries, as text for `nft -f -`, and what of it has to change.
//!
//! ```text
//!   client ─▶ prerouting: whose address? ─▶ lane: pinned? else which bucket? ─▶ server: rewrite the destination ─▶ routing
//!   client ◀─ postrouting: rewrite the source ◀─ routing ◀──────────────────────────────────────────────────── server
//! ```
//!
//! Nothing is tracked. The destination is rewritten before routing, the source after it, or the kernel would take the
//! server's answers for its own address coming from outside. The packet's mark carries the bucket, then the server's number,
//! since nft takes no named map directly behind a hash; it is 0 again when the packet leaves the table.
//!
//! Each script is one transaction, and fails as a whole where the table has become somebody else's. Rules are always written
//! anew; pins and counters stay.

use std::fmt::Write;
use std::net::SocketAddr;

use super::errors::{Quoted, quotes_tcp, rewrite};
use super::objects::{Flow, Objects, pair};
use super::{BUCKETS, Key, Lane, Owner, Target};

/// Family and name of the table; nobody else's is touched.
pub const TABLE: &str = "inet tandem_forward";

/// How many elements of maps may change in one transaction: the kernel refuses more than about 7,500 from a user namespace.
const ELEMENTS: usize = 7_000;

/// The maps and counters that do not belong to a lane.
const MAPS: [&str; 4] = ["lanes4", "lanes6", "replies4", "replies6"];
const SETS: [&str; 4] = ["virtual4", "virtual6", "servers4", "servers6"];
const COUNTERS: [&str; 2] = ["fragments", "astray"];
const CHAINS: [&str; 6] = [
    "prerouting",
    "postrouting",
    "errors4",
    "errors6",
    "errors4_back",
    "errors6_back",
];

/// All lanes of a host, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    pub owner: Owner,
    pub lanes: Vec<Lane>,
}

impl Ruleset {
    /// The scripts that lead from what was loaded before to this, to be loaded in their order; none where nothing has
    /// changed. Without a `before` the table is built and becomes the owner's, and of what `stands` there pins and counters
    /// are kept.
    pub fn scripts(&self, before: Option<&Ruleset>, stands: &Objects) -> Vec<String> {
        let is_built = before.is_some_and(|before| before.is_built_as(self));
        let mut scripts = vec![if is_built {
            String::new()
        } else {
            self.structure(stands)
        }];
        let mut room = ELEMENTS;
        for lane in &self.lanes {
            let known = before.and_then(|before| before.lanes.iter().find(|known| known.at == lane.at));
            let (text, elements) = match known {
                Some(known) => lane.moved(known),
                None => lane.filled(),
            };
            if elements > room {
                scripts.push(String::new());
                room = ELEMENTS;
            }
            room -= elements.min(room);
            if let Some(script) = scripts.last_mut() {
                script.push_str(&text);
            }
        }
        scripts.retain(|script| !script.is_empty());
        // The first makes it the owner's, where it is not yet.
        let is_new = before.is_none() && !stands.counters.contains(&self.owner.counter());
        for script in scripts.iter_mut().skip(usize::from(is_new)) {
            script.insert_str(0, &self.owner.proof());
        }
        scripts
    }

    /// What stands when all of it is loaded.
    pub fn objects(&self) -> Objects {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut objects = Objects {
            is_table: true,
            chains: own(&CHAINS),
            maps: own(&MAPS),
            counters: own(&COUNTERS),
        };
        objects.counters.insert(self.owner.counter());
        self.lanes.iter().for_each(|lane| lane.note(&mut objects));
        objects
    }

    fn is_built_as(&self, other: &Ruleset) -> bool {
        let pairs = || self.lanes.iter().zip(&other.lanes);
        self.lanes.len() == other.lanes.len() && pairs().all(|(one, other)| one.is_built_as(other))
    }

    /// Everything but the buckets.
    fn structure(&self, stands: &Objects) -> String {
        let owner = self.owner.counter();
        // Where there was none, another process's that was quicker is not built over.
        let verb = if stands.is_table { "flush" } else { "create" };
        let mut text = format!("{verb} table {TABLE}\ntable {TABLE} {{\ncounter {owner} {{ }}\n{STATIC}");
        for lane in &self.lanes {
            lane.declare(&mut text);
        }
        text.push_str(&self.hooks());
        text.push_str("}\n");
        let wanted = self.objects();
        let flush = |kind: &str, names: &[&str]| -> String {
            names
                .iter()
                .map(|name| format!("flush {kind} {TABLE} {name}\n"))
                .collect()
        };
        text.push_str(&flush("set", &SETS));
        text.push_str(&flush("map", &MAPS));
        for lane in &self.lanes {
            let [_, _, servers, errors] = lane.maps();
            text.push_str(&flush("map", &[&servers, &errors]));
        }
        let gone = [
            ("map", stands.maps.difference(&wanted.maps)),
            ("chain", stands.chains.difference(&wanted.chains)),
            ("counter", stands.counters.difference(&wanted.counters)),
        ];
        for (kind, names) in gone {
            text.extend(names.map(|name| format!("delete {kind} {TABLE} {name}\n")));
        }
        for lane in &self.lanes {
            lane.connect(&mut text);
        }
        text
    }

    /// The chains at which packets come in.
    fn hooks(&self) -> String {
        let mut text = String::new();
        for (number, is_v4) in [(4, true), (6, false)] {
            let of_family = || self.lanes.iter().filter(move |lane| lane.at.is_ipv4() == is_v4);
            let errors = of_family().map(|lane| format!("{} goto {}", Quoted::Source.is(lane.at), lane.map("error")));
            chain(&mut text, &format!("errors{number}"), errors);
            let back = of_family().flat_map(|lane| {
                lane.targets.iter().map(|target| {
                    let chain = lane.chain(target, "_error_back");
                    format!("{} goto {chain}", Quoted::Destination.is(target.at))
                })
            });
            chain(&mut text, &format!("errors{number}_back"), back);
        }
        let [four, six] = [quotes_tcp(true), quotes_tcp(false)];
        let _ = write!(
            text,
            "chain prerouting {{\n{PREROUTING}{four} ip daddr @virtual4 jump errors4\n\
             {six} ip6 daddr @virtual6 jump errors6\n{ASTRAY}}}\n\
             chain postrouting {{\n{POSTROUTING}{four} jump errors4_back\n{six} jump errors6_back\n}}\n"
        );
        text
    }
}

/// Declared before what names them.
const STATIC: &str = "\
    set virtual4 { type ipv4_addr; }\nset virtual6 { type ipv6_addr; }\n\
    set servers4 { type ipv4_addr . inet_service; }\nset servers6 { type ipv6_addr . inet_service; }\n\
    map lanes4 { type ipv4_addr . inet_service : verdict; }\nmap lanes6 { type ipv6_addr . inet_service : verdict; }\n\
    map replies4 { type ipv4_addr . inet_service : verdict; }\n\
    map replies6 { type ipv6_addr . inet_service : verdict; }\n\
    counter fragments { }\ncounter astray { }\n";

/// Pieces of packets cannot be told apart by their port, so they are not let in; no TCP of our days sends any.
const PREROUTING: &str = "\
    type filter hook prerouting priority raw; policy accept;\n\
    iifname \"lo\" accept\n\
    ip daddr . tcp dport vmap @lanes4\n\
    ip6 daddr . tcp dport vmap @lanes6\n\
    ip frag-off & 0x1fff != 0 ip protocol tcp ip daddr @virtual4 counter name fragments drop\n\
    exthdr frag exists ip6 daddr @virtual6 counter name fragments drop\n";

/// Answers of servers are not tracked either, but those to this host's own checks are. Whoever connects to a server's port
/// past its virtual address would get answers from that address: it is better that it gets none at all.
const ASTRAY: &str = "\
    fib daddr type local accept\n\
    ip saddr . tcp sport @servers4 notrack accept\n\
    ip6 saddr . tcp sport @servers6 notrack accept\n\
    ip daddr . tcp dport @servers4 counter name astray reject with tcp reset\n\
    ip6 daddr . tcp dport @servers6 counter name astray reject with tcp reset\n";

const POSTROUTING: &str = "\
    type filter hook postrouting priority srcnat; policy accept;\n\
    oifname \"lo\" accept\n\
    ip saddr . tcp sport vmap @replies4\n\
    ip6 saddr . tcp sport vmap @replies6\n";

fn chain(text: &mut String, name: &str, rules: impl IntoIterator<Item = String>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "chain {name} {{");
    for rule in rules {
        let _ = writeln!(text, "{rule}");
    }
    text.push_str("}\n");
}

impl Lane {
    /// Its maps, counters and chains, with their rules.
    fn declare(&self, text: &mut String) {
        let [pins, buckets, servers, errors] = self.maps();
        let _ = write!(
            text,
            "map {pins} {{ typeof {} : meta mark; size {}; flags dynamic,timeout; }}\n\
             map {buckets} {{ type mark : mark; }}\n\
             map {servers} {{ type mark : verdict; }}\nmap {errors} {{ type mark : verdict; }}\n\
             counter {} {{ }}\ncounter {} {{ }}\n",
            self.pin(),
            self.pins,
            self.nobody(),
            self.waits(),
        );
        for target in &self.targets {
            for flow in [Flow::New, Flow::In, Flow::Out] {
                let _ = writeln!(text, "counter {} {{ }}", self.counter(target, flow));
            }
            self.declare_target(target, text);
        }
        let with_port = self.key == Key::SourcePort;
        let source = if self.at.is_ipv4() { "ip saddr" } else { "ip6 saddr" };
        let key = if with_port {
            format!("{source} . tcp sport")
        } else {
            source.to_owned()
        };
        let hash = |key: &str| format!("meta mark set jhash {key} mod {BUCKETS} seed {:#x}", self.seed);
        let pinned = |pin: &str, to: &str| format!("meta mark set {pin} map @{pins} meta mark vmap @{to}");
        let balanced = |to: &str| format!("meta mark set meta mark map @{buckets} meta mark vmap @{to}");
        let own = self.pin();
        let rules = [
            // A new connection from the same port is not the one that was pinned.
            format!("{IS_NEW} delete @{pins} {{ {own} : 0 }}"),
            format!("{IS_NOT_NEW} {}", pinned(own, &servers)),
            hash(&key),
            balanced(&servers),
            // A connection that the other host let in, while this one knows of no server (its checks have only begun):
            // a reset would end it, and what is sent again finds the table when the checks are back.
            format!("{IS_NOT_NEW} counter name {} drop", self.waits()),
            // Nobody is there: the host itself answers that nobody listens.
            format!("counter name {} meta mark set 0", self.nobody()),
        ];
        chain(text, &self.name(), rules);
        let (quoted, is_v4) = (Quoted::Destination, self.at.is_ipv4());
        let of_errors = quoted.pin(is_v4).map(|pin| pinned(pin, &errors)).into_iter().chain([
            hash(&quoted.key(is_v4, with_port)),
            balanced(&errors),
            "meta mark set 0".to_owned(),
        ]);
        chain(text, &self.map("error"), of_errors);
    }

    fn declare_target(&self, target: &Target, text: &mut String) {
        let (ip, at) = (if self.at.is_ipv4() { "ip" } else { "ip6" }, target.at);
        let counter = |flow| format!("counter name {}", self.counter(target, flow));
        let seconds = self.pin_for.as_secs().max(1);
        let there = [
            format!("{IS_NEW} {} comment \"{}\"", counter(Flow::New), target.name),
            format!(
                "{IS_NOT_NEW} update @{} {{ {} timeout {seconds}s : {:#x} }}",
                self.pins_map(),
                self.pin(),
                target.number
            ),
            format!(
                "{} notrack {ip} daddr set {} tcp dport set {} meta mark set 0 accept",
                counter(Flow::In),
                at.ip(),
                at.port()
            ),
        ];
        chain(text, &self.chain(target, ""), there);
        let back = format!(
            "{} {ip} saddr set {} tcp sport set {} accept",
            counter(Flow::Out),
            self.at.ip(),
            self.at.port()
        );
        chain(text, &self.chain(target, "_back"), [back]);
        let mut error = vec!["meta mark set 0".to_owned()];
        error.extend(rewrite(Quoted::Source, self.at, at));
        error.push(format!("notrack {ip} daddr set {} accept", at.ip()));
        chain(text, &self.chain(target, "_error"), error);
        let mut error = rewrite(Quoted::Destination, at, self.at);
        error.push(format!("{ip} saddr {} {ip} saddr set {}", at.ip(), self.at.ip()));
        error.push("accept".to_owned());
        chain(text, &self.chain(target, "_error_back"), error);
    }

    /// The client of a packet. Of IPv4 in parts that nft does not take for a port, since it has no name for one that is
    /// quoted. Of IPv6 without the first 32 bits, which say whose network it is: nft 1.0.6 writes no more than 16 bytes.
    fn pin(&self) -> &'static str {
        match self.at.is_ipv4() {
            true => "@nh,96,32 . @th,0,8 . @th,8,8",
            false => "@nh,96,96 . th sport",
        }
    }

    /// What leads to it and from it.
    fn connect(&self, text: &mut String) {
        let family = if self.at.is_ipv4() { 4 } else { 6 };
        let mut add = |to: &str, element: String| {
            let _ = writeln!(text, "add element {TABLE} {to} {{ {element} }}");
        };
        let [_, _, servers, errors] = self.maps();
        add(&format!("virtual{family}"), self.at.ip().to_string());
        add(&format!("lanes{family}"), leads(self.at, &self.name()));
        for target in &self.targets {
            let number = target.number;
            add(&format!("servers{family}"), pair(target.at));
            add(
                &format!("replies{family}"),
                leads(target.at, &self.chain(target, "_back")),
            );
            add(&servers, format!("{number:#x} : goto {}", self.chain(target, "")));
            add(&errors, format!("{number:#x} : goto {}", self.chain(target, "_error")));
        }
    }

    /// All buckets, and how many elements that are.
    fn filled(&self) -> (String, usize) {
        let map = self.map("buckets");
        let mut text = format!("flush map {TABLE} {map}\n");
        let all: Vec<String> = numbered(&self.buckets)
            .filter_map(|(k, v)| Some(element(k, v?)))
            .collect();
        add(&mut text, &map, &all);
        (text, all.len())
    }

    /// The buckets that belong to somebody else now.
    fn moved(&self, before: &Lane) -> (String, usize) {
        let map = self.map("buckets");
        let pairs = || numbered(&before.buckets).zip(&self.buckets);
        let differ = || pairs().filter(|((_, old), new)| *old != **new);
        let gone: Vec<String> = differ()
            .filter_map(|((k, old), _)| old.map(|_| k.to_string()))
            .collect();
        let come: Vec<String> = differ().filter_map(|((k, _), new)| Some(element(k, (*new)?))).collect();
        let mut text = String::new();
        if !gone.is_empty() {
            let _ = writeln!(text, "delete element {TABLE} {map} {{ {} }}", gone.join(", "));
        }
        add(&mut text, &map, &come);
        (text, gone.len() + come.len())
    }
}

const IS_NEW: &str = "tcp flags & (syn | ack) == syn";
const IS_NOT_NEW: &str = "tcp flags & (syn | ack) != syn";

fn leads(from: SocketAddr, to: &str) -> String {
    format!("{} : goto {to}", pair(from))
}

fn numbered(buckets: &[Option<u32>]) -> impl Iterator<Item = (usize, Option<u32>)> {
    buckets.iter().copied().enumerate()
}

fn element(bucket: usize, number: u32) -> String {
    format!("{bucket} : {number:#x}")
}

fn add(text: &mut String, map: &str, elements: &[String]) {
    if !elements.is_empty() {
        let _ = writeln!(text, "add element {TABLE} {map} {{ {} }}", elements.join(", "));
    }
}
