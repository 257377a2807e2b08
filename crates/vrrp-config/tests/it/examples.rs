//! The shipped examples: both dialects mean the same, and mean what their comments say.

use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp_config::{Plan, Verdict, compare, load};
use tandem_vrrp_core::settings::{AuthV2, Initial, Password, Protocol, Seconds, TrackerKind, Weight};

use crate::{complaints, machine};

pub(crate) const KEEPALIVED: &str = include_str!("../../../../etc/keepalived-example.conf");
const TOML: &str = include_str!("../../../../etc/tandem-vrrp.toml");

fn good(name: &str, text: &str) -> Plan {
    let loaded = load(name, text, &machine(), None);
    assert_eq!(complaints(&loaded), [""; 0]);
    assert_eq!(loaded.verdict(), Verdict::Good);
    loaded.plan.expect("no error was reported")
}

fn without_origins(mut plan: Plan) -> Plan {
    let nowhere: Arc<str> = "".into();
    for instance in &mut plan.instances {
        instance.origin = Arc::clone(&nowhere);
    }
    for group in &mut plan.groups {
        group.origin = Arc::clone(&nowhere);
    }
    plan
}

#[test]
fn both_dialects_yield_one_plan() {
    let keepalived = good("example.conf", KEEPALIVED);
    let native = good("tandem-vrrp.toml", TOML);
    assert_eq!(&*keepalived.instances[0].origin, "example.conf:17");
    assert!(native.instances[0].origin.starts_with("tandem-vrrp.toml:"));
    assert_eq!(without_origins(keepalived), without_origins(native));
}

#[test]
fn a_pair_is_the_same_in_both_dialects_and_fits_together() {
    let pairs = [
        (
            include_str!("../../../../etc/pair/keepalived-lb1.conf"),
            include_str!("../../../../etc/pair/vrrp-lb1.toml"),
        ),
        (
            include_str!("../../../../etc/pair/keepalived-lb2.conf"),
            include_str!("../../../../etc/pair/vrrp-lb2.toml"),
        ),
    ];
    let [one, other] = pairs.map(|(keepalived, native)| {
        let plan = good("keepalived.conf", keepalived);
        assert_eq!(
            without_origins(plan.clone()),
            without_origins(good("vrrp.toml", native))
        );
        plan
    });
    assert_eq!(compare(&one, &other), []);
}

#[test]
fn the_example_means_what_it_says() {
    let plan = good("example.conf", KEEPALIVED);
    let [instance] = plan.router.instances.as_slice() else {
        panic!("one instance")
    };
    assert_eq!((instance.vrid.value(), instance.priority.value()), (51, 101));
    assert_eq!(instance.initial, Initial::Master);
    assert_eq!(
        instance.protocol,
        Protocol::V2 {
            interval: Seconds::ONE,
            auth: AuthV2::Simple(Password::cut(b"change-m")),
        }
    );
    assert_eq!(instance.track[0].weight, Weight::of(2));
    let TrackerKind::Script(script) = &plan.router.trackers[0].kind else {
        panic!("a script")
    };
    let words: Vec<&str> = script.command.iter().map(AsRef::as_ref).collect();
    assert_eq!(words, ["killall", "-0", "haproxy"]);
    assert_eq!(script.interval, Duration::from_secs(2));
    assert!(plan.global.scripts.security && plan.runs_scripts());
}

/// A native file that uses every form a value may have.
#[test]
fn the_native_dialect_says_what_the_other_says() {
    let native = r#"
[global]
vrrp-version = 3
script-user = ["u", "g"]
smtp-alert-vrrp = true
smtp-server = "mail.example 2525"
smtp-helo-name = "lb1"
smtp-connect-timeout = 5
no-email-faults = true
notification-email-from = "Lb <lb1@x>"
vrrp-cpu-affinity = [0, 1]
notification-email = ["ops@x"]

[[track-lb]]
name = "lb"
socket = "/run/lb.sock"
backend-has-servers = "brokers 2"
interval = 0.5

[[instance]]
name = "A"
interface = "eth0"
virtual-router-id = 7
nopreempt = true
dont-track-primary = false
virtual-ipaddress = ["10.0.0.1/24 label eth0:a", '10.0.0.2']
track-lb = ["lb weight -60"]
notify-master = ["/x 'a b'", "root"]
notify = "/y z"
quorum = { address = ["10.0.0.9", "10.0.0.8"], need = 2 }
auth-hmac = { keys = ["3 0123456789abcdef0123456789abcdef"], mode = "permissive" }

[[instance]]
name = "B"
interface = "eth0"
virtual-router-id = 8
virtual-ipaddress = "fe80::9/64"

[[sync-group]]
name = "G"
group = ["A", "B"]
"#;
    let keepalived = "
global_defs {
    vrrp_version 3
    script_user u g
    smtp_alert_vrrp on
    smtp_server mail.example 2525
    smtp_helo_name lb1
    smtp_connect_timeout 5
    no_email_faults
    notification_email_from \"Lb <lb1@x>\"
    vrrp_cpu_affinity 0 1
    notification_email { ops@x }
}
track_lb lb {
    socket /run/lb.sock
    backend_has_servers brokers 2
    interval 0.5
}
vrrp_instance A {
    interface eth0
    virtual_router_id 7
    nopreempt
    virtual_ipaddress {
        10.0.0.1/24 label eth0:a
        10.0.0.2
    }
    track_lb { lb weight -60 }
    notify_master \"/x 'a b'\" root
    notify \"/y z\"
    quorum {
        address 10.0.0.9 10.0.0.8
        need 2
    }
    auth_hmac {
        key 3 0123456789abcdef0123456789abcdef
        mode permissive
    }
}
vrrp_instance B {
    interface eth0
    virtual_router_id 8
    virtual_ipaddress { fe80::9/64 }
}
vrrp_sync_group G { group { A B } }
";
    let read = |text: &str| {
        let loaded = load("t", text, &machine(), None);
        let complaints = complaints(&loaded);
        without_origins(loaded.plan.unwrap_or_else(|| panic!("{complaints:?}")))
    };
    let plan = read(native);
    assert_eq!(plan, read(keepalived));
    assert_eq!((plan.router.instances.len(), plan.router.groups.len()), (2, 1));
}
