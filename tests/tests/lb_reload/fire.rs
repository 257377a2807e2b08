//! Reload after reload of every kind while connections talk and new ones come: nobody is lost, nobody is refused, no
//! counter goes back, and nothing is left behind.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tandem_tests::{Config, Crowd, Crowded, Lb, ask, connect, echo_for_many, free_port};

use crate::room::{Room, say};

/// How much of it; with `TANDEM_LONG` set, all of what is promised.
struct Scale {
    connections: usize,
    reloads: usize,
    new_a_second: u32,
    /// All of what is promised, on a machine that can.
    is_whole: bool,
}

impl Scale {
    fn of_this_run() -> Scale {
        if std::env::var_os("TANDEM_LONG").is_some() {
            return Scale {
                connections: 2000,
                reloads: 50,
                new_a_second: 500,
                is_whole: true,
            };
        }
        Scale {
            connections: 300,
            reloads: 20,
            new_a_second: 100,
            is_whole: false,
        }
    }
}

/// The kinds of reload, one after the other.
struct Kinds {
    config: Config,
    servers: [SocketAddr; 3],
    extra: SocketAddr,
}

impl Kinds {
    const COUNT: usize = 10;

    /// What the file says at this step, and whether that is no configuration.
    fn at(&self, step: usize) -> (String, bool) {
        let mut weight = 1;
        let (mut third, mut extra, mut broken, mut size) = (false, false, false, "10k");
        let mut config = self.config.clone();
        match step % Kinds::COUNT {
            1 => third = true,
            3 => weight = 7,
            4 => config = config.defaults("timeout tunnel 1h").backend("retries 5"),
            5 => extra = true,
            6 => (extra, size) = (true, "20k"),
            7 => broken = true,
            8 => config = config.backend("balance leastconn").frontend("maxconn 5000"),
            9 => (third, extra, weight) = (true, true, 3),
            _ => {}
        }
        let [a, b, c] = self.servers;
        config = config.backend(format!("stick-table type ip size {size} expire 1h"));
        if third {
            config = config.server_at("c", c, "check inter 1s");
        }
        config = config.server_at("a", a, &format!("check inter 1s weight {weight}"));
        config = config.server_at("b", b, "check inter 1s");
        if extra {
            config = config.frontend(format!("bind {}", self.extra));
        }
        (
            if broken {
                config.backend("server d nowhere:0:0")
            } else {
                config
            }
            .to_string(),
            broken,
        )
    }

    fn has_extra(step: usize) -> bool {
        matches!(step % Kinds::COUNT, 5 | 6 | 9)
    }
}

#[test]
fn nobody_is_lost_nobody_is_refused_and_nothing_is_left_behind() {
    let scale = Scale::of_this_run();
    tandem_sys::limits::raise_open_files(None, None);
    let room = Arc::new(Room::new());
    let kinds = Kinds {
        config: Config::default().global("maxconn 8000").global(room.line()),
        servers: [(); 3].map(|()| echo_for_many()),
        extra: SocketAddr::from(([127, 0, 0, 1], free_port())),
    };
    let mut lb = Lb::start(&kinds.at(0).0);
    fill(&room);
    let crowd = Crowd::gather(kinds.config.at(), scale.connections, scale.new_a_second);
    let watch = Watch::begin(room.clone());
    // What is needed once for the first reload is not left behind by each.
    (1..=Kinds::COUNT).for_each(|step| follow(&mut lb, &kinds, step));
    crowd.everybody_speaks();
    let (before, mut took) = (lb.memory(), Vec::new());
    for step in 1..=scale.reloads {
        let began = Instant::now();
        follow(&mut lb, &kinds, step);
        took.push(began.elapsed());
        crowd.everybody_speaks();
        if Kinds::has_extra(step) {
            assert_eq!(ask(&mut connect(kinds.extra), b"extra"), b"extra");
        }
        assert!(room.ask("show info").contains("CurrConns"));
        let table = room.ask("show table be");
        assert!(
            table.contains(&format!("used:{ENTRIES}\n")),
            "step {step}: {:?}",
            table.lines().next()
        );
    }
    let after = lb.memory();
    let crowded = crowd.disperse();
    let Crowded {
        exchanges,
        newcomers,
        longest,
        newcomers_a_second,
    } = crowded;
    let looks = watch.end();
    say(&format!(
        "{} reloads under {} connections: {exchanges} exchanges, {newcomers} newcomers ({newcomers_a_second:.0} a \
         second), {looks} looks at the counters; a reload took at most {} ms, the longest exchange {} ms; memory {before} KiB before, {after} KiB after",
        scale.reloads,
        scale.connections,
        took.iter().max().map_or(0, Duration::as_millis),
        longest.as_millis(),
    ));
    assert!(after * 100 <= before * 105, "{before} KiB became {after} KiB");
    if scale.is_whole {
        crowded.came_in_time(scale.new_a_second);
    }
}

/// What the table must keep, whatever size it is given.
const ENTRIES: u32 = 5_000;

fn fill(room: &Room) {
    let entry = |n| format!("set table be key {}", Ipv4Addr::from(0x0a00_0000 + n));
    let lines: Vec<String> = (0..ENTRIES).map(entry).collect();
    lines.chunks(200).for_each(|some| drop(room.ask(&some.join(";"))));
}

#[track_caller]
fn follow(lb: &mut Lb, kinds: &Kinds, step: usize) {
    let (text, is_broken) = kinds.at(step);
    let told = lb.reload(Signal::SIGHUP, &text);
    assert_eq!(told.contains("refused"), is_broken, "step {step}: {told}");
    assert!(is_broken || !told.contains("No change"), "step {step}: {told}");
}

/// Looks at the counters all the time and remembers the highest.
struct Watch {
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<u64>,
}

impl Watch {
    fn begin(room: Arc<Room>) -> Watch {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let looking = std::thread::spawn(move || {
            let (mut seen, mut looks) = (BTreeMap::new(), 0);
            while !over.load(SeqCst) {
                look(&room.ask("show stat"), &mut seen);
                looks += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            looks
        });
        Watch { is_over, looking }
    }

    fn end(self) -> u64 {
        self.is_over.store(true, SeqCst);
        self.looking.join().expect("no counter went back")
    }
}

/// All counters of those that are there in every step.
fn look(csv: &str, seen: &mut BTreeMap<(String, &'static str), u64>) {
    let mut lines = csv.lines();
    let titles: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches("# ")
        .split(',')
        .collect();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let [proxy, row, ..] = cells[..] else { continue };
        if row == "c" {
            continue;
        }
        for field in ["stot", "bin", "bout", "lbtot", "chkfail", "eresp", "wretr"] {
            let at = titles.iter().position(|title| *title == field);
            let Some(now) = at.and_then(|at| cells.get(at)?.parse::<u64>().ok()) else {
                continue;
            };
            let before = seen.insert((format!("{proxy}/{row}"), field), now).unwrap_or(0);
            assert!(
                now >= before,
                "{field} of {proxy}/{row} went from {before} back to {now}"
            );
        }
    }
}
