//! Bytes to frames, as they arrive.
//!
//! Each byte is looked at once: the decoder remembers how far it has searched for the end of the head or of the body,
//! so a peer that sends one byte at a time costs no more than one that sends all.

use bytes::{Buf, Bytes, BytesMut};

use super::escape::unescape;
use super::{Command, Frame, Headers, Version};

/// The most that a peer may send of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Command and headers together, in bytes.
    pub head: usize,
    pub headers: usize,
    pub body: usize,
}

impl Limits {
    /// What somebody may send who has not logged in.
    pub const STRANGER: Limits = Limits {
        head: 8 * 1024,
        headers: 64,
        body: 0,
    };
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Frame(Frame),
    /// Line ends between frames.
    HeartBeat,
}

/// Why a peer cannot be understood. After any of these its connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("unknown command {0:?}")]
    UnknownCommand(String),
    #[error("the command and the headers are longer than {0} bytes")]
    HeadTooLong(usize),
    #[error("more than {0} headers")]
    TooManyHeaders(usize),
    #[error("the body is longer than {0} bytes")]
    BodyTooLong(usize),
    #[error("a header without a colon: {0:?}")]
    NoColon(String),
    #[error("a header without a name: {0:?}")]
    NoName(String),
    #[error("a header with an escape that this version does not have: {0:?}")]
    Escape(String),
    #[error("a header that is not UTF-8")]
    NotUtf8,
    #[error("content-length is not a number: {0:?}")]
    ContentLength(String),
    #[error("no NUL after a body of {0} bytes")]
    NoEnd(usize),
    #[error("a {0} frame has no body")]
    Body(Command),
}

/// Whether what begins here is a message, or the end of a transaction that may hold some. In the middle of a frame this reads a
/// body, and only messages have one.
pub fn publishes(bytes: &[u8]) -> bool {
    let ends = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let line = bytes[ends..].split(|byte| matches!(byte, b'\n' | b'\r')).next();
    matches!(line, Some(b"SEND" | b"COMMIT"))
}

/// Where the decoder is.
#[derive(Debug)]
enum State {
    /// Looking for the empty line; so many bytes are known to be without it.
    Head { searched: usize },
    /// The head is read.
    Body {
        head: (Command, Headers),
        length: Option<usize>,
        searched: usize,
    },
}

/// Reads one direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    pub limits: Limits,
    /// What was agreed on; 1.2 until then, as the CONNECT frame itself is read alike in all.
    pub version: Version,
    state: State,
}

impl Decoder {
    pub fn new(limits: Limits) -> Decoder {
        Decoder {
            limits,
            version: Version::V1_2,
            state: State::Head { searched: 0 },
        }
    }

    /// Takes the next item from the front of `bytes`; `None` when more is needed.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        if let State::Head { searched } = self.state {
            if searched == 0 && skip_line_ends(bytes) {
                return Ok(Some(Item::HeartBeat));
            }
            let Some(end) = self.end_of_head(bytes, searched)? else {
                return Ok(None);
            };
            let head = bytes.split_to(end).freeze();
            let (command, headers) = self.head(&head)?;
            let length = self.content_length(command, &headers)?;
            self.state = State::Body {
                head: (command, headers),
                length,
                searched: 0,
            };
        }
        self.body(bytes)
    }

    /// Where the head ends, after its empty line.
    fn end_of_head(&mut self, bytes: &[u8], searched: usize) -> Result<Option<usize>, DecodeError> {
        // The empty line may have begun just before the part that is new.
        let from = searched.saturating_sub(2);
        let found = bytes[from..].iter().enumerate().find_map(|(i, byte)| {
            let at = from + i;
            let ends = *byte == b'\n' && (bytes[..at].ends_with(b"\n") || bytes[..at].ends_with(b"\n\r"));
            ends.then_some(at + 1)
        });
        if found.unwrap_or(bytes.len()) > self.limits.head {
            return Err(DecodeError::HeadTooLong(self.limits.head));
        }
        // A first line that is too long for any command will not become one.
        let line = bytes.iter().take(Command::LONGEST + 2).position(|byte| *byte == b'\n');
        if line.is_none() && bytes.len() > Command::LONGEST + 1 {
            return Err(DecodeError::UnknownCommand(shown(&bytes[..Command::LONGEST + 1])));
        }
        self.state = State::Head { searched: bytes.len() };
        Ok(found)
    }

    fn head(&self, head: &[u8]) -> Result<(Command, Headers), DecodeError> {
        let mut lines = head.split(|byte| *byte == b'\n').map(without_return);
        let word = lines.next().unwrap_or_default();
        let command = Command::of(word).ok_or_else(|| DecodeError::UnknownCommand(shown(word)))?;
        let version = if command.escapes() { self.version } else { Version::V1_0 };
        let mut headers = Headers::default();
        for line in lines.take_while(|line| !line.is_empty()) {
            if headers.len() == self.limits.headers {
                return Err(DecodeError::TooManyHeaders(self.limits.headers));
            }
            let line = std::str::from_utf8(line).map_err(|_| DecodeError::NotUtf8)?;
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| DecodeError::NoColon(line.to_owned()))?;
            if name.is_empty() {
                return Err(DecodeError::NoName(line.to_owned()));
            }
            // ActiveMQ's 1.0 clients pad; from 1.1 a space belongs to the value.
            let value = if self.version == Version::V1_0 {
                value.trim()
            } else {
                value
            };
            let plain = |text| unescape(text, version).ok_or_else(|| DecodeError::Escape(line.to_owned()));
            headers.push(&plain(name)?, plain(value)?);
        }
        Ok((command, headers))
    }

    /// What is announced and may not be is refused before it has come.
    fn content_length(&self, command: Command, headers: &Headers) -> Result<Option<usize>, DecodeError> {
        let Some(text) = headers.first("content-length") else {
            return Ok(None);
        };
        let length = text.trim().parse();
        let length: usize = length.map_err(|_| DecodeError::ContentLength(text.to_owned()))?;
        if length > self.limits.body {
            return Err(DecodeError::BodyTooLong(self.limits.body));
        }
        if length > 0 && !command.may_have_body() {
            return Err(DecodeError::Body(command));
        }
        Ok(Some(length))
    }

    fn body(&mut self, bytes: &mut BytesMut) -> Result<Option<Item>, DecodeError> {
        let State::Body { head, length, searched } = &mut self.state else {
            return Ok(None);
        };
        let end = match *length {
            Some(length) => match bytes.get(length) {
                None => None,
                Some(0) => Some(length),
                Some(_) => return Err(DecodeError::NoEnd(length)),
            },
            None => bytes[*searched..]
                .iter()
                .position(|byte| *byte == 0)
                .map(|at| *searched + at),
        };
        *searched = bytes.len();
        if end.unwrap_or(bytes.len().saturating_sub(1)) > self.limits.body && length.is_none() {
            return Err(DecodeError::BodyTooLong(self.limits.body));
        }
        let Some(end) = end else { return Ok(None) };
        let command = head.0;
        if end > 0 && !command.may_have_body() {
            return Err(DecodeError::Body(command));
        }
        let headers = std::mem::take(&mut head.1);
        let body = if end == 0 {
            Bytes::new()
        } else {
            bytes.split_to(end).freeze()
        };
        bytes.advance(1);
        self.state = State::Head { searched: 0 };
        Ok(Some(Item::Frame(Frame { command, headers, body })))
    }
}

/// Drops the line ends before a frame, and says whether there were any.
fn skip_line_ends(bytes: &mut BytesMut) -> bool {
    let ends = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    bytes.advance(ends);
    ends > 0
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The beginning of what a peer sent, for a message.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(32)]).into_owned()
}

#[cfg(test)]
mod tests;
