//! `tandem plan` on the files that the packages bring.

use std::fs;
use std::path::{Path, PathBuf};
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
    assert!(
        brokers[0]["lost"].as_f64() > brokers[0]["dies"].as_f64(),
        "who is gone is waited for"
    );
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

/// A folder of its own, which is gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("tandem-plan-{name}-{}", std::process::id())));
        for (path, text) in files {
            let path = folder.0.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("the temporary folder is writable");
            fs::write(path, text).expect("the temporary folder is writable");
        }
        folder
    }

    fn plan(&self, arguments: &[&str]) -> (Value, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        let command = command
            .current_dir(&self.0)
            .args(["plan", "--json", "--seeds", "3"])
            .args(arguments);
        let output = command.output().expect("it was built");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ROUTER: &str = "vrrp_instance V {
    interface eth0
    virtual_router_id 51
@lb1 priority 150
@lb2 priority 100
    advert_int 1
    virtual_ipaddress {
        10.0.0.100/24
    }
}
";
const BALANCER: &str = "frontend f
    mode tcp
    bind :1
    default_backend b
backend b
    mode tcp
    server s 10.0.0.11:1 check inter 10s fall 3
";

#[test]
fn each_host_reads_the_lines_that_are_its_own() {
    let folder = Folder::with(
        "ids",
        &[
            ("lb1/k.conf", ROUTER),
            ("lb2/k.conf", ROUTER),
            ("web.conf", &ROUTER.replace("@lb", "@web")),
            ("h.cfg", BALANCER),
        ],
    );
    let two = folder.plan(&["lb1/k.conf", "lb2/k.conf"]).0;
    assert_eq!(
        (&two[0]["master"], &two[0]["backup"]),
        (&"lb1/k.conf".into(), &"lb2/k.conf".into())
    );
    let lost = |plan: &Value| {
        let rows = plan[0]["failures"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["failure"] == "host loses its power");
        row.expect("it is one of them")["arithmetic"].as_f64()
    };
    // Three adverts, and what the backup of priority 100 adds.
    assert_eq!(lost(&two), Some(3.609_375));
    let one = folder.plan(&["lb1/k.conf", "lb1/k.conf"]).0;
    assert_eq!(one[0]["master"], "lb1/k.conf (lb1)");

    let config = ["--config-a", "h.cfg", "web.conf", "--config-b", "h.cfg", "web.conf"];
    for files in [&["web.conf", "web.conf"][..], &config] {
        let (plan, said) = folder.plan(files);
        assert!(
            plan.is_null() && said.contains("web.conf:4: `@web1` is neither") && said.contains("--id-a"),
            "{said}"
        );
        let (plan, said) = folder.plan(&[files, &["--id-a", "web1", "--id-b", "web2"]].concat());
        assert_eq!(lost(&plan), Some(3.609_375), "{said}");
    }
}

#[test]
fn what_is_not_clear_or_from_elsewhere_is_said() {
    let main = ROUTER.replace("vrrp_instance", "include conf.d/check.conf\nvrrp_instance");
    // Nothing in it says whose it is.
    let check = "static_ipaddress {\n}\n";
    let folder = Folder::with(
        "clear",
        &[
            ("k.conf", &main),
            ("conf.d/check.conf", check),
            ("one/check.conf", check),
            ("two/check.conf", check),
            ("h.cfg", BALANCER),
        ],
    );
    let of = |more: &[&str]| {
        let side = |option| [&[option, "h.cfg", "k.conf"], more].concat();
        folder.plan(&[side("--config-a"), side("--config-b")].concat())
    };
    let (plan, said) = of(&["one/check.conf", "two/check.conf"]);
    assert!(
        plan.is_null() && said.contains("may be one/check.conf or two/check.conf"),
        "{said}"
    );
    let (plan, said) = of(&[]);
    assert!(said.contains("`include` is `this machine's file` here"), "{said}");
    // Its check only connects.
    let broker = &plan[0]["backends"][0];
    assert_eq!((&broker["dies"], &broker["hangs"]), (&30.0.into(), &Value::Null));
    let table = of_text(&folder);
    assert!(
        table.contains("a broker hangs                  for ever: its checks only connect"),
        "{table}"
    );
}

fn of_text(folder: &Folder) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    let command = command.current_dir(&folder.0).args(["plan", "--seeds", "1"]);
    let output = command
        .args(["--config-a", "h.cfg", "k.conf", "--config-b", "h.cfg", "k.conf"])
        .output();
    String::from_utf8_lossy(&output.expect("it was built").stdout).into_owned()
}
