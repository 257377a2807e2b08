//! What a command answers.

use std::pin::Pin;

use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::places::Place;
use super::session::SeverityOutput;

/// What goes on with a client's stream when the line protocol is over. It is a client among the others until it lets go
/// of its place.
pub type Continuation = Box<dyn FnOnce(UnixStream, Place) -> Pin<Box<dyn Future<Output = ()>>>>;

/// How grave a message is; the numbers are syslog's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Notice,
    Info,
}

/// An answer. Whether its text ends with a newline does not matter: the protocol sees to that.
pub enum Reply {
    /// Done, and nothing to say.
    Done,
    /// A message to a person, whose severity a client may ask for.
    Message(Severity, String),
    /// What was asked for.
    Output(String),
    /// The same, made piece by piece as the client takes it.
    Pieces(Box<dyn Iterator<Item = String>>),
    /// What takes a while; the client waits for it, and nobody else does.
    Later(Pin<Box<dyn Future<Output = Reply>>>),
    /// First this, and then what comes, until the client says anything, or nothing has come for as long as it may be silent.
    Following(String, mpsc::Receiver<String>),
    /// From here on the client speaks another protocol. Only for those who [may take descriptors](super::Call::may_take_descriptors).
    Becomes(Continuation),
}

impl Reply {
    pub fn error(text: impl ToString) -> Reply {
        Reply::Message(Severity::Error, text.to_string())
    }

    pub fn info(text: impl ToString) -> Reply {
        Reply::Message(Severity::Info, text.to_string())
    }

    /// The pieces to write, with the newline that ends the text; the empty line after it is not among them.
    pub(super) fn pieces(self, severities: SeverityOutput) -> Box<dyn Iterator<Item = String>> {
        match self {
            Reply::Done | Reply::Becomes(_) | Reply::Later(_) => Box::new(std::iter::empty()),
            Reply::Message(severity, text) => Box::new(std::iter::once(ended(severity.prefix(severities) + &text))),
            Reply::Following(text, _) if text.is_empty() => Box::new(std::iter::empty()),
            Reply::Following(text, _) => Box::new(std::iter::once(ended(text))),
            Reply::Output(text) if text.is_empty() => Box::new(std::iter::empty()),
            Reply::Output(text) => Box::new(std::iter::once(ended(text))),
            Reply::Pieces(pieces) => pieces,
        }
    }
}

/// Either went as it should, or says why not.
impl<E: std::error::Error> From<Result<(), E>> for Reply {
    fn from(done: Result<(), E>) -> Reply {
        match done {
            Ok(()) => Reply::Done,
            Err(why) => Reply::error(why),
        }
    }
}

impl Severity {
    fn prefix(self, output: SeverityOutput) -> String {
        let (number, word) = match self {
            Severity::Error => (3, "err"),
            Severity::Warning => (4, "warning"),
            Severity::Notice => (5, "notice"),
            Severity::Info => (6, "info"),
        };
        match output {
            SeverityOutput::None => String::new(),
            SeverityOutput::Number => format!("[{number}]: "),
            SeverityOutput::Word => format!("[{word}]: "),
        }
    }
}

fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(reply: Reply, severities: SeverityOutput) -> String {
        reply.pieces(severities).collect()
    }

    #[test]
    fn every_text_is_a_line() {
        let none = SeverityOutput::None;
        assert_eq!(text(Reply::Done, none), "");
        assert_eq!(text(Reply::Output(String::new()), none), "");
        assert_eq!(text(Reply::Output("x".to_owned()), none), "x\n");
        assert_eq!(text(Reply::info("x\n"), none), "x\n");
    }

    #[test]
    fn severities_when_asked_for() {
        let message = |severity| Reply::Message(severity, "x".to_owned());
        assert_eq!(text(message(Severity::Error), SeverityOutput::Number), "[3]: x\n");
        assert_eq!(text(message(Severity::Notice), SeverityOutput::Number), "[5]: x\n");
        assert_eq!(text(message(Severity::Warning), SeverityOutput::Word), "[warning]: x\n");
        assert_eq!(text(Reply::Output("x".to_owned()), SeverityOutput::Word), "x\n");
    }
}
