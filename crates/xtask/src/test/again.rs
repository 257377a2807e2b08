//! A second chance: chance on a loaded machine must not fail a run, and must not go unseen either. A few failed tests are run
//! once more, alone; those that pass then are counted as passed and named as flaky, with what the first failure said.

use super::excerpt;
use super::process::Ending;
use super::tally::{self, Counting, Tally};

/// More than these do not fail by chance.
const MOST: usize = 5;
/// Of what the first failure said.
const SHOWN: usize = 20;

/// A test that failed and then passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaky {
    pub(super) name: String,
    pub(super) said: Vec<String>,
}

/// What a second run has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) flaky: Vec<Flaky>,
    pub(super) failed: Vec<String>,
}

/// The tests to be run once more. `None` where something else went wrong than tests, or too many failed.
pub(super) fn worth_a_try(counting: Counting, ending: &Ending, log: &str) -> Option<Vec<String>> {
    let Ending::Exited(_) = ending else { return None };
    let names = failed(counting, log)?;
    (1..=MOST).contains(&names.len()).then_some(names)
}

/// Whoever is not shown to have passed has failed again.
pub(super) fn judge(names: Vec<String>, first: &str, counting: Counting, ending: &Ending, second: &str) -> Outcome {
    let mut tally = Tally::of(counting);
    for line in second.lines() {
        tally.line(line);
    }
    let counts = tally.counts;
    let all_ran = counts.passed + counts.skipped + counts.failed >= names.len();
    let again = match ending {
        Ending::Exited(status) if all_ran && status.success() && counts.failed == 0 => Some(Vec::new()),
        Ending::Exited(_) if all_ran => failed(counting, second).filter(|again| !again.is_empty()),
        _ => None,
    };
    let Some(again) = again else {
        return Outcome {
            flaky: Vec::new(),
            failed: names,
        };
    };
    let (failed, passed): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| again.contains(name));
    let flaky = |name: String| Flaky {
        said: excerpt::of_test(first, &name, SHOWN),
        name,
    };
    Outcome {
        flaky: passed.into_iter().map(flaky).collect(),
        failed,
    }
}

/// The names of all tests that failed, or `None` when the log does not say them all: a program that died says none.
fn failed(counting: Counting, log: &str) -> Option<Vec<String>> {
    match counting {
        Counting::Nothing => None,
        Counting::Libtest => failed_in_libtest(log),
        Counting::Summary => failed_in_summary(log),
    }
}

fn failed_in_libtest(log: &str) -> Option<Vec<String>> {
    let (mut all, mut listed) = (Vec::new(), Vec::new());
    let (mut begun, mut ended) = (0, 0);
    for line in log.lines() {
        if tally::running(line).is_some() {
            begun += 1;
            listed.clear();
        } else if line == "failures:" {
            // The last section of that name is the list.
            listed.clear();
        } else if let Some(counts) = tally::libtest_result(line) {
            ended += 1;
            if listed.len() != counts.failed && counts.failed > 0 {
                return None;
            }
            all.extend(listed.drain(..).take(counts.failed).map(str::to_owned));
        } else if let Some(name) = line.strip_prefix("    ").filter(|name| is_name(name)) {
            listed.push(name);
        }
    }
    // Whoever began and said no result has died.
    (begun <= ended).then_some(all)
}

fn failed_in_summary(log: &str) -> Option<Vec<String>> {
    let name = |line: &str| {
        let (name, after) = line.strip_prefix("test ")?.split_once(" ... ")?;
        (after.starts_with("FAILED") && is_name(name)).then(|| name.to_owned())
    };
    let names: Vec<String> = log.lines().filter_map(name).collect();
    let counts = log.lines().rev().find_map(tally::summary)?;
    (counts.failed == names.len()).then_some(names)
}

/// Of a function; what a documentation's example is called has spaces.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_:".contains(c))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    const FIRST: &str = "\
     Running tests/mq/main.rs (target/debug/deps/mq-6d0fe099a839cf38)

running 3 tests
test amqp::pika ... ok
test mqtt::mqtt_js ... SKIP node: not installed
ok
test mqtt::paho ... FAILED

failures:

---- mqtt::paho stdout ----

thread 'mqtt::paho' (29970) panicked at tests/tests/mq/mqtt.rs:15:9:
assertion `left == right` failed
    indented
stack backtrace:
   0: core::panicking
             at ./x.rs:3:1


failures:
    mqtt::paho

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 8.03s

error: test failed, to rerun pass `-p tandem-tests --test mq`
     Running tests/top.rs (target/debug/deps/top-1)

running 1 test
test a_screen ... FAILED

failures:

---- a_screen stdout ----
too small

failures:
    a_screen

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s

error: 2 targets failed:
    `-p tandem-tests --test mq`
    `-p tandem-tests --test top`
";
    const NETNS: &str = "\
     Running tests/netns/main.rs (target/debug/deps/netns-1)
test lab::two_hosts ... ok (0.02 s)
    switch lan
test vrrp::takes_over ... FAILED (3.20 s)
    no takeover within 3 s
    as it is
test vrrp::gives_back ... ok (1.00 s)
3 passed, 1 failed, 0 skipped
";

    fn exit(code: i32) -> Ending {
        Ending::Exited(ExitStatus::from_raw(code << 8))
    }

    #[test]
    fn failed_tests_are_found_in_both_kinds_of_logs() {
        let found = worth_a_try(Counting::Libtest, &exit(101), FIRST);
        assert_eq!(found, Some(vec!["mqtt::paho".to_owned(), "a_screen".to_owned()]));
        let found = worth_a_try(Counting::Summary, &exit(1), NETNS);
        assert_eq!(found, Some(vec!["vrrp::takes_over".to_owned()]));
    }

    #[test]
    fn only_tests_have_a_second_chance() {
        let died = FIRST.replace("test result: FAILED. 0 passed; 1 failed;", "error: signal: 11;");
        let example = FIRST.replace("    a_screen\n", "    src/lib.rs - a (line 3)\n");
        let many: String = (0..6).map(|n| format!("    t{n}\n")).collect();
        let many = format!("failures:\n{many}\ntest result: FAILED. 1 passed; 6 failed; 0 ignored\n");
        for log in [&died, &example, &many, "error[E0308]: mismatched types\n", ""] {
            assert_eq!(worth_a_try(Counting::Libtest, &exit(101), log), None, "{log}");
        }
        assert_eq!(worth_a_try(Counting::Libtest, &Ending::OverBudget, FIRST), None);
        assert_eq!(worth_a_try(Counting::Nothing, &exit(101), FIRST), None);
        let unsure = NETNS.replace("1 failed", "2 failed");
        assert_eq!(worth_a_try(Counting::Summary, &exit(1), &unsure), None);
    }

    #[test]
    fn who_passes_then_is_flaky_and_who_does_not_has_failed() {
        let names = || vec!["mqtt::paho".to_owned(), "a_screen".to_owned()];
        let both = "test result: ok. 1 passed; 0 failed; 0 ignored\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let outcome = judge(names(), FIRST, Counting::Libtest, &exit(0), both);
        let said = |name: &str, said: &[&str]| Flaky {
            name: name.to_owned(),
            said: said.iter().map(|line| (*line).to_owned()).collect(),
        };
        let paho = || {
            let panic = "thread 'mqtt::paho' (29970) panicked at tests/tests/mq/mqtt.rs:15:9:";
            said(
                "mqtt::paho",
                &[panic, "assertion `left == right` failed", "    indented"],
            )
        };
        assert_eq!(outcome.failed, Vec::<String>::new());
        assert_eq!(outcome.flaky, [paho(), said("a_screen", &["too small"])]);

        let one = "test result: ok. 1 passed; 0 failed; 0 ignored\nfailures:\n    a_screen\n\n\
                   test result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        let outcome = judge(names(), FIRST, Counting::Libtest, &exit(101), one);
        assert_eq!(
            (outcome.failed, outcome.flaky),
            (vec!["a_screen".to_owned()], vec![paho()])
        );
    }

    #[test]
    fn who_is_not_shown_to_have_passed_has_failed() {
        let names = || vec!["vrrp::takes_over".to_owned()];
        for (ending, second) in [
            (exit(0), "0 passed, 0 failed, 0 skipped\n"),
            (exit(101), "1 passed, 0 failed, 0 skipped\n"),
            (exit(0), ""),
            (Ending::OverBudget, "1 passed, 0 failed, 0 skipped\n"),
            (Ending::Interrupted, ""),
        ] {
            let outcome = judge(names(), NETNS, Counting::Summary, &ending, second);
            assert_eq!(
                (outcome.failed, outcome.flaky),
                (names(), vec![]),
                "{ending:?} {second}"
            );
        }
        let outcome = judge(
            names(),
            NETNS,
            Counting::Summary,
            &exit(0),
            "1 passed, 0 failed, 0 skipped\n",
        );
        assert_eq!(outcome.flaky[0].said, ["    no takeover within 3 s", "    as it is"]);
    }
}
