//! A list of tests, and the run through it.
//!
//! Most tests run inside the namespaces. A few look from outside at what becomes of a lab; those start helpers.

use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tandem_lab::{Ground, Missing};

use crate::child::{Child, Finished};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::report::{say, say_below};

/// What a test inside gets: the ground for its labs, the command line, and a voice.
pub struct Bench<'a> {
    pub ground: &'a Ground,
    pub options: &'a Options,
}

pub struct Test {
    pub name: &'static str,
    /// The process is killed when it takes longer.
    pub within: Duration,
    /// The same with `--long`, where that is longer.
    pub within_long: Option<Duration>,
    pub place: Place,
}

/// Where a test runs.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Inside(fn(&Bench<'_>) -> anyhow::Result<()>),
    /// Outside of any namespaces.
    Outside(fn(&Options) -> anyhow::Result<()>),
    /// Outside, and no test: a process that a test starts by [`Helper::start`](crate::Helper::start).
    Helper(fn(&Options) -> anyhow::Result<()>),
}

pub struct Suite {
    /// One after the other, as they judge times.
    pub alone: Vec<Test>,
    /// Two at a time: what they judge does not change when the machine has more to do. With `--long` these run alone as well.
    pub beside: Vec<Test>,
}

/// How many tests have ended in which way.
#[derive(Default)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Bench<'_> {
    /// A figure or a remark that belongs below the test's line.
    pub fn say(&self, line: impl AsRef<str>) {
        say(line.as_ref());
    }
}

impl Test {
    /// A test inside, with a minute to run.
    pub fn new(name: &'static str, run: fn(&Bench<'_>) -> anyhow::Result<()>) -> Self {
        Self {
            name,
            within: Duration::from_secs(60),
            within_long: None,
            place: Place::Inside(run),
        }
    }

    fn limit(&self, options: &Options) -> Duration {
        self.within_long.filter(|_| options.long).unwrap_or(self.within)
    }
}

impl Suite {
    /// Does what the command line says and ends the process.
    pub fn main(&self) -> ! {
        let options = match Options::parse(std::env::args().skip(1)) {
            Ok(options) => options,
            Err(message) => {
                say(&message);
                exit(2);
            }
        };
        match &options.run {
            Some(name) => self.run_here(name, &options),
            None if options.list => self.list(&options),
            None => self.run_all(&options),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Test> {
        self.alone.iter().chain(&self.beside)
    }

    fn list(&self, options: &Options) -> ! {
        let named = chosen(self.all(), options);
        named.iter().for_each(|test| say(test.name));
        exit(0)
    }

    fn run_all(&self, options: &Options) -> ! {
        let count = Mutex::new(Count::default());
        let at_a_time = if options.long { 1 } else { 2 };
        run(&chosen(self.alone.iter(), options), 1, options, &count);
        run(&chosen(self.beside.iter(), options), at_a_time, options, &count);
        let Count {
            passed,
            failed,
            skipped,
        } = count.into_inner().unwrap_or_else(PoisonError::into_inner);
        say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
        exit(i32::from(failed > 0))
    }

    /// In the process that belongs to one test.
    fn run_here(&self, name: &str, options: &Options) -> ! {
        let Some(test) = self.all().find(|test| test.name == name) else {
            say(&format!("there is no test {name}"));
            exit(2);
        };
        // Whoever started this process wants nothing of it once gone.
        if let Err(error) = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL) {
            say(&format!("cannot tie the test to its parent: {error}"));
            exit(2);
        }
        let outcome = match test.place {
            Place::Inside(run) => Ground::enter()
                .map_err(|refusal| Missing::from(refusal).into())
                .and_then(|ground| {
                    run(&Bench {
                        ground: &ground,
                        options,
                    })
                }),
            Place::Outside(run) | Place::Helper(run) => run(options),
        };
        let outcome = match outcome {
            Ok(()) => Outcome::Passed,
            Err(error) => match missing(&error) {
                Some(missing) => {
                    say(&format!("SKIP {} {}", missing.what, missing.why));
                    Outcome::Skipped
                }
                None => {
                    say(&format!("{error:?}"));
                    Outcome::Failed
                }
            },
        };
        exit(outcome.code())
    }
}

fn chosen<'a>(tests: impl Iterator<Item = &'a Test>, options: &Options) -> Vec<&'a Test> {
    tests
        .filter(|test| !matches!(test.place, Place::Helper(_)) && options.wants(test.name))
        .collect()
}

/// Runs them in their order, so many at a time.
fn run(tests: &[&Test], at_a_time: usize, options: &Options, count: &Mutex<Count>) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_one(test, options, count);
        }
    };
    thread::scope(|scope| {
        (0..at_a_time).for_each(|_| {
            scope.spawn(work);
        });
    });
}

fn run_one(test: &Test, options: &Options, count: &Mutex<Count>) {
    let begin = Instant::now();
    let finished = Child::start(options.for_child(test.name)).and_then(|child| child.finish(test.limit(options)));
    let Finished { outcome, output } = finished.unwrap_or_else(|error| Finished {
        outcome: Outcome::Failed,
        output: format!("cannot run the test: {error}"),
    });
    // Held while it is said, so that what belongs together stays together.
    let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, word) = match outcome {
        Outcome::Passed => (&mut count.passed, "ok"),
        Outcome::Failed => (&mut count.failed, "FAILED"),
        Outcome::Skipped => (&mut count.skipped, "skipped"),
    };
    *count += 1;
    let took = begin.elapsed().as_secs_f64();
    say(&format!("test {} ... {word} ({took:.2} s)", test.name));
    say_below(&output);
}

fn missing(error: &anyhow::Error) -> Option<&Missing> {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<tandem_lab::LabError>() {
            Some(tandem_lab::LabError::Missing(missing)) => Some(missing),
            Some(_) => None,
            None => cause.downcast_ref::<Missing>(),
        })
}
