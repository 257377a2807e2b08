//! The words that begin a frame.

use std::fmt;

macro_rules! commands {
    ($($name:ident $word:literal,)*) => {
        /// A frame's first line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Command { $($name,)* }

        impl Command {
            pub const ALL: &'static [Command] = &[$(Command::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Command::$name => $word,)* }
            }

            pub fn of(word: &[u8]) -> Option<Command> {
                Command::ALL.iter().find(|command| command.as_str().as_bytes() == word).copied()
            }
        }
    };
}

commands! {
    Connect "CONNECT",
    Stomp "STOMP",
    Connected "CONNECTED",
    Send "SEND",
    Subscribe "SUBSCRIBE",
    Unsubscribe "UNSUBSCRIBE",
    Ack "ACK",
    Nack "NACK",
    Begin "BEGIN",
    Commit "COMMIT",
    Abort "ABORT",
    Disconnect "DISCONNECT",
    Message "MESSAGE",
    Receipt "RECEIPT",
    Error "ERROR",
}

impl Command {
    /// The longest of them, so that a line that is longer is nobody's.
    pub const LONGEST: usize = 11;

    /// Only these may have a body; STOMP 1.0 said nothing, and its clients send none elsewhere.
    pub const fn may_have_body(self) -> bool {
        matches!(self, Command::Send | Command::Message | Command::Error)
    }

    /// CONNECT and CONNECTED are read before a version is agreed on, so they never escape (STOMP 1.2, "Value Encoding").
    pub const fn escapes(self) -> bool {
        !matches!(self, Command::Connect | Command::Connected)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_known_and_none_is_longer_than_the_longest() {
        for command in Command::ALL {
            assert_eq!(Command::of(command.as_str().as_bytes()), Some(*command));
            assert!(command.as_str().len() <= Command::LONGEST);
        }
        assert_eq!(Command::of(b"send"), None);
        assert_eq!(Command::of(b""), None);
    }
}
