//! Lines for a person: colours only on a terminal, and a reader that goes away ends the command quietly.

use std::env;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Green,
    Red,
    Yellow,
    Bold,
}

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    colours: bool,
}

impl Console {
    pub fn new() -> Console {
        let refused = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Console {
            colours: io::stdout().is_terminal() && !refused,
        }
    }

    pub fn paint(self, paint: Paint, text: impl Display) -> String {
        let code = match paint {
            Paint::Plain => return text.to_string(),
            Paint::Green => 32,
            Paint::Red => 31,
            Paint::Yellow => 33,
            Paint::Bold => 1,
        };
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// A broken pipe is no error of ours: `cargo xtask check | head` must not fail.
    pub fn line(self, text: impl Display) -> Result<()> {
        match writeln!(io::stdout().lock(), "{text}") {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => Ok(result?),
        }
    }
}
