//! The admin form: which servers, which action, and what came of it (reference 3.4).

use tandem_lb_core::backend::Operation;
use tandem_lb_core::conn::KillReason;
use tandem_lb_core::health::{Admin, AdminChange};

use crate::live::Live;
use crate::orders::{Orders, ServerOrders};

/// What HAProxy appends to the page's path after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Done,
    Nothing,
    /// Some of the servers do not exist.
    Partly,
    /// The action, the backend or all of the servers do not exist.
    Unknown,
    TooLarge,
    Denied,
    /// Another process takes over; HAProxy has no such code.
    Busy,
}

impl Code {
    pub(super) fn word(self) -> &'static str {
        match self {
            Code::Done => "DONE",
            Code::Nothing => "NONE",
            Code::Partly => "PART",
            Code::Unknown => "ERRP",
            Code::TooLarge => "EXCD",
            Code::Denied => "DENY",
            Code::Busy => "BUSY",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Drain,
    Maint,
}

/// What may be done to a server from the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Admin(AdminChange),
    One(Demand, bool),
    Health(Operation),
    Checks { enable: bool },
    KillSessions,
    Agent { enable: bool },
    AgentSays { up: bool },
}

impl Action {
    fn named(word: &str) -> Option<Action> {
        Some(match word {
            "ready" => Action::Admin(AdminChange::Ready),
            "drain" => Action::Admin(AdminChange::Drain),
            "maint" => Action::Admin(AdminChange::Maint),
            // The words of old, each for one demand alone.
            "stop" => Action::One(Demand::Drain, true),
            "start" => Action::One(Demand::Drain, false),
            "disable" => Action::One(Demand::Maint, true),
            "enable" => Action::One(Demand::Maint, false),
            "hrunn" => Action::Health(Operation::Running),
            "hnolb" => Action::Health(Operation::Stopping),
            "hdown" => Action::Health(Operation::Down),
            "dhlth" => Action::Checks { enable: false },
            "ehlth" => Action::Checks { enable: true },
            "shutdown" => Action::KillSessions,
            "dagent" => Action::Agent { enable: false },
            "eagent" => Action::Agent { enable: true },
            "arunn" => Action::AgentSays { up: true },
            "adown" => Action::AgentSays { up: false },
            _ => return None,
        })
    }

    /// Whether there was anything to do.
    fn apply(self, server: &ServerOrders, live: &Live) -> bool {
        match self {
            Action::Admin(change) => server.admin(change),
            Action::One(demand, is_wanted) => return one(server, demand, is_wanted),
            // Who follows another has no health of its own.
            Action::Health(_) if server.follows() => return false,
            Action::Health(to) => server.health(to),
            Action::Checks { enable: true } => return server.enable_checks().is_ok(),
            Action::Checks { enable: false } if !server.is_checked() => return false,
            Action::Checks { enable: false } => server.disable_checks(),
            Action::KillSessions => live.end_at(server.keeper().backend(), server.idx(), KillReason::Admin),
            Action::Agent { enable } => return server.agent(enable).is_ok(),
            Action::AgentSays { up } => return server.agent_says(up).is_ok(),
        }
        true
    }
}

/// Makes or takes back one demand, and leaves the other as it is.
fn one(server: &ServerOrders, demand: Demand, is_wanted: bool) -> bool {
    let (of_it, change) = match (demand, is_wanted) {
        (Demand::Drain, true) => (Admin::FORCED_DRAIN, AdminChange::BeginDrain),
        (Demand::Drain, false) => (Admin::FORCED_DRAIN, AdminChange::EndDrain),
        (Demand::Maint, true) => (Admin::FORCED_MAINT, AdminChange::BeginMaint),
        (Demand::Maint, false) => (Admin::FORCED_MAINT, AdminChange::EndMaint),
    };
    let is_so = server.report(|report| report.view.admin.has(of_it)) == Some(true);
    if is_so != is_wanted {
        server.admin(change);
    }
    is_so != is_wanted
}

pub(super) fn carry_out(form: &[(String, String)], orders: &Orders, live: &Live) -> Code {
    let last = |wanted: &str| {
        form.iter()
            .rev()
            .find(|(name, _)| name == wanted)
            .map(|(_, v)| v.as_str())
    };
    let (action, backend) = (last("action").unwrap_or_default(), last("b"));
    let (Some(backend), false) = (backend, action.is_empty()) else {
        return Code::Nothing;
    };
    if orders.recess().is_some() {
        return Code::Busy;
    }
    let (Some(action), Ok(_)) = (Action::named(action), orders.backend(backend)) else {
        return Code::Unknown;
    };
    let (mut known, mut unknown, mut changed) = (0u32, 0u32, 0u32);
    for (_, server) in form.iter().filter(|(name, _)| name == "s") {
        match orders.server(backend, server) {
            Ok(server) => {
                known += 1;
                changed += u32::from(action.apply(&server, live));
            }
            Err(_) => unknown += 1,
        }
    }
    match (known, unknown, changed) {
        (0, 0, _) => Code::Nothing,
        (0, _, _) => Code::Unknown,
        (_, 1.., _) => Code::Partly,
        (_, 0, 0) => Code::Nothing,
        (_, 0, _) => Code::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Recess;

    #[test]
    fn a_form_without_a_wish() {
        let orders = Orders::new(Vec::new());
        let form = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
            fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        let code = |fields: &[(&str, &str)]| carry_out(&form(fields), &orders, &Live::default());
        assert_eq!(code(&[]), Code::Nothing);
        assert_eq!(code(&[("s", "a"), ("action", "drain")]), Code::Nothing);
        assert_eq!(code(&[("s", "a"), ("b", "be"), ("action", "")]), Code::Nothing);
        assert_eq!(code(&[("s", "a"), ("b", "be"), ("action", "drain")]), Code::Unknown);
        orders.set_recess(Some(Recess::Giving));
        assert_eq!(code(&[("s", "a"), ("b", "be"), ("action", "drain")]), Code::Busy);
    }
}
