//! Listeners: where, for which protocols, with which papers.

use toml::{Table, Value};

use crate::draft::Listener;
use crate::unit::{Read, Unit};
use crate::uri::{Uri, list};
use crate::work::{NOT_THERE, Outcome, Said, Work};

const OPENWIRE: &str = "OpenWire is not spoken: clients of JMS come by AMQP 1.0 (Qpid JMS), others by STOMP, MQTT and AMQP; \
                        the port is there for those";
const PEM: &str = "TLS wants a certificate with its key as PEM: write `tls = { certificate = \"FILE\" }`; Java's key stores \
                   are not read";
const CLIENT_CA: &str = "whom to let in by certificates is in no PEM file: write `client-ca` beside `certificate`";

pub(crate) fn connector(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let name = said.element.says("name").unwrap_or_default();
    work.listener = Some(Listener {
        line: said.element.line,
        name: work.filled(name),
        ..Listener::default()
    });
    Outcome::kept("[[listen]]")
}

/// Artemis's speak everything unless they say otherwise.
pub(crate) fn acceptor(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    connector(work, said)
}

/// What a scheme means to clients.
enum Speaks {
    One(&'static str),
    WhatClientsSay,
    OpenWire,
    NotHere(&'static str),
}

fn speaks(scheme: &str) -> Speaks {
    let has = |word: &str| scheme.split('+').any(|part| part == word);
    match () {
        () if has("ws") || has("wss") => Speaks::NotHere("nothing is carried over WebSocket"),
        () if has("http") || has("https") => Speaks::NotHere("nothing is carried over HTTP"),
        () if has("vm") || has("in-vm") || has("peer") => Speaks::NotHere("nobody is inside the broker"),
        () if has("udp") || has("multicast") || has("rudp") => Speaks::NotHere("clients come by TCP"),
        () if has("auto") => Speaks::WhatClientsSay,
        () if has("stomp") => Speaks::One("stomp"),
        () if has("mqtt") => Speaks::One("mqtt"),
        () if has("amqp") => Speaks::One("amqp10"),
        () if has("tcp") || has("nio") || has("ssl") => Speaks::OpenWire,
        () => Speaks::NotHere("this scheme is not known here"),
    }
}

pub(crate) fn uri(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let uri = Uri::read(said.value);
    let is_acceptor = said.element.name == "acceptor";
    let speaks = speaks(uri.scheme);
    if let Speaks::NotHere(why) = speaks {
        if let Some(listener) = &mut work.listener {
            listener.off = Some(why.to_owned());
        }
        return Outcome::missing(why);
    }
    let place = uri.address(work.world);
    let Some(listener) = &mut work.listener else {
        return Outcome::missing(NOT_THERE);
    };
    let place = match place {
        Ok(place) => place,
        Err(why) => {
            listener.off = Some(why.clone());
            return Outcome::Wrong(why);
        }
    };
    listener.address = Some(place.address);
    listener.is_tls |= uri.scheme.split('+').any(|part| part == "ssl");
    let mut kept = "[[listen]] address";
    match speaks {
        Speaks::One(protocol) => {
            listener.keys.set("protocol", protocol);
            kept = "[[listen]] address, protocol";
        }
        Speaks::OpenWire if !is_acceptor => {
            let text = format!("{} uri {}:", said.element.name, uri.scheme);
            work.beside.push((text, Outcome::missing(OPENWIRE)));
        }
        Speaks::OpenWire if uri.options.iter().any(|(name, _)| *name == "protocols") => {}
        Speaks::OpenWire | Speaks::WhatClientsSay | Speaks::NotHere(_) => {
            work.note("STOMP, MQTT and AMQP are told by what clients say first; OpenWire and CORE are refused");
        }
    }
    if let Some(host) = place.looked_up {
        work.note(format!(
            "{host} has the address that it had when the file was converted"
        ));
    }
    Outcome::kept(kept)
}

pub(crate) fn protocols(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let mut spoken: Vec<&'static str> = Vec::new();
    for word in list(said.value) {
        let protocol = match word.to_ascii_lowercase().as_str() {
            "stomp" => Some("stomp"),
            "mqtt" => Some("mqtt"),
            "amqp" => Some("amqp10"),
            _ => None,
        };
        let text = format!("{} {}={word}", said.element.name, said.name);
        let outcome = match (protocol, word.to_ascii_lowercase().as_str()) {
            (Some(_), _) => None,
            (None, "openwire" | "default") => {
                Some(Outcome::missing("OpenWire is not spoken: JMS clients come by AMQP 1.0"))
            }
            (None, "core" | "hornetq") => Some(Outcome::missing("CORE is not spoken: JMS clients come by AMQP 1.0")),
            (None, _) => Some(Outcome::Unknown("this protocol is not known here".to_owned())),
        };
        work.beside.extend(outcome.map(|outcome| (text, outcome)));
        let new = protocol.filter(|protocol| !spoken.contains(protocol));
        spoken.extend(new);
    }
    let Some(listener) = &mut work.listener else {
        return Outcome::missing(NOT_THERE);
    };
    match spoken.as_slice() {
        [one] => {
            listener.keys.set("protocol", *one);
            Outcome::kept("[[listen]] protocol")
        }
        _ => {
            listener.keys.set("protocol", "auto");
            Outcome::kept("[[listen]] protocol = \"auto\": what clients say first")
        }
    }
}

pub(crate) fn buffers(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (Unit::Buffer.read(said.value), &mut work.listener) {
        (Read::Value(value), Some(listener)) => {
            listener.keys.set("receive-buffer", value.clone());
            listener.keys.set("send-buffer", value);
            Outcome::kept("[[listen]] receive-buffer, send-buffer")
        }
        (Read::Wrong(why), _) => Outcome::Wrong(why),
        (_, None) => Outcome::missing(NOT_THERE),
        (Read::Usual | Read::Changed(..), _) => Outcome::Implied,
    }
}

/// `5000,10000`: how often the client is to be heard, and how often it hears.
pub(crate) fn heart_beat(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    let beats: Option<Vec<u32>> = list(said.value).into_iter().map(|beat| beat.parse().ok()).collect();
    let longest = beats.and_then(|beats| beats.into_iter().max());
    let (Some(longest), Some(listener)) = (longest, &mut work.listener) else {
        return Outcome::Wrong(format!("{:?} is no pair of numbers such as 10000,10000", said.value));
    };
    let seconds = longest.div_ceil(1000).min(u16::MAX.into());
    listener.keys.set("heart-beat", i64::from(seconds));
    Outcome::kept("[[listen]] heart-beat, in seconds")
}

pub(crate) fn proxy_protocol(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (said.is_true(), &mut work.listener) {
        (true, Some(listener)) => {
            listener.keys.set("proxy-protocol", true);
            Outcome::kept("[[listen]] proxy-protocol")
        }
        _ => Outcome::Implied,
    }
}

pub(crate) fn wants_tls(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (said.is_true(), &mut work.listener) {
        (true, Some(listener)) => {
            listener.is_tls = true;
            Outcome::kept("[[listen]] tls")
        }
        _ => Outcome::Implied,
    }
}

pub(crate) fn wants_clients(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    match (said.is_true(), &mut work.listener) {
        (true, Some(listener)) => {
            listener.papers.wants_clients = true;
            Outcome::kept("[[listen]] tls client-ca")
        }
        _ => Outcome::Implied,
    }
}

pub(crate) fn key_store(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    paper(work, said, |listener, file| listener.papers.certificate = Some(file))
}

pub(crate) fn trust_store(work: &mut Work<'_>, said: &Said<'_>) -> Outcome {
    paper(work, said, |listener, file| listener.papers.trust = Some(file))
}

fn paper(work: &mut Work<'_>, said: &Said<'_>, keep: fn(&mut Listener, String)) -> Outcome {
    match (said.value.ends_with(".pem"), &mut work.listener) {
        (true, Some(listener)) => {
            keep(listener, said.value.to_owned());
            Outcome::kept("[[listen]] tls")
        }
        _ => Outcome::missing("Java's key stores are not read: write it as PEM"),
    }
}

pub(crate) fn ends(work: &mut Work<'_>, _: &Said<'_>) -> Option<Outcome> {
    let mut listener = work.listener.take()?;
    if listener.off.is_none() {
        listener.off = why_not(work, &listener);
    }
    if listener.off.is_none() && listener.is_tls {
        match papers(&listener) {
            Ok(table) => listener.keys.set("tls", table),
            Err(why) => listener.off = Some(why.to_owned()),
        }
    }
    let outcome = listener.off.clone().map(Outcome::Missing);
    work.draft.listeners.push(listener);
    outcome
}

/// Two cannot have one port.
fn why_not(work: &Work<'_>, listener: &Listener) -> Option<String> {
    let Some(own) = listener.address else {
        return Some("it does not say where".to_owned());
    };
    let others = work.draft.listeners.iter().filter(|other| other.off.is_none());
    let mut taken = others.filter(|other| {
        other.address.is_some_and(|other| {
            let is_any = own.ip().is_unspecified() || other.ip().is_unspecified();
            own.port() != 0 && own.port() == other.port() && (is_any || own.ip() == other.ip())
        })
    });
    taken
        .next()
        .map(|other| format!("line {} has the port {} already", other.line, own.port()))
}

fn papers(listener: &Listener) -> Result<Value, &'static str> {
    let papers = &listener.papers;
    let certificate = papers.certificate.as_ref().ok_or(PEM)?;
    let mut table = Table::new();
    table.insert("certificate".to_owned(), certificate.as_str().into());
    match (&papers.trust, papers.wants_clients) {
        (Some(trust), true) => {
            table.insert("client-ca".to_owned(), trust.as_str().into());
        }
        (None, true) => return Err(CLIENT_CA),
        (_, false) => {}
    }
    Ok(Value::Table(table))
}
