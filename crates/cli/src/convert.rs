//! `tandem convert`: a `haproxy.cfg`, a `keepalived.conf` or the files of an ActiveMQ or Artemis as TOML that means the same,
//! and what became of each line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use serde_json::{Value, json};
use tandem_lb_config::convert::convert;
use tandem_lb_config::{Dialect, NamedText};
use tandem_text::{Converted, Receipt, Renderer, Severity, Verdict};
use tandem_vrrp_config::convert as router;

use crate::broker_files::{self, is_brokers};
use crate::check::{in_this_world, is_routers, on_this_machine};
use crate::file;

#[derive(clap::Args)]
#[command(
    after_help = "The text is read again and held against the files before it is given out.\n\
    Exit status: 0 it means the same, 1 lines that matter could not be kept (it is written all the same), 2 a file cannot be read or written.\n\
    Examples:\n  tandem convert /etc/haproxy/haproxy.cfg\n  tandem convert /etc/keepalived/keepalived.conf -o tandem-vrrp.toml --receipt\n  tandem convert haproxy.cfg -o tandem-lb.toml --receipt\n  \
    tandem convert activemq.xml jetty.xml -o mq.toml --receipt\n  tandem convert broker.xml\n  \
    tandem convert haproxy.cfg --json | jq '.receipts[] | select(.fate == \"dropped\")'"
)]
pub struct Args {
    /// haproxy.cfg, of which several are read as one configuration, as `-f` reads them; or one keepalived.conf; or one broker's
    /// activemq.xml and jetty.xml, or broker.xml
    #[arg(required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Where to write the TOML, instead of to standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What became of each line; to standard error unless `-o` says where the TOML goes
    #[arg(long)]
    receipt: bool,
    /// Everything as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let found = found(&args.files)?;
    if let Some(out) = &args.out {
        std::fs::write(out, &found.toml).with_context(|| format!("cannot write {}", out.display()))?;
    }
    let mut stdout = std::io::stdout().lock();
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&as_json(&found))?)?;
    } else {
        complain(&found)?;
        if args.out.is_none() {
            write!(stdout, "{}", found.toml)?;
        }
        match (args.receipt, &args.out) {
            (false, _) => {}
            (true, Some(_)) => receipts(&found.receipts, &mut stdout)?,
            (true, None) => receipts(&found.receipts, &mut std::io::stderr().lock())?,
        }
    }
    Ok(match found.verdict {
        Verdict::Same | Verdict::Renumbered => ExitCode::SUCCESS,
        Verdict::Incomplete | Verdict::Different => ExitCode::from(1),
    })
}

fn found(files: &[PathBuf]) -> anyhow::Result<Converted> {
    let read = |path: &PathBuf| {
        let (name, bytes) = file::read(path)?;
        if Dialect::recognise(&bytes) == Dialect::Toml {
            bail!("{name} is TOML already");
        }
        Ok((name, bytes))
    };
    let files = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    if files.iter().any(|(_, bytes)| is_brokers(bytes)) {
        if let Some((name, _)) = files.iter().find(|(_, bytes)| !is_brokers(bytes)) {
            bail!("{name} is no broker's file: convert it alone");
        }
        return broker_files::converted(files).map_err(|refused| {
            let text = Renderer::new(&refused.sources).render(&refused.diagnostic);
            anyhow!("{}", text.trim_end())
        });
    }
    match (files.as_slice(), files.iter().find(|(_, bytes)| is_routers(bytes))) {
        ([(name, bytes)], Some(_)) => Ok(on_this_machine(|machine| router::convert(name, bytes.clone(), machine))),
        (_, Some((name, _))) => bail!("{name} is a router's file: convert it alone"),
        (_, None) => {
            let texts: Vec<_> = files
                .into_iter()
                .map(|(name, bytes)| NamedText::new(name, bytes))
                .collect();
            Ok(in_this_world(|world| convert(&texts, world)))
        }
    }
}

/// Errors, and what else keeps the text from taking the place of the files.
fn complain(found: &Converted) -> anyhow::Result<()> {
    let mut out = std::io::stderr().lock();
    let renderer = Renderer::new(&found.sources);
    let errors = found.diagnostics.iter().filter(|said| said.severity == Severity::Error);
    for error in errors {
        writeln!(out, "{}", renderer.render(error).trim_end())?;
    }
    if let Some(said) = verdict(found.verdict) {
        writeln!(out, "tandem: {said}")?;
    }
    Ok(())
}

const fn verdict(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Same => None,
        Verdict::Renumbered => Some("lists of patterns have other numbers in the result (`show acl`, `show map`)"),
        Verdict::Incomplete => Some("the result is not complete: lines that matter could not be kept"),
        Verdict::Different => Some("the result does not mean the same, and no line is to blame: do not use it"),
    }
}

fn receipts(receipts: &[Receipt], out: &mut dyn Write) -> anyhow::Result<()> {
    for receipt in receipts {
        let Receipt {
            file,
            line,
            text,
            fate,
            notes,
        } = receipt;
        writeln!(out, "{file}:{line}: {text}\n    {fate}")?;
        for note in notes {
            writeln!(out, "    note: {note}")?;
        }
    }
    let count = |word: &str| receipts.iter().filter(|receipt| receipt.fate.word() == word).count();
    let (kept, implied) = (count("kept"), count("implied"));
    let (in_vain, dropped) = (count("no-effect"), count("dropped"));
    writeln!(
        out,
        "{} in all: {kept} kept, {implied} implied, {in_vain} without effect, {dropped} dropped",
        receipts.len()
    )?;
    Ok(())
}

fn as_json(found: &Converted) -> Value {
    let receipt = |receipt: &Receipt| {
        json!({
            "file": &*receipt.file,
            "line": receipt.line,
            "text": receipt.text,
            "fate": receipt.fate.word(),
            "detail": receipt.fate.detail(),
            "notes": receipt.notes,
        })
    };
    let said = found.diagnostics.iter().map(|said| {
        json!({
            "severity": said.severity.word(),
            "code": said.code.to_string(),
            "place": found.sources.location(said.span).to_string(),
            "message": said.message,
            "help": said.help,
        })
    });
    json!({
        "verdict": match found.verdict {
            Verdict::Same => "same",
            Verdict::Renumbered => "renumbered",
            Verdict::Incomplete => "incomplete",
            Verdict::Different => "different",
        },
        "toml": found.toml,
        "receipts": found.receipts.iter().map(receipt).collect::<Vec<_>>(),
        "diagnostics": said.collect::<Vec<_>>(),
    })
}
