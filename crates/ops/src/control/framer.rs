//! From bytes to commands: lines, `;` between commands of a line, payloads that follow one.

/// The longest line; HAProxy takes a buffer's worth.
const LONGEST_LINE: usize = 16 * 1024;

/// The longest payload.
const LONGEST_PAYLOAD: usize = 128 * 1024;

/// What was found in the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Command {
        text: String,
        payload: Option<String>,
        /// A newline came after it, not a semicolon.
        ends_line: bool,
    },
    /// One line of a payload, and there are more to come.
    PayloadLine,
    /// Nothing whole is left.
    Incomplete,
    /// Longer than anyone needs.
    TooLong,
}

/// Takes bytes as they come and gives commands. It never holds more than one line and one payload.
#[derive(Debug, Default)]
pub(super) struct Framer {
    bytes: Vec<u8>,
    /// A command whose payload is being read.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    text: String,
    payload: String,
    /// The line that ends it.
    end: String,
}

impl Framer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether something was sent that has not been taken.
    pub(super) fn has_more(&self) -> bool {
        !self.bytes.is_empty() || self.open.is_some()
    }

    pub(super) fn next(&mut self) -> Found {
        match self.open.take() {
            Some(open) => self.payload(open),
            None => self.command(),
        }
    }

    fn command(&mut self) -> Found {
        let Some(end) = end_of_command(&self.bytes) else {
            return if self.bytes.len() >= LONGEST_LINE {
                Found::TooLong
            } else {
                Found::Incomplete
            };
        };
        let is_line = self.bytes[end] == b'\n';
        let text = self.take(end);
        if text.len() >= LONGEST_LINE {
            return Found::TooLong;
        }
        match text.rsplit_once([' ', '\t']).filter(|_| is_line) {
            Some((command, last)) if last.starts_with("<<") => {
                self.open = Some(Open {
                    text: command.to_owned(),
                    payload: String::new(),
                    end: last["<<".len()..].to_owned(),
                });
                Found::PayloadLine
            }
            _ => Found::Command {
                text,
                payload: None,
                ends_line: is_line,
            },
        }
    }

    fn payload(&mut self, mut open: Open) -> Found {
        let Some(end) = self.bytes.iter().position(|b| *b == b'\n') else {
            let is_long = open.payload.len() + self.bytes.len() >= LONGEST_PAYLOAD;
            self.open = Some(open);
            return if is_long { Found::TooLong } else { Found::Incomplete };
        };
        let line = self.take(end);
        if line == open.end {
            return Found::Command {
                text: open.text,
                payload: Some(open.payload),
                ends_line: true,
            };
        }
        open.payload.push_str(&line);
        open.payload.push('\n');
        let is_long = open.payload.len() >= LONGEST_PAYLOAD;
        self.open = Some(open);
        if is_long { Found::TooLong } else { Found::PayloadLine }
    }

    /// What comes before `end`, without the carriage return that some clients send.
    fn take(&mut self, end: usize) -> String {
        let rest = self.bytes.split_off(end + 1);
        let mut taken = std::mem::replace(&mut self.bytes, rest);
        taken.truncate(end);
        if taken.last() == Some(&b'\r') {
            taken.pop();
        }
        String::from_utf8_lossy(&taken).into_owned()
    }
}

/// A newline always ends a command, a semicolon unless a backslash stands before it.
fn end_of_command(bytes: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return Some(place),
            b';' if !is_escaped => return Some(place),
            _ => is_escaped = *byte == b'\\' && !is_escaped,
        }
    }
    None
}

#[cfg(test)]
mod tests;
