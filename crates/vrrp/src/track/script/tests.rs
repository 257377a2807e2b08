use std::rc::Rc;

use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::TrackerId;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use super::*;
use crate::args::Args;
use crate::brain::Order;
use crate::launcher::Launcher;
use crate::logs::Log;

const PATIENCE: Duration = Duration::from_secs(20);

/// The first outcomes of a script.
fn outcomes(settings: ScriptSettings, count: usize) -> Vec<ScriptOutcome> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    let (orders, mut heard) = mpsc::channel(8);
    let tracker = TrackerId(0);
    let log = Rc::new(Log::default());
    runtime.block_on(async move {
        let launcher = Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed"));
        let tell = Teller {
            tracker,
            orders,
            log,
            launcher,
            first_network: None,
            stage: Rc::default(),
        };
        let task = tokio::task::spawn_local(track("chk".into(), settings, tell));
        let mut seen = Vec::new();
        while seen.len() < count {
            let order = tokio::time::timeout(PATIENCE, heard.recv()).await.expect("in time");
            match order {
                Some(Order::Observed {
                    observation: Observation::Script(outcome),
                    ..
                }) => seen.push(outcome),
                other => panic!("{other:?}"),
            }
        }
        task.abort();
        seen
    })
}

fn shell(text: &str) -> ScriptSettings {
    ScriptSettings {
        interval: Duration::from_millis(50),
        timeout: Duration::from_secs(10),
        ..ScriptSettings::new(&["/bin/sh", "-c", text])
    }
}

#[test]
fn exits_and_signals() {
    assert_eq!(outcomes(shell("exit 0"), 2), [ScriptOutcome::Exited(0); 2]);
    assert_eq!(outcomes(shell("exit 3"), 1), [ScriptOutcome::Exited(3)]);
    assert_eq!(outcomes(shell("kill -9 $$"), 1), [ScriptOutcome::Signalled(9)]);
}

#[test]
fn what_cannot_be_run_has_failed() {
    let missing = ScriptSettings::new(&["/nonexistent/check"]);
    assert_eq!(outcomes(missing, 1), [ScriptOutcome::CouldNotRun]);
    let nobody = ScriptSettings {
        user: Some("nobody-of-that-name".into()),
        ..shell("exit 0")
    };
    assert_eq!(outcomes(nobody, 1), [ScriptOutcome::CouldNotRun]);
}

#[test]
fn a_hanging_script_fails_in_time_and_its_children_end() {
    // The child would outlive a signal to the script alone, and holds the pipe's other end open.
    let mark = std::env::temp_dir().join(format!("tandem-vrrp-script-{}", std::process::id()));
    let text = format!("echo $$ > {}; sleep 600 & trap '' TERM; wait; wait", mark.display());
    let settings = ScriptSettings {
        timeout: Duration::from_millis(200),
        ..shell(&text)
    };
    assert_eq!(
        outcomes(settings, 2),
        [ScriptOutcome::TimedOut; 2],
        "the second run means the first was ended"
    );
    std::fs::remove_file(mark).expect("the script ran");
}

/// As after a reload that asks otherwise: nobody waits for the run, and nothing of it is left.
#[test]
fn a_run_that_nobody_waits_for_takes_its_children_along() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        let launcher = Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed"));
        let mark = std::env::temp_dir().join(format!("tandem-vrrp-child-{}", std::process::id()));
        let text = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", mark.display());
        let runner = Runner {
            words: ["/bin/sh", "-c", &text].map(Arc::from).to_vec(),
            user: None,
            group: None,
            bond: Bond::Ours,
        };
        let run = runner.start(&launcher).expect("a shell");
        let over = Instant::now() + PATIENCE;
        let child = loop {
            if let Ok(text) = std::fs::read_to_string(&mark) {
                break text.trim().to_owned();
            }
            assert!(Instant::now() < over, "the script runs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        std::fs::remove_file(&mark).expect("the script ran");
        drop(run);
        // Where nobody collects orphans, one stays as a zombie.
        let stat = format!("/proc/{child}/stat");
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < over, "{child} lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_file_that_can_be_opened() {
    assert_eq!(
        outcomes(ScriptSettings::new(&["</proc/self/stat"]), 1),
        [ScriptOutcome::Exited(0)]
    );
    assert_eq!(
        outcomes(ScriptSettings::new(&["</nonexistent"]), 1),
        [ScriptOutcome::Exited(1)]
    );
}

#[test]
fn a_question_is_answered_without_a_process() {
    let asks = |name: &str| ScriptSettings {
        // As whom and by what it would be run does not matter.
        user: Some("nobody-of-that-name".into()),
        ..ScriptSettings::new(&["/nonexistent/killall", "-0", name])
    };
    let own = std::env::current_exe().expect("we are a program");
    let own = own.file_name().and_then(|name| name.to_str()).expect("with a name");
    assert_eq!(outcomes(asks(own), 1), [ScriptOutcome::Exited(0)], "{own}");
    assert_eq!(
        outcomes(asks("no-process-has-this-name"), 1),
        [ScriptOutcome::Exited(1)]
    );
}

#[test]
fn how_far_a_run_is_can_be_seen() {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    let (orders, _heard) = mpsc::channel(8);
    let stage = Rc::new(std::cell::Cell::new(Stage::Idle));
    let seen = stage.clone();
    runtime.block_on(async move {
        let tell = Teller {
            tracker: TrackerId(0),
            orders,
            log: Rc::new(Log::default()),
            launcher: Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed")),
            first_network: None,
            stage,
        };
        // It does not end when it is asked to.
        let settings = ScriptSettings {
            timeout: Duration::from_millis(300),
            ..shell("trap '' TERM; while :; do sleep 0.1; done")
        };
        let task = tokio::task::spawn_local(track("chk".into(), settings, tell));
        let over = Instant::now() + PATIENCE;
        for wanted in [Stage::Running, Stage::Ending, Stage::Killed, Stage::Running] {
            while seen.get() != wanted {
                assert!(Instant::now() < over, "{wanted:?}, not {:?}", seen.get());
                // Some last for less than a millisecond.
                tokio::task::yield_now().await;
            }
        }
        task.abort();
    });
}
