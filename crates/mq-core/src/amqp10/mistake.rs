//! What went wrong, by the specification's names, and what ends because of it.

use tandem_mq_wire::amqp10::{Condition, Error};

use crate::broker::Refusal;

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    Connection,
    Channel,
    Link(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    condition: Condition,
    what: Box<str>,
    pub(super) blame: Blame,
}

impl Mistake {
    /// One that ends its channel.
    pub(super) fn new(condition: Condition, what: impl Into<Box<str>>) -> Mistake {
        Mistake {
            condition,
            what: what.into(),
            blame: Blame::Channel,
        }
    }

    pub(super) fn illegal(what: &str) -> Mistake {
        Mistake::new(Condition::IllegalState, what)
    }

    pub(super) fn limit(what: &str) -> Mistake {
        Mistake::new(Condition::ResourceLimitExceeded, what)
    }

    pub(super) fn invalid(what: &str) -> Mistake {
        Mistake::new(Condition::InvalidField, what)
    }

    pub(super) fn unauthorized(what: &str) -> Mistake {
        Mistake::new(Condition::UnauthorizedAccess, what)
    }

    pub(super) fn forced(what: &str) -> Mistake {
        Mistake::new(Condition::ConnectionForced, what).of_connection()
    }

    #[must_use]
    pub(super) fn of_connection(self) -> Mistake {
        Mistake {
            blame: Blame::Connection,
            ..self
        }
    }

    #[must_use]
    pub(super) fn of_link(self, handle: u32) -> Mistake {
        Mistake {
            blame: Blame::Link(handle),
            ..self
        }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(self.condition, &self.what)
    }
}

impl From<&Refusal> for Mistake {
    fn from(refusal: &Refusal) -> Mistake {
        let condition = match refusal {
            Refusal::NoTransaction(_) => Condition::UnknownTransaction,
            Refusal::Missing(..) | Refusal::NoSubscription(_) | Refusal::NoConsumer(_) => Condition::NotFound,
            Refusal::SubscriptionInUse(_) | Refusal::Locked(_) | Refusal::ExclusiveUse(_) | Refusal::InUse(..) => {
                Condition::ResourceLocked
            }
            Refusal::Name(..) | Refusal::Policy(_) | Refusal::BadArgument(..) | Refusal::Arguments => {
                Condition::InvalidField
            }
            Refusal::Full
            | Refusal::TooMuchLater
            | Refusal::TooMany(_)
            | Refusal::TooLarge
            | Refusal::TransactionTooLarge => Condition::ResourceLimitExceeded,
            Refusal::Denied { .. } => Condition::UnauthorizedAccess,
            Refusal::Internal(_) | Refusal::NoName => Condition::NotAllowed,
            Refusal::Different { .. } | Refusal::NotEmpty(_) => Condition::PreconditionFailed,
            Refusal::TransactionExists(_) | Refusal::ConsumerExists(_) | Refusal::NoDelivery => Condition::IllegalState,
        };
        Mistake::new(condition, refusal.to_string())
    }
}
