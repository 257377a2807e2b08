//! The harness's command line.

use std::ffi::OsString;

/// Which program stands in the place of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Peer {
    #[default]
    Ours,
    /// The distribution's HAProxy: shows that a test asks for nothing that HAProxy does not do.
    Haproxy,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Of each test that is wanted, a part of its name; without one all are.
    pub filters: Vec<String>,
    /// The whole names are given.
    pub exact: bool,
    pub list: bool,
    pub long: bool,
    pub peer: Peer,
    /// Run this one test here, in this process.
    pub run: Option<String>,
}

impl Options {
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--list" => options.list = true,
                "--long" => options.long = true,
                "--filter" => options.filters.push(value()?),
                "--exact" => options.exact = true,
                "--run" => options.run = Some(value()?),
                "--peer" => options.peer = Peer::parse(&value()?)?,
                // Said to every test by `cargo test -- --nocapture`; output is always shown here.
                "--nocapture" | "--show-output" => {}
                text if text.starts_with('-') => return Err(format!("unknown option {text}")),
                text => options.filters.push(text.to_string()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        let is_meant = |filter: &String| match self.exact {
            true => name == filter,
            false => name.contains(filter.as_str()),
        };
        self.filters.is_empty() || self.filters.iter().any(is_meant)
    }

    /// The command line on which the test runs itself.
    pub(crate) fn for_child(&self, test: &str) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec!["--run".into(), test.into()];
        if self.peer == Peer::Haproxy {
            line.extend(["--peer".into(), "haproxy".into()]);
        }
        if self.long {
            line.push("--long".into());
        }
        line
    }
}

impl Peer {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "ours" => Ok(Self::Ours),
            "haproxy" => Ok(Self::Haproxy),
            other => Err(format!("unknown peer {other}; there are `ours` and `haproxy`")),
        }
    }
}
