//! Lists of certificates (`crt-list`): one line for each, with words of its own and the hosts that it is for.
//!
//! ```text
//! a.pem [alpn h2 ssl-min-ver TLSv1.3] a.example *.a.example !not.a.example
//! ```

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use tandem_text::Spanned;
use thiserror::Error;

use super::settle::Settling;
use super::{Found, Verify, Words, curves, old_suites, signatures, suites};
use crate::plan::{Authorities, Clients, Termination, Terms, TlsVersion};

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListLine {
    /// Counted from 1.
    pub number: u32,
    pub certificate: PathBuf,
    /// What stands in brackets, in the order in which HAProxy shows it; `None` without brackets.
    pub options: Option<Vec<ListWord>>,
    /// Host names, with wildcards and `!` before exceptions; without any it is for those in the certificate.
    pub filters: Vec<String>,
}

/// A word in brackets, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListWord {
    pub word: &'static str,
    pub value: Option<String>,
}

/// What is wrong with a line, in HAProxy's words where it has some.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadLine {
    #[error("file must start with a cert")]
    NoCertificate,
    #[error("missing '['")]
    NotOpened,
    #[error("missing ']'")]
    NotClosed,
    #[error("too many '['")]
    OpenedTwice,
    #[error("malformed line, filters can't be between filename and options!")]
    Misplaced,
    #[error("unknown ssl keyword {0}")]
    Unknown(String),
    #[error("ssl args out of '[]' for {0}")]
    NoValue(&'static str),
    #[error("'{0}' : {1}")]
    BadValue(&'static str, String),
}

/// The words that a line may have, with whether a value follows; in the order in which HAProxy shows them.
const WORDS: &[(&str, bool)] = &[
    ("alpn", true),
    ("verify", true),
    ("no-ca-names", false),
    ("ca-file", true),
    ("ca-verify-file", true),
    ("crl-file", true),
    ("ciphers", true),
    ("ciphersuites", true),
    ("curves", true),
    ("ecdhe", true),
    ("sigalgs", true),
    ("client-sigalgs", true),
    ("ssl-min-ver", true),
    ("ssl-max-ver", true),
];

impl ListLine {
    /// A certificate without words or names of its own.
    pub fn plain(certificate: PathBuf, number: u32) -> ListLine {
        ListLine {
            number,
            certificate,
            options: None,
            filters: Vec::new(),
        }
    }

    /// Reads one line; `None` when it says nothing.
    pub fn read(text: &str, number: u32) -> Result<Option<ListLine>, BadLine> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let end = text.find([' ', '\t', '[', ']']).unwrap_or(text.len());
        let (certificate, rest) = text.split_at(end);
        if certificate.is_empty() {
            return Err(BadLine::NoCertificate);
        }
        let (options, filters) = match (rest.find('['), rest.find(']')) {
            (None, None) => (None, rest),
            (None, Some(_)) => return Err(BadLine::NotOpened),
            (Some(open), _) if !rest[..open].trim().is_empty() => return Err(BadLine::Misplaced),
            (Some(_), None) => return Err(BadLine::NotClosed),
            (Some(open), Some(close)) if close < open => return Err(BadLine::NotOpened),
            (Some(open), Some(close)) => (Some(options(&rest[open + 1..close])?), &rest[close + 1..]),
        };
        if filters.contains(['[', ']']) {
            return Err(BadLine::OpenedTwice);
        }
        let line = ListLine {
            number,
            certificate: certificate.into(),
            options,
            filters: filters.split_whitespace().map(str::to_owned).collect(),
        };
        line.onto(&mut Words::default())?;
        Ok(Some(line))
    }

    /// What stands behind the certificate, with a blank before it.
    pub fn behind(&self) -> String {
        let mut text = String::new();
        if let Some(options) = &self.options {
            let words = options.iter().map(|option| match &option.value {
                Some(value) => format!("{} {value}", option.word),
                None => option.word.to_owned(),
            });
            text.push_str(&format!(" [{}]", words.collect::<Vec<_>>().join(" ")));
        }
        for filter in &self.filters {
            text.push(' ');
            text.push_str(filter);
        }
        text
    }

    /// Lays what the line says over what holds for its listener.
    fn onto(&self, words: &mut Words) -> Result<(), BadLine> {
        for ListWord { word, value } in self.options.iter().flatten() {
            let value = value.as_deref().unwrap_or_default();
            let bad = |why: String| BadLine::BadValue(word, why);
            match *word {
                "alpn" => words.alpn = Some(value.split(',').map(str::to_owned).collect()),
                "verify" => words.verify = Some(verify(value).map_err(bad)?),
                "no-ca-names" => words.hides_authorities = true,
                "ca-file" => words.authorities = Some(Authorities::read(value)),
                "ca-verify-file" => words.hidden_authorities = Some(value.into()),
                "crl-file" => words.revoked = Some(value.into()),
                "ciphers" => words.old_suites = Some(named(old_suites(value)).map_err(bad)?),
                "ciphersuites" => words.suites = Some(named(suites(value)).map_err(bad)?),
                "curves" | "ecdhe" => words.groups = Some(named(curves(value)).map_err(bad)?),
                "sigalgs" => words.signatures = Some(named(signatures(value)).map_err(bad)?),
                "client-sigalgs" => words.client_signatures = Some(named(signatures(value)).map_err(bad)?),
                "ssl-min-ver" => words.versions.least = Some(version(value).map_err(bad)?),
                "ssl-max-ver" => words.versions.most = Some(version(value).map_err(bad)?),
                other => return Err(BadLine::Unknown(other.to_owned())),
            }
        }
        Ok(())
    }
}

/// As it is written in a list.
impl Display for ListLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.certificate.display())?;
        self.behind().fmt(f)
    }
}

fn options(text: &str) -> Result<Vec<ListWord>, BadLine> {
    let mut found: Vec<ListWord> = Vec::new();
    let mut words = text.split_whitespace();
    while let Some(text) = words.next() {
        let known = WORDS.iter().find(|(word, _)| *word == text);
        let &(word, has_value) = known.ok_or_else(|| BadLine::Unknown(text.to_owned()))?;
        let value = match has_value {
            true => Some(words.next().ok_or(BadLine::NoValue(word))?.to_owned()),
            false => None,
        };
        found.retain(|before| before.word != word);
        found.push(ListWord { word, value });
    }
    let place = |word: &str| WORDS.iter().position(|(known, _)| *known == word);
    found.sort_by_key(|option| place(option.word));
    Ok(found)
}

fn verify(text: &str) -> Result<Verify, String> {
    let known = Verify::NAMES.into_iter().find(|(name, _)| *name == text);
    known
        .map(|(_, verify)| verify)
        .ok_or_else(|| format!("unknown verify method '{text}', only 'none', 'optional', and 'required' are supported"))
}

fn version(text: &str) -> Result<TlsVersion, String> {
    TlsVersion::read(text).map_err(|why| why.to_string())
}

fn named(found: Found) -> Result<Vec<&'static str>, String> {
    match found.names.is_empty() {
        true => Err("none of these exists here".to_owned()),
        false => Ok(found.names),
    }
}

impl Termination {
    /// The lines of a list, each with where its certificate is.
    pub fn lines(&self, content: &str) -> Result<Vec<ListLine>, (u32, BadLine)> {
        let mut lines = Vec::new();
        for (text, number) in content.lines().zip(1..) {
            let line = ListLine::read(text, number).map_err(|why| (number, why))?;
            lines.extend(line.map(|line| self.placed(line)));
        }
        Ok(lines)
    }

    /// The same line, with where its certificate is.
    pub fn placed(&self, line: ListLine) -> ListLine {
        ListLine {
            certificate: self.said.defaults.certificate(&line.certificate),
            ..line
        }
    }

    /// What those go by who are shown the certificate of a line.
    pub fn of_line(&self, line: &ListLine) -> Result<(Terms, Clients), String> {
        if line.options.is_none() {
            return Ok((self.terms.clone(), self.clients.clone()));
        }
        let mut words = Spanned::new(self.said.words.clone(), self.said.at);
        line.onto(&mut words.value).map_err(|why| why.to_string())?;
        let mut report = Vec::new();
        let settled = Settling::new(&words, &self.said.defaults, &mut report).of_line();
        match report.into_iter().next() {
            Some(complaint) => Err(complaint.message),
            None => Ok(settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<ListLine>, BadLine> {
        ListLine::read(text, 3)
    }

    #[test]
    fn lines_have_words_and_names() {
        for nothing in ["", "  ", "# a.pem"] {
            assert_eq!(read(nothing), Ok(None), "{nothing}");
        }
        let line = read("a.pem\t[ ssl-min-ver TLSv1.3 alpn h2,http/1.1 ] a.example  !b.example").expect("well formed");
        let line = line.expect("it says something");
        assert_eq!((line.number, line.certificate), (3, "a.pem".into()));
        assert_eq!(line.filters, ["a.example", "!b.example"]);
        let words: Vec<_> = line.options.iter().flatten().map(|option| option.word).collect();
        assert_eq!(words, ["alpn", "ssl-min-ver"]);
        let bare = read("a.pem x").expect("well formed").expect("it says something");
        assert_eq!((bare.options, bare.filters), (None, vec!["x".to_owned()]));
        let empty = read("a.pem []").expect("well formed").expect("it says something");
        assert_eq!(empty.options, Some(Vec::new()));
        for text in [
            "a.pem",
            "a.pem []",
            "a.pem [alpn h2 no-ca-names] a.example !b.example",
            "a.pem x",
        ] {
            let line = read(text).expect("well formed").expect("it says something");
            assert_eq!(line.to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let bad = |word, why: &str| BadLine::BadValue(word, why.to_owned());
        for (text, why) in [
            ("[alpn h2]", BadLine::NoCertificate),
            ("a.pem ]", BadLine::NotOpened),
            ("a.pem [alpn h2", BadLine::NotClosed),
            ("a.pem [alpn h2] [verify none]", BadLine::OpenedTwice),
            ("a.pem x [alpn h2]", BadLine::Misplaced),
            ("a.pem [bogus]", BadLine::Unknown("bogus".to_owned())),
            ("a.pem [alpn]", BadLine::NoValue("alpn")),
            ("a.pem [ciphers RC4]", bad("ciphers", "none of these exists here")),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
        for text in [
            "a.pem [verify bogus]",
            "a.pem [ssl-min-ver TLSv1.0]",
            "a.pem [npn h2]",
            "a.pem [allow-0rtt]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
