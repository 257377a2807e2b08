//! Each keyword: what it sets, and how its mistakes are reported.

use std::fmt::Debug;

use tandem_vrrp_config::{Plan, keyword_docs};
use tandem_vrrp_core::settings::{InstanceSettings, TrackerKind};

use crate::{complaints, plan, read, with_instance};

fn show(value: impl Debug) -> String {
    format!("{value:?}")
}

fn instance(lines: &str, look: fn(&InstanceSettings) -> String, want: &str) {
    let plan = plan(&with_instance(lines));
    assert_eq!(look(&plan.router.instances[0]), want, "{lines}");
}

fn runtime(lines: &str, look: fn(&tandem_vrrp_config::Instance) -> String, want: &str) {
    let plan = plan(&with_instance(lines));
    assert_eq!(look(&plan.instances[0]), want, "{lines}");
}

fn global(lines: &str, look: fn(&Plan) -> String, want: &str) {
    let plan = plan(&format!("global_defs {{\n {lines}\n}}\n{}", with_instance("")));
    assert_eq!(look(&plan), want, "{lines}");
}

#[test]
fn of_instances() {
    instance("", |i| show((i.priority.value(), i.initial)), "(100, Backup)");
    instance(
        "state MASTER",
        |i| show((i.priority.value(), i.initial)),
        "(255, Master)",
    );
    instance(
        "priority 255",
        |i| show((i.priority.value(), i.initial)),
        "(255, Master)",
    );
    instance(
        "priority 7\n state BACKUP",
        |i| show((i.priority.value(), i.initial)),
        "(7, Backup)",
    );
    instance("", |i| show(i.interface.as_deref()), "Some(\"eth0\")");
    instance("", |i| show(i.protocol), "V2 { interval: Seconds(1), auth: None }");
    instance(
        "advert_int 0.5",
        |i| show(i.protocol),
        "V2 { interval: Seconds(1), auth: None }",
    );
    instance(
        "advert_int 1.6",
        |i| show(i.protocol),
        "V2 { interval: Seconds(2), auth: None }",
    );
    instance(
        "version 3\n advert_int 0.123",
        |i| show(i.protocol),
        "V3 { interval: Centis(12), checksum: Auto }",
    );
    instance(
        "version 3\n advert_int 100",
        |i| show(i.protocol),
        "V3 { interval: Centis(4095), checksum: Auto }",
    );
    instance(
        "version 3\n checksum without",
        |i| show(i.protocol),
        "V3 { interval: Centis(100), checksum: Without }",
    );
    instance(
        "version 3\n v3_checksum_as_v2",
        |i| show(i.protocol),
        "V3 { interval: Centis(100), checksum: Without }",
    );
    instance("", |i| show(&i.transport), "Multicast { group: 224.0.0.18 }");
    instance(
        "mcast_dst_ip 224.0.0.99",
        |i| show(&i.transport),
        "Multicast { group: 224.0.0.99 }",
    );
    instance("mcast_src_ip 10.9.0.3", |i| show(i.source), "Some(10.9.0.3)");
    instance(
        "unicast_peer {\n 10.9.0.3\n 10.9.0.4 min_ttl 254\n }\n unicast_ttl 7\n unicast_src_ip 10.9.0.2",
        |i| show((&i.transport, i.source)),
        "(Unicast { peers: [Peer { address: 10.9.0.3, ttl: None }, Peer { address: 10.9.0.4, ttl: Some(TtlRange { min: \
         254, max: 255 }) }], check_source: true, ttl: Some(7) }, Some(10.9.0.2))",
    );
    instance("nopreempt", |i| show(i.preempt), "Never");
    instance("nopreempt\n preempt", |i| show(i.preempt), "After(0ns)");
    instance("preempt_delay 4.12", |i| show(i.preempt), "After(4.12s)");
    instance("state MASTER\n nopreempt", |i| show(i.preempt), "After(0ns)");
    instance("accept", |i| show((i.accept, i.accepts())), "(Some(true), true)");
    instance("no_accept", |i| show((i.accept, i.accepts())), "(Some(false), false)");
    instance(
        "strict_mode",
        |i| show((i.strict, i.accepts(), i.answer_lower)),
        "(true, false, false)",
    );
    instance("down_timer_adverts 5", |i| show(i.down_adverts), "5");
    instance("lower_prio_no_advert", |i| show(i.answer_lower), "false");
    instance("higher_prio_send_advert off", |i| show(i.last_word), "false");
    instance("", |i| show(i.last_word), "true");
    instance("find_rivals off", |i| show(i.seeks_rivals), "false");
    instance("", |i| show(i.seeks_rivals), "true");
    instance("skip_check_adv_addr", |i| show(i.skip_address_check), "true");
    instance("owner_ignore_adverts on", |i| show(i.owner_ignores_adverts), "true");
    instance("mcast_src_ip 10.9.0.3\n track_src_ip", |i| show(i.track_source), "true");
    instance(
        "unicast_fault_no_peer",
        |i| show((i.needs_peer, &i.transport)),
        "(true, Unicast { peers: [], check_source: false, ttl: None })",
    );
    instance(
        "timer_expired_backup",
        |i| show(i.late_is_backup.map(|p| p.value())),
        "Some(254)",
    );
    instance(
        "timer_expired_backup 120",
        |i| show(i.late_is_backup.map(|p| p.value())),
        "Some(120)",
    );
    instance("dont_track_primary", |i| show(i.track_primary), "false");
    instance(
        "garp_master_delay 3\n garp_master_repeat 2",
        |i| show((i.garp.delay, i.garp.repeat)),
        "(3s, 2)",
    );
    instance(
        "garp_master_repeat 2",
        |i| show((i.garp.lower_delay, i.garp.lower_repeat)),
        "(5s, 2)",
    );
    instance(
        "garp_lower_prio_repeat 0",
        |i| show((i.garp.repeat, i.garp.lower_repeat)),
        "(5, 0)",
    );
    instance(
        "garp_master_refresh 60\n garp_extra_if all 9",
        |i| show((i.garp.refresh, i.garp.extra_interfaces)),
        "(60s, 9s)",
    );
    instance(
        "quorum {\n address 10.9.0.1 10.9.0.2\n need 2\n }",
        |i| show(&i.quorum),
        "Some(Quorum { witnesses: [10.9.0.1, 10.9.0.2], gateway: false, need: 2 })",
    );
    instance(
        "track_interface {\n eth1 weight -7 reverse\n eth2\n }",
        |i| {
            show(
                i.track
                    .iter()
                    .map(|tracked| (tracked.weight.value, tracked.weight.reverse))
                    .collect::<Vec<_>>(),
            )
        },
        "[(-7, true), (0, false)]",
    );
}

#[test]
fn of_addresses() {
    let first = |line: &str| {
        let plan = plan(&with_instance(&format!("virtual_ipaddress_excluded {{\n {line}\n }}")));
        plan.router.instances[0].excluded[0].clone()
    };
    let own = plan(&with_instance("")).router.instances[0].vips[0].clone();
    assert_eq!((own.prefix, own.tracked), (24, true));
    assert_eq!((first("10.9.0.1").prefix, first("fd00::1").prefix), (32, 128));
    assert_eq!(
        first("fd00::1").options.preferred_lifetime,
        Some(0),
        "not to be chosen as a source"
    );
    assert_eq!(
        first("fd00::1 preferred_lft forever").options.preferred_lifetime,
        Some(u32::MAX)
    );
    assert_eq!(first("fd00::1/64").options.preferred_lifetime, None);
    assert_eq!(
        first("10.9.0.1/24 brd +").broadcast.expect("set").to_string(),
        "10.9.0.255"
    );
    assert_eq!(
        first("10.9.0.1/24 brd -").broadcast.expect("set").to_string(),
        "10.9.0.0"
    );
    assert_eq!(
        first("10.9.0.1/24 broadcast 10.9.0.7")
            .broadcast
            .expect("set")
            .to_string(),
        "10.9.0.7"
    );
    assert_eq!(
        first("10.9.0.1/24 dev eth3 label eth3:x").label.as_deref(),
        Some("eth3:x")
    );
    assert_eq!(first("10.9.0.1/24 scope link").scope.number(), 253);
    assert_eq!(first("10.9.0.1/24 scope 9").scope.number(), 9);
    assert_eq!(first("10.9.0.1 peer 10.9.0.2/30").prefix, 30);
    assert_eq!(first("10.9.0.1/255.255.255.0").prefix, 24);
    let options = first("10.9.0.1 home -nodad mngtmpaddr noprefixroute autojoin no_track use_vmac");
    assert!(!options.tracked);
    assert_eq!(
        show(options.options),
        "AddressOptions { home: true, detect_duplicates: true, manage_temporary: true, no_prefix_route: true, autojoin: \
         true, preferred_lifetime: None, on_vmac: true }"
    );
}

#[test]
fn of_the_runtime() {
    runtime(
        "use_vmac",
        |r| show(&r.vmac),
        "Some(Vmac { name: None, address: None, transmit_on_base: false })",
    );
    runtime(
        "use_vmac v.9 02:00:00:00:01 \n vmac_xmit_base\n use_vmac_addr",
        |r| show((&r.vmac, r.vmac_for_addresses)),
        "(Some(Vmac { name: Some(\"v.9\"), address: Some([2, 0, 0, 0, 1, 9]), transmit_on_base: true }), true)",
    );
    runtime("promote_secondaries", |r| show(r.promote_secondaries), "true");
    runtime(
        "notify_master \"/a 'b c' d\" u g\n notify /e",
        |r| show((&r.notify.master, &r.notify.any)),
        "(Some(Command { words: [\"/a\", \"b c\", \"d\"], user: Some(User { name: \"u\", group: Some(\"g\") }) }), \
         Some(Command { words: [\"/e\"], user: None }))",
    );
    runtime(
        "notify_deleted",
        |r| show((r.notify.says_deleted, &r.notify.deleted)),
        "(true, None)",
    );
    runtime(
        "virtual_routes {\n 10.1.0.0/16 via 10.9.0.7 or 10.9.0.8 dev eth0 table small\n }",
        |r| show((&r.routes[0].next_hops.len(), &r.routes[0].table, r.routes[0].tracked)),
        "(2, Name(\"small\"), true)",
    );
    runtime(
        "virtual_routes {\n blackhole 10.1.0.0/16 metric 5 mtu lock 1400 no_track append\n }",
        |r| {
            show((
                r.routes[0].kind,
                r.routes[0].metric,
                &r.routes[0].metrics,
                r.routes[0].mode,
            ))
        },
        "(Blackhole, Some(5), [Metric { name: \"mtu\", value: 1400, locked: true }], Append)",
    );
    runtime(
        "virtual_routes {\n default via fd00::1 dev eth0\n }",
        |r| show((r.routes[0].family, r.routes[0].destination)),
        "(V6, IpNet { address: ::, prefix: 0 })",
    );
    runtime(
        "virtual_rules {\n not from 10.3.0.0/16 fwmark 24/12 sport 10-20 goto 40 preference 7\n }",
        |r| {
            show((
                r.rules[0].not,
                r.rules[0].mark,
                r.rules[0].source_ports,
                &r.rules[0].action,
            ))
        },
        "(true, Some(FwMark { mark: 24, mask: 12 }), Some(PortRange { first: 10, last: 20 }), Goto(40))",
    );
}

#[test]
fn of_global_defs() {
    global("router_id a", |p| show(&p.global.router_id), "Some(\"a\")");
    global(
        "vrrp_version 3",
        |p| show(p.router.instances[0].protocol.version()),
        "V3",
    );
    global("vrrp_strict", |p| show(p.router.instances[0].strict), "true");
    global(
        "vrrp_mcast_group4 224.0.0.7",
        |p| show(&p.router.instances[0].transport),
        "Multicast { group: 224.0.0.7 }",
    );
    global(
        "vrrp_down_timer_adverts 4",
        |p| show(p.router.instances[0].down_adverts),
        "4",
    );
    global(
        "vrrp_min_garp",
        |p| show((p.router.instances[0].garp.repeat, p.router.instances[0].garp.delay)),
        "(1, 0ns)",
    );
    global(
        "vrrp_garp_master_refresh 9",
        |p| show(p.router.instances[0].garp.refresh),
        "9s",
    );
    global("vrrp_startup_delay 2.5", |p| show(p.router.startup_delay), "2.5s");
    global(
        "vrrp_garp_interval 0.001",
        |p| show((p.router.instances[0].garp.pace, &p.router.paces)),
        "(Some(PaceId(0)), [PaceSettings { interfaces: [\"eth0\"], garp_interval: 1ms, gna_interval: 0ns }])",
    );
    global(
        "script_user u g",
        |p| show(&p.global.scripts.user),
        "Some(User { name: \"u\", group: Some(\"g\") })",
    );
    global(
        "startup_script \"/a b\"\n startup_script_timeout 3",
        |p| show(p.global.scripts.startup.as_ref().map(|s| s.timeout)),
        "Some(3s)",
    );
    global(
        "vrrp_notify_fifo /f u",
        |p| show(p.global.scripts.vrrp_notify_fifo.as_ref().map(|f| f.path.clone())),
        "Some(\"/f\")",
    );
    global(
        "vrrp_rt_priority 50\n vrrp_priority -5",
        |p| show((p.global.scheduling.rt_priority, p.global.scheduling.priority)),
        "(Some(50), Some(-5))",
    );
    global(
        "vrrp_cpu_affinity 0 3",
        |p| show(&p.global.scheduling.cpu_affinity),
        "[0, 3]",
    );
    global("max_auto_priority", |p| show(p.global.scheduling.auto.max), "99");
    global(
        "nftables t\n nftables_priority -7",
        |p| show((&p.global.firewall.table, p.global.firewall.priority)),
        "(Some(\"t\"), -7)",
    );
    global("umask 0022", |p| show(p.global.umask), "Some(18)");
    global("umask IWGRP | IWOTH", |p| show(p.global.umask), "Some(18)");
    global(
        "json_version 2\n json_dump_file /j",
        |p| show((p.global.dumps.json_version, &p.global.dumps.json)),
        "(2, \"/j\")",
    );
    global("reload_file", |p| show(&p.global.reload.marker), "Some(\"\")");
    global("vmac_prefix v", |p| show(&p.global.vmac_prefix), "Some(\"v\")");
}

#[test]
fn of_trackers() {
    let tracker = |block: &str, track: &str| {
        let plan = plan(&format!("{block}\n{}", with_instance(track)));
        let use_ = plan.router.instances[0].track[0];
        (plan.router.trackers[0].kind.clone(), use_.weight)
    };
    let (kind, weight) = tracker(
        "vrrp_script s {\n script \"/a 'b c'\"\n interval 0.5\n timeout 2\n rise 2\n fall 3\n weight -9 reverse\n user u\n init_fail\n}",
        "track_script { s }",
    );
    assert_eq!(
        show((kind, weight)),
        "(Script(ScriptSettings { command: [\"/a\", \"b c\"], interval: 500ms, timeout: 2s, rise: 2, fall: 3, init_fail: true, \
         user: Some(\"u\"), group: None }), Weight { value: -9, reverse: true })"
    );
    let (kind, weight) = tracker(
        "track_file f {\n file /x\n init_file 3 overwrite\n}",
        "track_file { f weight 2 }",
    );
    assert_eq!(
        show((kind, weight.value)),
        "(File(FileSettings { path: \"/x\", init: Some((3, true)) }), 2)"
    );
    let (kind, weight) = tracker(
        "vrrp_track_process p {\n process haproxy -W\n delay 0.5\n}",
        "track_process { p }",
    );
    assert!(
        show(&kind).contains("command: [\"haproxy\", \"-W\"], parameters: Exact"),
        "{kind:?}"
    );
    assert_eq!(weight.value, 1);
    let (kind, weight) = tracker(
        "track_lb l {\n socket /s\n frontend_open amq\n interval 0.2\n timeout 0.3\n rise 2\n fall 3\n weight -60\n}",
        "track_lb { l }",
    );
    assert_eq!(
        show((kind, weight.value)),
        "(Lb(LbSettings { socket: \"/s\", condition: FrontendOpen(\"amq\"), interval: 200ms, timeout: Some(300ms), rise: 2, fall: 3 }), -60)"
    );
    let (kind, _) = tracker("bfd_instance b {\n neighbor_ip 10.9.0.3\n}", "track_bfd { b }");
    assert_eq!(kind, TrackerKind::Bfd);
    for uses in ["vrrp", "vrrp\n checker", "checker\n vrrp"] {
        let text = format!("bfd_instance b {{\n neighbor_ip 10.9.0.3\n {uses}\n}}");
        assert_eq!(tracker(&text, "track_bfd { b }").0, TrackerKind::Bfd, "{uses}");
    }
    let text = "bfd_instance b {\n neighbor_ip fe80::3%eth0\n source_ip fe80::1\n}\n";
    let bfd = plan(&format!("{text}{}", with_instance(""))).bfd.remove(0);
    assert_eq!(bfd.interface.as_deref(), Some("eth0"));
    assert_eq!(bfd.neighbor.to_string(), "fe80::3");
    let unused = plan(&format!("vrrp_script s {{ script /a }}\n{}", with_instance("")));
    assert!(unused.router.trackers.is_empty(), "what nobody tracks is not run");
}

/// The code of the one complaint, and the text it points at.
fn complaint(text: &str) -> (String, String) {
    let loaded = read(text);
    let wrong: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code != tandem_vrrp_config::code::DOUBTFUL)
        .collect();
    let [one] = wrong.as_slice() else {
        panic!("{text}: {:?}", complaints(&loaded))
    };
    let bytes = &loaded.sources.bytes(one.span.file)[one.span.start..one.span.end];
    let severity = one.severity.word();
    (
        format!("{severity} {}", one.code),
        String::from_utf8_lossy(bytes).into_owned(),
    )
}

#[test]
fn mistakes_in_instances() {
    for (lines, code, place) in [
        ("prioritty 3", "warning VR0001", "prioritty"),
        ("priority 0", "warning VR0006", "0"),
        ("priority", "warning VR0004", "priority"),
        ("priority 3 4", "warning VR0005", "4"),
        ("nopreempt {\n }", "warning VR0005", "nopreempt"),
        ("virtual_ipaddress", "warning VR0004", "virtual_ipaddress"),
        ("state BACKUPP", "warning VR0006", "BACKUPP"),
        ("advert_int 0", "warning VR0006", "0"),
        ("advert_int 0.5", "warning VR0012", "advert_int 0.5"),
        ("use_ipvlan", "error VR0002", "use_ipvlan"),
        ("vrf blue", "error VR0002", "vrf"),
        ("debug 3", "warning VR0003", "debug"),
        (
            "lvs_sync_daemon_interface eth0",
            "warning VR0003",
            "lvs_sync_daemon_interface",
        ),
        (
            "authentication {\n auth_type AH\n auth_pass x\n }",
            "error VR0002",
            "AH",
        ),
        (
            "authentication {\n auth_type PASS\n auth_pass 123456789\n }",
            "warning VR0012",
            "123456789",
        ),
        (
            "version 3\n authentication {\n auth_type PASS\n auth_pass 1\n }",
            "warning VR0011",
            "authentication",
        ),
        ("state MASTER\n nopreempt", "warning VR0011", "nopreempt"),
        ("mcast_dst_ip 10.0.0.1", "warning VR0007", "10.0.0.1"),
        ("unicast_peer {\n fd00::1\n }", "warning VR0011", "fd00::1"),
        (
            "virtual_ipaddress {\n 10.9.0.5\n fd00::1\n }",
            "warning VR0011",
            "fd00::1",
        ),
        ("virtual_ipaddress {\n 10.9.0.5/33\n }", "warning VR0007", "33"),
        ("track_script { nowhere }", "warning VR0009", "nowhere"),
        ("track_lb { nowhere weight 3 }", "warning VR0009", "nowhere"),
        ("quorum {\n address 10.9.0.1\n need 2\n }", "error VR0011", "need 2"),
        ("auth_hmac {\n key 1 short\n }", "error VR0006", "key 1 short"),
        ("use_vmac a b:c", "warning VR0006", "b:c"),
        (
            "use_vmac a-name-that-is-too-long",
            "warning VR0006",
            "a-name-that-is-too-long",
        ),
        (
            "virtual_routes {\n 10.1.0.0/16 vai 10.9.0.1\n }",
            "warning VR0001",
            "vai",
        ),
        (
            "virtual_routes {\n 10.1.0.0/16 dev eth0 encap ila 1:2:3:4\n }",
            "error VR0002",
            "ila",
        ),
        (
            "virtual_rules {\n from 10.1.0.0/16\n }",
            "warning VR0010",
            "from 10.1.0.0/16",
        ),
        ("strict_mode\n unicast_peer { 10.9.0.3 }", "error VR0011", "V"),
        ("notify_master a b c d", "warning VR0005", "d"),
    ] {
        assert_eq!(complaint(&with_instance(lines)), (code.into(), place.into()), "{lines}");
    }
}

#[test]
fn mistakes_elsewhere() {
    let rest = with_instance("");
    for (text, code, place) in [
        ("vrrp_instence X {\n}\n", "warning VR0001", "vrrp_instence"),
        (
            "virtual_server 10.0.0.1 80 {\n delay_loop 3\n}\nSSL {\n}\n",
            "warning VR0014",
            "virtual_server",
        ),
        (
            "vrrp_instance W {\n interface eth0\n virtual_ipaddress { 10.9.0.1 }\n}\n",
            "error VR0010",
            "W",
        ),
        (
            "vrrp_instance W {\n virtual_router_id 3\n virtual_ipaddress { 10.9.0.1 }\n}\n",
            "error VR0010",
            "W",
        ),
        ("vrrp_instance {\n}\n", "error VR0004", "vrrp_instance"),
        ("vrrp_sync_group G { group { X V } }\n", "warning VR0009", "X"),
        ("vrrp_script s {\n interval 3\n}\n", "warning VR0010", "s"),
        (
            "vrrp_script s { script /a }\nvrrp_script s { script /b }\n",
            "warning VR0008",
            "s",
        ),
        ("track_lb l {\n alive\n}\n", "error VR0010", "l"),
        (
            "track_lb l {\n socket /s\n alive\n frontend_open a\n}\n",
            "error VR0008",
            "frontend_open a",
        ),
        (
            "track_lb l {\n socket /s\n frontend_open a\n backend_has_servers b 2\n}\n",
            "error VR0008",
            "backend_has_servers b 2",
        ),
        (
            "track_lb l {\n socket /s\n backend_has_servers b\n alive\n}\n",
            "error VR0008",
            "alive",
        ),
        ("bfd_instance b {\n min_rx 20\n}\n", "warning VR0010", "b"),
        ("bfd_instance b {\n neighbor_ip fe80::3\n}\n", "error VR0010", "b"),
        (
            "bfd_instance b {\n neighbor_ip 10.9.0.3\n source_ip 10.9.0.2%eth0\n}\n",
            "warning VR0007",
            "10.9.0.2%eth0",
        ),
        (
            "bfd_instance b {\n neighbor_ip 10.9.0.3\n multihop\n}\n",
            "error VR0002",
            "multihop",
        ),
        (
            "global_defs {\n enable_snmp_vrrp\n}\n",
            "warning VR0003",
            "enable_snmp_vrrp",
        ),
        ("global_defs {\n lvs_flush\n}\n", "warning VR0003", "lvs_flush"),
        (
            "global_defs {\n notification_email {\n a@b\n }\n smtp_server 1.2.3.4\n}\n",
            "warning VR0013",
            "notification_email",
        ),
        ("net_namespace_ipvs x\n", "error VR0002", "net_namespace_ipvs"),
        ("interface_up_down_delays {\n eth0 5\n}\n", "warning VR0011", "eth0 5"),
        (
            "static_ipaddress {\n 10.8.0.1/24 track_group T\n}\n",
            "warning VR0009",
            "T",
        ),
        ("linkbeat_use_polling\n", "warning VR0003", "linkbeat_use_polling"),
    ] {
        assert_eq!(
            complaint(&format!("{text}{rest}")),
            (code.into(), place.into()),
            "{text}"
        );
    }
}

#[test]
fn a_balancer_is_asked_one_thing_in_either_dialect() {
    let toml = "[[track-lb]]\nname = \"l\"\nsocket = \"/s\"\nalive = true\nfrontend-open = \"a\"\n";
    let said = complaints(&read(toml));
    let expected = "t:5:1: error[VR0008]: `track_lb l` has a condition already";
    assert!(said.iter().any(|line| line == expected), "{said:?}");
    let good = complaints(&read(&toml.replace("true", "false")));
    assert!(!good.iter().any(|line| line.contains("VR0008")), "{good:?}");
}

#[test]
fn every_keyword_is_documented_once_in_its_place() {
    let docs = keyword_docs();
    for (place, doc) in docs.iter().enumerate() {
        assert!(!doc.summary.is_empty());
        let twice = docs[..place]
            .iter()
            .any(|other| other.word == doc.word && other.place == doc.place);
        assert!(!twice, "{} in {}", doc.word, doc.place);
    }
    assert!(docs.len() > 200, "{}", docs.len());
}

#[test]
fn of_the_pair_link() {
    let link = |lines: &str| {
        plan(&format!("pair_link {{\n{lines}\n}}\n{}", with_instance("")))
            .global
            .pair
    };
    let secret = format!("secret hex:{}", "0a".repeat(32));
    let whole = link(&format!("peer 10.9.0.2\n{secret}")).expect("it is whole");
    assert_eq!(
        (whole.bind.to_string(), whole.peer.to_string()),
        ("0.0.0.0:8406".to_owned(), "10.9.0.2:8406".to_owned())
    );
    assert!(!show(&whole).contains("10, 10"), "the secret is not shown");
    assert_eq!(whole.keep.as_secs(), 30);
    let keep = |time: &str| {
        link(&format!("peer 10.9.0.2\n{secret}\nkeep_connections {time}")).map(|pair| pair.keep.as_millis())
    };
    assert_eq!((keep("600"), keep("0")), (Some(600_000), Some(0)));
    let six = link(&format!("peer fd00::2 9000\n bind fd00::1 9001\n{secret}")).expect("it is whole");
    assert_eq!(
        (six.bind.to_string(), six.peer.to_string()),
        ("[fd00::1]:9001".to_owned(), "[fd00::2]:9000".to_owned())
    );
    for (half, said) in [
        (secret.clone(), "needs a peer"),
        ("peer 10.9.0.2".to_owned(), "needs a secret"),
        ("peer 10.9.0.2\n secret short".to_owned(), "has 5 bytes"),
    ] {
        let text = format!("pair_link {{\n{half}\n}}\n{}", with_instance(""));
        let all = complaints(&read(&text));
        assert!(all.iter().any(|line| line.contains(said)), "{half}: {all:?}");
    }
}

#[test]
fn of_track_groups() {
    let uses = |item: &str| {
        let text = format!(
            "track_group T {{\n group {{\n V\n }}\n}}\n{item}\n{}",
            with_instance("")
        );
        let plan = plan(&text);
        let tracked = plan.router.instances[0].track.iter();
        let names = tracked.filter_map(|usage| plan.router.trackers.iter().find(|t| t.id == usage.tracker));
        names.map(|tracker| show(&tracker.kind)).collect::<Vec<_>>()
    };
    let eth1 = ["Interface(\"eth1\")"];
    assert_eq!(uses("static_ipaddress {\n 10.8.0.1/24 dev eth1 track_group T\n}"), eth1);
    let both = "static_routes {\n 10.7.0.0/16 via 10.8.0.9 dev eth1 track_group T\n \
                10.6.0.0/16 via 10.8.0.9 dev eth1 track_group T\n}";
    assert_eq!(uses(both), eth1);
    let own = "static_ipaddress {\n 10.8.0.1/24 dev eth0 track_group T\n}";
    assert_eq!(uses(own), [""; 0], "its own interface is watched without this");
}

#[test]
fn addresses_and_routes_elsewhere_need_their_interface() {
    let uses = |lines: &str| {
        let plan = plan(&with_instance(lines));
        let trackers = plan.router.trackers.iter();
        trackers.map(|tracker| tracker.name.to_string()).collect::<Vec<_>>()
    };
    let vips = "virtual_ipaddress_excluded {\n 10.8.0.1/24 dev eth1\n 10.7.0.1/24 dev eth2 no_track\n }";
    assert_eq!(uses(vips), ["eth1"]);
    let routes = "virtual_routes {\n 10.6.0.0/16 via 10.8.0.9 dev eth1\n 10.5.0.0/16 dev eth2 no_track\n \
                  10.4.0.0/16 via 10.9.0.9 dev eth0\n }";
    assert_eq!(uses(routes), ["eth1"]);
    assert_eq!(
        uses(&format!("track_interface {{\n eth1 weight -5\n }}\n {vips}")),
        ["eth1"],
        "what is said of it counts"
    );
}

#[test]
fn keys_may_be_in_files_of_their_own() {
    struct Keys;
    impl tandem_text::keepalived::Files for Keys {
        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            match path {
                "/key" => Ok([&[0xff; 32][..], b"\n"].concat()),
                "/hex" => Ok(format!("hex:{}\n", "0f".repeat(32)).into_bytes()),
                _ => Err("there is none".to_owned()),
            }
        }

        fn list(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
    }
    let read = |lines: &str| {
        let context = tandem_text::keepalived::Context {
            files: &Keys,
            env: &|_| None,
            config_id: "x",
            seed: 0,
        };
        let text = with_instance(&format!("version 3\n auth_hmac {{\n {lines}\n }}"));
        tandem_vrrp_config::load("k.conf", text, &tandem_vrrp_config::Machine::new(context), None)
    };
    let plan = read("key 1 file:/key\n keys {\n 2 file:/hex\n }\n time_window 3\n anti_replay window").plan;
    let hmac = plan.expect("both are there").router.instances[0]
        .hmac
        .clone()
        .expect("it is configured");
    let key = |byte: u8| tandem_vrrp_core::settings::HmacKey::new(&[byte; 32]).expect("long enough");
    assert_eq!((&hmac.keys[0].1, &hmac.keys[1].1), (&key(0xff), &key(0x0f)));
    let window = tandem_vrrp_core::settings::Replay::Window(Some(std::time::Duration::from_secs(3)));
    assert_eq!(hmac.replay, window);
    let missing = read("key 1 file:/none");
    assert!(missing.plan.is_none());
    assert!(
        complaints(&missing)
            .iter()
            .any(|line| line.contains("the key in /none cannot be read"))
    );
}
