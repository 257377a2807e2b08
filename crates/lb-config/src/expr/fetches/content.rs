//! What has come from the client or from the server.

use tandem_lb_core::expr::content::{LengthValue, ValuePlace};
use tandem_lb_core::expr::{Fetch, Part};

use super::{Args, Built, Known, fetch};

pub(super) const TABLE: &[Known] = &[
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
    fetch("rdp_cookie_cnt", "the same as `req.rdp_cookie_cnt`", rdp_count),
];

fn part(part: Part) -> Built {
    Ok(Fetch::Part(part))
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

fn rdp_cookie(args: &mut Args<'_>) -> Built {
    part(Part::RdpCookie(args.filled().map(Box::from)))
}

fn rdp_count(args: &mut Args<'_>) -> Built {
    part(Part::RdpCookieCount(args.filled().map(Box::from)))
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
