//! Asking a node's admin port.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context, bail};

use tandem_text::base64;

use super::address::Address;

const PATIENCE: Duration = Duration::from_secs(30);
/// A node with a hundred thousand queues says less.
const LONGEST: u64 = 256 << 20;

/// The port, and who asks.
pub(super) struct Admin<'a> {
    pub(super) url: &'a Address,
    /// Empty for nobody.
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

impl Admin<'_> {
    pub(super) fn get(&self, path: &str) -> anyhow::Result<String> {
        self.ask("GET", path, "")
    }

    pub(super) fn post(&self, path: &str, form: &str) -> anyhow::Result<String> {
        self.ask("POST", path, form)
    }

    fn ask(&self, method: &str, path: &str, form: &str) -> anyhow::Result<String> {
        let asked = || format!("cannot ask the node at http://{}", self.url);
        let mut stream = self.url.connect(PATIENCE).with_context(asked)?;
        let who = match self.user {
            "" => String::new(),
            user => {
                let credentials = format!("{user}:{}", self.password);
                let credentials = base64::encode(credentials.as_bytes(), false);
                format!("Authorization: Basic {}\r\n", String::from_utf8_lossy(&credentials))
            }
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{who}Content-Length: {}\r\n\r\n{form}",
            self.url,
            form.len()
        );
        stream.write_all(request.as_bytes()).with_context(asked)?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer).with_context(asked)?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(asked)?;
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("200") {
            return Ok(body.to_owned());
        }
        let why: Option<serde_json::Value> = serde_json::from_str(body).ok();
        match why.as_ref().and_then(|why| why["error"].as_str()) {
            Some(why) => bail!("the node at {} says: {why}", self.url),
            None => bail!("{} answers {status}: is it the [admin] address of tandem-mq?", self.url),
        }
    }
}
