//! What configurations mean as a whole.

use std::collections::BTreeMap;

use tandem_text::keepalived::{Context, Files};
use tandem_vrrp_config::{Machine, Verdict, load};
use tandem_vrrp_core::settings::{AuthV2, Family, Password, Protocol, Scope};

use crate::{complaints, machine, plan, read, with_instance};

#[test]
fn a_password_is_cut_at_eight_bytes_even_inside_a_letter() {
    let plan = plan(&with_instance(
        "authentication {\n auth_type PASS\n auth_pass pässwörter\n }",
    ));
    let Protocol::V2 { auth, .. } = plan.router.instances[0].protocol else {
        panic!("version 2")
    };
    assert_eq!(
        auth,
        AuthV2::Simple(Password::cut(
            "pässw"
                .as_bytes()
                .iter()
                .chain(b"\xc3\xb6")
                .copied()
                .collect::<Vec<u8>>()
                .as_slice()
        ))
    );
    let latin = with_instance("authentication {\n auth_type PASS\n auth_pass p@ss\n }").replace('@', "\u{1}");
    let bytes: Vec<u8> = latin.bytes().map(|byte| if byte == 1 { 0xe4 } else { byte }).collect();
    let plan = load("t", bytes, &machine(), None).plan.expect("bytes are good enough");
    let want = AuthV2::Simple(Password::cut(b"p\xe4ss"));
    assert!(matches!(plan.router.instances[0].protocol, Protocol::V2 { auth, .. } if auth == want));
}

#[test]
fn announcements_are_scheduled_as_written() {
    let ms = std::time::Duration::from_millis;
    let own = "garp_master_delay 7\n garp_master_repeat 2\n garp_master_refresh 60\n garp_master_refresh_repeat 3\n \
               garp_lower_prio_delay 8\n garp_lower_prio_repeat 4\n garp_extra_if 90";
    let paced = format!(
        "global_defs {{\n vrrp_garp_interval 0.01\n vrrp_gna_interval 0.02\n}}\n{}",
        with_instance(own)
    );
    let plan = plan(&paced);
    let garp = &plan.router.instances[0].garp;
    assert_eq!((garp.delay, garp.repeat), (ms(7_000), 2));
    assert_eq!((garp.refresh, garp.refresh_repeat), (ms(60_000), 3));
    assert_eq!((garp.lower_delay, garp.lower_repeat), (ms(8_000), 4));
    assert_eq!(garp.extra_interfaces, ms(90_000));
    let pace = &plan.router.paces[usize::from(garp.pace.expect("it is paced").0)];
    assert_eq!((pace.garp_interval, pace.gna_interval), (ms(10), ms(20)));
}

#[test]
fn more_addresses_than_an_advert_holds_are_excluded() {
    let many = |count: u32| {
        format!("virtual_ipaddress {{\n ~SEQ(A,1,{count}) 10.8.0.${{A}}\n }}").replace("10.8.0.${A}", "10.8.${A}.1")
    };
    let plan_of = |count| plan(&with_instance(&many(count)));
    let fits = plan_of(250);
    assert_eq!(
        (
            fits.router.instances[0].vips.len(),
            fits.router.instances[0].excluded.len()
        ),
        (251, 0)
    );
    let v6 = "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n virtual_ipaddress {\n ~SEQ(A,1,100) fd00::${A}\n }\n}\n";
    let loaded = read(v6);
    assert_eq!(loaded.verdict(), Verdict::Mistakes);
    let plan = loaded.plan.expect("it goes on");
    assert_eq!(plan.router.instances[0].vips.len(), 89, "what 1500 bytes hold");
    assert_eq!(plan.router.instances[0].excluded.len(), 11);
    let jumbo = Machine {
        mtu: &|_| Some(9000),
        ..machine()
    };
    let plan = load("t", v6, &jumbo, None).plan.expect("good");
    assert_eq!(plan.router.instances[0].vips.len(), 100);
}

#[test]
fn ipv6_is_version_3_and_its_group() {
    let text = "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n virtual_ipaddress {\n fe80::9/64\n }\n virtual_ipaddress_excluded {\n 10.9.0.9\n }\n}\n";
    let plan = plan(text);
    let instance = &plan.router.instances[0];
    assert_eq!(instance.family, Family::V6);
    assert!(matches!(instance.protocol, Protocol::V3 { .. }));
    assert_eq!(format!("{:?}", instance.transport), "Multicast { group: ff02::12 }");
    assert_eq!(instance.excluded[0].scope, Scope::Global);
}

#[test]
fn two_instances_cannot_be_one_router_or_hold_one_address() {
    let instance = |name: &str, vrid: u8, vip: &str, more: &str| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n{more}\n virtual_ipaddress {{\n {vip}\n }}\n}}\n"
        )
    };
    let first = instance("A", 9, "10.9.0.9", "");
    for (second, refused) in [
        (instance("B", 9, "10.9.0.8", ""), true),
        (instance("B", 8, "10.9.0.9", ""), true),
        (instance("B", 8, "10.9.0.9 dev eth1", ""), false),
        (instance("B", 9, "fe80::1", ""), false),
        (instance("B", 9, "10.9.0.8", "mcast_dst_ip 224.0.0.7"), false),
        (instance("B", 9, "10.9.0.8", "unicast_peer { 10.9.0.3 }"), false),
        (instance("B", 9, "10.9.0.8", "").replace("eth0", "eth1"), false),
    ] {
        let loaded = read(&(first.clone() + &second));
        assert_eq!(loaded.plan.is_none(), refused, "{second} {:?}", complaints(&loaded));
    }
}

#[test]
fn groups_find_their_members_and_reload_keeps_numbers() {
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n virtual_ipaddress {{ 10.9.0.{vrid} }}\n track_script {{ s }}\n}}\n"
        )
    };
    let script = "vrrp_script s { script /bin/true }\n";
    let group = "vrrp_sync_group G {\n group {\n A\n B\n }\n track_script { s }\n notify /x\n}\n";
    let old = plan(&(script.to_owned() + &instance("A", 1) + &instance("B", 2) + group));
    assert_eq!(old.router.groups[0].members.len(), 2);
    assert_eq!(old.router.groups[0].track.len(), 1);
    assert!(old.groups[0].notify.any.is_some());

    let mut new = plan(&(script.to_owned() + &instance("C", 3) + &instance("B", 2) + &instance("A", 1) + group));
    new.adopt_ids(&old);
    for (name, was) in [("A", 0), ("B", 1)] {
        let settings = new
            .router
            .instances
            .iter()
            .find(|i| &*i.name == name)
            .expect("still there");
        assert_eq!(settings.id, old.router.instances[was].id);
        assert!(new.instance(settings.id).is_some(), "the runtime's part goes with it");
    }
    let ids: std::collections::BTreeSet<_> = new.instances.iter().map(|instance| instance.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn scripts_without_security_are_told_apart_from_mistakes() {
    let text =
        "vrrp_instance V {\n interface eth0\n virtual_router_id 9\n virtual_ipaddress { 10.9.0.9 }\n notify /x\n}\n";
    assert_eq!(read(text).verdict().exit_status(), 6);
    assert_eq!(read(&format!("nonsense\n{text}")).verdict().exit_status(), 5);
    assert_eq!(
        read(&format!("global_defs {{\n enable_script_security\n}}\n{text}"))
            .verdict()
            .exit_status(),
        0
    );
    assert_eq!(read(&text.replace(" notify /x\n", "")).verdict().exit_status(), 0);
}

struct Disk(BTreeMap<&'static str, &'static str>);

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = self.0.get(path).ok_or_else(|| "no such file".to_owned())?;
        Ok(found.as_bytes().to_vec())
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let names = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(directory)?.strip_prefix('/'));
        names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
    }
}

#[test]
fn a_mistake_in_an_included_file_is_shown_there() {
    let disk = Disk(BTreeMap::from([(
        "/k/conf.d/a.conf",
        "vrrp_instance A {\n interface eth0\n virtual_router_id ${ID}\n @lb1 priority 101\n @lb2 priority 100\n priorty 3\n virtual_ipaddress { 10.9.0.1 }\n}\n",
    )]));
    let machine = Machine::new(Context {
        files: &disk,
        env: &|_| None,
        config_id: "lb1",
        seed: 1,
    });
    let loaded = load("/k/k.conf", "$ID=51\ninclude conf.d/*.conf\n", &machine, None);
    assert_eq!(
        complaints(&loaded),
        ["/k/conf.d/a.conf:6:2: warning[VR0001]: unknown keyword `priorty` in `vrrp_instance`"]
    );
    let instance = &loaded.plan.expect("the rest is used").router.instances[0];
    assert_eq!((instance.vrid.value(), instance.priority.value()), (51, 101));
}

/// Whoever is closer says whether mail is written; measured with Keepalived 2.2.7.
#[test]
fn mail_is_written_of_whom_it_is_wanted() {
    let alerts = |global: &str, own: &str| {
        let text = format!("global_defs {{\n {global}\n}}\n{}", with_instance(own));
        plan(&text).instances[0].notify.smtp_alert
    };
    for (global, own, wanted) in [
        ("", "", false),
        ("", "smtp_alert", true),
        ("smtp_alert", "", true),
        ("smtp_alert", "smtp_alert off", false),
        ("smtp_alert\n smtp_alert_vrrp off", "", false),
        ("smtp_alert_vrrp off\n smtp_alert", "", false),
        ("smtp_alert_vrrp off", "smtp_alert on", true),
    ] {
        assert_eq!(alerts(global, own), wanted, "{global:?} {own:?}");
    }
    let global = |lines: &str| {
        plan(&format!("global_defs {{\n {lines}\n}}\n{}", with_instance("")))
            .global
            .mail
    };
    assert_eq!(global("").timeout.as_secs(), 30);
    let server = |lines| {
        global(lines)
            .server
            .map(|server| (server.host.to_string(), server.port))
    };
    assert_eq!(
        server("smtp_server mail.example"),
        Some(("mail.example".to_owned(), 25))
    );
    assert_eq!(server("smtp_server fd00::1 2525"), Some(("fd00::1".to_owned(), 2525)));
    assert!(!global("no_email_faults").faults);
}
