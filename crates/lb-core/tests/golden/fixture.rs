//! The text form of recorded picks, read by the test of the core and by the program that asks the installed HAProxy.
//!
//! A case is one line `case BALANCE ; HASH-TYPE ; SERVERS`, then one character for each pick: the server's position in
//! base 36, `-` for none. A server is its weight, then `id=N`, `backup`, `allbackups` on the first, or what happened to
//! it: `disabled` in the configuration, `dead` to its checks, `maint`, `drain` or `zero` (weight 0%) by an operator,
//! `back` from maintenance.

use std::net::{IpAddr, Ipv4Addr};
use tandem_lb_core::ServerId;
use tandem_lb_core::ServerIdx;
use tandem_lb_core::balance::{
    Algorithm, Candidate, HashFunction, HashKey, HashMethod, HashType, Loads, Policy, Request, Table,
};

/// Picks of a sequence case, all from one address.
const SEQUENCE: usize = 100;

pub struct Fixture {
    pub cases: Vec<Case>,
}

pub struct Case {
    pub line: String,
    pub balance: String,
    pub hash_type: String,
    pub all_backups: bool,
    pub servers: Vec<Server>,
    pub picks: String,
}

pub struct Server {
    pub weight: u32,
    pub id: Option<u32>,
    pub backup: bool,
    pub fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Well,
    Disabled,
    Dead,
    Maint,
    Drain,
    Zero,
    Back,
}

impl Fixture {
    pub fn parse(text: &str) -> Fixture {
        let mut cases: Vec<Case> = Vec::new();
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            match line.strip_prefix("case ") {
                Some(words) => cases.push(Case::parse(words)),
                None => cases.last_mut().expect("picks follow a case").picks.push_str(line),
            }
        }
        Fixture { cases }
    }
}

impl Case {
    fn parse(line: &str) -> Case {
        let parts: Vec<&str> = line.split(';').map(str::trim).collect();
        let [balance, hash_type, servers] = parts[..] else {
            panic!("three parts in {line:?}")
        };
        Case {
            line: line.to_owned(),
            balance: balance.to_owned(),
            hash_type: hash_type.to_owned(),
            all_backups: servers.contains("allbackups"),
            servers: servers.split(' ').map(Server::parse).collect(),
            picks: String::new(),
        }
    }

    pub fn is_sequence(&self) -> bool {
        !(self.balance == "source" || self.balance.starts_with("hash"))
    }

    /// The client of each pick.
    pub fn clients(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        if self.is_sequence() {
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST); SEQUENCE]
        } else {
            addresses.to_vec()
        }
    }

    /// What our table picks, in the form of the recording.
    pub fn ours(&self, addresses: &[IpAddr]) -> String {
        let candidates: Vec<Candidate> = self
            .servers
            .iter()
            .zip(1..)
            .map(|(s, position)| s.candidate(position))
            .collect();
        let table = Table::build(&self.policy(), &candidates);
        let requests = self.clients(addresses).into_iter().zip(0..);
        requests
            .map(|(a, ticket)| {
                pick(
                    &table,
                    Request {
                        key: None,
                        source: Some(a),
                        ticket,
                        avoid: None,
                    },
                )
            })
            .collect()
    }

    fn policy(&self) -> Policy {
        let algorithm = match self.balance.as_str() {
            "source" => Algorithm::Source,
            "hash src" => Algorithm::HashSrc,
            "roundrobin" => Algorithm::RoundRobin,
            "leastconn" => Algorithm::LeastConn,
            "static-rr" => Algorithm::StaticRr,
            other => panic!("unknown algorithm {other:?}"),
        };
        Policy {
            algorithm,
            hash: self.hash(),
            balance_factor: 0,
            all_backups: self.all_backups,
        }
    }

    fn hash(&self) -> HashType {
        let words: Vec<&str> = self.hash_type.split(' ').collect();
        let method = if words[0] == "consistent" {
            HashMethod::Consistent
        } else {
            HashMethod::MapBased
        };
        let function = match words.get(1).copied() {
            None | Some("sdbm") => HashFunction::Sdbm,
            Some("djb2") => HashFunction::Djb2,
            Some("wt6") => HashFunction::Wt6,
            Some("crc32") => HashFunction::Crc32,
            Some(other) => panic!("unknown hash function {other:?}"),
        };
        HashType {
            method,
            function,
            avalanche: words.contains(&"avalanche") || words == ["consistent"],
        }
    }
}

impl Server {
    fn parse(text: &str) -> Server {
        let mut words = text.split(',');
        let weight = words
            .next()
            .and_then(|w| w.parse().ok())
            .expect("a server starts with its weight");
        let mut server = Server {
            weight,
            id: None,
            backup: false,
            fate: Fate::Well,
        };
        for word in words {
            match word {
                "backup" => server.backup = true,
                "allbackups" => {}
                "disabled" => server.fate = Fate::Disabled,
                "dead" => server.fate = Fate::Dead,
                "maint" => server.fate = Fate::Maint,
                "drain" => server.fate = Fate::Drain,
                "zero" => server.fate = Fate::Zero,
                "back" => server.fate = Fate::Back,
                id => server.id = id.strip_prefix("id=").and_then(|n| n.parse().ok()),
            }
        }
        server
    }

    fn candidate(&self, position: u32) -> Candidate {
        Candidate {
            place: ServerIdx(position - 1),
            id: ServerId(self.id.unwrap_or(position)),
            key: HashKey::Id.of(ServerId(self.id.unwrap_or(position)), None, None),
            minconn: 0,
            weight: self.weight * 16,
            backup: self.backup,
            usable: matches!(self.fate, Fate::Well | Fate::Back),
            maxconn: 0,
        }
    }
}

struct Idle;

impl Loads for Idle {
    fn served(&self, _: ServerIdx) -> u32 {
        0
    }
}

fn pick(table: &Table, r: Request) -> char {
    table
        .pick(&r, &Idle)
        .and_then(|s| char::from_digit(s.0, 36))
        .unwrap_or('-')
}

pub fn addresses(text: &str) -> Vec<IpAddr> {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| l.parse().unwrap_or_else(|e| panic!("{l:?}: {e}")))
        .collect()
}

/// The first pick that differs, for a message.
pub fn difference(case: &Case, addresses: &[IpAddr], theirs: &str, ours: &str) -> Option<String> {
    if theirs == ours {
        return None;
    }
    let differing = theirs.chars().zip(ours.chars()).filter(|(t, o)| t != o).count();
    let at = theirs
        .chars()
        .zip(ours.chars())
        .position(|(t, o)| t != o)
        .unwrap_or(theirs.len().min(ours.len()));
    let client = case.clients(addresses).get(at).map(ToString::to_string);
    Some(format!(
        "case {}: {differing} of {} picks differ, the first is number {at} ({}): HAProxy {:?}, ours {:?}",
        case.line,
        theirs.len(),
        client.unwrap_or_default(),
        theirs.chars().nth(at),
        ours.chars().nth(at),
    ))
}
