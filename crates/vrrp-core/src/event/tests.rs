use super::*;

/// What operators grep for, as Keepalived 2.2.7 writes it. Where a line goes on, it says what ours adds.
#[test]
fn the_words_are_keepalived_s() {
    let name = || Arc::from("VI_1");
    let from = IpAddr::from([10, 9, 0, 2]);
    let entering = |state, initial| Event::Entering {
        name: name(),
        state,
        initial,
    };
    let script = |outcome| Event::Script {
        script: "chk".into(),
        outcome,
    };
    let link = |up| Event::Link {
        interface: "eth0".into(),
        up,
    };
    let quorum = |gained| Event::ProcessQuorum {
        process: "haproxy".into(),
        gained,
    };
    let higher = Event::HeardHigher {
        name: name(),
        from,
        theirs: 150,
        ours: 100,
    };
    let lower = Event::HeardLower {
        name: name(),
        from,
        theirs: 90,
        ours: 100,
    };
    let equal = Event::HeardEqualHigherAddress {
        name: name(),
        from,
        priority: 100,
    };
    let discarded = Event::DiscardedLower {
        name: name(),
        from,
        theirs: 90,
    };
    let changed = Event::PriorityChanged {
        name: name(),
        from: 100,
        to: 90,
    };
    let syncing = Event::GroupSyncing {
        group: "G".into(),
        state: State::Master,
    };
    let rows: [(Event, &str, &str); 23] = [
        (entering(State::Master, false), "(VI_1) Entering MASTER STATE", ""),
        (entering(State::Backup, true), "(VI_1) Entering BACKUP STATE (init)", ""),
        (entering(State::Fault, false), "(VI_1) Entering FAULT STATE", ""),
        (
            Event::Timeout { name: name() },
            "(VI_1) Receive advertisement timeout",
            "",
        ),
        (Event::SettingAddresses { name: name() }, "(VI_1) setting VIPs.", ""),
        (Event::RemovingAddresses { name: name() }, "(VI_1) removing VIPs.", ""),
        (Event::SentZero { name: name() }, "(VI_1) sent 0 priority", ""),
        (
            Event::BackupHeardZero { name: name(), from },
            "(VI_1) Backup received priority 0 advertisement",
            " from 10.9.0.2",
        ),
        (
            higher,
            "(VI_1) Master received advert from 10.9.0.2 with higher priority 150, ours 100",
            "",
        ),
        (
            equal,
            "(VI_1) Master received advert from 10.9.0.2 with same priority 100 but higher IP address than ours",
            "",
        ),
        (
            lower,
            "(VI_1) Received advert from 10.9.0.2 with lower priority 90, ours 100, forcing new election",
            "",
        ),
        (
            discarded,
            "(VI_1) received lower priority (90) advert from 10.9.0.2 - discarding",
            "",
        ),
        (changed, "(VI_1) Changing effective priority from 100 to 90", ""),
        (syncing, "VRRP_Group(G) Syncing instances to MASTER state", ""),
        (link(true), "Netlink reports eth0 up", ""),
        (link(false), "Netlink reports eth0 down", ""),
        (quorum(true), "Quorum gained for tracked process haproxy", ""),
        (quorum(false), "Quorum lost for tracked process haproxy", ""),
        (script(ScriptOutcome::Exited(0)), "VRRP_Script(chk) succeeded", ""),
        (
            script(ScriptOutcome::Exited(1)),
            "VRRP_Script(chk) failed (exited with status 1)",
            "",
        ),
        (script(ScriptOutcome::TimedOut), "VRRP_Script(chk) timed_out", ""),
        (
            script(ScriptOutcome::Signalled(9)),
            "VRRP_Script(chk) failed",
            " (killed by signal 9)",
        ),
        (
            script(ScriptOutcome::CouldNotRun),
            "VRRP_Script(chk) failed",
            " (could not be run at all)",
        ),
    ];
    for (event, theirs, more) in rows {
        assert_eq!(event.to_string(), format!("{theirs}{more}"));
    }
}
