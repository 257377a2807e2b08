//! What one piece of a line says, and how it is written: plain, quoted, in hexadecimal, escaped.

use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;

use crate::expr::Sample;

/// `%{+Q,+X,+E,-M}…`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `+Q`: texts stand in quotes.
    pub quoted: bool,
    /// `+X`: addresses, ports and some numbers in hexadecimal.
    pub hex: bool,
    /// `+E`: what would end a parameter of RFC 5424 section 6.3.3 has a backslash before it.
    pub escaped: bool,
    /// `-M` unsets it: a text that is not there is a dash.
    pub dash: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            quoted: false,
            hex: false,
            escaped: false,
            dash: true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datum<'a> {
    /// `None` is what there is not.
    Text(Option<Cow<'a, [u8]>>),
    /// What an expression gave: a text in a line, whatever its type.
    Sample(Sample<'a>),
    /// Never quoted: dates and letters.
    Bare(String),
    Int(i64),
    /// With so many digits at least where hexadecimal is asked for.
    HexInt(i64, usize),
    /// A number that is still growing.
    Growing(i64),
    /// Three digits, as a part of a second has.
    Millis(u16),
    Ip(IpAddr),
}

impl<'a> Datum<'a> {
    pub(super) fn text(text: &'a str) -> Datum<'a> {
        Datum::Text(Some(Cow::Borrowed(text.as_bytes())))
    }

    pub(super) fn put(self, style: Style, out: &mut Vec<u8>) {
        match self {
            Datum::Text(text) => put_text(text.as_deref(), style, out),
            Datum::Sample(sample) => put_text(Some(&sample.into_text()), style, out),
            Datum::Bare(text) => out.extend_from_slice(text.as_bytes()),
            Datum::HexInt(n, digits) if style.hex => put(out, format_args!("{n:0digits$X}")),
            Datum::Int(n) | Datum::HexInt(n, _) => put(out, format_args!("{n}")),
            Datum::Growing(n) => put(out, format_args!("+{n}")),
            Datum::Millis(n) if style.hex => put(out, format_args!("{n:02X}")),
            Datum::Millis(n) => put(out, format_args!("{n:03}")),
            Datum::Ip(ip) => {
                let mut text = String::new();
                put_ip(ip, style.hex, &mut text);
                put_text(Some(text.as_bytes()), style, out);
            }
        }
    }
}

pub(super) fn put_ip(ip: IpAddr, hex: bool, out: &mut String) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    let _ = match ip {
        IpAddr::V4(v4) if hex => write!(out, "{:08X}", u32::from(v4)),
        IpAddr::V6(v6) if hex => write!(out, "{:032X}", u128::from(v6)),
        ip => write!(out, "{ip}"),
    };
}

fn put_text(text: Option<&[u8]>, style: Style, out: &mut Vec<u8>) {
    let text = text.unwrap_or_default();
    if style.quoted {
        out.push(b'"');
    }
    if text.is_empty() && style.dash && !style.quoted {
        out.push(b'-');
    }
    for &byte in text {
        if style.escaped && matches!(byte, b'"' | b'\\' | b']') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    if style.quoted {
        out.push(b'"');
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}
