//! What we accept, the installed Keepalived accepts too; about what we call a mistake, it complains.

use std::io::Write;
use std::process::Command;

use tandem_vrrp_config::Verdict;

use crate::{complaints, read, with_instance};

/// A network of our own with an interface that a router could live on; then each text is tested as a file.
const ASK: &str = "ip link add eth0 type veth peer name eth1 && ip addr add 10.9.0.2/24 dev eth0 && \
                   ip -6 addr add fd00::2/64 dev eth0 nodad && ip link set eth0 up && ip link set eth1 up && \
                   folder=$(mktemp -d) || exit 90; trap 'rm -r \"$folder\"' EXIT; \
                   for text in \"$@\"; do printf %s \"$text\" >\"$folder/k.conf\"; \
                   keepalived -t -f \"$folder/k.conf\" >/dev/null 2>&1; echo $?; done";

/// The exit status for each text; `None` when there is no Keepalived to ask.
fn keepalived_says(texts: &[String]) -> Option<Vec<u8>> {
    let skip = |why: &str| {
        let mut out = std::io::stderr().lock();
        writeln!(out, "SKIP comparison with Keepalived: {why}").expect("standard error is open");
        None
    };
    if let Err(error) = Command::new("keepalived").arg("--version").output() {
        return skip(&error.to_string());
    }
    let asked = Command::new("unshare")
        .args(["-Urn", "sh", "-c", ASK, "sh"])
        .args(texts)
        .output();
    let output = match asked {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            return skip(&format!(
                "no network namespace: {}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Err(error) => return skip(&error.to_string()),
    };
    let text = String::from_utf8(output.stdout).expect("numbers");
    Some(text.lines().map(|line| line.parse().expect("an exit status")).collect())
}

/// Lines of an instance that have no mistake.
const GOOD: &[&str] = &[
    "",
    "state MASTER",
    "state BACKUP\n nopreempt",
    "priority 255\n state MASTER",
    "advert_int 3",
    "version 3\n advert_int 0.05",
    "authentication {\n auth_type PASS\n auth_pass 12345678\n }",
    "authentication {\n auth_pass abc\n }",
    "preempt_delay 4.12\n state BACKUP",
    "unicast_peer {\n 10.9.0.3\n 10.9.0.4 min_ttl 250 max_ttl 255\n }\n unicast_src_ip 10.9.0.2",
    "unicast_peer {\n 10.9.0.3\n }\n check_unicast_src",
    "mcast_src_ip 10.9.0.2",
    "mcast_dst_ip 224.0.0.99",
    "garp_master_delay 1\n garp_master_repeat 2\n garp_master_refresh 60\n garp_master_refresh_repeat 2",
    "garp_lower_prio_delay 3\n garp_lower_prio_repeat 0",
    "garp_extra_if all 100",
    "down_timer_adverts 5",
    "lower_prio_no_advert\n higher_prio_send_advert on",
    "skip_check_adv_addr yes",
    "strict_mode off",
    "use_vmac",
    "use_vmac vrrp.9\n vmac_xmit_base",
    "accept",
    "no_accept",
    "promote_secondaries",
    "dont_track_primary",
    "track_interface {\n eth1 weight -20\n }",
    "track_src_ip\n mcast_src_ip 10.9.0.2",
    "debug 3",
    "virtual_ipaddress_excluded {\n 10.9.0.60\n fd00::60/64 dev eth0\n }",
    "virtual_ipaddress_excluded {\n 10.9.0.61/24 brd + dev eth0 scope link label eth0:x noprefixroute no_track\n }",
    "virtual_routes {\n 10.1.0.0/16 via 10.9.0.7 dev eth0\n blackhole 10.2.0.0/16 no_track\n default via 10.9.0.7 dev eth0 table 100\n }",
    "virtual_routes {\n 10.1.0.0/16 dev eth0 table 5 tos 0x04 scope link metric 12 mtu 1000 advmss 101\n }",
    "virtual_routes {\n 10.1.0.0/16 no_track nexthop via 10.9.0.7 dev eth0 weight 2 nexthop via 10.9.0.8 dev eth0 weight 3\n }",
    "virtual_rules {\n from 10.3.0.0/16 table 3 preference 7\n to 10.4.0.0/16 iif eth0 fwmark 24/12 table 4 priority 8\n }",
    "~SEQ(A,1,3) garp_master_repeat ${A}",
    "smtp_alert off",
    "notify_priority_changes on",
];

/// Lines of an instance with a mistake, which neither takes as written.
const BAD: &[&str] = &[
    "priorty 100",
    "priority 0",
    "priority 256",
    "priority x",
    "state MASTERR",
    "state MASTER\n priority 100\n nopreempt",
    "state MASTER\n priority 100\n preempt_delay 5",
    "nopreempt\n preempt_delay 5",
    "preempt_delay 2000",
    "advert_int 0.5",
    "advert_int 300",
    "version 3\n advert_int 0.123",
    "version 3\n advert_int 100",
    "version 4",
    "authentication {\n auth_type PASS\n auth_pass 123456789\n }",
    "authentication {\n auth_type PASS\n auth_pass pässwört\n }",
    "authentication {\n auth_type PASS\n }",
    "authentication {\n auth_type NONSENSE\n auth_pass x\n }",
    "version 3\n authentication {\n auth_type PASS\n auth_pass x\n }",
    "unicast_peer {\n }",
    "unicast_peer {\n 10.9.0\n }",
    "mcast_src_ip 10.9.0",
    "check_unicast_src",
    "unicast_src_ip 10.9.0.2",
    "virtual_routes {\n 10.1.0.0/16 via 10.9.0.7\n }",
    "garp_master_delay -1",
    "garp_master_repeat 0",
    "down_timer_adverts 0",
    "down_timer_adverts 101",
    "lower_prio_no_advert perhaps",
    "vmac_xmit_base",
    "strict_mode\n authentication {\n auth_type PASS\n auth_pass x\n }",
    "track_script {\n nowhere\n }",
    "track_file {\n nowhere\n }",
    "track_process {\n nowhere\n }",
    "track_interface {\n eth0\n }",
    "track_interface {\n eth1 weight 300\n }",
    "virtual_ipaddress_excluded {\n 10.9.0.61/33\n }",
    "virtual_ipaddress_excluded {\n 10.9.0\n }",
    "virtual_ipaddress_excluded {\n 10.9.0.61/24 frobnicate\n }",
    "virtual_ipaddress_excluded {\n 10.9.0.61/24 scope zork\n }",
    "virtual_ipaddress_excluded {\n fd00::9/64 label eth0:1\n }",
    "virtual_ipaddress {\n fd00::9/64\n }\n virtual_ipaddress {\n 10.9.0.77\n }",
    "virtual_routes {\n 10.1.0.0/16 dev eth0 frobnicate\n }",
    "virtual_rules {\n from 10.3.0.0/16 table 3\n }",
    "virtual_rules {\n from 10.3.0.0/16 table 3 frobnicate preference 7\n }",
    "}\n }",
];

#[test]
fn good_instances_are_good_there_too() {
    let texts: Vec<String> = GOOD.iter().map(|lines| with_instance(lines)).collect();
    for (text, lines) in texts.iter().zip(GOOD) {
        let loaded = read(text);
        assert_eq!(loaded.verdict(), Verdict::Good, "{lines}: {:?}", complaints(&loaded));
    }
    let Some(said) = keepalived_says(&texts) else { return };
    let disagree: Vec<_> = said.iter().zip(GOOD).filter(|(status, _)| **status != 0).collect();
    assert!(disagree.is_empty() && said.len() == GOOD.len(), "{disagree:#?}");
}

#[test]
fn mistakes_are_mistakes_there_too() {
    let texts: Vec<String> = BAD.iter().map(|lines| with_instance(lines)).collect();
    for (text, lines) in texts.iter().zip(BAD) {
        assert_eq!(read(text).verdict().exit_status(), 5, "{lines}");
    }
    let Some(said) = keepalived_says(&texts) else { return };
    let disagree: Vec<_> = said.iter().zip(BAD).filter(|(status, _)| **status != 5).collect();
    assert!(disagree.is_empty() && said.len() == BAD.len(), "{disagree:#?}");
}

#[test]
fn whole_files_end_with_the_same_status() {
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n virtual_ipaddress {{ 10.9.0.{vrid} }}\n}}\n"
        )
    };
    let global = |lines: &str| format!("global_defs {{\n{lines}\n}}\n{}", instance("V", 9));
    let script = |lines: &str| {
        format!(
            "global_defs {{\n script_user root\n enable_script_security\n}}\nvrrp_script s {{\n {lines}\n}}\n\
             vrrp_instance V {{\n interface eth0\n virtual_router_id 9\n virtual_ipaddress {{ 10.9.0.9 }}\n track_script {{ s }}\n}}\n"
        )
    };
    let texts = [
        global(
            " router_id x\n vrrp_version 3\n vrrp_skip_check_adv_addr\n vrrp_garp_interval 0.001\n vrrp_gna_interval 0.000001",
        ),
        global(
            " vrrp_garp_master_delay 2\n vrrp_min_garp\n vrrp_mcast_group4 224.0.0.99\n vrrp_startup_delay 2.5\n vrrp_notify_priority_changes on",
        ),
        global(
            " notification_email {\n a@b.example\n }\n notification_email_from x@y.example\n smtp_server 127.0.0.1\n smtp_connect_timeout 30",
        ),
        global(
            " vrrp_rt_priority 50\n vrrp_priority -10\n vrrp_no_swap\n vrrp_cpu_affinity 0\n vrrp_rlimit_rttime 20000\n max_auto_priority 20",
        ),
        global(
            " nftables mine\n nftables_priority -2\n nftables_counters\n dynamic_interfaces\n umask 0022\n vmac_prefix v",
        ),
        global(
            " checker_priority 3\n lvs_flush\n enable_traps\n process_names\n reload_check_config\n data_use_instance",
        ),
        global(" vrrp_version 4"),
        global(" vrrp_frobnicate"),
        global(" vrrp_mcast_group4 10.0.0.1"),
        global(" vrrp_rt_priority 100"),
        global(" vrrp_garp_master_delay -1"),
        script(
            "script \"/bin/true\"\n interval 2\n timeout 3\n rise 2\n fall 3\n weight -20 reverse\n init_fail\n user root",
        ),
        script("script \"/bin/true\"\n weight 300"),
        script("script \"/bin/true\"\n rise 0"),
        script("interval 2"),
        instance("A", 9) + &instance("B", 10) + "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n",
        instance("A", 9) + "vrrp_sync_group G {\n group {\n A\n C\n }\n}\n",
        instance("A", 9) + &instance("A", 10),
        instance("A", 9) + "nonsense 3\n",
        instance("A", 9)
            + "track_file f {\n file /etc/hostname\n weight 2\n}\nvrrp_track_process p {\n process sh\n quorum 1\n delay 0.5\n}\n",
        instance("A", 9)
            + "bfd_instance b {\n neighbor_ip 10.9.0.3\n source_ip 10.9.0.2\n min_rx 20\n multiplier 3\n}\n",
        instance("A", 9) + "static_ipaddress {\n 10.8.0.1/24 dev eth0\n}\nstatic_routes {\n 10.7.0.0/24 dev eth0\n}\n",
        "vrrp_instance A {\n interface eth0\n virtual_ipaddress { 10.9.0.9 }\n}\n".into(),
        "$V=9\n".to_owned() + &instance("V", 9).replace("virtual_router_id 9", "virtual_router_id ${V}"),
    ];
    let Some(said) = keepalived_says(&texts) else { return };
    assert_eq!(said.len(), texts.len());
    let ours: Vec<u8> = texts.iter().map(|text| read(text).verdict().exit_status()).collect();
    let disagree: Vec<_> = (said.iter().zip(&ours).zip(&texts))
        .filter(|((theirs, ours), text)| theirs != ours && can_be_judged(text))
        .collect();
    assert!(disagree.is_empty(), "Keepalived, we, the text: {disagree:#?}");
}

/// Without root Keepalived runs in a user namespace, where the owner of `/bin/true` is nobody it knows: to it, that is an
/// unsafe script.
fn can_be_judged(text: &str) -> bool {
    use std::os::unix::fs::MetadataExt;
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root && text.contains("enable_script_security") {
        let _ = writeln!(std::io::stderr(), "SKIP Keepalived's judgement of a script: not root");
        return false;
    }
    true
}
