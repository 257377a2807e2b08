//! The operator's end of a router's control socket: a line of JSON there, a line of JSON back.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// How long the router may be silent before we stop waiting for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest answer: what 255 instances have to say is far less.
const LONGEST: u64 = 64 << 20;

/// Where to ask, the same for every subcommand that does.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct RouterSocket {
    /// The control socket of tandem-vrrp, in its --run-dir
    #[arg(short, long, value_name = "PATH", default_value = "/run/tandem-vrrp/control.sock")]
    pub(crate) socket: PathBuf,
}

impl RouterSocket {
    /// The answer to `{"ask": verb, …}`; what is null is not asked about.
    pub(crate) fn ask(&self, verb: &str, details: &[(&str, Value)]) -> anyhow::Result<Value> {
        let path = &self.socket;
        let line = exchange(path, &question(verb, details)).with_context(|| {
            format!(
                "cannot ask the router at {}: does tandem-vrrp run, and may you?",
                path.display()
            )
        })?;
        let answer: Value = serde_json::from_str(&line).context("the router's answer is not JSON")?;
        match (answer.get("answer"), answer.get("error").and_then(Value::as_str)) {
            (Some(answer), _) => Ok(answer.clone()),
            (None, Some(error)) => bail!("the router says: {error}"),
            (None, None) => bail!("the router answered something else: {line}"),
        }
    }
}

fn question(verb: &str, details: &[(&str, Value)]) -> String {
    let mut question = json!({ "ask": verb });
    for (key, value) in details.iter().filter(|(_, value)| !value.is_null()) {
        question[*key] = value.clone();
    }
    question.to_string()
}

fn exchange(path: &Path, question: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_is_asked() {
        assert_eq!(question("state", &[("instance", Value::Null)]), r#"{"ask":"state"}"#);
        let details = [
            ("instance", "VI \"1\"".into()),
            ("keep", 5.into()),
            ("successor", Value::Null),
        ];
        let one = question("handover", &details);
        assert_eq!(one, r#"{"ask":"handover","instance":"VI \"1\"","keep":5}"#);
    }
}
