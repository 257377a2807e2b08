//! The way in: a named text and what is known about the machine to a Plan, or to all that is wrong with it.

use tandem_text::keepalived::{self as lexer, Context, Statement};
use tandem_text::{Diagnostic, FileId, Severity, SourceMap};

use crate::draft::Draft;
use crate::plan::Plan;
use crate::report::Report;
use crate::{code, keepalived, key_files, native, resolve};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Keepalived,
    Toml,
}

impl Dialect {
    /// Told by the first line that says something: TOML starts with a `[table]` or a `key = value`. A parameter's definition
    /// has no blank before its `=`.
    pub fn recognise(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let Some(line) = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with(['#', '!']))
        else {
            return Self::Keepalived;
        };
        let key = line.split('=').next().unwrap_or_default().trim();
        let plain = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if line.starts_with('[') || (plain && line.contains('=')) {
            Self::Toml
        } else {
            Self::Keepalived
        }
    }
}

/// What is asked about the machine, so that nothing here asks it.
#[derive(Clone, Copy)]
pub struct Machine<'a> {
    pub context: Context<'a>,
    /// An interface's MTU, if it is there.
    pub mtu: &'a dyn Fn(&str) -> Option<u32>,
    /// Mistakes that Keepalived passes over are fatal.
    pub strict: bool,
}

impl<'a> Machine<'a> {
    pub const fn new(context: Context<'a>) -> Self {
        Self {
            context,
            mtu: &|_| None,
            strict: false,
        }
    }
}

/// What became of the text. There is a Plan exactly when no diagnostic is an error.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub plan: Option<Plan>,
    /// In the order of the files and their lines.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: SourceMap,
}

/// What a configuration test answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Nothing but scripts that run with more rights than they need.
    ScriptSecurity,
    /// Mistakes; what is right can be used all the same.
    Mistakes,
    /// Nothing can be used.
    Refused,
}

impl Verdict {
    /// The exit status of `keepalived -t`.
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Mistakes | Self::Refused => 5,
            Self::ScriptSecurity => 6,
        }
    }
}

impl Loaded {
    pub fn verdict(&self) -> Verdict {
        if self.plan.is_none() {
            return Verdict::Refused;
        }
        let mut warnings = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Warning);
        if warnings.clone().any(|diagnostic| code::is_mistake(diagnostic.code)) {
            Verdict::Mistakes
        } else if warnings.any(|diagnostic| diagnostic.code == code::SECURITY) {
            Verdict::ScriptSecurity
        } else {
            Verdict::Good
        }
    }
}

/// Reads a text and what it includes. A dialect that is not given is recognised by the content.
pub fn load(name: &str, bytes: impl Into<Vec<u8>>, machine: &Machine<'_>, dialect: Option<Dialect>) -> Loaded {
    let bytes = bytes.into();
    let loaded = load_from(name, bytes.clone(), machine, dialect);
    let wanted = loaded.plan.as_ref().and_then(|plan| plan.global.random_seed);
    match wanted.filter(|seed| *seed != machine.context.seed) {
        None => loaded,
        // The file says where chance starts, and chance may stand before that.
        Some(seed) => {
            let context = Context {
                seed,
                ..machine.context
            };
            load_from(name, bytes, &Machine { context, ..*machine }, dialect)
        }
    }
}

/// What the text and what it includes say, in the words of Keepalived's dialect whichever it is in, and where. What cannot
/// be read is left out: [`load`] says it.
pub fn statements(name: &str, bytes: impl Into<Vec<u8>>, machine: &Machine<'_>) -> (Vec<Statement>, SourceMap) {
    let mut sources = SourceMap::default();
    let file = sources.add(name, bytes.into());
    let statements = match Dialect::recognise(sources.bytes(file)) {
        Dialect::Keepalived => lexer::read(&mut sources, file, &machine.context, &mut Vec::new()),
        Dialect::Toml => native::read(&sources, file, &mut Report::default()),
    };
    (statements, sources)
}

fn load_from(name: &str, bytes: Vec<u8>, machine: &Machine<'_>, dialect: Option<Dialect>) -> Loaded {
    let mut sources = SourceMap::default();
    let file = sources.add(name, bytes);
    let dialect = dialect.unwrap_or_else(|| Dialect::recognise(sources.bytes(file)));
    let mut report = Report::default();
    let draft = read(&mut sources, file, machine, dialect, &mut report);
    let plan = resolve::resolve(draft, machine, file, &mut report);
    let mut diagnostics = report.finish();
    if machine.strict || dialect == Dialect::Toml {
        diagnostics.iter_mut().for_each(make_fatal);
    }
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Loaded {
        plan: (!broken).then_some(plan),
        diagnostics,
        sources,
    }
}

fn read(sources: &mut SourceMap, file: FileId, machine: &Machine<'_>, dialect: Dialect, report: &mut Report) -> Draft {
    let mut statements = match dialect {
        Dialect::Keepalived => {
            let mut said = Vec::new();
            let statements = lexer::read(sources, file, &machine.context, &mut said);
            report.extend(said);
            statements
        }
        Dialect::Toml => native::read(sources, file, report),
    };
    key_files::read(&mut statements, machine.context.files, report);
    let mut draft = Draft::default();
    keepalived::read(&statements, sources, &mut draft, report);
    draft
}

fn make_fatal(diagnostic: &mut Diagnostic) {
    if diagnostic.severity == Severity::Warning && code::is_mistake(diagnostic.code) {
        diagnostic.severity = Severity::Error;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_told_by_content() {
        for (text, dialect) in [
            ("", Dialect::Keepalived),
            ("! Configuration File\n\nglobal_defs {\n", Dialect::Keepalived),
            ("$A=1\n", Dialect::Keepalived),
            ("vrrp_instance a=b {\n", Dialect::Keepalived),
            ("@main $A=1\n", Dialect::Keepalived),
            ("# x\n[global]\n", Dialect::Toml),
            ("[[instance]]\n", Dialect::Toml),
            ("global.router-id = 'a'\n", Dialect::Toml),
            ("net-namespace=\"a\"\n", Dialect::Toml),
        ] {
            assert_eq!(Dialect::recognise(text.as_bytes()), dialect, "{text:?}");
        }
    }
}
