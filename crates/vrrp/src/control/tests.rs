//! Whatever has begun ends in good order.

use std::env;

use anyhow::anyhow;
use tandem_vrrp_core::settings::{Family, Vrid};

use super::*;

const ONE: InstanceId = InstanceId(1);

fn plan() -> Plan {
    let vrid = Vrid::new(51).expect("not 0");
    let mut plan = Plan::default();
    plan.router.instances = vec![InstanceSettings::new(ONE, "VI_1", vrid, Family::V4)];
    plan
}

/// With somebody who plays the brain, and says at the end what it was told to do.
#[tokio::test(flavor = "local")]
async fn whoever_cannot_say_that_it_is_ready_lets_go_first() {
    let folder = env::temp_dir().join(format!("tandem-vrrp-unready-{}", std::process::id()));
    let args = Args::read(["tandem-vrrp".into()]).expect("nothing is needed");
    let (plan, log) = (plan(), Rc::new(Log::default()));
    let (orders, mut inbox) = mpsc::channel(8);
    let (outbox, reports) = mpsc::channel(8);
    let brain = tokio::task::spawn_local(async move {
        let mut told = Vec::new();
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Release {
                    who: Who::All,
                    why: Release::Stop,
                } => {
                    told.push("let go");
                    outbox.send(Report::Released { instance: ONE }).await.expect("it waits");
                }
                Order::End => {
                    told.push("end");
                    break;
                }
                _ => {}
            }
        }
        told
    });
    let launcher = Launcher::new(&args);
    let (ask, questions) = mpsc::channel(1);
    let running = start(Control {
        journal: Journal::new(&folder).expect("the temporary folder is writable"),
        held: BTreeSet::new(),
        owners: BTreeSet::new(),
        heralds: Heralds::new(&plan, log.clone(), launcher.clone()),
        launcher,
        firewall: Firewall::default(),
        ask,
        questions,
        first_network: None,
        notifier: Rc::new(Notifier::from_environment().expect("there is none")),
        signals: Signals::listen(&[]).expect("it can listen"),
        orders,
        reports,
        args,
        plan,
        log,
    });
    let outcome = running.work(Err(anyhow!("nobody is there"))).await;
    assert_eq!(outcome.expect_err("why it ended").to_string(), "nobody is there");
    assert_eq!(brain.await.expect("it has not panicked"), ["let go", "end"]);
    std::fs::remove_dir_all(&folder).expect("ours");
}
