//! Replacement after replacement while connections talk and new ones come: nobody is lost, nobody is refused, and no
//! counter goes back.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tandem_tests::{Config, Crowd, Crowded, Lb, echo_for_many};

use crate::socket::{Socket, figure};

/// How much of it.
struct Scale {
    connections: usize,
    replacements: usize,
    new_a_second: u32,
    /// All of what is promised, on a machine that can.
    is_whole: bool,
}

/// With `TANDEM_LONG` set, all of what is promised.
fn scale() -> Scale {
    if std::env::var_os("TANDEM_LONG").is_some() {
        return Scale {
            connections: 2000,
            replacements: 10,
            new_a_second: 500,
            is_whole: true,
        };
    }
    Scale {
        connections: 200,
        replacements: 3,
        new_a_second: 100,
        is_whole: false,
    }
}

#[test]
fn nobody_is_lost_and_nothing_goes_back() {
    let scale = scale();
    tandem_sys::limits::raise_open_files(None, None);
    let (socket, server) = (Socket::new(), echo_for_many());
    let config = Config::default()
        .global("maxconn 8000")
        .global(socket.line())
        .server_at("s", server, "check inter 500ms");
    let mut running = Lb::start(&config.to_string());
    let crowd = Crowd::gather(config.at(), scale.connections, scale.new_a_second);
    let watch = Watch::begin(&socket);
    let (mut ends, mut readies, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..scale.replacements {
        let began = Instant::now();
        let new = running.succeed(socket.path(), &config.to_string());
        readies.push(began.elapsed());
        assert!(running.ended().success());
        ends.push(began.elapsed());
        // Every one of them speaks in the new process, which has them all.
        crowd.everybody_speaks();
        assert!(socket.figure("fe", "FRONTEND", "scur") >= scale.connections as u64);
        running = new;
        memory.push(running.memory());
    }
    let crowded = crowd.disperse();
    let Crowded {
        exchanges,
        newcomers,
        longest,
        newcomers_a_second,
    } = crowded;
    let polls = watch.end();
    let total = socket.figure("fe", "FRONTEND", "stot");
    writeln!(
        io::stdout().lock(),
        "{} replacements under {} connections: {exchanges} exchanges, {newcomers} newcomers ({newcomers_a_second:.0} a \
         second), {polls} looks at the counters; the successor was ready after at most {} ms, the old process had ended after at most {} ms, the \
         longest exchange took {} ms; memory {memory:?} KiB",
        scale.replacements,
        scale.connections,
        most(&readies),
        most(&ends),
        longest.as_millis(),
    )
    .expect("a place to write");
    // What goes from process to process does not grow. The first is not compared: it was given less.
    if let [_, before, .., after] = memory[..] {
        assert!(after * 100 <= before * 105, "{before} KiB became {after} KiB");
    }
    assert_eq!(total, scale.connections as u64 + newcomers);
    if scale.is_whole {
        crowded.came_in_time(scale.new_a_second);
    }
}

fn most(times: &[Duration]) -> u128 {
    times.iter().max().map_or(0, Duration::as_millis)
}

/// Looks at the counters all the time and remembers the highest.
struct Watch {
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<u64>,
}

impl Watch {
    fn begin(socket: &Socket) -> Watch {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, socket) = (is_over.clone(), socket.reader());
        let looking = std::thread::spawn(move || {
            let (mut seen, mut looks) = (BTreeMap::new(), 0);
            while !over.load(SeqCst) {
                if let Some(csv) = socket.try_ask("show stat") {
                    looks += 1;
                    look(&csv, &mut seen);
                }
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

fn look(csv: &str, seen: &mut BTreeMap<(&'static str, &'static str, &'static str), u64>) {
    for (proxy, row) in [("fe", "FRONTEND"), ("be", "s"), ("be", "BACKEND")] {
        for field in ["stot", "bin", "bout", "lbtot", "chkfail"] {
            let Some(now) = figure(csv, proxy, row, field) else {
                continue;
            };
            let before = seen.insert((proxy, row, field), now).unwrap_or(0);
            assert!(
                now >= before,
                "{field} of {proxy}/{row} went from {before} back to {now}"
            );
        }
    }
}
