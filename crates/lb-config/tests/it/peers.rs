//! Sections of peers, in both dialects.

use tandem_lb_config::{Dialect, Host, NamedText, Plan, ServerPort, diff::Difference};

use crate::{complaints, errors, read};

const TEXT: &str = "global\n log stdout local0\n localpeer a\ndefaults\n mode tcp\n\
                    peers p\n log global\n shards 2\n default-server shard 1\n default-bind v4v6\n bind 127.0.0.1:1024\n\
                    \x20server a\n server b 127.0.0.1:1025 shard 2\n peer c name.example:9 disabled\n\
                    \x20table own type ip size 1k store gpc0\n\
                    frontend f\n bind 127.0.0.1:1\n tcp-request connection track-sc0 src table p/own\n default_backend b\n\
                    backend b\n stick-table type ip size 1k peers p\n stick on src\n server s 127.0.0.1:2\n";

const NATIVE: &str = "[global]\nlocal-peer = \"a\"\n[[global.log]]\nto = \"stdout\"\nfacility = \"local0\"\n\
                      [[peers]]\nname = \"p\"\nlog-global = true\nshards = 2\n\
                      bind = [{ address = \"127.0.0.1:1024\", v6only = false }]\n\
                      table = [\"own type ip size 1k store gpc0\"]\n\
                      peer = [{ name = \"a\", shard = 1 }, { name = \"b\", address = \"127.0.0.1:1025\", shard = 2 },\
                      { name = \"c\", address = \"name.example:9\", shard = 1, disabled = true }]\n\
                      [[frontend]]\nname = \"f\"\nbind = [{ address = \"127.0.0.1:1\" }]\n\
                      tcp-request = [\"connection track-sc0 src table p/own\"]\ndefault-backend = \"b\"\n\
                      [[backend]]\nname = \"b\"\nstick = { type = \"ip\", size = \"1k\", peers = \"p\" }\n\
                      server = [{ name = \"s\", address = \"127.0.0.1:2\" }]\n";

fn plan(text: &str) -> Plan {
    let loaded = read(text);
    assert_eq!(errors(&loaded), [] as [String; 0]);
    loaded.plan.expect("no errors")
}

#[test]
fn what_it_says() {
    let plan = plan(TEXT);
    let section = &plan.peers[0];
    assert_eq!((&*section.name, section.shards, section.logs.len()), ("p", 2, 1));
    let peers: Vec<_> = section.peers.iter().map(|p| (&*p.name, p.shard, p.disabled)).collect();
    assert_eq!(peers, [("a", 1, false), ("b", 2, false), ("c", 1, true)]);
    assert_eq!(section.peers[0].place, None);
    let c = (Host::Name("name.example".into()), ServerPort::Fixed(9));
    assert_eq!(section.peers[2].place, Some(c));
    let listens = |name: &str| section.listens_at(name).len();
    assert_eq!((listens("a"), listens("b"), listens("x")), (1, 2, 0));
    let tables: Vec<_> = plan
        .tables
        .iter()
        .map(|table| (&*table.name, table.name_among_peers(), table.settings.is_shared))
        .collect();
    assert_eq!(tables, [("p/own", "/own".into(), true), ("b", "b".into(), true)]);
}

#[test]
fn both_dialects_mean_the_same() {
    let (one, other) = (plan(TEXT), plan(NATIVE));
    assert_eq!(one.tables, other.tables);
    assert_eq!(one.global.local_peer, other.global.local_peer);
    let told = Difference::between(
        &Plan {
            peers: other.peers.clone(),
            ..one.clone()
        },
        &one,
    );
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(one.peers[0].logs, other.peers[0].logs);
}

#[test]
fn a_reload_sees_what_changes() {
    let text = TEXT
        .replace("shards 2", "shards 3")
        .replace("1025", "1026")
        .replace(" peer c name.example:9 disabled\n", "");
    let told = Difference::between(&plan(TEXT), &plan(&text));
    let told: Vec<String> = told.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "haproxy.cfg:6: peers p: shards 2 becomes 3".replace("haproxy.cfg", "t"),
            "t:6: peers p: peer a, b, c becomes a, b".to_owned(),
        ]
    );
    let alone = TEXT.replace(" peers p\n stick", "\n stick");
    let told = Difference::between(&plan(TEXT), &plan(&alone));
    assert_eq!(told.changes.len(), 1, "{told:?}");
}

#[test]
fn mistakes() {
    for (lines, error) in [
        (
            "peers p\n peer a 127.0.0.1:1 ssl verify none check-ssl\n",
            "t:2:2: error[LB0002]: `check-ssl` has no effect among peers",
        ),
        (
            "peers p\n peer a 127.0.0.1:1 ssl verify none sni src\n",
            "t:2:2: error[LB0002]: `sni` has no effect among peers",
        ),
        (
            "peers p\n bind 127.0.0.1:1 accept-proxy\n",
            "t:2:2: error[LB0002]: `accept-proxy` has no effect among peers",
        ),
        (
            "peers p\n default-bind maxconn 5\n bind 127.0.0.1:1\n",
            "t:3:2: error[LB0002]: `maxconn` has no effect among peers",
        ),
        (
            "[[peers]]\nname = \"p\"\npeer = [{ name = \"a\", address = \"127.0.0.1\" }]\n",
            "t:3:17: error[LB0008]: `127.0.0.1` has no port",
        ),
        (
            "[[peers]]\nname = \"p\"\nbind = [{ address = \"127.0.0.1:1\", accept-proxy = true }]\n",
            "t:1:1: error[LB0002]: `accept-proxy` has no effect among peers",
        ),
        (
            "peers p\n peer a 127.0.0.1\n",
            "t:2:9: error[LB0008]: `127.0.0.1` has no port",
        ),
        (
            "peers p\n peer a 127.0.0.1:1\n peer a 127.0.0.1:2\n",
            "t:3:7: error[LB0010]: another peer of this section is `a` already",
        ),
        (
            "peers p\n server a\n server b\n",
            "t:3:9: error[LB0009]: peer `b` has no address",
        ),
        (
            "peers p\n peer a *:1\n peer b 0.0.0.0:2\n",
            "t:3:7: error[LB0009]: peer `b` has no address of its own",
        ),
        (
            "peers p\n server a\n peer b [::]:2\n",
            "t:3:7: error[LB0009]: peer `b` has no address of its own",
        ),
        (
            "peers p\n peer a 127.0.0.1:1 shard 3\n",
            "t:2:7: error[LB0007]: there are 0 shards, and peer `a` gets number 3",
        ),
        (
            "backend b\n stick-table type ip size 1k peers x\n stick on src\n",
            "t:2:36: error[LB0011]: there is no section `peers x`",
        ),
        (
            "peers p\n table t type ip size 1 peers p\n",
            "t:2:31: error[LB0012]: the peers of this table are those of its section",
        ),
    ] {
        let found = errors(&read(lines));
        let (_, words) = error.split_once("error").expect("an error");
        let place = |line: &str| line.split(':').nth(1).map(str::to_owned);
        let is_it = |line: &&String| {
            let (_, found) = line.split_once("]: ").unwrap_or_default();
            words.ends_with(found) && place(line) == place(error)
        };
        assert!(found.iter().any(|line| is_it(&line)), "{lines}: {found:?}");
    }
    // One that is anywhere may be this process.
    for any in ["*:1", "0.0.0.0:1", "[::]:1"] {
        plan(&format!("peers p\n peer a {any}\n peer b 127.0.0.1:2\n"));
    }
    // A section that is switched off shares nothing.
    let off = plan(&TEXT.replace("shards 2", "disabled\n shards 2"));
    assert!(
        off.tables
            .iter()
            .all(|table| !table.settings.is_shared && table.peers.is_none())
    );
    assert!(
        complaints(&read(TEXT)).iter().all(|line| !line.contains("peers")),
        "no complaint"
    );
    let texts = [NamedText::new("t", NATIVE)];
    assert!(
        tandem_lb_config::load(&texts, &|_| None, Some(Dialect::Toml))
            .plan
            .is_some()
    );
}
