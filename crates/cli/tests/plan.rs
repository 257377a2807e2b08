//! `tandem plan` on the files that the packages bring.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// In the folder of the pair that the guides' readers copy.
fn plan(arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/pair");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    let output = command
        .current_dir(folder)
        .args(["plan", "--seeds", "10"])
        .args(arguments);
    output.output().expect("it was built")
}

fn value(arguments: &[&str]) -> Value {
    let output = plan(&[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// As they are in the other dialect.
fn in_conf(plan: &Value) -> String {
    plan.to_string()
        .replace("vrrp-lb", "keepalived-lb")
        .replace(".toml", ".conf")
}

#[test]
fn both_dialects_of_a_pair_have_one_plan() {
    let conf = ["keepalived-lb1.conf", "keepalived-lb2.conf"];
    let plan = value(&conf);
    assert_eq!(in_conf(&value(&["vrrp-lb1.toml", "vrrp-lb2.toml"])), plan.to_string());
    let row = |name: &str| {
        let rows = plan[0]["failures"].as_array().expect("rows");
        rows.iter().find(|row| row["failure"] == name).expect(name).clone()
    };
    let dies = row("balancer dies");
    // Refused twice, half a second apart; then the other waits for three adverts in vain.
    assert_eq!(dies["seen_by"].as_array().map(Vec::len), Some(1));
    assert_eq!(dies["arithmetic"], 0.360_937);
    assert_eq!(dies["then_has_it"], serde_json::json!(["keepalived-lb2.conf"]));
    let one_way = row("backup does not hear it");
    assert!(one_way["both_have"].is_number(), "the pair's link ends it: {one_way}");
    assert_eq!(row("router dies (SIGKILL)")["both_have"], Value::Null);

    let brokers = [
        &[
            "--config-a",
            "haproxy.cfg",
            conf[0],
            "--config-b",
            "haproxy.cfg",
            conf[1],
        ],
        &["--config-a", "lb.toml", conf[0], "--config-b", "lb.toml", conf[1]],
    ]
    .map(|files| value(files)[0]["backends"][0].clone());
    assert_eq!(brokers[0], brokers[1]);
    assert_eq!((&brokers[0]["dies"], &brokers[0]["back"]), (&6.0.into(), &4.0.into()));
    assert!(brokers[0]["out_of_reach_of_one_host"].is_number());
    assert_eq!(brokers[0]["all_die"], "the address stays");
}

#[test]
fn a_pair_that_does_not_fit_has_no_plan() {
    for (files, why) in [
        (
            &["haproxy.cfg", "keepalived-lb2.conf"][..],
            "haproxy.cfg is no router's file",
        ),
        (
            &["keepalived-lb1.conf", "keepalived-lb1.conf"],
            "both name 10.0.0.2 as the other host",
        ),
    ] {
        let output = plan(files);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(why), "{said}");
    }
}
