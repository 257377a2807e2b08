//! What people see of the demo: a line each second, and a word on what is done.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::drill::rehearsal::Audience;
use crate::load::ledger::Ledger;
use crate::load::scene::Scene;
use crate::pair::act::{Act, Part};
use crate::say::say;

pub struct View<'a> {
    pub stop: &'a AtomicBool,
    /// Until the first message.
    start: Option<Start>,
    /// Of the load that runs, how many seconds were shown and how many messages.
    seconds: u64,
    acked: u64,
}

/// From when on the first message is waited for.
pub struct Start {
    at: Instant,
    what: &'static str,
}

impl Start {
    /// The clone, or else this command: `cargo demo` becomes this process, so building it counts.
    ///
    /// A container may have an uptime of its own, and then this process is older than it: then only this moment is known.
    pub fn of(cloned: Option<u64>) -> Start {
        let (age, what) = match cloned {
            Some(seconds) => {
                let at = UNIX_EPOCH + Duration::from_secs(seconds);
                (SystemTime::now().duration_since(at).unwrap_or_default(), "git clone")
            }
            None => (age().unwrap_or_default(), "the start"),
        };
        let now = Instant::now();
        let at = now.checked_sub(age).unwrap_or(now);
        Start { at, what }
    }
}

/// Of this process, in the kernel's hundredths of a second (`proc(5)`).
fn age() -> Option<Duration> {
    let read = |path| std::fs::read_to_string(path).ok();
    read_age(&read("/proc/self/stat")?, &read("/proc/uptime")?)
}

fn read_age(stat: &str, uptime: &str) -> Option<Duration> {
    // The name, which may have spaces in it, is the second field, and this is the 22nd.
    let (_, fields) = stat.rsplit_once(')')?;
    let begun: f64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let now: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(now - begun / 100.0).ok()
}

impl<'a> View<'a> {
    pub fn new(start: Start, stop: &'a AtomicBool) -> View<'a> {
        View {
            stop,
            start: Some(start),
            seconds: 0,
            acked: 0,
        }
    }
}

impl Audience for View<'_> {
    fn looks(&mut self, scene: &mut dyn Scene, ledger: &Ledger) -> anyhow::Result<bool> {
        let (acked, seconds) = (ledger.acked(), ledger.now().as_secs());
        if acked > 0
            && let Some(start) = self.start.take()
        {
            let took = start.at.elapsed().as_secs_f64();
            say(&format!(
                "first message acknowledged {took:.1} s after {}\n",
                start.what
            ))?;
        }
        if seconds < self.seconds {
            // Another load has begun.
            (self.seconds, self.acked) = (0, 0);
        }
        if seconds > self.seconds {
            if self.seconds == 0 {
                say(&heading(scene))?;
            }
            say(&line(scene, ledger, seconds, acked - self.acked))?;
            (self.seconds, self.acked) = (seconds, acked);
        }
        Ok(self.is_over())
    }

    fn hears(&mut self, act: &Act, scene: &mut dyn Scene) -> anyhow::Result<()> {
        let what = match act {
            Act::Kill(Part::Host(side)) if scene.holders().contains(side) => {
                format!("host {side}, which has the virtual address, loses its power")
            }
            Act::Kill(Part::Host(side)) => format!("host {side} loses its power"),
            Act::Start(Part::Host(side)) => format!("host {side} has power again and takes the address back"),
            Act::Kill(part) => format!("{part} is killed (kill -9); what is stored there has to come out later"),
            Act::Start(part) => format!("{part} is started again"),
            other => other.to_string(),
        };
        say(&format!("         {what}\n"))
    }
}

fn brokers(scene: &mut dyn Scene) -> impl Iterator<Item = (Part, &'static str)> {
    let parts = scene.state().into_iter();
    parts.filter(|(part, _)| matches!(part, Part::Broker(_)))
}

fn heading(scene: &mut dyn Scene) -> String {
    let brokers: String = brokers(scene)
        .map(|(part, _)| format!("{:9}", part.to_string()))
        .collect();
    format!("   time  address  {brokers}messages/s  slowest  stored  broken connections\n")
}

/// `stored` is what the brokers have acknowledged and nobody has fetched yet.
fn line(scene: &mut dyn Scene, ledger: &Ledger, second: u64, messages: u64) -> String {
    let holders: Vec<String> = scene.holders().iter().map(ToString::to_string).collect();
    let address = match (scene.sides().is_empty(), holders.is_empty()) {
        (true, _) => "-".into(),
        (false, true) => "nobody".into(),
        _ => holders.join("+"),
    };
    let brokers: String = brokers(scene).map(|(_, word)| format!("{word:9}")).collect();
    format!(
        "{second:6}s  {address:<8} {brokers}{messages:>10} {:>5} ms {:>7} {:>19}\n",
        ledger.take_slowest().as_millis(),
        ledger.missing(),
        ledger.broken()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_as_old_as_the_kernel_says() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1250 0";
        let read = |name: &str| read_age(&format!("77 ({name}) {fields}"), "20.00 30.00\n");
        assert_eq!(read("tandem"), Some(Duration::from_millis(7500)));
        assert_eq!(read("a) (b c"), read("tandem"));
        assert_eq!(read_age("77 tandem", "20.00"), None);
        // Of a container that has an uptime of its own.
        assert_eq!(read_age(&format!("77 (tandem) {fields}"), "2.00 30.00"), None);
        // This process is as old as it was a moment ago, at least; where nobody knows, it begins now.
        let noted = Instant::now();
        let (known, start) = (age(), Start::of(None));
        match known {
            Some(age) => assert!(start.at.elapsed() >= age, "{age:?}"),
            None => assert!(start.at >= noted),
        }
    }
}
