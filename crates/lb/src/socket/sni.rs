//! `show ssl sni`: the hosts that each listener has a certificate for, and until when. The form is HAProxy 3.2's.

use std::path::Path;

use tandem_lb_config::{Shown, Termination};
use tandem_ops::control::{Call, Reply};
use tandem_tls::certificate;
use tandem_tls::x509::Facts;

use super::Room;
use crate::tls::Loaded;

pub(super) fn show(room: &Room, call: &Call) -> Reply {
    let frontend = match (call.arg(0), call.arg(1)) {
        ("", _) => None,
        ("-f", name) if !name.is_empty() => Some(name),
        ("-f", _) => return Reply::error("'-f' requires a frontend name!"),
        _ => return Reply::error("Usage: show ssl sni [-f <frontend>]"),
    };
    let loaded = room.directory.tls.now();
    let mut text = "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n".to_owned();
    let doors = loaded.doors();
    for door in doors.filter(|door| frontend.is_none_or(|wanted| **door.frontend == *wanted)) {
        let place = format!("{}/{}", door.frontend, door.origin);
        for (file, filters) in entries(&loaded, door.tls) {
            text.push_str(&lines(&loaded, &place, &file, &filters));
        }
    }
    Reply::Output(text)
}

/// The certificates that a listener shows, each with the hosts that its line names.
fn entries(loaded: &Loaded, tls: &Termination) -> Vec<(std::path::PathBuf, Vec<String>)> {
    let mut all = Vec::new();
    for shown in &tls.certificates {
        match (loaded.shelf.lists.get(shown.path()), shown) {
            (Some(list), _) => all.extend(
                list.lines
                    .iter()
                    .map(|line| (line.certificate.clone(), line.filters.clone())),
            ),
            (None, Shown::Path(path)) => all.push((path.clone(), Vec::new())),
            (None, Shown::List(_)) => {}
        }
    }
    all
}

fn lines(loaded: &Loaded, place: &str, file: &Path, filters: &[String]) -> String {
    let pieces = loaded.shelf.certificates.get(file);
    let first = pieces.and_then(|pieces| certificate::chain(&pieces.pem).into_iter().next());
    let Some(facts) = first.and_then(|first| Facts::of(&first).ok()) else {
        return String::new();
    };
    let (negative, positive): (Vec<&String>, Vec<&String>) = filters.iter().partition(|name| name.starts_with('!'));
    let hosts = if positive.is_empty() {
        facts.hosts.iter().collect()
    } else {
        positive
    };
    let negative = match negative.is_empty() {
        true => "-".to_owned(),
        false => negative.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(","),
    };
    let kind = match facts.key.algorithm.get(..2) {
        Some("EC") => "ecdsa",
        Some("RS") => "rsa",
        _ => "-",
    };
    let mut seen: Vec<&String> = Vec::new();
    let mut text = String::new();
    for host in hosts {
        if seen.contains(&host) {
            continue;
        }
        seen.push(host);
        text.push_str(&format!(
            "{place}\t{host}\t{negative}\t{kind}\t{}\t{}\t{}\n",
            file.display(),
            facts.not_after.printed(),
            facts.not_before.printed()
        ));
    }
    text
}
