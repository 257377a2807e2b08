//! What is made of a server's bytes: more are needed, it is well, or it is not.

use super::broker::Protocol;
use super::database::Greeting;
use super::http::HttpExpect;
use super::matcher::Content;
use crate::expr::Context;
use crate::health::CheckStatus;

/// Something that a server may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Content(Content),
    Http(HttpExpect),
    Greeting(Greeting),
    Broker(Protocol),
}

/// What the bytes so far mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough to tell.
    More,
    Pass {
        code: Option<u16>,
        info: Option<Box<str>>,
    },
    Fail {
        status: CheckStatus,
        code: Option<u16>,
        info: Option<Box<str>>,
    },
}

impl Verdict {
    pub(super) fn pass(info: impl Into<Box<str>>) -> Verdict {
        Verdict::Pass {
            code: Some(0),
            info: Some(info.into()),
        }
    }

    pub(super) fn fail(status: CheckStatus, info: impl Into<Box<str>>) -> Verdict {
        Verdict::Fail {
            status,
            code: None,
            info: Some(info.into()),
        }
    }

    pub(super) fn fail_with(status: CheckStatus, code: u16, info: impl Into<Box<str>>) -> Verdict {
        Verdict::Fail {
            status,
            code: Some(code),
            info: Some(info.into()),
        }
    }
}

impl Answer {
    /// `closed`: nothing more will come.
    pub(super) fn look(&self, bytes: &[u8], closed: bool, negated: bool, context: &dyn Context) -> Verdict {
        match self {
            // Whether it is there is all that is asked; the probe knows the words.
            Answer::Content(_) => Verdict::More,
            Answer::Http(expect) => expect.look(bytes, closed, negated, context),
            Answer::Greeting(greeting) => greeting.look(bytes),
            Answer::Broker(protocol) => protocol.look(bytes),
        }
    }
}
