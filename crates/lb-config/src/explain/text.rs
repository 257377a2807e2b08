//! The explanation for people: a line for each step, and the line of the configuration at the end of it.

use std::fmt;

use super::{Explanation, Kind};

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Frontend => "frontend",
            Kind::Backend => "backend",
            Kind::Rule => "rule",
            Kind::Stick => "stick",
            Kind::Balance => "balance",
            Kind::Server => "server",
            Kind::Then => "then",
            Kind::Out => "out",
            Kind::Now => "now",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server.as_deref().unwrap_or("nobody");
        writeln!(f, "{} at {}: {server}", self.client, self.frontend)?;
        for step in &self.steps {
            write!(f, "  {:<9}", step.step.word())?;
            if let Some(server) = &step.server {
                write!(f, "{server}: ")?;
            }
            f.write_str(&step.says)?;
            match &step.line {
                Some(line) => writeln!(f, "  ({line})")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
