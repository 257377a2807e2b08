//! Before the server's first bytes go to the client: `tcp-response` rules look at them, perhaps more than once, and then
//! `stick` rules remember who answered. What the client sends goes on meanwhile.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use tandem_lb_core::conn::{Input, Side};
use tandem_lb_core::expr::content::Content;
use tandem_lb_core::rules::{Requests, Storing, Verdict};
use tandem_sys::relay::{Direction, Parked, Pass};
use tandem_sys::sockopt;
use tandem_time::Mono;

use super::counted::AtServer;
use super::upstream::Upstream;
use super::{Session, io_failure};
use crate::publish::Backend;
use crate::rules::Asking;
use crate::wire::Wire;

/// How far the rules for the server's answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Rules wait for bytes, no longer than this.
    Awaited {
        until: Mono,
        asking: Asking,
    },
    /// They are to be asked for the last time.
    Due,
    /// A rule has ended it: when the last of it is delivered, so is the client's end (seen on HAProxy).
    Last,
    Over,
}

/// What becomes of what the server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    GoesOn,
    /// Rules want to see more first.
    Waits,
    /// The machine was told that this is the end.
    Told,
}

impl Answer {
    pub(super) fn until(self) -> Option<Mono> {
        match self {
            Answer::Awaited { until, .. } => Some(until),
            Answer::Due | Answer::Last | Answer::Over => None,
        }
    }

    pub(super) fn is_over(self) -> bool {
        self == Answer::Over
    }

    /// Whether there is something that the rules have not seen.
    fn sees_more(self, content: Content<'_>) -> bool {
        match self {
            Answer::Awaited { asking, .. } => asking.sees_more(content),
            Answer::Due | Answer::Last | Answer::Over => true,
        }
    }

    /// The rules want to see more than this.
    fn wants_more_than(&mut self, content: Content<'_>) {
        if let Answer::Awaited { asking, .. } = self {
            *asking = Asking::after(content);
        }
    }

    pub(super) fn on_deadline(&mut self, now: Mono) {
        if self.until().is_some_and(|until| until <= now) {
            *self = Answer::Due;
        }
    }
}

impl Session {
    /// The server has accepted: whoever has something to say about its answer is asked before it goes on.
    pub(super) fn await_answer(&mut self, now: Mono) {
        let (judges, delay) = self.response_rules();
        if !judges {
            self.answered(None);
        }
        let stores = |backend: &Arc<Backend>| {
            let stick = &backend.now().plan.stick;
            stick.iter().any(|rule| rule.stores == Storing::Response)
        };
        if judges || self.backend.as_ref().is_some_and(stores) {
            // Without a time to wait, what comes first is all that rules see.
            let until = if delay.is_zero() { Mono::FAR } else { now + delay };
            let asking = Asking::First;
            self.answer = Answer::Awaited { until, asking };
        } else {
            self.lighten();
        }
    }

    /// Asks the rules with what is there.
    pub(super) fn judge_answer(&mut self, cx: &mut Context<'_>) -> Judged {
        if matches!(self.answer, Answer::Last | Answer::Over) {
            return Judged::GoesOn;
        }
        let Upstream::Up(server) = std::mem::replace(&mut self.upstream, Upstream::None) else {
            return Judged::GoesOn;
        };
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let is_due = self.answer == Answer::Due;
        let mut said = Vec::new();
        let most = self.looks_at();
        let verdict = match server.peek(cx, &mut scratch, most) {
            Err(error) => {
                drop(scratch);
                self.upstream = Upstream::Up(server);
                self.answer = Answer::Over;
                let failed = Input::Failed(Side::Server, io_failure(&error));
                self.conn.handle(failed, self.worker.clock.now());
                return Judged::Told;
            }
            Ok(peeked) => {
                let (_, delay) = self.response_rules();
                let has_come = !peeked.bytes.is_empty() && delay.is_zero();
                let content = Content {
                    bytes: peeked.bytes,
                    is_final: is_due || has_come || peeked.is_end || peeked.bytes.len() >= most,
                };
                // Rules with a time to wait are asked at once, as in HAProxy.
                let is_early = content.bytes.is_empty() && !content.is_final && delay.is_zero();
                if is_early || !self.answer.sees_more(content) {
                    drop(scratch);
                    self.upstream = Upstream::Up(server);
                    return Judged::Waits;
                }
                let verdict = self.judge(content, &server);
                if verdict == Verdict::Wait {
                    self.answer.wants_more_than(content);
                }
                if matches!(verdict, Verdict::Reject | Verdict::Close) {
                    said = content.bytes.to_vec();
                }
                if verdict == Verdict::Pass {
                    self.answered(Some((content, &server)));
                    self.lighten();
                }
                verdict
            }
        };
        drop(scratch);
        self.upstream = Upstream::Up(server);
        match verdict {
            Verdict::Wait | Verdict::LookUp { .. } => Judged::Waits,
            Verdict::Pass => {
                self.answer = Answer::Over;
                Judged::GoesOn
            }
            Verdict::Close => {
                self.end_answer(cx, said);
                Judged::Told
            }
            Verdict::Reject | Verdict::Drop { .. } => {
                self.refuse_answer(verdict, said.len());
                Judged::Told
            }
        }
    }

    /// What the rules of the frontend and of the backend say.
    fn judge(&mut self, content: Content<'_>, server: &Wire) -> Verdict {
        let frontend = self.frontend.clone();
        let backend = self.backend.as_ref().map(|backend| backend.now().plan.clone());
        let of_backend = backend.as_ref().filter(|plan| plan.id != frontend.plan.id);
        let sets: [Option<&Requests>; 2] = [of_backend.map(|plan| &plan.requests), Some(&frontend.plan.requests)];
        for requests in sets.into_iter().flatten() {
            let mut scene = self.scene(None);
            (scene.response, scene.upstream) = (Some(content), Some(server));
            scene.limiters = &requests.limiters;
            let verdict = requests.response.run(&requests.acls, &mut scene);
            if verdict != Verdict::Pass {
                return verdict;
            }
        }
        Verdict::Pass
    }

    /// Whether there are rules about answers, and how long they may wait.
    fn response_rules(&self) -> (bool, Duration) {
        let frontend = &self.frontend.plan.requests;
        let backend = self.backend.as_ref().map(|backend| backend.now().plan.clone());
        let of_backend = backend.as_ref().filter(|plan| plan.id != self.frontend.plan.id);
        let all = [Some(frontend), of_backend.map(|plan| &plan.requests)];
        let all = || all.iter().flatten().filter(|requests| !requests.response.is_empty());
        let delay = all().map(|requests| requests.response_delay).max().unwrap_or_default();
        (all().next().is_some(), delay)
    }

    fn answered(&mut self, answer: Option<(Content<'_>, &Wire)>) {
        self.answer = Answer::Over;
        let server = self.at_server.as_ref().map(|at| Arc::clone(AtServer::server(at)));
        if let Some(server) = server {
            self.remember(&server, answer);
        }
    }

    /// From here on nothing is chosen any more. A connection may stay for days, so what that took is not kept; what a line
    /// of the log asks for is made anew.
    fn lighten(&mut self) {
        self.stuck = None;
        let peer = self.entry.peer();
        self.subject.take_if(|subject| subject.is_new(peer));
    }

    /// What the server has said so far is the last that the client hears of it.
    fn end_answer(&mut self, cx: &mut Context<'_>, said: Vec<u8>) {
        self.answer = Answer::Last;
        let read = Pass {
            read: said.len() as u64,
            ..Pass::default()
        };
        self.to_client = Direction::resumed(Parked::Last(said));
        self.account(&read, &Pass::default());
        if let Upstream::Up(server) = &self.upstream {
            let mut scratch = self.worker.scratch.borrow_mut();
            self.to_client.drive(cx, server, &self.client, &mut scratch);
            self.to_server.shut(server);
        }
        self.conn.handle(Input::Finished(Side::Server), self.worker.clock.now());
    }

    /// Nothing of the client's goes anywhere any more, so nothing of it is read: it is told to be at its end.
    pub(super) fn last_word_is_out(&mut self) -> bool {
        if self.answer != Answer::Last || self.to_client.held() > 0 {
            return false;
        }
        self.answer = Answer::Over;
        self.conn.handle(Input::Finished(Side::Client), self.worker.clock.now());
        true
    }

    /// What it has said was received, and goes nowhere.
    fn refuse_answer(&mut self, verdict: Verdict, said: usize) {
        self.answer = Answer::Over;
        let read = Pass {
            read: said as u64,
            ..Pass::default()
        };
        self.account(&read, &Pass::default());
        self.frontend.denied(self.listener, |denials| &denials.responses);
        if let Some(backend) = &self.backend {
            backend.attempts.refused_answers.one();
        }
        if let Some(at) = &self.at_server {
            at.server().attempts.refused_answers.one();
        }
        if let Verdict::Drop { ttl } = verdict {
            if let Err(error) = sockopt::vanish_on_close(self.client.socket(), ttl) {
                tracing::debug!(%error, "a connection cannot be dropped silently");
            }
        } else {
            self.dismiss_client();
        }
        self.conn.handle(Input::Rejected, self.worker.clock.now());
    }
}
