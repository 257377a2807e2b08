//! One run of a script: a machine that is told what the connection did, and says what to do next.

use super::MOST;
use super::answer::{Answer, Verdict};
use super::matcher::made;
use super::script::{Action, Connect, Expect, Script};
use super::situation::Situation;
use crate::expr::{Context, Sample, Variable};
use crate::health::CheckStatus;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    Connected,
    /// It could not connect, in the words of the system; `shortage` if that was our own fault.
    NotConnected {
        words: &'a str,
        shortage: bool,
    },
    /// It could, but TLS did not come about.
    NotSecure(&'a str),
    /// The same, as the time is over.
    LateSecure,
    Received(&'a [u8]),
    /// The server will send no more.
    Closed,
    Broken(&'a str),
    /// The time is over.
    Late,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Give up the connection there is, and make one.
    Connect(Connect),
    Send(Box<[u8]>),
    /// Close it; nothing follows.
    Done(End),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub status: CheckStatus,
    pub code: Option<u16>,
    pub info: Option<Box<str>>,
}

/// A check that is under way.
pub struct Probe<'s> {
    script: &'s Script,
    around: &'s dyn Context,
    variables: Vec<(Variable, Sample<'static>)>,
    /// The step that is being done; `None` is the connection that nobody wrote a step for.
    at: Option<usize>,
    connecting: bool,
    received: Vec<u8>,
    closed: bool,
    /// What the last answer that was found says.
    said: (Option<u16>, Option<Box<str>>),
    ok: Option<CheckStatus>,
    outputs: std::collections::VecDeque<Output>,
    done: bool,
}

impl<'s> Probe<'s> {
    /// `around` answers what expressions ask.
    pub fn new(script: &'s Script, around: &'s dyn Context) -> Probe<'s> {
        let mut probe = Probe {
            script,
            around,
            variables: Vec::new(),
            at: None,
            connecting: true,
            received: Vec::new(),
            closed: false,
            said: (None, None),
            ok: None,
            outputs: std::collections::VecDeque::new(),
            done: false,
        };
        if probe.connects_itself() {
            probe.go_to(0);
        } else {
            probe.outputs.push_back(Output::Connect(Connect::usual()));
        }
        probe
    }

    /// Whether a step makes the first connection. Variables may be set before.
    fn connects_itself(&self) -> bool {
        let mut actions = self.script.steps.iter().map(|step| &step.action);
        let first = actions.find(|action| !matches!(action, Action::Set(..) | Action::Unset(_)));
        matches!(first, Some(Action::Connect(_)))
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            around: self.around,
            variables: &self.variables,
            heard: &self.received,
        }
    }

    /// Says something, unless what it is to be cannot be said.
    fn say(&mut self, bytes: Option<Vec<u8>>) {
        // What was said before is no answer to this.
        self.received.clear();
        self.outputs
            .extend(bytes.map(|bytes| Output::Send(bytes.into_boxed_slice())));
    }

    fn forget(&mut self, variable: &Variable) {
        self.variables.retain(|(known, _)| known != variable);
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the answer of the server is waited for.
    pub fn wants_bytes(&self) -> bool {
        !self.done && !self.connecting
    }

    pub fn handle(&mut self, input: Input<'_>) {
        if self.done {
            return;
        }
        match input {
            Input::Connected => {
                self.connecting = false;
                self.go_to(self.at.map_or(0, |at| at + 1));
            }
            Input::NotConnected { words, shortage } => {
                let status = if shortage {
                    CheckStatus::SocketError
                } else {
                    CheckStatus::L4Connection
                };
                self.end(status, None, Some(self.with_step(words)));
            }
            Input::NotSecure(words) => self.end(CheckStatus::L6Response, None, Some(self.with_step(words))),
            Input::LateSecure => {
                let info = self.script.named_steps.then(|| self.with_step(""));
                self.end(CheckStatus::L6Timeout, None, info);
            }
            Input::Received(bytes) => {
                let room = MOST.saturating_sub(self.received.len());
                self.received.extend_from_slice(&bytes[..bytes.len().min(room)]);
                self.look();
            }
            Input::Closed => {
                self.closed = true;
                self.look();
            }
            Input::Broken(words) => self.end(CheckStatus::SocketError, None, Some(words.into())),
            Input::Late => self.late(),
        }
    }

    fn go_to(&mut self, step: usize) {
        let mut next = step;
        loop {
            self.at = Some(next);
            match self.script.steps.get(next).map(|step| &step.action) {
                None => return self.pass(),
                Some(Action::Send(bytes)) => self.say(Some(bytes.to_vec())),
                Some(Action::SendMade { text, is_hex }) => {
                    let bytes = made(text, *is_hex, &self.situation());
                    self.say(bytes);
                }
                Some(Action::Request(request)) => {
                    let bytes = request.bytes(&self.situation());
                    self.say(Some(bytes));
                }
                Some(Action::Set(variable, value)) => {
                    let value = value.value(&self.situation());
                    self.forget(variable);
                    self.variables.extend(value.map(|value| (variable.clone(), value)));
                }
                Some(Action::Unset(variable)) => self.forget(variable),
                Some(Action::Connect(connect)) => {
                    self.connecting = true;
                    self.closed = false;
                    self.received.clear();
                    return self.outputs.push_back(Output::Connect(connect.clone()));
                }
                Some(Action::Expect(_)) => return self.look(),
            }
            next += 1;
        }
    }

    fn expect(&self) -> Option<&'s Expect> {
        match &self.script.steps.get(self.at?)?.action {
            Action::Expect(expect) => Some(expect),
            _ => None,
        }
    }

    fn look(&mut self) {
        let Some(expect) = self.expect().filter(|_| !self.connecting) else {
            return;
        };
        let full = self.closed || self.received.len() >= MOST;
        if expect.min_recv.is_some_and(|least| self.received.len() < least) && !full {
            return;
        }
        if self.received.is_empty() && self.closed {
            return self.empty(expect);
        }
        if self.received.is_empty() {
            return;
        }
        let verdict = match &expect.answer {
            Answer::Content(content) => {
                let found = content.is_in(&self.received, &self.situation());
                // HAProxy too waits for more until the time is over, also for what must not come.
                let decided = found || full || expect.min_recv.is_some();
                self.content(expect, found, decided)
            }
            other => other.look(&self.received, full, expect.negated, &self.situation()),
        };
        match verdict {
            Verdict::More if full => match expect.answer {
                Answer::Greeting(greeting) => self.judged(expect, greeting.cut_short(&self.received)),
                _ => self.judged(
                    expect,
                    Verdict::fail(CheckStatus::L7Response, self.with_step("the answer is too short")),
                ),
            },
            verdict => self.judged(expect, verdict),
        }
    }

    fn content(&self, expect: &Expect, found: bool, decided: bool) -> Verdict {
        let Answer::Content(content) = &expect.answer else {
            return Verdict::More;
        };
        let what = match content {
            super::Content::Text(text) => format!("content '{text}'"),
            super::Content::Binary(_) => "content (binary)".to_owned(),
            super::Content::Made { is_hex: false, .. } => "content (log-format string)".to_owned(),
            super::Content::Made { is_hex: true, .. } => "content (log-format binary)".to_owned(),
            super::Content::Regex(_) | super::Content::BinaryRegex(_) => "content (regex)".to_owned(),
        };
        let fail = |begin: &str, what: &str| {
            let step = self.step_number();
            Verdict::fail(CheckStatus::L7Response, format!("TCPCHK {begin} {what} at step {step}"))
        };
        match (found, expect.negated) {
            (true, true) => fail("matched unwanted", &what),
            (true, false) => Verdict::Pass {
                code: Some(0),
                info: None,
            },
            (false, _) if !decided => Verdict::More,
            (false, true) => Verdict::Pass {
                code: Some(0),
                info: None,
            },
            (false, false) => fail("did not match", &what),
        }
    }

    fn judged(&mut self, expect: &Expect, verdict: Verdict) {
        match verdict {
            Verdict::More => {}
            Verdict::Pass { code, info } => self.found(expect, code, info),
            Verdict::Fail { status, code, info } => self.fail(expect, status, code, info),
        }
    }

    fn found(&mut self, expect: &Expect, code: Option<u16>, info: Option<Box<str>>) {
        let own = expect.on_success.as_ref().map(|text| self.made(text));
        self.said = (self.code(expect).or(code), own.or(info));
        self.ok = expect.ok_status;
        self.go_to(self.at.map_or(0, |at| at + 1));
    }

    fn empty(&mut self, expect: &Expect) {
        let info = match self.script.named_steps {
            true => Some(format!("TCPCHK got an empty response at step {}", self.step_number()).into()),
            false => None,
        };
        self.fail(expect, CheckStatus::L7Response, None, info);
    }

    fn fail(&mut self, expect: &Expect, status: CheckStatus, code: Option<u16>, info: Option<Box<str>>) {
        let status = expect.error_status.unwrap_or(status);
        let code = code.or((status == CheckStatus::L7Status).then_some(0));
        let code = self.code(expect).or(code);
        let own = expect.on_error.as_ref().map(|text| self.made(text));
        let info = own.or(info);
        let comment = self.at.and_then(|at| self.script.steps.get(at)?.comment.as_deref());
        // Behind an answer that is not as it should be, the comment stands without quotes.
        let info = match comment {
            Some(comment) => Some(format!("{} comment: {comment}", info.unwrap_or_default()).into()),
            None => info,
        };
        self.end(status, code, info);
    }

    fn made(&self, text: &super::Text) -> Box<str> {
        String::from_utf8_lossy(&text.bytes(&self.situation())).into()
    }

    fn code(&self, expect: &Expect) -> Option<u16> {
        let code = expect.code.as_ref()?.value(&self.situation())?.as_int()?;
        u16::try_from(code).ok()
    }

    fn late(&mut self) {
        if self.connecting {
            let info = self.script.named_steps.then(|| self.with_step(""));
            return self.end(CheckStatus::L4Timeout, None, info);
        }
        let usual = match self.expect() {
            Some(expect) if expect.answer == Answer::Greeting(super::database::Greeting::Tls) => CheckStatus::L6Timeout,
            _ => CheckStatus::L7Timeout,
        };
        let status = self.expect().and_then(|e| e.timeout_status).unwrap_or(usual);
        let info = self.script.named_steps.then(|| self.with_step(""));
        self.end(status, None, info);
    }

    /// The last word is the last answer's; a script that ends with a connection has only connected.
    fn pass(&mut self) {
        let (code, info) = std::mem::take(&mut self.said);
        let actions = || self.script.steps.iter().map(|step| &step.action);
        let has_only_connected = matches!(actions().next_back(), Some(Action::Connect(_)))
            || actions().all(|action| matches!(action, Action::Connect(_) | Action::Set(..) | Action::Unset(_)));
        let named: Option<Box<str>> = self.script.named_steps.then(|| "(tcp-check)".into());
        let (status, code) = match has_only_connected {
            true => (CheckStatus::L4Ok, None),
            false => (CheckStatus::L7Ok, code.or_else(|| self.script.named_steps.then_some(0))),
        };
        let greets = |step: &super::Step| matches!(&step.action, Action::Expect(e) if e.answer == Answer::Greeting(super::database::Greeting::Tls));
        let status = if self.script.steps.iter().any(greets) {
            CheckStatus::L6Ok
        } else {
            status
        };
        self.end(self.ok.unwrap_or(status), code, info.or(named));
    }

    fn end(&mut self, status: CheckStatus, code: Option<u16>, info: Option<Box<str>>) {
        self.done = true;
        self.outputs.push_back(Output::Done(End { status, code, info }));
    }

    fn step_number(&self) -> usize {
        self.at.map_or(0, |at| at + 1)
    }

    fn comment(&self) -> String {
        let comment = self.at.and_then(|at| self.script.steps.get(at)?.comment.as_deref());
        comment.map(|text| format!(" comment: '{text}'")).unwrap_or_default()
    }

    /// Words, and where in an operator's script it was.
    fn with_step(&self, words: &str) -> Box<str> {
        if !self.script.named_steps {
            return words.into();
        }
        let Some(step) = self.at.and_then(|at| self.script.steps.get(at)) else {
            return format!("{words} at initial connection step of tcp-check").into();
        };
        let what = match &step.action {
            Action::Connect(Connect { port: None, .. }) => "connect".to_owned(),
            Action::Connect(Connect { port: Some(port), .. }) => format!("connect port {port}"),
            Action::Send(_) | Action::SendMade { .. } | Action::Request(_) => "send".to_owned(),
            Action::Set(..) | Action::Unset(_) => "variable".to_owned(),
            Action::Expect(Expect {
                answer: Answer::Content(content),
                ..
            }) => format!("expect {content}"),
            Action::Expect(_) => "expect".to_owned(),
        };
        format!(
            "{words} at step {} of tcp-check ({what}){}",
            self.step_number(),
            self.comment()
        )
        .into()
    }
}

#[cfg(test)]
pub(super) mod tests;
