//! What a connection has decided and the runtime has not asked for yet.
//!
//! There is one place for each kind of output rather than a queue, so nothing piles up however seldom it is emptied.

use super::{Ending, Output, Side};
use crate::ServerIdx;

/// What was decided and not yet asked for. A place for each kind, so nothing can pile up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    pub(super) abort: bool,
    pub(super) step: Option<Step>,
    pub(super) shutdown: Option<Side>,
    pub(super) close: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Inspect { is_final: bool },
    Pick { avoid: Option<ServerIdx> },
    Connect(ServerIdx),
    Established(ServerIdx),
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        let Pending {
            abort,
            step,
            shutdown,
            close,
        } = self;
        !abort && step.is_none() && shutdown.is_none() && close.is_none()
    }

    pub(super) fn take(&mut self) -> Option<Output> {
        if std::mem::take(&mut self.abort) {
            return Some(Output::AbortConnect);
        }
        if let Some(step) = self.step.take() {
            return Some(step.output());
        }
        if let Some(side) = self.shutdown.take() {
            return Some(Output::ShutdownWrite(side));
        }
        self.close.take().map(Output::Close)
    }
}

impl Step {
    fn output(self) -> Output {
        match self {
            Step::Inspect { is_final } => Output::Inspect { is_final },
            Step::Pick { avoid } => Output::Pick { avoid },
            Step::Connect(server) => Output::Connect(server),
            Step::Established(server) => Output::Established(server),
        }
    }
}
