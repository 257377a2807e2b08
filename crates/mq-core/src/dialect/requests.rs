//! What one session of the broker has asked. The inputs are numbered, because a refusal names one of them, and what is to be
//! said when all of them are on disk waits for that.

use std::collections::BTreeMap;

use super::Line;
use crate::{ConsumerId, SessionId, Token, broker};

#[derive(Debug)]
pub(crate) struct Requests<P> {
    pub(crate) session: SessionId,
    /// How many inputs the broker has had from it.
    count: u64,
    pub(crate) promises: BTreeMap<Token, P>,
}

impl<P> Requests<P> {
    pub(crate) fn new(session: SessionId) -> Requests<P> {
        Requests {
            session,
            count: 0,
            promises: BTreeMap::new(),
        }
    }

    /// The number of the last input.
    pub(crate) fn last(&self) -> u64 {
        self.count
    }

    /// Tells the broker something; the answer is the number that a refusal would have.
    pub(crate) fn ask<F>(&mut self, line: &mut Line<F>, input: broker::Input) -> u64 {
        self.count += 1;
        line.ask(input);
        self.count
    }

    /// Keeps what is to be done when everything until now is safe.
    pub(crate) fn promise<F>(&mut self, line: &mut Line<F>, promise: P) -> Token {
        let (session, token) = (self.session, Token(self.count + 1));
        self.ask(line, broker::Input::Sync { session, token });
        self.promises.insert(token, promise);
        token
    }

    pub(crate) fn consumer(&self, number: u64) -> ConsumerId {
        ConsumerId {
            session: self.session,
            number,
        }
    }
}
