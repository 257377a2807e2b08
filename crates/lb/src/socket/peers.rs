//! `show peers`: who shares stick tables with this process, in HAProxy's form.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use tandem_lb_core::peers::PeerView;
use tandem_ops::clock::Wall;
use tandem_ops::control::{Call, Reply};
use tandem_time::{CivilTime, Mono};

use super::Room;
use crate::peers::SectionView;

/// As many names as each side remembers of the other.
const NAMES: usize = 128;

pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let with_names = call.arg(0) == "dict";
    let is_word = matches!(call.arg(0), "dict" | "-");
    let wanted = call.arg(usize::from(is_word));
    let sections = room.peers.view();
    let found: Vec<&SectionView> = sections
        .iter()
        .filter(|section| wanted.is_empty() || *section.name == *wanted)
        .collect();
    if found.is_empty() {
        return match wanted {
            "" => Reply::Done,
            _ => Reply::error("No such peers"),
        };
    }
    let mut text = String::new();
    for section in found {
        write_section(&mut text, section, with_names, room.clock.now());
    }
    Reply::Output(text)
}

fn write_section(text: &mut String, section: &SectionView, with_names: bool, now: Mono) {
    let wall = Wall::now();
    let date = CivilTime::from_unix(wall.as_millis(), wall.local_offset()).to_string();
    let date = date.split('.').next().unwrap_or_default();
    let resync = section.resync_until.map_or_else(never, |until| time(until.since(now)));
    // Writing into a string cannot fail; so it is below.
    let _ = writeln!(
        text,
        "{}: [{date}] id={} disabled=0 flags={:#x} resync_timeout={resync} task_calls=0 strangers={}",
        pointer(&section.name),
        section.name,
        if section.is_taught { 0x33 } else { 0x11 },
        section.strangers,
    );
    for peer in &section.peers {
        write_peer(text, section, peer, now);
        write_tables(text, section, peer, with_names);
    }
}

fn write_peer(text: &mut String, section: &SectionView, peer: &PeerView, now: Mono) {
    let seen = peer.counters;
    let (kind, is_active) = match peer.is_local {
        true => ("local", "inactive"),
        false => ("remote", "active"),
    };
    let greeted = peer.greeted.map_or_else(never, |at| time(now.since(at)));
    let _ = writeln!(
        text,
        "  {}: id={}({kind},{is_active}) addr={} last_status={} last_hdshk={greeted}",
        pointer((&section.name, &peer.name)),
        peer.name,
        peer.place,
        peer.last_status,
    );
    let reconnect = match peer.is_local || peer.conn.is_some() {
        true => never(),
        false => time(peer.next_try.since(now)),
    };
    let heartbeat = peer.heartbeat.map_or_else(never, |at| time(at.since(now)));
    let _ = writeln!(
        text,
        "        reconnect={reconnect} heartbeat={heartbeat} confirm={} tx_hbt={} rx_hbt={} no_hbt={} new_conn={} \
         proto_err={} coll={}",
        seen.confirmed,
        seen.heartbeats_sent,
        seen.heartbeats_heard,
        seen.silences,
        seen.connections,
        seen.errors,
        seen.collisions,
    );
    let state = match (peer.conn, peer.is_open) {
        (None, _) => String::new(),
        (Some(conn), true) => format!(" appctx:{} st0=7 st1=0 task_calls=0 state=EST", pointer(conn)),
        (Some(conn), false) => format!(" appctx:{} st0=6 st1=0 task_calls=0 state=CON", pointer(conn)),
    };
    let _ = writeln!(text, "        flags={:#x}{state}", u8::from(peer.is_open));
}

fn write_tables(text: &mut String, section: &SectionView, peer: &PeerView, with_names: bool) {
    text.push_str("        shared tables:\n");
    // HAProxy lists the one first that was declared last.
    for (table, (name, (own, last))) in peer.tables.iter().zip(&section.tables).rev() {
        let _ = writeln!(
            text,
            "          {} local_id={} remote_id={} flags=0x0 remote_data={:#x}\n              last_acked={} last_pushed={} \
             last_get={} teaching_origin={} update={}\n              table:{} id={} update={last} localupdate={own} \
             commitupdate={} refcnt=1",
            pointer((&peer.name, name)),
            table.local_id,
            table.remote_id,
            table.remote_data,
            table.acked,
            table.pushed,
            table.got,
            table.acked,
            table.acked,
            pointer(name),
            name,
            table.pushed,
        );
        match with_names {
            false => text.push_str("        Dictionary cache not dumped (use \"show peers dict\")\n"),
            true => write_names(text, peer),
        }
    }
}

fn write_names(text: &mut String, peer: &PeerView) {
    text.push_str("        TX dictionary cache:\n");
    for (place, name) in &peer.said {
        let _ = writeln!(text, "            {place} -> {name}");
    }
    text.push_str("        RX dictionary cache:");
    for place in 0..NAMES {
        let name = peer.heard.iter().find(|(known, _)| *known == place);
        let start = if place % 4 == 0 { "\n        " } else { "" };
        let _ = write!(text, "{start}  {place:>3} -> {}", name.map_or("-", |(_, name)| name));
    }
    text.push('\n');
}

fn never() -> String {
    "<NEVER>".to_owned()
}

/// `4s`, `1m5s`
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 60 {
        0 => format!("{seconds}s"),
        minutes => format!("{minutes}m{}s", seconds % 60),
    }
}

/// HAProxy shows where things lie in its memory; this is something that is as constant and tells as little.
fn pointer(of: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:#x}", hasher.finish() >> 16)
}
