//! Two routers that are to work together.

use tandem_vrrp_config::compare;

use crate::plan;

fn side(lines: &str) -> String {
    format!(
        "vrrp_script s {{ script \"/bin/true\" }}\nvrrp_instance V {{\n interface eth0\n virtual_router_id 9\n {lines}\n}}\n"
    )
}

const VIP: &str = "\n virtual_ipaddress { 10.9.0.50/24 }";

fn kinds(one: &str, two: &str) -> Vec<&'static str> {
    let (one, two) = (plan(&side(one)), plan(&side(two)));
    compare(&one, &two).iter().map(|finding| finding.kind).collect()
}

#[test]
fn both_ends_of_a_pair_link() {
    let end = |peer: &str, secret: &str| {
        plan(&format!(
            "pair_link {{\n peer {peer}\n secret hex:{}\n}}\n",
            secret.repeat(32)
        ))
    };
    let found = |one: &_, other: &_| -> Vec<_> { compare(one, other).iter().map(|finding| finding.kind).collect() };
    let a = end("10.9.0.2", "01");
    assert_eq!(found(&a, &end("10.9.0.1", "01")), [""; 0]);
    for wrong in [end("10.9.0.1", "02"), end("10.9.0.2", "01"), plan("")] {
        assert_eq!(found(&a, &wrong), ["pair-link"]);
    }
}

#[test]
fn keys_and_peers_that_do_not_meet() {
    let key = |id: u8, digit: &str| format!(" key {id} hex:{}\n", digit.repeat(64));
    let signed = |priority: u8, keys: &str, active: u8| {
        format!("version 3\n priority {priority}\n auth_hmac {{\n{keys} active_key {active}\n }} {VIP}")
    };
    let (one, two) = (key(1, "a"), key(2, "b"));
    let both = format!("{one}{two}");
    assert_eq!(
        kinds(&signed(101, &both, 1), &signed(100, &both, 2)),
        [""; 0],
        "while they are exchanged"
    );
    assert_eq!(kinds(&signed(101, &one, 1), &signed(100, &two, 2)), ["auth"]);
    assert_eq!(kinds(&signed(101, &one, 1), &signed(100, &key(1, "c"), 1)), ["auth"]);

    let speaks = |priority: u8, source: &str, peer: &str| {
        format!("priority {priority}\n unicast_src_ip {source}\n unicast_peer {{\n {peer}\n }} {VIP}")
    };
    let a = speaks(101, "10.9.0.1", "10.9.0.2");
    assert_eq!(kinds(&a, &speaks(100, "10.9.0.2", "10.9.0.1")), [""; 0]);
    assert_eq!(kinds(&a, &speaks(100, "10.9.0.3", "10.9.0.1")), ["transport"]);
}

#[test]
fn what_is_wrong_with_a_pair() {
    let tracked = |priority: u8, weight: i32| format!("priority {priority}\n track_script {{\n s weight {weight}\n }}");
    let pass = |pass: &str| format!("authentication {{\n auth_type PASS\n auth_pass {pass}\n }}");
    for (one, two, found) in [
        ("priority 101".to_owned(), "priority 100".to_owned(), &[][..]),
        (String::new(), String::new(), &["equal-priority"]),
        (tracked(101, 2), tracked(100, 2), &[]),
        (tracked(150, 2), tracked(100, 2), &["weight"]),
        (tracked(150, -20), tracked(100, -20), &["weight"]),
        (tracked(150, -60), tracked(100, -60), &[]),
        (
            tracked(101, 2) + "\n nopreempt",
            tracked(100, 2) + "\n nopreempt",
            &["nopreempt-weight"],
        ),
        ("priority 90\n nopreempt".into(), "priority 100".into(), &["nopreempt"]),
        (
            "priority 101\n state MASTER\n nopreempt".into(),
            "priority 100".into(),
            &["nopreempt-master"],
        ),
        (
            "priority 101\n state MASTER".into(),
            "priority 100\n state MASTER".into(),
            &["two-masters"],
        ),
        ("priority 101\n version 3".into(), "priority 100".into(), &["version"]),
        (
            "priority 101\n advert_int 2".into(),
            "priority 100".into(),
            &["interval"],
        ),
        (
            "priority 101\n version 3\n advert_int 0.5".into(),
            "priority 100\n version 3".into(),
            &["interval"],
        ),
        (
            "priority 101\n advert_int 0.5".into(),
            "priority 100".into(),
            &["interval-rounded"],
        ),
        (
            "priority 101\n".to_owned() + &pass("a"),
            "priority 100\n".to_owned() + &pass("b"),
            &["auth"],
        ),
        (
            "priority 101\n".to_owned() + &pass("12345678x"),
            "priority 100\n".to_owned() + &pass("12345678y"),
            &[],
        ),
        (
            "priority 101\n".to_owned() + &pass("a"),
            "priority 100".into(),
            &["auth"],
        ),
        (
            "priority 101\n strict_mode\n".to_owned() + &pass("a"),
            "priority 100\n".to_owned() + &pass("a"),
            &["auth", "auth-unused", "strict"],
        ),
        (
            "priority 101\n unicast_peer { 10.9.0.3 }".into(),
            "priority 100".into(),
            &["transport"],
        ),
        (
            "priority 101\n mcast_dst_ip 224.0.0.99".into(),
            "priority 100".into(),
            &["transport"],
        ),
        (
            "priority 101\n virtual_ipaddress {\n 10.9.0.51\n }".into(),
            "priority 100".into(),
            &["addresses"],
        ),
        (
            "priority 101\n virtual_ipaddress_excluded {\n 10.9.0.51\n }".into(),
            "priority 100".into(),
            &["addresses"],
        ),
    ] {
        assert_eq!(
            kinds(&(one.clone() + VIP), &(two.clone() + VIP)),
            found,
            "{one} | {two}"
        );
    }
}

/// Members' own weights count for nobody unless the group says so; what the group looks at counts for all.
#[test]
fn weights_in_a_sync_group() {
    let member =
        |priority: u8, weight: i32| format!("priority {priority}\n track_script {{\n s weight {weight}\n }}{VIP}");
    let group = |more: &str| format!("vrrp_sync_group G {{\n group {{\n V\n W\n }}\n {more}\n}}\n");
    let other = "vrrp_instance W {\n interface eth1\n virtual_router_id 9\n priority PRIO\n virtual_ipaddress { 10.8.0.50/24 }\n}\n";
    let found = |weight: i32, more: &str| -> Vec<_> {
        let plan = |priority: u8| {
            let other = other.replace("PRIO", &priority.to_string());
            plan(&(side(&member(priority, weight)) + &other + &group(more)))
        };
        compare(&plan(150), &plan(100))
            .iter()
            .map(|finding| finding.kind)
            .collect()
    };
    assert_eq!(found(-20, ""), [""; 0], "it moves nothing, and is not meant to");
    assert_eq!(found(-20, "sync_group_tracking_weight"), ["weight"]);
    assert_eq!(found(0, "track_script {\n s weight -20\n }"), ["weight", "weight"]);
    assert_eq!(found(0, "track_script {\n s weight -60\n }"), [""; 0]);
}

#[test]
fn what_is_on_one_side_only() {
    let one = plan(&side(&format!("priority 101{VIP}")));
    let two = plan(&side(&format!("priority 100{VIP}")).replace("virtual_router_id 9", "virtual_router_id 10"));
    let found = compare(&one, &two);
    assert_eq!(
        found[0].message,
        "`V` has router id 9 here and 10 there: both will be master"
    );
    let grouped = plan(&(side(&format!("priority 101{VIP}")) + "vrrp_sync_group G { group { V } }"));
    let found = compare(&grouped, &plan(&side(&format!("priority 100{VIP}"))));
    assert_eq!(
        found.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        ["one-member-group"]
    );
}
