//! The line of a server that is added while the process runs: words that an operator has said, or that the process before
//! this one has heard.

use tandem_lb_config::{self as plan, Dialect, Host, Loaded, NamedText};
use tandem_lb_core::ServerId;
use tandem_lb_core::acl::{List, Origin};

use crate::address::named;
use crate::orders::Refusal;
use crate::publish::Snapshot;

/// The number that a server gets whose line does not name one; what stands here does not matter.
const ANY_NUMBER: &str = " id 2147483647";

/// Stands for the servers of a backend's configuration, to know whether they are others now.
pub(crate) fn origin(backend: &plan::Backend) -> Origin {
    let places: Vec<String> = backend.servers.iter().map(named).collect();
    let servers = backend.servers.iter().zip(&places);
    List::of(servers.map(|(server, place)| (&*server.name, Some(&**place)))).origin()
}

/// The server that these words would be in the configuration of this backend, `default-server` aside.
pub(crate) fn read(backend: &Snapshot, name: &str, words: &str) -> Result<plan::Server, String> {
    if words.contains(['"', '\'', '\\', '#', '\n']) {
        return Err("quotes, backslashes and '#' cannot be part of a server's line".to_owned());
    }
    let has_number = words.split(' ').any(|word| word == "id");
    let number = if has_number { "" } else { ANY_NUMBER };
    let ms = |timeout: Option<std::time::Duration>, word: &str| {
        timeout
            .map(|t| format!(" timeout {word} {}\n", t.as_millis()))
            .unwrap_or_default()
    };
    let text = format!(
        "backend {}\n{}{} server {name} {}{number}\n",
        backend.plan.name,
        ms(backend.plan.timeout_connect, "connect"),
        ms(backend.plan.timeout_check, "check"),
        words,
    );
    let loaded = plan::load(&[NamedText::new("add server", text)], &|_| None, Some(Dialect::Haproxy));
    let mut server = only(loaded)?;
    if let Host::Name(name) = &server.host {
        return Err(format!(
            "'{name}' is a name, and none is resolved while running: give its address"
        ));
    }
    server.is_numbered = has_number;
    if !has_number {
        server.id = free_number(backend);
    }
    let plan::Newcomers {
        script,
        external,
        source,
    } = backend.plan.newcomers.clone();
    if let Some(check) = &mut server.check {
        (check.script, check.external) = (script, external);
    }
    if server.tls.is_some() || server.check.as_ref().is_some_and(speaks_tls) {
        return Err(
            "TLS to a server that is added while running is not supported: write it down and reload.".to_owned(),
        );
    }
    server.source = server.source.or(source);
    Ok(server)
}

fn speaks_tls(check: &plan::Check) -> bool {
    check.tls.is_some() || check.script.as_ref().is_some_and(|script| script.speaks_tls())
}

fn only(loaded: Loaded) -> Result<plan::Server, String> {
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    let errors: Vec<String> = errors.map(|d| d.message.clone()).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n"));
    }
    let backend = loaded.plan.and_then(|plan| plan.backends.into_iter().next());
    let server = backend.and_then(|backend| backend.servers.into_iter().next());
    server.ok_or_else(|| Refusal::NoServer.to_string())
}

/// The smallest that no server has.
fn free_number(backend: &Snapshot) -> ServerId {
    let is_free = |id: &u32| backend.servers.all().all(|server| server.plan().id.0 != *id);
    ServerId((1..u32::MAX).find(is_free).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::watched;

    /// A server that is added to a backend of these lines.
    fn added(lines: &str, words: &str) -> Result<plan::Server, String> {
        let plan = crate::keeper::tests::plan(lines);
        read(&watched(&plan).backend.now(), "s", words)
    }

    #[test]
    fn who_would_have_to_be_spoken_to_with_tls_is_refused() {
        let secure = " option tcp-check\n tcp-check connect ssl\n";
        let plain = " option tcp-check\n tcp-check connect\n";
        for (lines, words, is_taken) in [
            (secure, "127.0.0.1:1 check", false),
            (plain, "127.0.0.1:1 check ssl verify none", false),
            (plain, "127.0.0.1:1 check check-ssl verify none", false),
            (plain, "127.0.0.1:1 ssl verify none", false),
            (secure, "127.0.0.1:1", true),
            (plain, "127.0.0.1:1 check", true),
        ] {
            let server = added(lines, words);
            let refused = server
                .as_ref()
                .err()
                .is_some_and(|why| why.starts_with("TLS to a server"));
            assert_eq!(
                (server.is_ok(), refused),
                (is_taken, !is_taken),
                "{lines}{words}: {server:?}"
            );
        }
    }

    #[test]
    fn who_asks_which_rule_decided_is_known() {
        let asks = |value: &str| {
            let words = format!("127.0.0.1:1 send-proxy-v2 set-proxy-v2-tlv-fmt(0xe0) {value}");
            added("", &words).expect("it is whole").asks_for_rules()
        };
        assert!(asks("at-%[last_rule_file]") && asks("%[last_rule_line,add(1)]"));
        assert!(!asks("%[src]") && !asks("last_rule_line"));
    }
}
