//! What went wrong, in RabbitMQ's words: clients and people know them, and some look for them.

use std::fmt::{self, Display};

use tandem_mq_wire::amqp091::Code;

use crate::broker::Refusal;

/// Why a channel or the connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) code: Code,
    what: Box<str>,
}

impl Mistake {
    pub(super) fn new(code: Code, what: impl Into<Box<str>>) -> Mistake {
        Mistake {
            code,
            what: what.into(),
        }
    }

    /// Whether only the channel ends (section 1.2: soft errors).
    pub(super) fn is_soft(&self) -> bool {
        matches!(
            self.code,
            Code::AccessRefused | Code::NotFound | Code::ResourceLocked | Code::PreconditionFailed
        )
    }

    /// `None` for what crossed with something else, which is no mistake.
    pub(super) fn of(refusal: Refusal, user: &str) -> Option<Mistake> {
        let (code, what) = match refusal {
            Refusal::Missing(thing, name) => (Code::NotFound, format!("no {thing} '{name}' in vhost '/'")),
            Refusal::Locked(name) => (
                Code::ResourceLocked,
                format!(
                    "cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be originally declared on \
                     another connection or the exclusive property value does not match that of the original declaration."
                ),
            ),
            Refusal::ExclusiveUse(name) => (
                Code::AccessRefused,
                format!("queue '{name}' in vhost '/' in exclusive use"),
            ),
            Refusal::InUse(thing, name) => (
                Code::PreconditionFailed,
                format!("{thing} '{name}' in vhost '/' in use"),
            ),
            Refusal::NotEmpty(name) => (
                Code::PreconditionFailed,
                format!("queue '{name}' in vhost '/' not empty"),
            ),
            Refusal::BadArgument(argument, why, name) => (
                Code::PreconditionFailed,
                format!("invalid arg '{argument}' for queue '{name}' in vhost '/': {why}"),
            ),
            Refusal::Different {
                thing,
                name,
                argument,
                received,
                current,
            } => (
                Code::PreconditionFailed,
                format!(
                    "inequivalent arg '{argument}' for {thing} '{name}' in vhost '/': {received} but current is {current}"
                ),
            ),
            Refusal::Internal(name) => (
                Code::AccessRefused,
                format!("cannot publish to internal exchange '{name}' in vhost '/'"),
            ),
            Refusal::Denied { right, thing, name } => (
                Code::AccessRefused,
                format!("{right} access to {thing} '{name}' in vhost '/' refused for user '{user}'"),
            ),
            Refusal::TooMany(_)
            | Refusal::Name(..)
            | Refusal::Arguments
            | Refusal::TooLarge
            | Refusal::TransactionTooLarge => (Code::PreconditionFailed, refusal.to_string()),
            Refusal::Full
            | Refusal::TooMuchLater
            | Refusal::Policy(_)
            | Refusal::NoTransaction(_)
            | Refusal::TransactionExists(_)
            | Refusal::NoConsumer(_)
            | Refusal::ConsumerExists(_)
            | Refusal::SubscriptionInUse(_)
            | Refusal::NoSubscription(_)
            | Refusal::NoName
            | Refusal::NoDelivery => return None,
        };
        Some(Mistake::new(code, what))
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.code, self.what)
    }
}
