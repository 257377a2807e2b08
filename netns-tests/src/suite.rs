//! A list of tests, and the run through it.

use std::process::exit;
use std::time::{Duration, Instant};

use tandem_lab::{Ground, Missing};

use crate::child::Child;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::report::{say, say_below};

/// What a test gets: the ground for its labs, the command line, and a voice.
pub struct Bench<'a> {
    pub ground: &'a Ground,
    pub options: &'a Options,
}

pub struct Test {
    pub name: &'static str,
    /// The process is killed when it takes longer.
    pub within: Duration,
    pub run: fn(&Bench<'_>) -> anyhow::Result<()>,
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
        self.tests.iter().filter(|test| test.name.contains(&options.filter))
    }

    fn list(&self, options: &Options) -> ! {
        self.chosen(options).for_each(|test| say(test.name));
        exit(0)
    }

    fn run_all(&self, options: &Options) -> ! {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for test in self.chosen(options) {
            let begin = Instant::now();
            let (outcome, output) = match Child::start(options.for_child(test.name)).and_then(|c| c.finish(test.within))
            {
                Ok(finished) => finished,
                Err(error) => (Outcome::Failed, format!("cannot run the test: {error}")),
            };
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
        let outcome = Ground::enter()
            .map_err(|refusal| Missing::from(refusal).into())
            .and_then(|ground| {
                (test.run)(&Bench {
                    ground: &ground,
                    options,
                })
            });
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
