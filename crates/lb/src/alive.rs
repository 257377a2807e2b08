//! Signs of life for the service manager, given while the control thread and every worker answer.

use std::rc::Rc;
use std::sync::Arc;

use tandem_ops::notify::{Notifier, State};
use tandem_ops::watchdog::Watchdog;
use tokio::sync::watch;

use crate::worker::{Crew, Phase};

/// As often as it asks for them.
pub(crate) async fn tell(notifier: Rc<Notifier>, crew: Arc<Crew>, phase: watch::Receiver<Phase>) {
    let mut watchdog = Watchdog::from_environment();
    loop {
        watchdog.due().await;
        // Whoever has taken over is the main process, and speaks for itself.
        if *phase.borrow() == Phase::Left {
            return;
        }
        crew.answers().await;
        // A service manager that does not listen does not wait either.
        notifier.send(&[State::Watchdog]).ok();
    }
}
