//! The fetches by name.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use tandem_lb_core::expr::content::{LengthValue, ValuePlace};
use tandem_lb_core::expr::{Fact, Fetch, Part, Sample, ServerRef, Trip, Variable};

use super::args::Args;
use super::call::Call;
use super::{ExprError, Reference, counters, tls, unknown, unsupported};

type Built = Result<Fetch, ExprError>;

/// One fetch, as data that also the documentation is made of.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    build: fn(&mut Args<'_>) -> Built,
}

pub(super) const fn fetch(name: &'static str, summary: &'static str, build: fn(&mut Args<'_>) -> Built) -> Known {
    Known { name, summary, build }
}

pub(crate) fn known() -> impl Iterator<Item = &'static Known> {
    TABLE.iter().chain(tls::TABLE)
}

const TABLE: &[Known] = &[
    fetch("always_true", "true", |_| constant(Sample::Bool(true))),
    fetch("always_false", "false", |_| constant(Sample::Bool(false))),
    fetch("bool", "a constant: true, false, 1 or 0", boolean),
    fetch("int", "a constant number", number),
    fetch("str", "a constant text", |args| {
        let text = args.text("a text")?.as_bytes().to_vec();
        constant(Sample::Text(Cow::Owned(text)))
    }),
    fetch("bin", "a constant, in hexadecimal digits", binary),
    fetch("ipv4", "a constant address", |args| {
        address(args, IpAddr::is_ipv4, "an IPv4 address")
    }),
    fetch("ipv6", "a constant address", |args| {
        address(args, IpAddr::is_ipv6, "an IPv6 address")
    }),
    fetch("env", "a variable of the environment", |args| {
        let name = args.text("the name of a variable")?;
        Ok(match (args.world.env)(name) {
            Some(value) => Fetch::Constant(Sample::Text(Cow::Owned(value.into_bytes()))),
            None => Fetch::Nothing,
        })
    }),
    fetch("var", "a variable: `var(scope.name)`", |args| {
        let variable = args.variable()?;
        if args.filled().is_some() {
            return Err(args.bad("a value for when it is not set is not supported yet"));
        }
        Ok(Fetch::Variable(variable))
    }),
    fetch(
        "capture.req.hdr",
        "what the `capture` rule of this number has kept, counted from 0",
        |args| {
            let number = args.number("the number of a `capture` rule", 0..=i64::from(u16::MAX))?;
            // The range was checked.
            Ok(Fetch::Variable(Variable::captured(number as u16)))
        },
    ),
    fetch("date", "seconds since 1970, plus an offset", |args| {
        let offset = args.maybe_number(i64::MIN..=i64::MAX)?.unwrap_or(0);
        Ok(Fetch::Date(offset))
    }),
    fetch("date_us", "the microseconds within this second", |_| {
        Ok(Fetch::DateMicros)
    }),
    fetch("rand", "a random number below 2^32, or below the argument", |args| {
        Ok(Fetch::Fact(Fact::Rand(args.maybe_unsigned()?)))
    }),
    fetch("uuid", "a random UUID of version 4", |args| {
        match args.maybe_number(4..=4)? {
            None | Some(_) => fact(Fact::Uuid),
        }
    }),
    fetch("hostname", "the name of this host", |_| fact(Fact::Hostname)),
    fetch("nbproc", "how many processes there are: 1", |_| {
        constant(Sample::Int(1))
    }),
    fetch("proc", "the number of this process: 1", |_| constant(Sample::Int(1))),
    fetch("nbthread", "how many worker threads there are", |_| fact(Fact::Threads)),
    fetch("thread", "the number of this worker thread", |_| fact(Fact::Thread)),
    fetch("src", "the client's address", |_| fact(Fact::Src)),
    fetch("src_port", "the client's port", |_| fact(Fact::SrcPort)),
    fetch("dst", "the address that the client connected to", |_| fact(Fact::Dst)),
    fetch("dst_port", "the port that the client connected to", |_| {
        fact(Fact::DstPort)
    }),
    fetch("fc_src", "the client's address", |_| fact(Fact::Src)),
    fetch("fc_src_port", "the client's port", |_| fact(Fact::SrcPort)),
    fetch("fc_dst", "the address that the client connected to", |_| {
        fact(Fact::Dst)
    }),
    fetch("fc_dst_port", "the port that the client connected to", |_| {
        fact(Fact::DstPort)
    }),
    fetch(
        "src_is_local",
        "whether the client's address is one of this host",
        |_| fact(Fact::SrcIsLocal),
    ),
    fetch(
        "dst_is_local",
        "whether the client connected to an address of this host",
        |_| fact(Fact::DstIsLocal),
    ),
    fetch("dst_conn", "connections of the listener that this one came by", |_| {
        fact(Fact::DstConn)
    }),
    fetch(
        "fc_rcvd_proxy",
        "whether the client's connection began with a PROXY header",
        |_| fact(Fact::ProxyHeader),
    ),
    fetch(
        "fc_pp_authority",
        "the host name that the PROXY header says the client asked for",
        |_| fact(Fact::ProxyAuthority),
    ),
    fetch(
        "fc_pp_tlv",
        "what the PROXY header says under this number: authority, or 0 to 255",
        |args| {
            let number = args.number("the number of a TLV", 0..=255)?;
            fact(Fact::Tlv(u8::try_from(number).unwrap_or_default()))
        },
    ),
    fetch(
        "http_auth",
        "whether whoever asks for the page has shown a password of this userlist",
        |args| userlist(args).map(Fetch::Authenticated),
    ),
    fetch(
        "http_auth_group",
        "the groups of whoever has shown a password of this userlist",
        |args| userlist(args).map(Fetch::Group),
    ),
    fetch(
        "prio_class",
        "the class that a rule has put it in, for when it waits",
        |_| fact(Fact::PriorityClass),
    ),
    fetch(
        "prio_offset",
        "how much later than it came it counts, for when it waits",
        |_| fact(Fact::PriorityOffset),
    ),
    fetch(
        "fc_rtt",
        "how long a packet to the client and its answer take: ms, or us",
        |args| trip(args, false, Trip::Usual),
    ),
    fetch("fc_rttvar", "how much that varies", |args| {
        trip(args, false, Trip::Variance)
    }),
    fetch("bc_rtt", "the same of the server", |args| trip(args, true, Trip::Usual)),
    fetch("bc_rttvar", "how much that varies", |args| {
        trip(args, true, Trip::Variance)
    }),
    fetch("fc_pp_unique_id", "the unique id that the PROXY header says", |_| {
        fact(Fact::ProxyUniqueId)
    }),
    fetch("fe_name", "the name of the frontend", |_| fact(Fact::FrontendName)),
    fetch("fe_id", "the number of the frontend", |_| fact(Fact::FrontendId)),
    fetch("be_name", "the name of the backend", |_| fact(Fact::BackendName)),
    fetch("be_id", "the number of the backend", |_| fact(Fact::BackendId)),
    fetch("srv_name", "the name of the server", |_| fact(Fact::ServerName)),
    fetch("srv_id", "the number of the server", |_| fact(Fact::ServerId)),
    fetch("so_id", "the number of the listener", |_| fact(Fact::ListenerId)),
    fetch("so_name", "the name of the listener", |_| fact(Fact::ListenerName)),
    fetch("fe_conn", "connections of a frontend", |args| {
        of_frontend(args, Fact::FrontendConns)
    }),
    fetch("fe_sess_rate", "sessions of a frontend in the last second", |args| {
        of_frontend(args, Fact::FrontendRate)
    }),
    fetch("be_conn", "connections of a backend", |args| {
        of_backend(args, Fact::BackendConns)
    }),
    fetch("be_conn_free", "free places on the servers of a backend", |args| {
        of_backend(args, Fact::BackendFree)
    }),
    fetch("be_sess_rate", "sessions of a backend in the last second", |args| {
        of_backend(args, Fact::BackendRate)
    }),
    fetch("nbsrv", "usable servers of a backend", |args| {
        of_backend(args, Fact::UsableServers)
    }),
    fetch(
        "connslots",
        "free places on the servers of a backend and in its queue",
        |args| of_backend(args, Fact::ConnSlots),
    ),
    fetch("queue", "connections that wait in a backend", |args| {
        of_backend(args, Fact::Queued)
    }),
    fetch("avg_queue", "the same for each of its servers", |args| {
        of_backend(args, Fact::AverageQueue)
    }),
    fetch("srv_conn", "connections of a server", |args| {
        of_server(args, Fact::ServerConns)
    }),
    fetch("srv_conn_free", "free places of a server", |args| {
        of_server(args, Fact::ServerFree)
    }),
    fetch("srv_is_up", "whether a server takes connections", |args| {
        of_server(args, Fact::ServerIsUp)
    }),
    fetch("srv_queue", "connections that wait for a server", |args| {
        of_server(args, Fact::ServerQueue)
    }),
    fetch("srv_sess_rate", "sessions of a server in the last second", |args| {
        of_server(args, Fact::ServerRate)
    }),
    fetch("srv_weight", "the weight of a server", |args| {
        of_server(args, Fact::ServerWeight)
    }),
    fetch("wait_end", "true once nothing more is waited for", |_| {
        Ok(Fetch::WaitEnd)
    }),
    fetch("req.len", "how many bytes the client has sent so far", |_| {
        part(Part::Length)
    }),
    fetch("req_len", "the same as `req.len`", |_| part(Part::Length)),
    fetch("req.payload", "bytes of the client: offset, length (0 is all)", payload),
    fetch(
        "payload",
        "bytes of whoever the rule is about: offset, length (0 is all)",
        |args| payload(args).map(either),
    ),
    fetch("res.len", "how many bytes the server has sent so far", |_| {
        Ok(Fetch::Response(Part::Length))
    }),
    fetch(
        "res.payload",
        "bytes of the server: offset, length (0 is all)",
        |args| payload(args).map(response),
    ),
    fetch(
        "res.payload_lv",
        "bytes of the server whose number they say themselves",
        |args| payload_lv(args).map(response),
    ),
    fetch(
        "res.ssl_hello_type",
        "the TLS handshake message: 2 is a server's hello",
        |_| Ok(Fetch::Response(Part::HelloType)),
    ),
    fetch("rep_ssl_hello_type", "the same as `res.ssl_hello_type`", |_| {
        Ok(Fetch::Response(Part::HelloType))
    }),
    fetch("rep.ssl_hello_type", "the same as `res.ssl_hello_type`", |_| {
        Ok(Fetch::Response(Part::HelloType))
    }),
    fetch(
        "req.payload_lv",
        "bytes of the client whose number they say themselves",
        payload_lv,
    ),
    fetch(
        "payload_lv",
        "bytes of whoever the rule is about, whose number they say themselves",
        |args| payload_lv(args).map(either),
    ),
    fetch(
        "req.ssl_hello_type",
        "the TLS handshake message: 1 is a client's hello",
        |_| part(Part::HelloType),
    ),
    fetch("req_ssl_hello_type", "the same as `req.ssl_hello_type`", |_| {
        part(Part::HelloType)
    }),
    fetch("req.ssl_sni", "the server that a TLS client asks for", |_| {
        part(Part::HelloSni)
    }),
    fetch("req_ssl_sni", "the same as `req.ssl_sni`", |_| part(Part::HelloSni)),
    fetch("req.ssl_alpn", "the protocols that a TLS client offers", |_| {
        part(Part::HelloAlpn)
    }),
    fetch(
        "req.ssl_ver",
        "the TLS version that a client offers, such as 3.3",
        |_| part(Part::HelloVersion),
    ),
    fetch("req_ssl_ver", "the same as `req.ssl_ver`", |_| part(Part::HelloVersion)),
    fetch("req.ssl_ec_ext", "whether a TLS client offers elliptic curves", |_| {
        part(Part::HelloHasEc)
    }),
    fetch(
        "req.ssl_st_ext",
        "0, 1 or 2: a TLS client sends no, an empty or a filled session ticket",
        |_| part(Part::HelloTicket),
    ),
    fetch("req.rdp_cookie", "the value of an RDP cookie", rdp_cookie),
    fetch("req_rdp_cookie", "the same as `req.rdp_cookie`", rdp_cookie),
    fetch("rdp_cookie", "the same as `req.rdp_cookie`", rdp_cookie),
    fetch(
        "req.rdp_cookie_cnt",
        "how many RDP cookies there are: 0 or 1",
        rdp_count,
    ),
    fetch(
        "req.proto_http",
        "whether the client begins with a request of HTTP/1",
        |_| Ok(Fetch::Part(Part::LooksLikeHttp)),
    ),
    fetch("req_proto_http", "the same as `req.proto_http`", |_| {
        Ok(Fetch::Part(Part::LooksLikeHttp))
    }),
    fetch("req_rdp_cookie_cnt", "the same as `req.rdp_cookie_cnt`", rdp_count),
];

/// What HAProxy has beside these: the start of a name, and why it is not here.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("sc0_http_", HTTP),
    ("sc1_http_", HTTP),
    ("sc2_http_", HTTP),
    ("sc_http_", HTTP),
    ("sc_key", NOT_YET),
    ("src_http", HTTP),
    ("ssl_", NOT_YET),
    ("fc_pp_tlv", "no other detail of a PROXY header is kept"),
    ("capture.re", HTTP),
    ("req.hdr", HTTP),
    ("req.body", HTTP),
    ("req.cook", HTTP),
    ("req.fhdr", HTTP),
    ("req.ver", HTTP),
    ("res.hdr", HTTP),
    ("res.cook", HTTP),
    ("res.ver", HTTP),
    ("hdr", HTTP),
    ("path", HTTP),
    ("url", HTTP),
    ("method", HTTP),
    ("status", HTTP),
    ("base", HTTP),
    ("cook", HTTP),
    ("http_", HTTP),
    ("query", HTTP),
    ("fe_req_rate", HTTP),
    ("fc_", NOT_YET),
    ("bc_", NOT_YET),
    ("be_", NOT_YET),
    ("srv_", NOT_YET),
    ("lua.", "there is no Lua"),
    ("stopping", NOT_YET),
    ("quic_enabled", NOT_YET),
    ("cpu_", NOT_YET),
    ("act_conn", NOT_YET),
    ("distcc_", NOT_YET),
    ("fix_", NOT_YET),
    ("internal.", NOT_YET),
    ("req.ssl_", NOT_YET),
    ("pid", NOT_YET),
];

const HTTP: &str = "it is about HTTP, and this relays TCP";
const NOT_YET: &str = "leave it out if you can do without";

pub(super) fn read(call: &Call<'_>, args: &mut Args<'_>) -> Built {
    if let Some(found) = known().find(|known| known.name == call.name) {
        return (found.build)(args);
    }
    if let Some(counter) = counters::fetch(call, args) {
        return counter.map(Fetch::Counter);
    }
    match UNSUPPORTED.iter().find(|(start, _)| call.name.starts_with(start)) {
        Some((_, why)) => Err(unsupported(call, why)),
        None => {
            let known = known().map(|known| known.name);
            Err(unknown("fetch", call, known.chain(counters::fetches())))
        }
    }
}

fn userlist(args: &mut Args<'_>) -> Result<Arc<str>, ExprError> {
    let name = args.text("the name of a userlist")?;
    args.refer(Reference::Userlist(name.to_owned()));
    Ok(name.into())
}

fn trip(args: &mut Args<'_>, of_server: bool, what: Trip) -> Built {
    let in_micros = match args.filled() {
        None | Some("ms") => false,
        Some("us") => true,
        Some(other) => return Err(args.bad(format!("`{other}` is no unit")).help("write ms or us")),
    };
    fact(Fact::RoundTrip {
        of_server,
        what,
        in_micros,
    })
}

fn constant(sample: Sample<'static>) -> Built {
    Ok(Fetch::Constant(sample))
}

fn fact(fact: Fact) -> Built {
    Ok(Fetch::Fact(fact))
}

fn part(part: Part) -> Built {
    Ok(Fetch::Part(part))
}

fn boolean(args: &mut Args<'_>) -> Built {
    let truth = args.choice(
        "a truth",
        &[("true", true), ("false", false), ("1", true), ("0", false)],
    )?;
    constant(Sample::Bool(truth))
}

fn number(args: &mut Args<'_>) -> Built {
    let number = args.number("a number", i64::MIN..=i64::MAX)?;
    constant(Sample::Int(number))
}

fn binary(args: &mut Args<'_>) -> Built {
    let text = args.text("hexadecimal digits")?;
    match tandem_lb_core::hex::read(text) {
        Some(bytes) => constant(Sample::Binary(Cow::Owned(bytes))),
        None => Err(args.bad(format!("`{text}` is not an even number of hexadecimal digits"))),
    }
}

fn address(args: &mut Args<'_>, fits: fn(&IpAddr) -> bool, what: &str) -> Built {
    let text = args.text(what)?;
    match text.parse().ok().filter(fits) {
        Some(ip) => constant(Sample::Ip(ip)),
        None => Err(args.bad(format!("`{text}` is not {what}"))),
    }
}

fn of_frontend(args: &mut Args<'_>, of: fn(Option<Arc<str>>) -> Fact) -> Built {
    let name = args.filled();
    if let Some(name) = name {
        args.refer(Reference::Frontend(name.to_owned()));
    }
    fact(of(name.map(Arc::from)))
}

fn of_backend(args: &mut Args<'_>, of: fn(Option<Arc<str>>) -> Fact) -> Built {
    let name = args.filled();
    args.refer(name.map_or(Reference::OwnBackend, |name| Reference::Backend(name.to_owned())));
    fact(of(name.map(Arc::from)))
}

fn of_server(args: &mut Args<'_>, of: fn(ServerRef) -> Fact) -> Built {
    let name = args.text("`backend/server`")?;
    let (backend, server) = match name.split_once('/') {
        Some((backend, server)) => (Some(backend), server),
        None => (None, name),
    };
    args.refer(Reference::Server(backend.map(str::to_owned), server.to_owned()));
    fact(of(ServerRef {
        backend: backend.map(Arc::from),
        server: server.into(),
    }))
}

fn payload(args: &mut Args<'_>) -> Built {
    let offset = args.unsigned("an offset and a length")?;
    let length = args.unsigned("a length")?;
    part(Part::Payload { offset, length })
}

fn payload_lv(args: &mut Args<'_>) -> Built {
    let length_offset = args.unsigned("the offset and the size of a length")?;
    let size = args.number("the size of a length", 1..=8)?;
    let value = match args.filled() {
        None => ValuePlace::Relative(0),
        Some(text) => {
            let bad = || args.bad(format!("`{text}` is not an offset"));
            match text.starts_with(['+', '-']) {
                true => ValuePlace::Relative(text.parse().map_err(|_| bad())?),
                false => ValuePlace::Absolute(text.parse().map_err(|_| bad())?),
            }
        }
    };
    part(Part::LengthValue(LengthValue {
        length_offset,
        // The range was checked.
        length_size: size as u8,
        value,
    }))
}

/// The same of the server's bytes.
fn response(fetch: Fetch) -> Fetch {
    match fetch {
        Fetch::Part(part) => Fetch::Response(part),
        other => other,
    }
}

fn either(fetch: Fetch) -> Fetch {
    match fetch {
        Fetch::Part(part) => Fetch::Either(part),
        other => other,
    }
}

fn rdp_cookie(args: &mut Args<'_>) -> Built {
    part(Part::RdpCookie(args.filled().map(Box::from)))
}

fn rdp_count(args: &mut Args<'_>) -> Built {
    let _any_name = args.filled();
    part(Part::RdpCookieCount)
}
