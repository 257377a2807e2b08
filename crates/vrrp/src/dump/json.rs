//! `keepalived.json`: what `keepalived_exporter` and VyOS read. Keys, their order and their types are Keepalived's.

use serde::Serialize;
use tandem_ops::clock::Wall;
use tandem_vrrp_config::{Command, Notify, Plan};
use tandem_vrrp_core::KeepalivedCounter;
use tandem_vrrp_core::settings::{AuthV2, Preempt, Protocol, Tracker, TrackerId, TrackerKind};

use super::words;
use crate::snapshot::{Instance, Snapshot};
use crate::vmac::Vmacs;

#[derive(Serialize)]
struct Entry {
    data: Data,
    stats: Stats,
}

#[derive(Serialize)]
struct Data {
    iname: String,
    dont_track_primary: u8,
    skip_check_adv_addr: u8,
    strict_mode: u8,
    vmac_ifname: String,
    ifp_ifname: String,
    master_priority: u8,
    last_transition: f64,
    garp_delay: u64,
    garp_refresh: u64,
    garp_rep: u8,
    garp_refresh_rep: u8,
    garp_lower_prio_delay: u64,
    garp_lower_prio_rep: u8,
    lower_prio_no_advert: u8,
    higher_prio_send_advert: u8,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: f64,
    master_adver_int: f64,
    accept: u8,
    nopreempt: bool,
    preempt_delay: u64,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vroutes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vrules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<String>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

#[derive(Serialize)]
struct Stats {
    advert_rcvd: u64,
    advert_sent: u64,
    become_master: u64,
    release_master: u64,
    packet_len_err: u64,
    advert_interval_err: u64,
    ip_ttl_err: u64,
    invalid_type_rcvd: u64,
    addr_list_err: u64,
    invalid_authtype: u64,
    authtype_mismatch: u64,
    auth_failure: u64,
    auth_ext_missing: u64,
    auth_ext_malformed: u64,
    auth_ext_unknown_key: u64,
    auth_ext_invalid_hmac: u64,
    auth_ext_stale: u64,
    auth_ext_replay: u64,
    pri_zero_rcvd: u64,
    pri_zero_sent: u64,
}

#[derive(Serialize)]
struct VersionTwo {
    vrrp: Vec<Entry>,
    track_process: Vec<TrackedProcess>,
}

#[derive(Serialize)]
struct TrackedProcess {
    process: String,
}

/// `taken` is the wall clock at the moment of the snapshot.
pub(crate) fn json(snapshot: &Snapshot, plan: &Plan, taken: Wall) -> Result<String, serde_json::Error> {
    let entry = |instance| Entry {
        data: data(snapshot, instance, plan, taken),
        stats: stats(instance),
    };
    let entries: Vec<Entry> = snapshot.instances.iter().map(entry).collect();
    if plan.global.dumps.json_version < 2 {
        return serde_json::to_string(&entries);
    }
    let processes = plan.router.trackers.iter().filter(|t| is_process(&t.kind));
    let track_process = processes.map(|t| TrackedProcess {
        process: t.name.to_string(),
    });
    serde_json::to_string(&VersionTwo {
        vrrp: entries,
        track_process: track_process.collect(),
    })
}

fn data(snapshot: &Snapshot, instance: &Instance, plan: &Plan, taken: Wall) -> Data {
    let settings = &instance.settings;
    let runtime = plan.instance(settings.id);
    let notify = runtime.map(|r| &r.notify);
    let command = |choose: fn(&Notify) -> &Option<Command>| notify.and_then(|n| choose(n).as_ref());
    let command = |choose| command(choose).map(|c| words::quoted(&c.words));
    let garp = &settings.garp;
    let vmacs = Vmacs::of(plan);
    let (auth_type, auth_data) = match settings.protocol {
        Protocol::V2 {
            auth: AuthV2::Simple(_),
            ..
        } => (1, Some("********")),
        _ => (0, None),
    };
    let ago = snapshot.at.since(instance.changed_at).as_secs_f64();
    let addresses = |list: &[_]| list.iter().map(|a| words::address(instance, &vmacs, a)).collect();
    Data {
        iname: settings.name.to_string(),
        dont_track_primary: u8::from(!settings.track_primary),
        skip_check_adv_addr: u8::from(settings.skip_address_check),
        strict_mode: u8::from(settings.strict),
        vmac_ifname: vmacs.name_of(settings.id).to_owned(),
        ifp_ifname: settings.interface.as_deref().unwrap_or_default().to_owned(),
        master_priority: instance.master.map_or(0, |m| m.priority),
        last_transition: taken.as_micros() as f64 / 1e6 - ago,
        garp_delay: garp.delay.as_secs(),
        garp_refresh: garp.refresh.as_secs(),
        garp_rep: garp.repeat,
        garp_refresh_rep: garp.refresh_repeat,
        garp_lower_prio_delay: garp.lower_delay.as_secs(),
        garp_lower_prio_rep: garp.lower_repeat,
        lower_prio_no_advert: u8::from(!settings.answer_lower),
        higher_prio_send_advert: u8::from(settings.last_word),
        vrid: settings.vrid.value(),
        base_priority: settings.priority.value(),
        effective_priority: instance.effective.value(),
        vipset: instance.holds,
        promote_secondaries: runtime.is_some_and(|r| r.promote_secondaries),
        adver_int: settings.protocol.interval().as_secs_f64(),
        master_adver_int: instance.master_interval.as_secs_f64(),
        accept: u8::from(settings.accepts()),
        nopreempt: settings.preempt == Preempt::Never,
        preempt_delay: match settings.preempt {
            Preempt::After(delay) => delay.as_secs(),
            Preempt::Never => 0,
        },
        state: instance.state.number(),
        wantstate: instance.want.number(),
        version: settings.protocol.version().number(),
        smtp_alert: notify.is_some_and(|n| n.smtp_alert),
        notify_deleted: notify.is_some_and(|n| n.says_deleted),
        script: command(|n| &n.any),
        script_master: command(|n| &n.master),
        script_backup: command(|n| &n.backup),
        script_fault: command(|n| &n.fault),
        script_stop: command(|n| &n.stop),
        script_deleted: command(|n| &n.deleted),
        script_master_rx_lower_pri: command(|n| &n.master_rx_lower),
        vips: addresses(&settings.vips),
        evips: addresses(&settings.excluded),
        vroutes: runtime.map_or_else(Vec::new, |r| r.routes.iter().map(words::route).collect()),
        vrules: runtime.map_or_else(Vec::new, |r| r.rules.iter().map(words::rule).collect()),
        track_ifp: tracked(instance, plan, |kind| matches!(kind, TrackerKind::Interface(_))),
        track_script: scripts(instance, plan),
        track_process: tracked(instance, plan, is_process),
        auth_type,
        auth_data,
    }
}

fn stats(instance: &Instance) -> Stats {
    let stats = &instance.stats;
    let error = |counter| stats.keepalived(counter);
    Stats {
        advert_rcvd: stats.adverts_received,
        advert_sent: stats.adverts_sent,
        become_master: stats.became_master,
        release_master: stats.released_master,
        packet_len_err: error(KeepalivedCounter::PacketLength),
        advert_interval_err: error(KeepalivedCounter::AdvertInterval),
        ip_ttl_err: error(KeepalivedCounter::IpTtl),
        invalid_type_rcvd: error(KeepalivedCounter::InvalidType),
        addr_list_err: error(KeepalivedCounter::AddressList),
        invalid_authtype: error(KeepalivedCounter::InvalidAuthType),
        authtype_mismatch: error(KeepalivedCounter::AuthTypeMismatch),
        auth_failure: error(KeepalivedCounter::AuthFailure),
        auth_ext_missing: error(KeepalivedCounter::ExtMissing),
        auth_ext_malformed: error(KeepalivedCounter::ExtMalformed),
        auth_ext_unknown_key: error(KeepalivedCounter::ExtUnknownKey),
        auth_ext_invalid_hmac: error(KeepalivedCounter::ExtInvalidHmac),
        auth_ext_stale: error(KeepalivedCounter::ExtStale),
        auth_ext_replay: error(KeepalivedCounter::ExtReplay),
        pri_zero_rcvd: stats.zero_received,
        pri_zero_sent: stats.zero_sent,
    }
}

fn is_process(kind: &TrackerKind) -> bool {
    matches!(kind, TrackerKind::Process(_))
}

/// By their command lines, as Keepalived has them, not by name.
fn scripts(instance: &Instance, plan: &Plan) -> Vec<String> {
    let commands = used(instance, plan).filter_map(|tracker| match &tracker.kind {
        TrackerKind::Script(settings) => Some(words::quoted(&settings.command)),
        _ => None,
    });
    commands.collect()
}

fn tracked(instance: &Instance, plan: &Plan, kind: impl Fn(&TrackerKind) -> bool) -> Vec<String> {
    let trackers = used(instance, plan).filter(|tracker| kind(&tracker.kind));
    trackers.map(|t| t.name.to_string()).collect()
}

fn used<'a>(instance: &Instance, plan: &'a Plan) -> impl Iterator<Item = &'a Tracker> {
    let used = |id: TrackerId| instance.settings.track.iter().any(|usage| usage.tracker == id);
    plan.router.trackers.iter().filter(move |tracker| used(tracker.id))
}
