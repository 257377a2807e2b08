//! A list of tests, and the run through it.
//!
//! Most tests run inside the namespaces. A few look from outside at what becomes of a lab; those start helpers.

use std::process::exit;
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
    pub tests: Vec<Test>,
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
            place: Place::Inside(run),
        }
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

    fn chosen<'a>(&'a self, options: &'a Options) -> impl Iterator<Item = &'a Test> {
        self.tests
            .iter()
            .filter(|test| !matches!(test.place, Place::Helper(_)) && options.wants(test.name))
    }

    fn list(&self, options: &Options) -> ! {
        self.chosen(options).for_each(|test| say(test.name));
        exit(0)
    }

    fn run_all(&self, options: &Options) -> ! {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for test in self.chosen(options) {
            let begin = Instant::now();
            let finished = Child::start(options.for_child(test.name)).and_then(|child| child.finish(test.within));
            let Finished { outcome, output } = finished.unwrap_or_else(|error| Finished {
                outcome: Outcome::Failed,
                output: format!("cannot run the test: {error}"),
            });
            let (count, word) = match outcome {
                Outcome::Passed => (&mut passed, "ok"),
                Outcome::Failed => (&mut failed, "FAILED"),
                Outcome::Skipped => (&mut skipped, "skipped"),
            };
            *count += 1;
            say(&format!(
                "test {} ... {word} ({:.2} s)",
                test.name,
                begin.elapsed().as_secs_f64()
            ));
            say_below(&output);
        }
        say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
        exit(i32::from(failed > 0))
    }

    /// In the process that belongs to one test.
    fn run_here(&self, name: &str, options: &Options) -> ! {
        let Some(test) = self.tests.iter().find(|test| test.name == name) else {
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

fn missing(error: &anyhow::Error) -> Option<&Missing> {
    error
        .chain()
        .find_map(|cause| match cause.downcast_ref::<tandem_lab::LabError>() {
            Some(tandem_lab::LabError::Missing(missing)) => Some(missing),
            Some(_) => None,
            None => cause.downcast_ref::<Missing>(),
        })
}
