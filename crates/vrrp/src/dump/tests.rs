use std::collections::BTreeMap;

use serde_json::Value;
use tandem_ops::clock::Wall;
use tandem_sys::netlink::{Link, Mac};
use tandem_time::Mono;
use tandem_vrrp_config::{Fifo, Machine, Plan, load};
use tandem_vrrp_core::settings::Family;
use tandem_vrrp_core::{Input, Router};

use super::*;
use crate::around::fixtures::link;
use crate::around::{Around, Interface, Sockets};
use crate::snapshot::Snapshot;
use crate::track::Stage;

mod exporters;

const CONFIGURATION: &str = "\
global_defs { 
  router_id x
}
vrrp_script chk {
  script \"/usr/bin/killall -0 haproxy\"
  weight -4 reverse
  user root
}
vrrp_instance VI_1 {
  state MASTER
  interface d0
  virtual_router_id 51
  priority 101
  advert_int 1
  authentication {
    auth_type PASS
    auth_pass 1111
  }
  virtual_ipaddress {
    10.77.0.100/32 dev d0 label d0:vip
  }
  virtual_ipaddress_excluded {
    10.77.0.101/24
  }
  track_script {
    chk weight 2
  }
  virtual_routes {
    10.78.0.0/16 via 10.77.0.9 dev d0 table 100
  }
  virtual_rules {
    from 10.77.0.100 table 100 priority 50
  }
  notify /bin/true
}
";

/// What Keepalived 2.2.7 wrote for the same instance as a master, without the script.
const KEEPALIVED: &str = r#"[{"data":{"iname":"VI_1","dont_track_primary":0,"skip_check_adv_addr":0,"strict_mode":0,"vmac_ifname":"","ifp_ifname":"d0","master_priority":0,"last_transition":1795263664.173059,"garp_delay":5,"garp_refresh":0,"garp_rep":5,"garp_refresh_rep":1,"garp_lower_prio_delay":5,"garp_lower_prio_rep":5,"lower_prio_no_advert":0,"higher_prio_send_advert":0,"vrid":51,"base_priority":101,"effective_priority":101,"vipset":true,"promote_secondaries":false,"adver_int":1,"master_adver_int":1,"accept":1,"nopreempt":false,"preempt_delay":0,"state":2,"wantstate":2,"version":2,"smtp_alert":false,"notify_deleted":false,"script":"'\/usr\/bin\/true'","vips":["10.77.0.100 dev d0 scope global label d0:vip set"],"evips":["10.77.0.101 dev d0 scope global set"],"auth_type":1,"auth_data":"1111"},"stats":{"advert_rcvd":0,"advert_sent":2,"become_master":1,"release_master":0,"packet_len_err":0,"advert_interval_err":0,"ip_ttl_err":0,"invalid_type_rcvd":0,"addr_list_err":0,"invalid_authtype":0,"authtype_mismatch":0,"auth_failure":0,"pri_zero_rcvd":0,"pri_zero_sent":0}}]"#;

fn plan() -> Plan {
    let context = tandem_text::keepalived::Context {
        files: &tandem_text::keepalived::NoFiles,
        env: &|_| None,
        config_id: "x",
        seed: 0,
    };
    let loaded = load("k.conf", CONFIGURATION, &Machine::new(context), None);
    loaded.plan.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// The only instance, as master.
fn master(plan: &Plan) -> Snapshot {
    Snapshot::of(
        &running(plan),
        |_, _| true,
        Mono::from_millis(5000),
        0,
        Default::default(),
    )
}

fn running(plan: &Plan) -> Router {
    let mut router = Router::new(plan.router.clone());
    let instance = plan.router.instances[0].id;
    let address = Some([10, 77, 0, 1].into());
    let up = Input::Link {
        interface: "d0",
        up: true,
    };
    router.handle(up, Mono::ZERO);
    router.handle(Input::Source { instance, address }, Mono::ZERO);
    router.handle(Input::Start, Mono::ZERO);
    for _ in 0..2 {
        if let Some(due) = router.poll_deadline() {
            router.on_deadline(due);
        }
    }
    router
}

fn written(snapshot: &Snapshot, plan: &Plan) -> String {
    let data = Data {
        snapshot,
        plan,
        around: &around(plan),
        taken: Wall::from_micros(1_795_306_525_336_784),
        stage: &|_| Stage::Running,
    };
    data.to_string()
}

/// As on a host with this one interface.
fn around(plan: &Plan) -> Around {
    Around {
        sockets: vec![Sockets {
            interface: "d0".into(),
            family: Family::V4,
            multicast: true,
            hears: 14,
            speaks: Some(15),
            instances: plan.router.instances.iter().map(|i| i.id).collect(),
        }],
        interfaces: vec![Interface {
            link: Link {
                mac: Some(Mac([0x5e, 0x82, 5, 0xc9, 0xfe, 0xc1])),
                ..link(3, "d0")
            },
            addresses: vec![[10, 77, 0, 1].into()],
        }],
    }
}

/// The order, the words and the blanks of Keepalived 2.2.7; it says more of an interface.
#[test]
fn descriptors_interfaces_and_weights() {
    let plan = plan();
    let text = written(&master(&plan), &plan);
    let parts = [
        "     10.77.0.101/24 dev d0 scope global set\n   fd_in 14, fd_out 15\n",
        "------< VRRP Sockpool >------\n fd_in 14 fd_out = 15\n   Interface = d0\n   Family = IPv4\n   Protocol = VRRP\n   \
         Type = Multicast\n   VRRP instances\n     VI_1 vrid 51\n",
        "   Timeout = 0 sec\n   Weight = -4 reverse\n   Rise = 1\n",
        "------< Interfaces >------\n Name = d0\n   index = 3\n   IPv4 address = 10.77.0.1\n   IPv6 address = (none)\n   \
         MAC = 5e:82:05:c9:fe:c1\n   State = UP, RUNNING\n   MTU = 1500\n   HW Type = ETHERNET\n   \
         NIC netlink status update\n   Tracking VRRP instances :\n     VI_1, weight 0\n",
    ];
    let mut rest = text.as_str();
    for part in parts {
        let place = rest.find(part).unwrap_or_else(|| panic!("{part}\n{text}"));
        rest = &rest[place + part.len()..];
    }
}

fn keys(value: &Value) -> BTreeMap<String, &'static str> {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let object = value.as_object().into_iter().flatten();
    object.map(|(key, value)| (key.clone(), kind(value))).collect()
}

#[test]
fn every_key_of_keepalived_with_its_type() {
    let plan = plan();
    let ours = json(&master(&plan), &plan, Wall::now()).expect("it can be written");
    let ours: Value = serde_json::from_str(&ours).expect("it is JSON");
    let theirs: Value = serde_json::from_str(KEEPALIVED).expect("it is JSON");
    for part in ["data", "stats"] {
        let (ours, theirs) = (keys(&ours[0][part]), keys(&theirs[0][part]));
        for (key, kind) in theirs {
            assert_eq!(ours.get(&key), Some(&kind), "{key}");
        }
    }
    let data = &ours[0]["data"];
    assert_eq!(data["state"], 2);
    assert_eq!(data["vips"], theirs[0]["data"]["vips"]);
    assert_eq!(data["evips"][0], "10.77.0.101/24 dev d0 scope global set");
    assert_eq!(
        data["vroutes"][0],
        "prepend 10.78.0.0/16 via inet 10.77.0.9 dev d0 table 100 proto 18"
    );
    assert_eq!(
        data["vrules"][0],
        "from 10.77.0.100 priority 50 tos 0x0 protocol 18 lookup 100"
    );
    assert_eq!(data["track_script"][0], "'/usr/bin/killall' '-0' 'haproxy'");
    assert_eq!(data["auth_data"], "********", "the secret stays where it is");
}

/// One may be refused by the kernel while the others are there.
#[test]
fn each_address_says_for_itself_whether_it_is_set() {
    let plan = plan();
    let mut snapshot = master(&plan);
    snapshot.instances[0].set = [[10, 77, 0, 101].into()].into();
    let text = json(&snapshot, &plan, Wall::now()).expect("it can be written");
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    let data = &value[0]["data"];
    assert_eq!(data["vips"][0], "10.77.0.100 dev d0 scope global label d0:vip");
    assert_eq!(data["evips"][0], "10.77.0.101/24 dev d0 scope global set");
}

#[test]
fn the_second_form_has_another_top() {
    let mut plan = plan();
    plan.global.dumps.json_version = 2;
    let text = json(&master(&plan), &plan, Wall::now()).expect("it can be written");
    let value: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["vrrp"][0]["data"]["iname"], "VI_1");
    assert!(value["track_process"].is_array());
}

#[test]
fn lines_that_exporters_look_for() {
    let plan = plan();
    let text = written(&master(&plan), &plan);
    for line in [
        " VRRP Instance = VI_1",
        "   State = MASTER",
        "   Wantstate = MASTER",
        "   Interface = d0",
        "   Virtual Router ID = 51",
        "   Gratuitous ARP delay = 5",
        "   Virtual IP (1):",
        "     10.77.0.100 dev d0 scope global label d0:vip set",
        " VRRP Script = chk",
        "   Virtual IP Excluded :",
        "     10.77.0.101/24 dev d0 scope global set",
        "   Init state = INIT",
        "   Status = BAD",
        "   State = running",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(!text.contains("1111"), "the secret stays where it is");
}

/// Also captured from Keepalived.
const STATISTICS: &str = "\
VRRP Instance: VI_1
  Advertisements:
    Received: 0
    Sent: 2
  Became master: 1
  Released master: 0
  Packet Errors:
    Length: 0
    TTL: 0
    Invalid Type: 0
    Advertisement Interval: 0
    Address List: 0
  Authentication Errors:
    Invalid Type: 0
    Type Mismatch: 0
    Failure: 0
  Priority Zero:
    Received: 0
    Sent: 0
";

#[test]
fn counters_in_keepalived_s_layout() {
    assert_eq!(statistics(&master(&plan())), STATISTICS);
}

#[test]
fn written_whole_and_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("tandem-vrrp-dump-{}", std::process::id()));
    for text in ["one\n", "two\n"] {
        write(&path, text).expect("the temporary folder is writable");
        assert_eq!(fs::read_to_string(&path).expect("written"), text);
    }
    let mode = fs::metadata(&path).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::remove_file(&path).expect("ours");
}

#[test]
fn those_who_are_several_have_a_file_each() {
    let mut plan = plan();
    let path = |plan: &Plan| data_path(plan, Some("blue")).display().to_string();
    plan.global.instance_name = Some("left".into());
    assert_eq!(path(&plan), "/tmp/keepalived.data");
    plan.global.dumps.use_instance = true;
    assert_eq!(path(&plan), "/tmp/keepalived.left.blue.data");
    plan.global.dumps.data = "/var/lib/state".into();
    assert_eq!(path(&plan), "/var/lib/state.left.blue");
}

#[test]
fn the_parent_s_part_is_beside_it() {
    for (data, parent) in [
        ("/tmp/keepalived.data", "/tmp/keepalived_parent.data"),
        ("/tmp/keepalived.left.data", "/tmp/keepalived.left_parent.data"),
        ("/var/lib/state", "/var/lib/state_parent"),
    ] {
        assert_eq!(parent_path(Path::new(data)), PathBuf::from(parent));
    }
    let text = parent(&plan());
    assert!(
        text.starts_with("------< Global definitions >------\n Network namespace = "),
        "{text}"
    );
    assert!(!text.contains("VI_1"), "routers are in the other file:\n{text}");
}

/// Each as Keepalived 2.2.7 writes it.
#[test]
fn the_whole_program_s_settings() {
    let mut plan = plan();
    let text = parent(&plan);
    for line in [
        " Network namespace = (default)",
        " Router ID = x",
        " Dynamic interfaces = false",
        " Default interface = eth0",
        " Disable local IGMP = no",
        " FIFO write vrrp states on reload = false",
        " VRRP notify priority changes = false",
        " Max auto priority = 0",
        " Min auto priority delay = 1000000 usecs",
        " VRRP process priority = 0",
        " VRRP don't swap = false",
        " Script security disabled",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    plan.global.umask = Some(0o177);
    plan.global.scripts.vrrp_notify_fifo = Some(Fifo {
        path: "/run/v".into(),
        owner: None,
    });
    let text = parent(&plan);
    assert!(text.ends_with(" umask = 0177\n"), "{text}");
    assert!(text.contains("\n VRRP notify fifo = /run/v\n"), "{text}");
}
