//! SUBSCRIBE and UNSUBSCRIBE, and what a filter may look like (section 4.7).

use super::packet::properties;
use super::properties::carrier;
use super::read::Reader;
use super::{DecodeError, Qos, Version};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    pub packet: u16,
    pub identifier: Option<u32>,
    pub filters: Vec<Filter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    pub packet: u16,
    pub filters: Vec<Box<str>>,
}

/// One subscription that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub filter: Box<str>,
    pub qos: Qos,
    /// What the client publishes itself does not come back.
    pub no_local: bool,
    /// Messages say whether they were sent to be retained.
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
}

/// Whether a subscription begins with what is retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    #[default]
    Send,
    SendWhenNew,
    DoNotSend,
}

pub(super) fn subscribe(from: &mut Reader, version: Version) -> Result<Subscribe, DecodeError> {
    let packet = from.packet()?;
    let properties = properties(from, version, carrier::SUBSCRIBE)?;
    let mut filters = Vec::new();
    while !from.is_empty() {
        let filter = from.text()?;
        filters.push(options(filter, from.byte()?, version)?);
    }
    match filters.is_empty() {
        true => Err(DecodeError::protocol("a SUBSCRIBE without a filter")),
        false => Ok(Subscribe {
            packet,
            identifier: properties.subscription_identifiers.first().copied(),
            filters,
        }),
    }
}

fn options(filter: Box<str>, byte: u8, version: Version) -> Result<Filter, DecodeError> {
    let reserved = match version {
        Version::V3_1_1 => 0b1111_1100,
        Version::V5 => 0b1100_0000,
    };
    if byte & reserved != 0 {
        return Err(DecodeError::malformed("reserved bits of a subscription are set"));
    }
    let qos = Qos::of(byte & 3).ok_or(DecodeError::malformed("a subscription with QoS 3"))?;
    let retain_handling = match byte >> 4 & 3 {
        0 => RetainHandling::Send,
        1 => RetainHandling::SendWhenNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(DecodeError::protocol("there is no retain handling 3")),
    };
    let no_local = byte & 4 != 0;
    if no_local && filter.starts_with("$share/") {
        return Err(DecodeError::protocol(
            "a shared subscription cannot be without one's own",
        ));
    }
    Ok(Filter {
        filter,
        qos,
        no_local,
        retain_as_published: byte & 8 != 0,
        retain_handling,
    })
}

pub(super) fn unsubscribe(from: &mut Reader, version: Version) -> Result<Unsubscribe, DecodeError> {
    let packet = from.packet()?;
    properties(from, version, carrier::UNSUBSCRIBE)?;
    let mut filters = Vec::new();
    while !from.is_empty() {
        filters.push(from.text()?);
    }
    match filters.is_empty() {
        true => Err(DecodeError::protocol("an UNSUBSCRIBE without a filter")),
        false => Ok(Unsubscribe { packet, filters }),
    }
}
