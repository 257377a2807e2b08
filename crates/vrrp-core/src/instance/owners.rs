//! Two that both say they own the addresses: priority 255 on both is a mistake, and one of the two may never yield.
//!
//! The one with the lower address yields at once, like any equal. If it does not (it may ignore adverts, as an owner may),
//! the one with the higher address goes on as 254 when the other has had time to hear it, and so yields itself. It is the
//! owner again when the other is gone.

use tandem_time::Mono;

use super::Instance;
use super::advert::interval_of;
use crate::Event;
use crate::outbox::Cx;
use crate::receive::Heard;
use crate::settings::Priority;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ownership {
    /// Nobody else claims it.
    #[default]
    Clear,
    /// Somebody else does, and may do so until then.
    Disputed(Mono),
    /// Given up for as long as the other is there.
    Ceded,
}

impl Instance {
    /// A master's own: whether it gave up being the owner.
    pub(super) fn cedes_to(&mut self, heard: &Heard, cx: &mut Cx<'_>) -> bool {
        if !self.priority.is_owner() || heard.advert.priority != Priority::OWNER.value() {
            return false;
        }
        let patience = self.interval() * 2 + self.interval().max(interval_of(heard)).mul_f64(1.2);
        match self.ownership {
            Ownership::Disputed(until) if cx.now < until => return false,
            // It was heard again just after it had its time.
            Ownership::Disputed(until) if cx.now < until + patience => {}
            Ownership::Clear | Ownership::Disputed(_) | Ownership::Ceded => {
                self.ownership = Ownership::Disputed(cx.now + patience);
                return false;
            }
        }
        self.ownership = Ownership::Ceded;
        self.priority = below_owner();
        let name = self.settings.name.clone();
        cx.log(self.settings.id, Event::OwnerCedes { name, from: heard.from });
        true
    }

    /// The other owner is gone, or no owner any more.
    pub(super) fn reclaim(&mut self, cx: &mut Cx<'_>) {
        // A reload may have made it one router of many.
        let is_owner = self.settings.priority.is_owner();
        if std::mem::take(&mut self.ownership) == Ownership::Ceded && is_owner {
            self.priority = Priority::OWNER;
            let name = self.settings.name.clone();
            cx.log(self.settings.id, Event::OwnerReclaims { name });
        }
    }

    /// What tracking says, as far as the dispute allows it.
    pub(super) fn allowed(&self, priority: Priority) -> Priority {
        if self.ownership == Ownership::Ceded && priority.is_owner() {
            below_owner()
        } else {
            priority
        }
    }
}

fn below_owner() -> Priority {
    Priority::clamped(i64::from(Priority::OWNER.value()) - 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_highest_of_the_others() {
        assert_eq!(super::below_owner().value(), 254);
    }
}
