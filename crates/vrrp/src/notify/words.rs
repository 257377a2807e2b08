//! What is told, in Keepalived's words.

use std::sync::Arc;

use tandem_vrrp::allowed::{GROUP, INSTANCE};
use tandem_vrrp_core::{Notice, State};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) is_group: bool,
    pub(crate) name: Arc<str>,
    pub(crate) notice: Notice,
    pub(crate) priority: u8,
}

impl News {
    /// What is appended to the command of `notify`.
    pub(super) fn arguments(&self) -> [String; 4] {
        [
            self.kind().to_owned(),
            self.name.to_string(),
            self.notice.to_string(),
            self.priority.to_string(),
        ]
    }

    /// What is written to pipes.
    pub(super) fn line(&self) -> String {
        format!("{} \"{}\" {} {}\n", self.kind(), self.name, self.notice, self.priority)
    }

    const fn kind(&self) -> &'static str {
        if self.is_group { GROUP } else { INSTANCE }
    }
}

/// Only who asks for it is told that an instance was deleted; to others it looks like a fault.
pub(super) const fn shown(notice: Notice, says_deleted: bool) -> Notice {
    match notice {
        Notice::Deleted if !says_deleted => Notice::Fault,
        other => other,
    }
}

/// What is told of who is in this state.
pub(super) const fn of(state: State) -> Option<Notice> {
    match state {
        State::Master => Some(Notice::Master),
        State::Backup => Some(Notice::Backup),
        State::Fault => Some(Notice::Fault),
        State::Init => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_arguments() {
        let news = News {
            is_group: false,
            name: "VI_1".into(),
            notice: Notice::Master,
            priority: 150,
        };
        assert_eq!(news.line(), "INSTANCE \"VI_1\" MASTER 150\n");
        assert_eq!(news.arguments(), ["INSTANCE", "VI_1", "MASTER", "150"]);
        let group = News {
            is_group: true,
            notice: shown(Notice::Deleted, false),
            ..news
        };
        assert_eq!(group.line(), "GROUP \"VI_1\" FAULT 150\n");
        assert_eq!(shown(Notice::Deleted, true), Notice::Deleted);
    }
}
