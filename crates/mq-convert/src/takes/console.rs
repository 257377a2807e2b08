//! Where the console is.

use crate::uri::{Uri, host_address};
use crate::work::{Outcome, Said, Work};

const TLS: &str = "the console does not speak TLS: tandem-lb can, before it";

pub(crate) fn import(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    if !said.value.ends_with("jetty.xml") {
        return Outcome::missing("other files are not opened: give it to tandem convert as well");
    }
    work.draft.console.is_wanted = true;
    work.note("127.0.0.1:8161, unless that file is given as well and says otherwise");
    Outcome::kept("[admin]")
}

pub(crate) fn host(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let host = match host_address(said.value, work.world) {
        Ok(host) => host,
        Err(why) => return Outcome::Wrong(why),
    };
    let console = &mut work.draft.console;
    (console.is_wanted, console.host) = (true, Some(host));
    Outcome::kept("[admin] address")
}

pub(crate) fn port(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let Ok(port) = said.value.parse() else {
        return Outcome::Wrong(format!("{:?} is no port", said.value));
    };
    let console = &mut work.draft.console;
    (console.is_wanted, console.port) = (true, Some(port));
    Outcome::kept("[admin] address")
}

pub(crate) fn connector_host(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    of_connector(said).unwrap_or_else(|| host(work, said))
}

pub(crate) fn connector_port(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    of_connector(said).unwrap_or_else(|| port(work, said))
}

/// Newer files say it in a bean of its own, and have an expression here that asks for it.
fn of_connector(said: &Said<'_>) -> Option<Outcome> {
    let is_tls = ["SslContextFactory", "SslContextFactory$Server", "SslConnectionFactory"];
    if is_tls.iter().any(|name| said.element.has(name)) {
        return Some(Outcome::missing(TLS));
    }
    said.missing.map(|_| Outcome::no_effect("another bean says it"))
}

/// Judged when it is known who the broker lets in.
pub(crate) fn login(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    work.draft.console.login.push((said.entry, said.is_true()));
    Outcome::Implied
}

/// Artemis's: `http://localhost:8161`.
pub(crate) fn bind(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let uri = Uri::read(said.value);
    if uri.scheme == "https" {
        return Outcome::missing(TLS);
    }
    if !said.value.contains("://") {
        return Outcome::no_effect("a name of its own");
    }
    match uri.address(work.world) {
        Ok(place) => {
            let console = &mut work.draft.console;
            (console.is_wanted, console.host) = (true, Some(place.address.ip()));
            console.port = Some(place.address.port());
            Outcome::kept("[admin] address")
        }
        Err(why) => Outcome::Wrong(why),
    }
}
