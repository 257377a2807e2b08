//! `show fd`, `show pools`, `show threads` and `show events`: what people look at who look for trouble, in HAProxy's form as
//! far as there is the same here. What exists only inside of HAProxy is left out, or 0.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use tandem_ops::control::{Call, Reply};
use tandem_ops::syslog::Ring;
use tandem_time::CivilTime;
use tokio::sync::mpsc;

use super::Room;
use super::seen::Seen;
use crate::rings::Known;
use crate::stats::Happening;
use crate::tables::Table;

/// A thread that does not answer for so long hangs.
const ANSWERING: Duration = Duration::from_millis(500);

/// Every file that is open, and whose it is.
pub(super) fn descriptors(room: &Room, call: &Call) -> Reply {
    let wanted = match call.arg(0) {
        "" => None,
        number => match number.parse::<i32>() {
            Ok(number) => Some(number),
            Err(_) => return Reply::error("Expects the number of a file descriptor."),
        },
    };
    let mut known = listeners(room);
    known.extend(connections(room));
    let mut text = String::new();
    for number in open_files() {
        if wanted.is_some_and(|wanted| wanted != number) {
            continue;
        }
        let Ok(target) = fs::read_link(format!("/proc/self/fd/{number}")) else {
            continue;
        };
        let what = known.get(&number).cloned();
        let what = what.unwrap_or_else(|| format!("file={}", target.display()));
        text.push_str(&format!("{number:>7} : {what}\n"));
    }
    Reply::Output(text)
}

fn open_files() -> Vec<i32> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mut numbers: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// By their numbers.
fn listeners(room: &Room) -> BTreeMap<i32, String> {
    let mut all = BTreeMap::new();
    let mut note = |name: &str, socket: Arc<Socket>| {
        all.insert(socket.as_raw_fd(), listener(name, &socket));
    };
    for front in room.frontends.fronts() {
        let name = front.seat.load().plan.name.clone();
        front
            .bound
            .iter()
            .flat_map(|b| b.sockets())
            .for_each(|s| note(&name, s));
    }
    for stand in room.giver.sites.stands() {
        let name = stand.site.frontend().plan.name.clone();
        stand
            .bound
            .iter()
            .flat_map(|b| b.sockets())
            .for_each(|s| note(&name, s));
    }
    let doors: Vec<_> = room.giver.hall.borrow().iter().flat_map(super::Open::sockets).collect();
    doors.into_iter().for_each(|socket| note("GLOBAL", socket));
    all
}

/// Both ends of every connection.
fn connections(room: &Room) -> BTreeMap<i32, String> {
    let mut all = BTreeMap::new();
    for connection in room.live.all().into_values() {
        let [client, server] = connection.sockets();
        if let Some(number) = client {
            let name = &connection.frontend.plan.name;
            all.insert(
                number,
                format!("back=0 {} fe={name} mux=PASS xprt=RAW", Seen::of(number).words()),
            );
        }
        let at = connection.backend().zip(connection.server());
        let at = at.and_then(|(backend, place)| Some((backend.name(), backend.server(place)?.name())));
        if let Some((number, (backend, server))) = server.zip(at) {
            let words = Seen::of(number).words();
            all.insert(
                number,
                format!("back=1 {words} sv={backend}/{server} mux=PASS xprt=RAW"),
            );
        }
    }
    all
}

fn listener(name: &str, socket: &Socket) -> String {
    let at = socket.local_addr().ok();
    let at = match at.as_ref().and_then(|at| at.as_socket()) {
        Some(at) if at.is_ipv4() => format!("fam=ipv4 lport={}", at.port()),
        Some(at) => format!("fam=ipv6 lport={}", at.port()),
        None => "fam=unix".to_owned(),
    };
    format!("l.st=RDY fe={name} {at}")
}

/// What is kept in pieces of one size: the entries of stick tables. All other memory is the system's allocator's.
pub(super) fn pools(room: &Room, _: &Call) -> Reply {
    let tables = room.directory.tables.all();
    let pool = |table: &Arc<Table>| {
        let inside = table.lock();
        let (size, used) = (inside.bytes_per_entry(), inside.len());
        (table.name().clone(), size, used)
    };
    let mut text = "Dumping pools usage. Use SIGQUIT to flush them.\n".to_owned();
    let pools: Vec<_> = tables.iter().map(pool).collect();
    for (name, size, used) in &pools {
        let bytes = size * used;
        text.push_str(&format!(
            "  - Pool {name} ({size} bytes) : {used} allocated ({bytes} bytes), {used} used (~0 by thread caches), \
             needed_avg {used}, 0 failures, 1 users\n"
        ));
    }
    let bytes: usize = pools.iter().map(|(_, size, used)| size * used).sum();
    let count = pools.len();
    text.push_str(&format!(
        "Total: {count} pools, {bytes} bytes allocated, {bytes} used (~0 by thread caches).\n"
    ));
    Reply::Output(text)
}

/// What each worker has worked, and whether it still answers.
pub(super) fn threads(room: &Room, _: &Call) -> Reply {
    let crew = room.crew.clone();
    Reply::Later(Box::pin(async move {
        let answering = crew.answering(ANSWERING).await;
        let used = cpu_of_workers();
        let mut text = String::new();
        for ((number, answers), place) in (1..).zip(&answering).zip(0..) {
            let (thread, nanos) = used.get(&place).copied().unwrap_or_default();
            let (stuck, harmless) = (u8::from(!answers), u8::from(*answers));
            text.push_str(&format!(
                "{} Thread {number:<2}: id={thread:#x} act={stuck} glob=0 wq=0 rq=0 tl=0 tlsz=0 rqsz=0\n      \
                 1/{number:<4} stuck={stuck} prof=0 harmless={harmless} wantrdv=0\n             \
                 cpu_ns: poll={nanos} now={nanos} diff=0\n             curr_task=0\n",
                if *answers { ' ' } else { '>' }
            ));
        }
        Reply::Output(text)
    }))
}

/// By the number of the worker its thread, and for how many nanoseconds that has worked.
fn cpu_of_workers() -> BTreeMap<usize, (u64, u64)> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |entry: fs::DirEntry| {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        let place = name.trim().strip_prefix("worker-")?.parse().ok()?;
        let thread = entry.file_name().to_str()?.parse().ok()?;
        let schedule = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
        let nanos = schedule.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Some((place, (thread, nanos)))
    };
    tasks.filter_map(of).collect()
}

const SINKS: &str = "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n    \
                     stdout     : type=fd, 0 dropped, standard output (fd#1)\n    \
                     stderr     : type=fd, 0 dropped, standard output (fd#2)\n    \
                     buf0       : type=buffer, 0 dropped, in-memory ring buffer\n";

/// `buf0` holds the latest changes of state.
pub(super) fn events(room: &Room, call: &Call) -> Reply {
    match call.arg(0) {
        "" => Reply::Output(sinks(room)),
        "stdout" | "stderr" => Reply::error("Nothing to report for this sink"),
        "buf0" => {
            let Some(options) = options(&call.args()[1..]) else {
                return Reply::error("unknown option");
            };
            let timeline = room.stats.timeline();
            let known = || timeline.latest().iter().rev().map(event).collect();
            let known = if options.contains('n') { String::new() } else { known() };
            if options.contains('w') {
                Reply::Following(known, timeline.follow(event))
            } else {
                Reply::Output(known)
            }
        }
        name => match (room.directory.rings.now().named(name), options(&call.args()[1..])) {
            (None, _) => Reply::error("No such event sink"),
            (_, None) => Reply::error("unknown option"),
            (Some(known), Some(options)) => of_ring(&known.ring, &options),
        },
    }
}

/// Those of HAProxy, and the sections `ring`.
fn sinks(room: &Room) -> String {
    let mut text = SINKS.to_owned();
    for Known { plan, ring } in room.directory.rings.now().all() {
        let about = plan.description.as_deref().unwrap_or(&plan.name);
        text += &format!(
            "    {:<10} : type=buffer, {} dropped, {about}\n",
            plan.name,
            ring.fill().dropped
        );
    }
    text
}

/// Whoever looks holds nothing back.
fn of_ring(ring: &Arc<Ring>, options: &str) -> Reply {
    let (lines, next) = ring.lines_from(0);
    let text = |lines: Vec<String>| lines.into_iter().map(|line| line + "\n").collect::<String>();
    let known = if options.contains('n') {
        String::new()
    } else {
        text(lines)
    };
    if !options.contains('w') {
        return Reply::Output(known);
    }
    let (to, following) = mpsc::channel(1);
    let (ring, mut came) = (ring.clone(), ring.watch());
    tokio::task::spawn_local(async move {
        let mut next = next;
        loop {
            let (lines, last) = ring.lines_from(next);
            next = last;
            let is_heard = lines.is_empty() || to.send(text(lines)).await.is_ok();
            tokio::select! {
                _ = came.changed(), if is_heard => {}
                () = to.closed() => return,
            }
        }
    });
    Reply::Following(known, following)
}

/// The letters behind dashes; `None` when there is anything else.
fn options(words: &[String]) -> Option<String> {
    let letters = |word: &String| word.strip_prefix('-').map(str::to_owned);
    let all: String = words.iter().map(letters).collect::<Option<_>>()?;
    all.chars().all(|letter| "nw".contains(letter)).then_some(all)
}

fn event(happening: &Happening) -> String {
    let at = CivilTime::from_unix(happening.at.as_millis(), happening.at.local_offset());
    format!("<{}>{at} {}\n", happening.severity as u8, happening.text)
}
