use std::time::Duration;

use super::failure::Failure;
use super::report::Row;
use super::simulated::{Lasting, Which};
use super::*;

const SEEDS: u64 = 30;
const FIRST: Which = [true, false];
const SECOND: Which = [false, true];
const BOTH: Which = [true, true];

fn settings(priority: u8, more: &str) -> RouterSettings {
    let text = format!(
        "global_defs {{\n vrrp_version 3\n}}\nvrrp_script alive {{\n script /bin/true\n interval 2\n fall 3\n}}\n\
         vrrp_script there {{\n script \"/usr/bin/killall -0 haproxy\"\n interval 1\n}}\n\
         vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int 0.1\n\
         virtual_ipaddress {{\n 10.0.0.100/24\n }}\n{more}\n}}\n"
    );
    check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
        .unwrap()
        .router
}

/// Of a pair whose first is master.
fn well(a: (u8, &str), b: (u8, &str)) -> Pair {
    let pair = pair(a, b);
    assert_eq!(pair.hosts[0].name, "a");
    pair
}

fn pair(a: (u8, &str), b: (u8, &str)) -> Pair {
    let (a, b) = (settings(a.0, a.1), settings(b.0, b.1));
    pairs((Path::new("a"), &a), (Path::new("b"), &b)).unwrap().remove(0)
}

fn find(pair: &Pair, wanted: impl Fn(&Failure) -> bool) -> Row {
    let failure = pair.failures().into_iter().find(wanted);
    Row::of(pair, failure.expect("it is one of them"), SEEDS)
}

/// At most that, and not much less: the unluckiest of a few runs.
fn takes(row: &Row, at_most: f64) {
    let Lasting::For(worst) = row.worst else {
        panic!("{} for ever", row.failure)
    };
    let (worst, arithmetic) = (worst.as_secs_f64(), row.arithmetic.expect("it ends").as_secs_f64());
    assert!((arithmetic - at_most).abs() < 0.001, "{}: {arithmetic}", row.failure);
    // The network takes its time as well, and clocks run as they like.
    assert!(worst <= at_most * 1.001 + 0.001, "{}: {worst} > {at_most}", row.failure);
    assert!(worst >= at_most * 0.9, "{}: {worst} < {at_most}", row.failure);
}

fn is_tracked(failure: &Failure) -> bool {
    matches!(failure, Failure::Tracked(_))
}

#[test]
fn the_simulator_waits_as_long_as_the_arithmetic_says() {
    let pair = well((150, "track_script {\n alive\n}"), (100, ""));
    let down = 0.360_937;
    for (failure, at_most) in [
        (Failure::PowerLost, down),
        (Failure::CablePulled, down),
        (Failure::CutOff, down),
        (Failure::Stopped, 0.0),
        (Failure::Returns, 0.0),
        (Failure::StandbyLost, 0.0),
        (Failure::StandbyReturns, 0.0),
        (Failure::BalancerDies, 0.060_937),
    ] {
        takes(&find(&pair, |it| *it == failure), at_most);
    }
    let script = find(&pair, is_tracked);
    takes(&script, 0.060_937);
    assert_eq!((script.noticed, script.holders), (Duration::from_secs(8), SECOND));
    let back = find(&pair, |failure| *failure == Failure::Returns);
    assert_eq!(back.holders, FIRST, "it preempts");
}

#[test]
fn a_host_that_is_worth_less_keeps_the_address_until_the_other_has_waited() {
    let script = |weight: i32| format!("track_script {{\n alive weight {weight}\n}}");
    let pair_of = |first: &str, second: &str| well((150, first), (100, second));
    takes(&find(&pair_of(&script(-60), ""), is_tracked), 0.360_937);
    takes(&find(&pair_of(&script(-60), "preempt_delay 5"), is_tracked), 5.1);
    takes(
        &find(&pair_of(&script(-60), "state MASTER\npreempt_delay 5"), is_tracked),
        0.360_937,
    );
    for (first, second) in [(script(-30), ""), (script(-60), "nopreempt")] {
        let pair = pair_of(&first, second);
        let stays = find(&pair, is_tracked);
        assert_eq!(
            (stays.arithmetic, stays.worst, stays.holders),
            (None, Lasting::Ever, FIRST)
        );
    }
}

#[test]
fn a_balancer_that_nothing_looks_at_dies_unseen() {
    let dead = |pair: &Pair| {
        let row = find(pair, |failure| *failure == Failure::BalancerDies);
        (row.arithmetic, row.worst, row.holders)
    };
    let unseen = (None, Lasting::Ever, FIRST);
    assert_eq!(dead(&well((150, ""), (100, ""))), unseen);
    assert_eq!(dead(&well((150, "track_interface {\n eth1\n}"), (100, ""))), unseen);
    let both = "track_script {\n alive weight -30\n there weight -30\n}";
    let pair = well((150, both), (100, ""));
    let dies = find(&pair, |failure| *failure == Failure::BalancerDies);
    // One of them alone is not enough.
    assert_eq!((dies.noticed, dies.holders), (Duration::from_secs(8), SECOND));
    let hangs = find(&pair, |failure| *failure == Failure::BalancerHangs);
    assert_eq!(hangs.arithmetic, None, "`killall -0` sees a process that hangs");
}

#[test]
fn two_masters_are_so_until_somebody_ends_it() {
    let mut pair = pair((150, ""), (100, ""));
    for failure in [Failure::OneWay, Failure::RouterDies] {
        let row = Row::of(&pair, failure, SEEDS);
        let gap = Lasting::For(Duration::ZERO);
        assert_eq!(
            (row.worst, row.double, row.holders),
            (gap, Lasting::Ever, BOTH),
            "{}",
            row.failure
        );
    }
    pair.linked = true;
    let row = Row::of(&pair, Failure::OneWay, SEEDS);
    assert_eq!(row.holders, FIRST);
    let seconds = |from, to| Lasting::For(Duration::from_secs(from))..Lasting::For(Duration::from_secs(to));
    assert!(seconds(0, 3).contains(&row.double), "{:?}", row.double);
    let row = Row::of(&pair, Failure::RouterDies, SEEDS);
    assert_eq!(row.double, Lasting::Ever, "a dead router says nothing");
}

#[test]
fn a_standby_that_is_cut_off_asks_the_witnesses() {
    let quorum = "quorum {\n address 10.0.0.1 10.0.0.2\n need 1\n}";
    let away = |second: &str| Row::of(&pair((150, ""), (100, second)), Failure::StandbyReturns, SEEDS).double;
    let moment = Lasting::For(Duration::from_millis(1));
    assert!(away("") > moment, "it was master");
    // Its question may be answered before the first advert is there.
    assert!(away(quorum) < moment);
    let pair = well((150, ""), (100, quorum));
    takes(&find(&pair, |failure| *failure == Failure::PowerLost), 0.360_937);
}

#[test]
fn a_pair_that_does_not_work_has_no_plan() {
    let version = |priority: u8, more: &str| {
        let text = format!(
            "vrrp_instance V {{\n interface eth0\n virtual_router_id 51\n priority {priority}\n{more}\n\
             virtual_ipaddress {{\n 10.0.0.100/24\n }}\n}}\n"
        );
        check::read_router("test.conf", text.into_bytes(), &mut Vec::new()).unwrap()
    };
    for (a, b, why) in [
        ("advert_int 1", "advert_int 3", "interval"),
        ("authentication {\n auth_type PASS\n auth_pass x\n}", "", "auth"),
        ("", "virtual_ipaddress {\n 10.0.0.101/24\n }", "addresses"),
    ] {
        let (a, b) = (version(150, a), version(100, b));
        let said = fit(&a, &b).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        if why != "addresses" {
            let (a, b) = ((Path::new("a"), &a.router), (Path::new("b"), &b.router));
            assert_eq!(pairs(a, b).unwrap()[0].misfit(1), Some(BOTH), "{why}");
        }
    }
    let fits = [version(150, ""), version(100, "")];
    assert!(!fit(&fits[0], &fits[1]).unwrap(), "and there is no link");
    assert_eq!(pair((150, ""), (100, "")).misfit(SEEDS), None);
}

#[test]
fn what_has_no_end_is_said_in_both_forms() {
    let report = Report::of(pair((150, ""), (100, "")), Vec::new(), 3);
    let table = report.table();
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap();
    let words = |name: &str| {
        line(name)
            .split("  ")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words("balancer dies "),
        [
            "balancer dies",
            "0.000",
            "stays",
            "for ever",
            "for ever",
            "for ever",
            "0.000",
            "a"
        ]
    );
    assert_eq!(words("router dies").last(), Some(&"a and b"));
    assert!(
        table.contains("balancer dies: nothing that is tracked looks"),
        "{table}"
    );
    assert!(table.contains("simulated 3 times"), "{table}");
    let value = report.value();
    let row = |name: &str| {
        let rows = value["failures"].as_array().unwrap();
        rows.iter().find(|row| row["failure"] == name).unwrap().clone()
    };
    assert_eq!(
        (&row("balancer dies")["worst"], &row("balancer dies")["arithmetic"]),
        (&Value::Null, &Value::Null)
    );
    let dead = row("router dies (SIGKILL)");
    assert_eq!(
        (&dead["both_have"], &dead["then_has_it"]),
        (&Value::Null, &serde_json::json!(["a", "b"]))
    );
}

const BOOST: &str = "track_script {\n alive weight 2\n}";

#[test]
fn the_backup_has_what_its_own_checks_add() {
    // 103 against 102; without the check 101 against 102.
    let pair = well((101, BOOST), (100, BOOST));
    let script = find(&pair, is_tracked);
    takes(&script, 0.360_156);
    assert_eq!(script.holders, SECOND);
    assert_eq!(script.failure.to_string(), "alive fails: -2");
}

#[test]
fn master_is_who_has_more_when_all_is_well() {
    let boosted = pair((101, ""), (100, BOOST));
    assert_eq!(boosted.hosts[0].name, "b");
    let equal = pair((100, ""), (100, ""));
    assert_eq!(equal.hosts[0].name, "b", "the higher address");
    assert_eq!(
        equal.left_out().collect::<Vec<_>>(),
        ["b", "a"].map(|host| format!("{host}: {ADDRESS}"))
    );
    assert_eq!(boosted.left_out().count(), 0);
    let named = pair((100, "mcast_src_ip 10.0.0.2"), (100, "mcast_src_ip 10.0.0.1"));
    assert_eq!((named.hosts[0].name.as_str(), named.left_out().count()), ("a", 0));
}

#[test]
fn what_an_instance_and_its_group_track_counts_twice() {
    let text = |priority| {
        let text = format!(
            "vrrp_script alive {{\n script /bin/true\n}}\n{}vrrp_sync_group G {{\n group {{\n V\n}}\n\
             sync_group_tracking_weight\n track_script {{\n alive weight -15\n}}\n}}\n",
            instance("V", 51, priority).replace(
                "virtual_router_id",
                "track_script {\n alive weight 10\n}\nvirtual_router_id"
            )
        );
        check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
            .unwrap()
            .router
    };
    let (a, b) = (text(120), text(100));
    let pair = pairs((Path::new("a"), &a), (Path::new("b"), &b)).unwrap().remove(0);
    let script = Failure::Tracked(pair.hosts[0].tracked[0].clone());
    let script = Row::of(&pair, script, SEEDS);
    // 130 without, 105 with the failure, against 110.
    assert_eq!(script.failure.to_string(), "alive fails: -25");
    // An interval of a second.
    takes(&script, 3.570_312);
    assert_eq!(script.holders, SECOND);
}

#[test]
fn a_group_counts_and_what_is_left_out_is_said() {
    let read = |priority, more: &str| {
        let text = format!(
            "vrrp_script alive {{\n script /bin/true\n}}\n{}{}\
             vrrp_sync_group G {{\n group {{\n V\n W\n}}\n track_script {{\n alive weight 2\n}}\n}}\n{more}",
            instance("V", 51, priority),
            instance("W", 52, priority)
        );
        check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
            .unwrap()
            .router
    };
    let six = "vrrp_instance S {\n interface eth0\n virtual_router_id 53\n virtual_ipaddress {\n fe80::1\n}\n}\n";
    let (a, b) = (read(101, six), read(100, ""));
    let (a, b) = ((Path::new("a"), &a), (Path::new("b"), &b));
    let pair = pairs(a, b).unwrap().remove(0);
    assert_eq!(pair.hosts[1].explain(&[]).effective.value(), 102);
    let said: Vec<String> = pair.left_out().collect();
    assert_eq!(said[0], "a: the other virtual routers of the sync group G");
    assert_eq!(left_out(a, b), ["S of a: the other file has none of its number"]);
    assert_eq!(left_out(a, a), ["S of a: IPv6 is not simulated"; 2]);
}

#[test]
fn a_balancer_that_hangs_is_waited_for() {
    let lb = "track_lb {\n balancer weight -50\n}";
    let text = format!(
        "track_lb balancer {{\n socket /run/lb.sock\n interval 0.1\n fall 2\n}}\n{}",
        instance("V", 51, 150).replace("virtual_router_id", &format!("{lb}\nvirtual_router_id"))
    );
    let router = check::read_router("test.conf", text.into_bytes(), &mut Vec::new())
        .unwrap()
        .router;
    let pair = pairs((Path::new("a"), &router), (Path::new("b"), &settings(100, "")))
        .unwrap()
        .remove(0);
    // Found well, and 0.1 s later silent, twice for half a second.
    assert_eq!(pair.hosts[0].tracked[0].noticed, Duration::from_millis(1100));
}

fn instance(name: &str, vrid: u8, priority: u8) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n\
         virtual_ipaddress {{\n 10.0.0.{vrid}/24\n }}\n}}\n"
    )
}

#[test]
fn a_thousand_runs_unless_told() {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }
    let read =
        |words: &[&str]| <Command as clap::Parser>::try_parse_from([&["plan"], words].concat()).map(|it| it.args);
    assert_eq!(read(&["a", "b"]).unwrap().seeds, 1000);
    assert!(read(&["a"]).is_err(), "two hosts");
    assert!(read(&["a", "b", "--seeds", "0"]).is_err());
    let hosts = read(&["--config-a", "h.cfg", "k.conf", "--config-b", "k.conf", "h.cfg"]).unwrap();
    assert_eq!((hosts.config_a.len(), hosts.config_b.len()), (2, 2));
    assert!(read(&["a", "b", "--config-a", "c", "--config-b", "d"]).is_err());
}
