//! One line of the state: a word that says what it is about, then `name=value` pairs. Unknown pairs are passed over, so
//! that an older program can read what a newer one wrote.

use std::fmt::{self, Display, Write};
use std::str::FromStr;
use std::time::Duration;

/// Writes lines.
#[derive(Debug, Default)]
pub(super) struct Writer(String);

/// One line that is being written.
pub(super) struct LineWriter<'a>(&'a mut String);

/// One line that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) subject: &'a str,
    rest: &'a str,
}

impl Writer {
    pub(super) fn line(&mut self, subject: &str) -> LineWriter<'_> {
        self.0.push_str(subject);
        LineWriter(&mut self.0)
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl LineWriter<'_> {
    pub(super) fn set(self, name: &str, value: impl Display) -> Self {
        // Writing into a string cannot fail.
        let _ = write!(self.0, " {name}=");
        let _ = write!(Escaping(self.0), "{value}");
        self
    }

    pub(super) fn set_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    pub(super) fn set_millis(self, name: &str, value: Duration) -> Self {
        self.set(name, value.as_millis())
    }
}

impl Drop for LineWriter<'_> {
    fn drop(&mut self) {
        self.0.push('\n');
    }
}

/// What would end a value is written as `%` and two digits.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                ' ' | '%' | '\n' | '\r' => write!(self.0, "%{:02x}", c as u32)?,
                _ => self.0.push(c),
            }
        }
        Ok(())
    }
}

impl<'a> Line<'a> {
    pub(super) fn read(line: &'a str) -> Line<'a> {
        let (subject, rest) = line.split_once(' ').unwrap_or((line, ""));
        Line { subject, rest }
    }

    pub(super) fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.rest.split(' ').filter_map(|pair| pair.split_once('='))
    }

    /// As it was written.
    pub(super) fn raw(self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    pub(super) fn text(self, name: &str) -> Option<String> {
        self.raw(name).and_then(unescaped)
    }

    pub(super) fn value<T: FromStr>(self, name: &str) -> Option<T> {
        self.raw(name)?.parse().ok()
    }

    pub(super) fn millis(self, name: &str) -> Option<Duration> {
        self.value(name).map(Duration::from_millis)
    }
}

pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        out.push(char::from(code));
        out.push_str(part.get(2..)?);
    }
    Some(out)
}
