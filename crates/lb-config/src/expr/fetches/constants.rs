//! What needs no connection, and what rules themselves have kept.

use std::borrow::Cow;
use std::net::IpAddr;

use tandem_lb_core::expr::{Fact, Fetch, Sample, Variable};

use super::{Args, Built, Known, fact, fetch};
use crate::expr::times;

pub(super) const TABLE: &[Known] = &[
    fetch("always_true", "true", |_| constant(Sample::Bool(true))),
    fetch("always_false", "false", |_| constant(Sample::Bool(false))),
    fetch("bool", "a constant: true, false, 1 or 0", boolean),
    fetch("int", "a constant number", number),
    fetch("str", "a constant text", |args| {
        let text = args.text_or_empty("a text")?.as_bytes().to_vec();
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
    fetch(
        "var",
        "a variable: `var(scope.name)`, and perhaps what it is while it is not set",
        |args| {
            let variable = args.variable()?;
            Ok(match args.maybe() {
                None => Fetch::Variable(variable),
                Some(otherwise) => Fetch::VariableOr(variable, otherwise.as_bytes().into()),
            })
        },
    ),
    fetch(
        "capture.req.hdr",
        "what the `capture` rule of this number has kept, counted from 0",
        |args| {
            let number = args.number("the number of a `capture` rule", 0..=i64::from(u16::MAX))?;
            // The range was checked.
            Ok(Fetch::Variable(Variable::captured(number as u16)))
        },
    ),
    fetch("date", "seconds since 1970 plus an offset; or in ms or us", |args| {
        let offset = args.maybe_number(i64::MIN..=i64::MAX)?.unwrap_or(0);
        let unit = times::unit(args)?;
        Ok(Fetch::Date { unit, offset })
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
    fetch("wait_end", "true once nothing more is waited for", |_| {
        Ok(Fetch::WaitEnd)
    }),
];

fn constant(sample: Sample<'static>) -> Built {
    Ok(Fetch::Constant(sample))
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
