//! One frame: a command, its headers in order, a body.

use bytes::Bytes;

use super::Command;

/// A frame, its headers already unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub command: Command,
    pub headers: Headers,
    pub body: Bytes,
}

impl Frame {
    pub fn new(command: Command) -> Frame {
        Frame {
            command,
            headers: Headers::default(),
            body: Bytes::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<Box<str>>) -> Frame {
        self.headers.push(name, value);
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Frame {
        self.body = body.into();
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }
}

/// Names and values. A name may come twice; then the first counts (STOMP 1.2, "Repeated Header Entries").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Box<str>, Box<str>)>);

impl Headers {
    pub fn push(&mut self, name: &str, value: impl Into<Box<str>>) {
        self.0.push((name.into(), value.into()));
    }

    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn into_pairs(self) -> impl DoubleEndedIterator<Item = (Box<str>, Box<str>)> {
        self.0.into_iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
