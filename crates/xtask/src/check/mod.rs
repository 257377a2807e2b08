//! The rules that keep the shape of the repository. Each is a pure function from what was read to what is wrong.

mod arrows;
mod bans;
mod documents;
mod eleven;
mod licences;
mod lockfile;
mod rust_text;
mod sizes;
mod sources;
mod tools;

pub(crate) use arrows::is_pure;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::console::{Console, Paint};
use crate::metadata::Metadata;
use crate::workspace::{self, SourceFile};

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these rules
    #[arg(long, value_enum)]
    only: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// Arrows between crates point down, and pure crates reach nothing that acts
    Arrows,
    /// Every dependency may be used and passed on
    Licences,
    /// Every dependency comes from the public registry, and every lock file is up to date
    Lockfile,
    /// `unsafe` stays in one crate, no test is ignored without a reason
    Sources,
    /// Files are short
    Sizes,
    /// The bans are where clippy finds them
    Bans,
    /// Links in the documents lead somewhere
    Documents,
    /// The packages that were asked for, and who uses them
    Packages,
    Format,
    Clippy,
}

/// What a rule found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Finding {
    /// What was looked at, when nothing is wrong.
    summary: String,
    wrong: Vec<String>,
    /// Worth knowing, not wrong.
    notes: Vec<String>,
    /// Why the rule could not be asked.
    skipped: Option<String>,
}

impl Finding {
    fn new(summary: impl Into<String>, wrong: Vec<String>) -> Finding {
        Finding {
            summary: summary.into(),
            wrong,
            ..Finding::default()
        }
    }

    fn skipped(why: impl Into<String>) -> Finding {
        Finding {
            skipped: Some(why.into()),
            ..Finding::default()
        }
    }
}

struct Repository {
    metadata: Metadata,
    rust: Vec<SourceFile>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let metadata = Metadata::load()?;
    let rust = workspace::files(&metadata.workspace_root, ".rs")?;
    let repository = Repository { metadata, rust };
    let console = Console::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for rule in chosen(&arguments.only) {
        let finding = rule.ask(&repository)?;
        let count = match (&finding.skipped, finding.wrong.is_empty()) {
            (Some(_), _) => &mut skipped,
            (None, true) => &mut passed,
            (None, false) => &mut failed,
        };
        *count += 1;
        print(console, rule, &finding)?;
    }
    console.line(format_args!("{passed} passed, {failed} failed, {skipped} skipped"))?;
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn chosen(only: &[Rule]) -> Vec<Rule> {
    let all = Rule::value_variants().iter().copied();
    all.filter(|rule| only.is_empty() || only.contains(rule)).collect()
}

fn print(console: Console, rule: Rule, finding: &Finding) -> Result<()> {
    let name = rule
        .to_possible_value()
        .map(|v| v.get_name().to_owned())
        .unwrap_or_default();
    match (&finding.skipped, finding.wrong.is_empty()) {
        (Some(why), _) => console.line(format_args!("{} {name}: {why}", console.paint(Paint::Yellow, "SKIP")))?,
        (None, true) => {
            console.line(format_args!(
                "{}   {name}: {}",
                console.paint(Paint::Green, "ok"),
                finding.summary
            ))?;
        }
        (None, false) => console.line(format_args!("{} {name}", console.paint(Paint::Red, "FAIL")))?,
    }
    for line in finding.wrong.iter().chain(&finding.notes) {
        console.line(format_args!("     {line}"))?;
    }
    Ok(())
}

impl Rule {
    fn ask(self, repository: &Repository) -> Result<Finding> {
        let Repository { metadata, rust } = repository;
        let root = &metadata.workspace_root;
        Ok(match self {
            Rule::Arrows => arrows::check(&metadata.graph()),
            Rule::Licences => licences::check(&metadata.packages),
            Rule::Lockfile => lockfile::check(&workspace::files(root, "Cargo.lock")?, &repository.metadata.graph()),
            Rule::Sources => sources::check(rust),
            Rule::Sizes => sizes::check(rust),
            Rule::Bans => bans::check(root, &metadata.graph(), rust),
            Rule::Documents => documents::check(root, &workspace::files(root, ".md")?),
            Rule::Packages => eleven::check(&metadata.graph(), rust),
            Rule::Format => tools::format(root)?,
            Rule::Clippy => tools::clippy(root)?,
        })
    }
}
