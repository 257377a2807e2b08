//! What the two exporters that are in use (gen2brain's and mehdy's) make of the files, by the rules with which they read
//! them: their counters are those of the router, by JSON as by text.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use tandem_vrrp_core::packet::{Addresses, Advert, Datagram, Dialect, Endpoints, Form, Ipv4Header};
use tandem_vrrp_core::settings::{AuthV2, Password, Protocol, Seconds};

use super::*;

const PEER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const IP: usize = 20;

/// What an exporter shows of an instance: labels, and each counter by Keepalived's name.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    name: String,
    interface: String,
    vrid: i64,
    state: String,
    garp_delay: i64,
    /// Address and interface.
    vips: Vec<(String, String)>,
    counters: BTreeMap<&'static str, i64>,
}

/// In the JSON, in the text (section and name), and how often each fault is made here.
const COUNTERS: [(&str, &str, &str, usize); 9] = [
    ("packet_len_err", "Packet Errors", "Length", 1),
    ("ip_ttl_err", "Packet Errors", "TTL", 2),
    ("invalid_type_rcvd", "Packet Errors", "Invalid Type", 3),
    ("advert_interval_err", "Packet Errors", "Advertisement Interval", 4),
    ("addr_list_err", "Packet Errors", "Address List", 5),
    ("invalid_authtype", "Authentication Errors", "Invalid Type", 6),
    ("authtype_mismatch", "Authentication Errors", "Type Mismatch", 7),
    ("auth_failure", "Authentication Errors", "Failure", 8),
    ("pri_zero_rcvd", "Priority Zero", "Received", 9),
];
/// These depend on what else happened.
const OTHERS: [(&str, &str, &str); 5] = [
    ("advert_rcvd", "Advertisements", "Received"),
    ("advert_sent", "Advertisements", "Sent"),
    ("become_master", "", "Became master"),
    ("release_master", "", "Released master"),
    ("pri_zero_sent", "Priority Zero", "Sent"),
];

#[test]
fn counters_are_those_of_the_router_by_either_way() {
    let plan = plan();
    let snapshot = troubled(&plan);
    let json = json(&snapshot, &plan, Wall::now()).expect("it can be written");
    let by_json = by_json(&json);
    let by_text = by_text(&written(&snapshot, &plan), &statistics(&snapshot));
    assert_eq!(by_json, by_text);
    for (name, _, _, times) in COUNTERS {
        assert_eq!(by_json.counters[name], i64::try_from(times).expect("small"), "{name}");
    }
    assert_eq!(by_json.counters["become_master"], 1);
    assert_eq!(by_json.counters["advert_rcvd"], 14, "those that were accepted");
    assert_eq!((by_json.name.as_str(), by_json.interface.as_str()), ("VI_1", "d0"));
    assert_eq!((by_json.vrid, by_json.garp_delay), (51, 5));
    assert_eq!(by_json.state, "MASTER");
    assert_eq!(by_json.vips, [("10.77.0.100".to_owned(), "d0".to_owned())]);
}

/// A master that has heard every fault so often as the table says.
fn troubled(plan: &Plan) -> Snapshot {
    let mut router = running(plan);
    let good = packet(100, Ipv4Addr::new(10, 77, 0, 100), "1111");
    let spoiled = |spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = good.clone();
        spoil(&mut packet);
        packet
    };
    for (name, _, _, times) in COUNTERS {
        let packet = match name {
            "packet_len_err" => spoiled(&|p| p[IP + 3] = 2),
            "ip_ttl_err" => spoiled(&|p| p[8] = 64),
            "invalid_type_rcvd" => spoiled(&|p| p[IP] = 0x22),
            "advert_interval_err" => spoiled(&|p| p[IP + 5] = 2),
            "addr_list_err" => packet(100, Ipv4Addr::new(10, 77, 0, 200), "1111"),
            "invalid_authtype" => spoiled(&|p| p[IP + 4] = 3),
            "authtype_mismatch" => spoiled(&|p| p[IP + 4] = 0),
            "auth_failure" => packet(100, Ipv4Addr::new(10, 77, 0, 100), "2222"),
            _ => packet(0, Ipv4Addr::new(10, 77, 0, 100), "1111"),
        };
        for _ in 0..times {
            let (interface, datagram) = (Some("d0"), Datagram::V4(&packet));
            router.handle(Input::Packet { interface, datagram }, Mono::from_millis(5000));
        }
    }
    Snapshot::of(&router, |_, _| true, Mono::from_millis(5000), 0, Default::default())
}

fn packet(priority: u8, address: Ipv4Addr, password: &str) -> Vec<u8> {
    let plan = plan();
    let Protocol::V2 { interval, .. } = plan.router.instances[0].protocol else {
        panic!("version 2")
    };
    assert_eq!(interval, Seconds::ONE);
    let auth = AuthV2::Simple(Password::cut(password.as_bytes()));
    let advert = Advert {
        vrid: plan.router.instances[0].vrid,
        priority,
        addresses: Addresses::V4(vec![address]),
        form: Form::V2 { interval, auth },
    };
    let ends = Endpoints {
        source: PEER.into(),
        destination: GROUP.into(),
    };
    let header = Ipv4Header {
        source: PEER,
        destination: GROUP,
        id: 1,
        ttl: 255,
    };
    header.wrap(&advert.encode(ends, Dialect::With))
}

/// Both decode into whole numbers, which 5.0 is none of.
fn by_json(text: &str) -> Shown {
    let value: Value = serde_json::from_str(text).expect("it is JSON");
    let [entry] = value.as_array().expect("an array").as_slice() else {
        panic!("one instance: {value}")
    };
    let (data, stats) = (&entry["data"], &entry["stats"]);
    let word = |key: &str| data[key].as_str().expect("a string").to_owned();
    let number = |from: &Value, key: &str| from[key].as_i64().unwrap_or_else(|| panic!("{key} is no whole number"));
    let states = ["INIT", "BACKUP", "MASTER", "FAULT"];
    let state = usize::try_from(number(data, "state")).expect("not negative");
    let vips = data["vips"].as_array().expect("an array").iter();
    let counters = COUNTERS.iter().map(|(name, ..)| *name);
    let counters = counters.chain(OTHERS.iter().map(|(name, ..)| *name));
    Shown {
        name: word("iname"),
        interface: word("ifp_ifname"),
        vrid: number(data, "vrid"),
        state: states[state].to_owned(),
        garp_delay: number(data, "garp_delay"),
        vips: vips.map(|vip| place(vip.as_str().expect("a string"))).collect(),
        counters: counters.map(|name| (name, number(stats, name))).collect(),
    }
}

/// The address is the first word, its interface the third.
fn place(vip: &str) -> (String, String) {
    let words: Vec<&str> = vip.split(' ').collect();
    (words[0].to_owned(), words[2].to_owned())
}

/// Of an instance is what is indented behind its name, up to the first line that is not.
fn by_text(data: &str, statistics: &str) -> Shown {
    let mut values = BTreeMap::new();
    let (mut inside, mut key, mut vips) = (false, "", Vec::new());
    for line in data.lines() {
        if let Some(name) = line.strip_prefix(" VRRP Instance = ") {
            inside = values.insert("iname", name).is_none();
        } else if !line.starts_with("   ") {
            inside &= line.starts_with(" VRRP Version") || line.starts_with(" VRRP Script");
        } else if inside && line.starts_with("     ") {
            if key.starts_with("Virtual IP (") {
                vips.push(place(line.trim()));
            }
        } else if inside && let Some((name, value)) = line.split_once('=').or_else(|| line.split_once(':')) {
            key = name.trim();
            values.insert(key, value.trim());
        }
    }
    let number = |key: &str| values[key].parse().expect("a whole number");
    Shown {
        name: values["iname"].to_owned(),
        interface: values["Interface"].to_owned(),
        vrid: number("Virtual Router ID"),
        state: values["State"].to_owned(),
        garp_delay: number("Gratuitous ARP delay"),
        vips,
        counters: counted(statistics),
    }
}

/// A line that ends in a colon is a section; what is indented further belongs to it, what is not to none.
fn counted(statistics: &str) -> BTreeMap<&'static str, i64> {
    let names = COUNTERS.iter().map(|(name, section, key, _)| (*name, *section, *key));
    let names: Vec<_> = names.chain(OTHERS).collect();
    let (mut section, mut all) = ("", BTreeMap::new());
    for line in statistics.lines().filter(|line| line.starts_with("  ")) {
        if let Some(title) = line.strip_suffix(':') {
            section = title.trim();
            continue;
        }
        let of = if line.starts_with("    ") { section } else { "" };
        let (key, value) = line.split_once(':').expect("a name and a number");
        let known = names
            .iter()
            .find(|(_, section, name)| *section == of && *name == key.trim());
        let (name, ..) = known.unwrap_or_else(|| panic!("{line} is nobody's"));
        all.insert(*name, value.trim().parse().expect("a whole number"));
    }
    all
}
