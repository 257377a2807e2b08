//! What Keepalived knows and we do not: a warning where leaving it out changes nothing, an error that says so where it does.

use super::section::Section;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The router would do something else without it.
    Changes,
    /// It tunes what does not exist here, or repeats what is always so.
    None,
}

pub(super) struct Known {
    pub(super) word: &'static str,
    pub(super) effect: Effect,
    pub(super) why: &'static str,
}

const fn changes(word: &'static str, why: &'static str) -> Known {
    Known {
        word,
        effect: Effect::Changes,
        why,
    }
}

const fn harmless(word: &'static str, why: &'static str) -> Known {
    Known {
        word,
        effect: Effect::None,
        why,
    }
}

/// A keyword of Keepalived that is answered and not obeyed, as the documentation lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    pub word: &'static str,
    /// The block it belongs to; empty at the top.
    pub place: &'static str,
    pub effect: Effect,
    pub why: &'static str,
}

/// All of them.
pub fn answered_docs() -> Vec<Answered> {
    let of = |section: Section| {
        table(section).iter().map(move |known| Answered {
            word: known.word,
            place: section.word(),
            effect: known.effect,
            why: known.why,
        })
    };
    Section::ALL.into_iter().flat_map(of).collect()
}

pub(super) fn find(section: Section, word: &str) -> Option<&'static Known> {
    table(section).iter().find(|known| known.word == word)
}

pub(super) fn names(section: Section) -> impl Iterator<Item = &'static str> {
    table(section).iter().map(|known| known.word)
}

const fn table(section: Section) -> &'static [Known] {
    match section {
        Section::Top => TOP,
        Section::Global => GLOBAL,
        Section::Instance => INSTANCE,
        Section::Group => GROUP,
        Section::Bfd => BFD,
        _ => &[],
    }
}

const TOP: &[Known] = &[
    changes("net_namespace_ipvs", "leave it out: there is no IPVS here"),
    harmless("namespace_with_ipsets", "no ipsets are used here"),
    harmless(
        "linkbeat_use_polling",
        "link states come from the kernel without polling",
    ),
    harmless(
        "linkbeat_interfaces",
        "link states come from the kernel without polling",
    ),
    harmless("child_wait_time", "there are no child processes to wait for"),
];

const NO_SNMP: &str = "there is no SNMP; metrics are served for Prometheus";
const NO_DBUS: &str = "there is no D-Bus interface; use the control socket";
const NO_LVS: &str = "it is about the load balancer of Keepalived, which is not part of this";
const ONE_PROCESS: &str = "there is no such process here";
const OWN_BUFFERS: &str = "buffers are sized by what is configured";

const GLOBAL: &[Known] = &[
    harmless("smtp_alert_checker", NO_LVS),
    harmless("no_checker_emails", NO_LVS),
    harmless("checker_log_all_failures", NO_LVS),
    harmless("rs_init_notifies", NO_LVS),
    harmless("lvs_timeouts", NO_LVS),
    harmless("lvs_flush", NO_LVS),
    harmless("lvs_flush_onstop", NO_LVS),
    harmless("lvs_flush_on_stop", NO_LVS),
    harmless("lvs_sync_daemon", NO_LVS),
    harmless("lvs_notify_fifo", NO_LVS),
    harmless("lvs_notify_fifo_script", NO_LVS),
    harmless("lvs_netlink_cmd_rcv_bufs", NO_LVS),
    harmless("lvs_netlink_cmd_rcv_bufs_force", NO_LVS),
    harmless("lvs_netlink_monitor_rcv_bufs", NO_LVS),
    harmless("lvs_netlink_monitor_rcv_bufs_force", NO_LVS),
    harmless("nftables_ipvs", NO_LVS),
    harmless("nftables_ipvs_priority", NO_LVS),
    harmless("nftables_ipvs_start_fwmark", NO_LVS),
    harmless("checker_priority", ONE_PROCESS),
    harmless("checker_no_swap", ONE_PROCESS),
    harmless("checker_cpu_affinity", ONE_PROCESS),
    harmless("checker_rt_priority", ONE_PROCESS),
    harmless("checker_rlimit_rttime", ONE_PROCESS),
    harmless("checker_rlimit_rtime", ONE_PROCESS),
    harmless("checker_process_name", ONE_PROCESS),
    harmless("bfd_priority", ONE_PROCESS),
    harmless("bfd_no_swap", ONE_PROCESS),
    harmless("bfd_cpu_affinity", ONE_PROCESS),
    harmless("bfd_rt_priority", ONE_PROCESS),
    harmless("bfd_rlimit_rttime", ONE_PROCESS),
    harmless("bfd_rlimit_rtime", ONE_PROCESS),
    harmless("bfd_process_name", ONE_PROCESS),
    harmless("process_names", ONE_PROCESS),
    harmless("snmp_socket", NO_SNMP),
    harmless("enable_snmp_keepalived", NO_SNMP),
    harmless("enable_snmp_vrrp", NO_SNMP),
    harmless("enable_snmp_checker", NO_SNMP),
    harmless("enable_snmp_rfc", NO_SNMP),
    harmless("enable_snmp_rfcv2", NO_SNMP),
    harmless("enable_snmp_rfcv3", NO_SNMP),
    harmless("enable_traps", NO_SNMP),
    harmless("snmp_vs_stats_update_interval", NO_SNMP),
    harmless("snmp_rs_stats_update_interval", NO_SNMP),
    harmless("enable_dbus", NO_DBUS),
    harmless("dbus_service_name", NO_DBUS),
    harmless("dbus_no_interface_name", NO_DBUS),
    harmless("nftables_ifindex", "the rules name no interface"),
    harmless("vrrp_iptables", "nf_tables is used, in a table of its own"),
    harmless("vrrp_ipsets", "nf_tables is used, in a table of its own"),
    harmless("vrrp_netlink_cmd_rcv_bufs", OWN_BUFFERS),
    harmless("vrrp_netlink_cmd_rcv_bufs_force", OWN_BUFFERS),
    harmless("vrrp_netlink_monitor_rcv_bufs", OWN_BUFFERS),
    harmless("vrrp_netlink_monitor_rcv_bufs_force", OWN_BUFFERS),
    harmless("process_monitor_rcv_bufs", OWN_BUFFERS),
    harmless("process_monitor_rcv_bufs_force", OWN_BUFFERS),
    harmless("vrrp_rx_bufs_policy", OWN_BUFFERS),
    harmless("vrrp_rx_bufs_multiplier", OWN_BUFFERS),
    harmless("tmp_config_directory", "the configuration is not copied"),
    harmless("use_symlink_paths", "paths are used as written"),
    changes(
        "set_supplementary_groups",
        "leave it out: scripts are in one group only; name the one they need after their user",
    ),
    harmless(
        "iproute_usr_dir",
        "names of tables are looked up where the system keeps them",
    ),
    harmless(
        "iproute_etc_dir",
        "names of tables are looked up where the system keeps them",
    ),
    harmless(
        "linkbeat_use_polling",
        "link states come from the kernel without polling",
    ),
    harmless("child_wait_time", "there are no child processes to wait for"),
];

const INSTANCE: &[Known] = &[
    changes(
        "use_ipvlan",
        "use `use_vmac`, or leave it out to hold the addresses on the interface itself",
    ),
    changes("vrf", "name an `interface` inside the VRF"),
    harmless("debug", "it does nothing in Keepalived either"),
    harmless(
        "linkbeat_use_polling",
        "link states come from the kernel without polling",
    ),
    harmless("lvs_sync_daemon_interface", NO_LVS),
    harmless("lvs_sync_daemon_inteface", NO_LVS),
];

const GROUP: &[Known] = &[harmless(
    "global_tracking",
    "what members track is decided by `sync_group_tracking_weight`; track on the group",
)];

const BFD: &[Known] = &[changes("multihop", NEIGHBOURS)];

const NEIGHBOURS: &str = "leave it out: only neighbours on the same network can be watched (RFC 5881)";
