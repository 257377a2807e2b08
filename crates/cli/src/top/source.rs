//! Where the figures come from, and where orders go.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Instant;

use super::page::Page;
use super::snapshot::Snapshot;
use super::state::{Order, Target};
use crate::stats_socket::StatsSocket;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Socket(StatsSocket),
    Page(Page),
}

impl Source {
    pub(super) fn read(&self) -> io::Result<Snapshot> {
        let (stat, info) = match self {
            Source::Socket(socket) => {
                // Two answers in one go; an empty line is between them.
                let text = socket.ask("show info;show stat")?;
                let (info, stat) = text.split_once("\n\n").unwrap_or(("", text.as_str()));
                (stat.to_owned(), info.to_owned())
            }
            Source::Page(page) => (page.csv()?, String::new()),
        };
        let wrong = || {
            let said = stat.trim().lines().next().unwrap_or("nothing").to_owned();
            io::Error::other(format!("these are no statistics: {said}"))
        };
        Snapshot::parse(&stat, &info, Instant::now()).ok_or_else(wrong)
    }

    /// What the balancer said against it; nothing is agreement.
    pub(super) fn act(&self, order: Order, target: &Target) -> io::Result<String> {
        let Target { backend, server } = target;
        match self {
            Source::Socket(socket) => {
                let line = format!("set server {backend}/{server} state {}", order.word());
                socket.ask(&line).map(|said| said.trim().to_owned())
            }
            Source::Page(page) => page.act(backend, server, order.word()),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        if text.starts_with("https://") {
            return Err("only http:// is spoken here; the stats socket needs no TLS".to_owned());
        }
        if text.starts_with("http://") {
            let page = Page::parse(text).ok_or("write http://HOST:PORT/PATH")?;
            return Ok(Source::Page(page));
        }
        // Every other text is a path or an address.
        let Ok(socket) = text.parse();
        Ok(Source::Socket(socket))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Socket(socket) => socket.fmt(f),
            Source::Page(page) => page.fmt(f),
        }
    }
}
