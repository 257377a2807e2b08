//! `tandem why`: why each virtual router is in its state and has its priority, and what it decided lately.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;
use tandem_ops::clock::Wall;

use crate::router_socket::RouterSocket;

#[derive(clap::Args)]
#[command(
    after_help = "The sum below an instance is how its priority comes about: the base, and what each tracker adds or takes.\n\
    The lines after it are the router's own record, newest last: every change of state, advert refused, script result.\n\
    Exit status: 0 nothing is at fault, 1 an instance is in FAULT, 2 the router cannot be asked.\n\
    Examples:\n  tandem why\n  tandem why VI_1 --last 50\n  tandem why --json | jq .[].because"
)]
pub struct Args {
    /// One instance; without it, all of them
    instance: Option<String>,
    #[command(flatten)]
    router: RouterSocket,
    /// How many of the last decisions to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: usize,
    /// Everything, as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let answer = args
        .router
        .ask("why", &[("instance", args.instance.as_deref().into())])?;
    let instances = match answer {
        Value::Array(all) => all,
        one => vec![one],
    };
    let mut out = io::stdout().lock();
    if args.json {
        let all = Value::from(instances.clone());
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        for instance in &instances {
            let text = tell(instance, args.last).context("the router's answer lacks something")?;
            out.write_all(text.as_bytes())?;
        }
    }
    let fault = instances.iter().any(|instance| instance["state"] == "FAULT");
    Ok(ExitCode::from(u8::from(fault)))
}

fn tell(instance: &Value, last: usize) -> Option<String> {
    let text = |key: &str| instance.get(key).and_then(Value::as_str);
    let mut lines = format!("{}  {}\n", text("name")?, text("because")?);
    for line in text("explanation").unwrap_or_default().lines() {
        lines += &format!("    {line}\n");
    }
    let history = instance.get("history").and_then(Value::as_array)?;
    for entry in &history[history.len().saturating_sub(last)..] {
        let seconds = entry.get("unix_seconds")?.as_f64()?;
        let what = entry.get("what")?.as_str()?;
        lines += &format!("  {}  {what}\n", moment(seconds));
    }
    Some(lines)
}

/// The time of day here; how long ago the state began says which day.
fn moment(seconds: f64) -> String {
    let at = Wall::from_micros((seconds * 1e6) as i64);
    let of_day = (at.secs() + i64::from(at.local_offset())).rem_euclid(86_400);
    let (hours, minutes) = (of_day / 3600, of_day / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}.{:03}",
        of_day % 60,
        at.subsec_micros() / 1000
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_decisions_come_after_the_sum() {
        let instance = json!({
            "name": "VI_1", "state": "BACKUP", "because": "BACKUP for 2.0 s: it follows 10.9.0.1",
            "explanation": "base priority 100\nchk: bad, weight 2: +0\neffective priority 100",
            "history": [{"unix_seconds": 1.0, "what": "old"}, {"unix_seconds": 2.0, "what": "new"}],
        });
        let text = tell(&instance, 1).expect("nothing is missing");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "VI_1  BACKUP for 2.0 s: it follows 10.9.0.1");
        assert_eq!(lines[2], "    chk: bad, weight 2: +0");
        assert!(lines[4].ends_with("  new") && lines.len() == 5, "{text}");
        assert_eq!(tell(&json!({}), 1), None);
    }
}
