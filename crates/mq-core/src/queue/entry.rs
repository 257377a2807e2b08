//! A message in a queue.

use std::sync::Arc;

use tandem_time::Mono;

use crate::{Message, MessageId};

/// What one queue knows of a message that others may hold, too.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) message: Arc<Message>,
    /// How often it was tried in vain.
    pub(crate) attempts: u32,
    /// Somebody may have seen it before.
    pub(crate) again: bool,
    /// It is from the journal: what became of it before the node fell may have been seen, too.
    pub(crate) recovered: bool,
    pub(crate) expires: Option<Mono>,
    /// It was tried in vain, and is left alone until then.
    pub(crate) rests: Option<Mono>,
    /// It was in somebody's hands when a newer one of its key came.
    pub(crate) outdated: bool,
    /// Whether the journal holds it for this queue.
    pub(crate) stored: bool,
}

impl Entry {
    pub(crate) fn new(id: MessageId, message: Arc<Message>) -> Entry {
        Entry {
            id,
            message,
            attempts: 0,
            again: false,
            recovered: false,
            expires: None,
            rests: None,
            outdated: false,
            stored: false,
        }
    }

    /// From the journal, where nobody wrote down whether it had been handed out.
    pub(crate) fn restored(id: MessageId, message: Arc<Message>) -> Entry {
        Entry {
            again: true,
            recovered: true,
            stored: true,
            ..Entry::new(id, message)
        }
    }
}
