use std::net::Ipv4Addr;

use tandem_lb_core::ServerId;
use tandem_lb_core::balance::{Candidate, Table};

use super::*;
use crate::{NamedText, Plan, load};

const CONFIG: &str = "\
defaults
  timeout connect 1s
  timeout client 1s
  timeout server 1s
  balance source
frontend fe
  bind 127.0.0.1:5000
  default_backend be
backend be
  hash-type consistent
  stick-table type ip size 10
  stick on src
  server a 10.0.0.1:1 weight 2
  server b 10.0.0.2:1 maxconn 3
  server c 10.0.0.3:1 disabled
  server d 10.0.0.4:1 backup
  server e 10.0.0.5:1 backup
listen self
  bind 127.0.0.1:5001
  balance leastconn
  server a 10.0.0.1:1
";

fn plan() -> Plan {
    let loaded = load(&[NamedText::new("t", CONFIG)], &|_| None, None);
    loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

fn client() -> IpAddr {
    Ipv4Addr::new(192, 0, 2, 7).into()
}

fn told(change: impl FnOnce(&mut Situation)) -> Explanation {
    let plan = plan();
    let mut situation = Situation::configured(&plan.backends[0], &[]);
    change(&mut situation);
    by(&plan, 0, situation)
}

/// The way through this frontend; its own backend is as given.
fn by(plan: &Plan, frontend: usize, situation: Situation) -> Explanation {
    let frontend = &plan.frontends[frontend];
    let Service::Tcp { backend } = frontend.service else {
        panic!("{}", frontend.name);
    };
    let default = backend.map(|place| &*plan.backends[place].name);
    let find = |name: &str| {
        let found = plan.backends.iter().find(|b| *b.name == *name)?;
        let is_own = default == Some(name);
        let situation = if is_own {
            situation.clone()
        } else {
            Situation::configured(found, &[])
        };
        Some((found, situation))
    };
    explain(frontend, default, find, client())
}

fn of(told: &Explanation, kind: Kind) -> Vec<String> {
    let steps = told.steps.iter().filter(|step| step.step == kind);
    let named = |step: &Step| match &step.server {
        Some(server) => format!("{server}: {}", step.says),
        None => step.says.clone(),
    };
    steps.map(named).collect()
}

#[test]
fn each_step_has_its_line() {
    let told = told(|_| {});
    let lines: Vec<_> = told
        .steps
        .iter()
        .map(|s| (s.step, s.line.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(lines[0], (Kind::Frontend, "t:7"));
    assert_eq!(lines[1], (Kind::Backend, "t:8"));
    assert_eq!(lines[2], (Kind::Stick, "t:12"));
    // What `defaults` said.
    assert_eq!(lines[3], (Kind::Balance, "t:5"));
    let text = told.to_string();
    let picked = told.server.clone().unwrap_or_default();
    assert!(
        text.starts_with(&format!(
            "192.0.2.7 at fe: {picked}\n  frontend fe listens on 127.0.0.1:5000  (t:7)\n"
        )),
        "{text}"
    );
    assert_eq!(
        of(&told, Kind::Stick),
        ["no entry: balancing decides, and the server is remembered"]
    );
    assert_eq!(of(&told, Kind::Balance), ["source, consistent, avalanche"]);
    assert_eq!(of(&told, Kind::Out), ["c: MAINT"]);
    assert!(of(&told, Kind::Then)[1].starts_with("d: UP, hash "), "{text}");
}

#[test]
fn the_first_is_who_would_be_picked() {
    let plan = plan();
    let (frontend, backend) = (&plan.frontends[0], &plan.backends[0]);
    let situation = Situation::configured(backend, &[]);
    let candidates: Vec<Candidate> = situation.contenders.iter().map(|c| c.candidate.clone()).collect();
    let table = Table::build(&backend.policy, &candidates);
    for n in 0..2000u32 {
        let source = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n * 9973));
        let request = Request {
            key: None,
            source: Some(source),
            ticket: 0,
            avoid: None,
        };
        let picked = table
            .pick(&request, &situation)
            .and_then(|idx| backend.servers.get(idx.place()));
        let expect = picked.map(|server| format!("be/{}", server.name));
        let find = |_: &str| Some((backend, situation.clone()));
        assert_eq!(explain(frontend, Some("be"), find, source).server, expect, "{source}");
    }
}

#[test]
fn what_the_stick_table_says_comes_first() {
    // It may drain, it may be full: its clients are its own.
    let known = told(|s| {
        s.known = Some(ServerId(2));
        s.contenders[1].status = "DRAIN".to_owned();
        s.contenders[1].candidate.usable = false;
        s.contenders[1].sessions = 3;
    });
    assert_eq!(known.server.as_deref(), Some("be/b"));
    assert_eq!(of(&known, Kind::Stick), ["an entry names b, which keeps its clients"]);
    assert_eq!(
        of(&known, Kind::Server),
        ["b: DRAIN, a stick entry names it; it is full with 3 of 3 sessions, so the client waits for a place"]
    );
    // The others in the order of the balancing.
    assert!(of(&known, Kind::Then)[0].starts_with("a: UP, hash "));
    let gone = told(|s| {
        s.known = Some(ServerId(2));
        s.contenders[1].status = "DOWN".to_owned();
        s.contenders[1].candidate.usable = false;
        s.contenders[1].takes_known = false;
    });
    assert_eq!(gone.server.as_deref(), Some("be/a"));
    assert_eq!(
        of(&gone, Kind::Stick),
        ["an entry names b, which is DOWN: balancing decides, and the server is remembered"]
    );
    let unknown = told(|s| s.known = Some(ServerId(77)));
    assert!(of(&unknown, Kind::Stick)[0].starts_with("an entry names a server that is gone"));
}

#[test]
fn when_nobody_is_left() {
    let down = told(|s| s.contenders.iter_mut().for_each(|c| c.candidate.usable = false));
    assert_eq!(down.server, None);
    assert!(down.to_string().starts_with("192.0.2.7 at fe: nobody\n"));
    assert!(of(&down, Kind::Balance)[0].contains("no server may be used"));
    let plan = plan();
    let mut full = Situation::configured(&plan.backends[1], &[]);
    full.contenders[0].candidate.maxconn = 1;
    full.contenders[0].sessions = 1;
    let listen = by(&plan, 1, full);
    assert_eq!(of(&listen, Kind::Backend), ["the servers of self itself"]);
    assert!(of(&listen, Kind::Balance)[0].contains("is full, so the client waits"));
    assert_eq!(of(&listen, Kind::Out), ["a: UP, but full with 1 of 1 sessions"]);
    let nowhere = explain(&plan.frontends[0], None, |_| None::<(&Backend, Situation)>, client());
    assert_eq!(
        of(&nowhere, Kind::Backend),
        ["it leads nowhere: connections are closed at once"]
    );
}

#[test]
fn servers_that_are_said_to_be_down() {
    let plan = plan();
    let backend = &plan.backends[0];
    let down = ["be/a".to_owned(), "b".to_owned()];
    let situation = Situation::configured(backend, &down);
    let told = by(&plan, 0, situation);
    // Without `option allbackups` the first backup is enough.
    assert_eq!(told.server.as_deref(), Some("be/d"));
    assert_eq!(of(&told, Kind::Out), ["a: DOWN", "b: DOWN", "c: MAINT"]);
}

#[test]
fn rules_hold_as_far_as_the_address_decides() {
    let way = |rules: &str, servers: &str| {
        let config = format!(
            "defaults\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend fe\n  bind 127.0.0.1:5000\n{rules}\
             \n  default_backend be\nbackend be\n  balance source\n{servers}\n  server a 10.0.0.1:1\n  server b 10.0.0.2:1\n\
             backend other\n  server c 10.0.0.3:1\n"
        );
        let loaded = load(&[NamedText::new("t", config)], &|_| None, None);
        let plan = loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let situation = Situation::configured(&plan.backends[0], &[]);
        let told = by(&plan, 0, situation);
        (told.server.clone().unwrap_or_default(), of(&told, Kind::Rule))
    };
    let own = way("", "").0;
    let (here, there) = ("{ src 192.0.2.0/24 }", "{ src 10.0.0.0/8 }");
    for (rules, servers, server, says) in [
        (
            format!("  use_backend other if {here}"),
            String::new(),
            "other/c",
            vec!["use_backend other holds for this address"],
        ),
        (format!("  use_backend other if {there}"), String::new(), &own, vec![]),
        (
            "  use_backend other if { dst_port 5000 }".to_owned(),
            String::new(),
            &own,
            vec!["use_backend other depends on more than the address, and is not counted"],
        ),
        (
            String::new(),
            format!("  use-server b if {here}"),
            "be/b",
            vec!["use-server b holds for this address"],
        ),
        (String::new(), format!("  use-server b if {there}"), &own, vec![]),
        (
            format!("  tcp-request connection reject if {here}"),
            String::new(),
            "",
            vec!["a tcp-request rule refuses this address"],
        ),
        (
            format!("  tcp-request connection accept if {here}\n  tcp-request connection reject"),
            String::new(),
            &own,
            vec![],
        ),
    ] {
        assert_eq!(
            way(&rules, &servers),
            (server.to_owned(), says.iter().map(ToString::to_string).collect()),
            "{rules}{servers}"
        );
    }
}
