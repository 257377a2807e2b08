//! The converters by name.

use tandem_lb_core::acl::Regex;
use tandem_lb_core::balance::HashFunction;
use tandem_lb_core::expr::content::{MqttField, PacketType, fix};
use tandem_lb_core::expr::{
    Arith, Chunks, Converter, HashWith, Pieces, ProtobufField, Query, Radix, Strings, Taken, TokenPart, WireValue,
};

use super::args::Args;
use super::call::Call;
use super::{ExprError, counters, kept, maps, refused, secrets, times, unknown, unsupported};

pub(super) type Built = Result<Converter, ExprError>;
pub(super) type Build = fn(&mut Args<'_>) -> Built;

const TABLE: &[(&str, Build)] = &[
    ("add", |args| arith(args, Arith::Add)),
    ("and", |args| arith(args, Arith::And)),
    ("b64dec", |_| text(Strings::FromBase64 { url: false })),
    ("base64", |_| text(Strings::Base64 { url: false })),
    ("be2dec", |args| chunks(args, Radix::Decimal)),
    ("be2hex", |args| chunks(args, Radix::Hexadecimal)),
    ("bool", |_| Ok(Converter::Bool)),
    ("bytes", |args| {
        let offset = args.unsigned("an offset")?;
        let length = args.maybe_unsigned()?;
        Ok(Converter::Bytes { offset, length })
    }),
    ("cpl", |_| Ok(Converter::Complement)),
    ("crc32", |args| plain(args, HashFunction::Crc32)),
    ("crc32c", |args| {
        avalanche(args)?;
        Ok(Converter::Hash(HashWith::Crc32c))
    }),
    ("cut_crlf", |_| text(Strings::FirstLine)),
    ("digest", |args| secrets::digest(args).map(Converter::Digest)),
    ("div", |args| arith(args, Arith::Div)),
    ("djb2", |args| plain(args, HashFunction::Djb2)),
    ("even", |_| Ok(Converter::Even)),
    ("field", |args| pieces(args).and_then(|p| text(Strings::Field(p)))),
    ("hex", |_| text(Strings::Hex)),
    ("hex2i", |_| text(Strings::FromHex)),
    ("host_only", |_| text(Strings::Host)),
    ("htonl", |_| Ok(Converter::NetworkOrder)),
    ("iif", |args| {
        let yes = args
            .text("what to say when it is true, and when not")?
            .as_bytes()
            .into();
        let no = args.text("what to say when it is not true")?.as_bytes().into();
        Ok(Converter::Choose { yes, no })
    }),
    ("ipmask", |args| {
        let v4 = args.v4_mask()?;
        let v6 = args.maybe_v6_mask()?;
        Ok(Converter::IpMask { v4, v6 })
    }),
    ("json", json),
    ("json_query", |args| match query(args)? {
        Some(query) => Ok(Converter::Query(query)),
        None => Err(args.bad("a path such as `$.a.b[0]` is missing")),
    }),
    ("jwt_header_query", |args| {
        Ok(Converter::Token(TokenPart::Header, query(args)?))
    }),
    ("jwt_payload_query", |args| {
        Ok(Converter::Token(TokenPart::Payload, query(args)?))
    }),
    ("length", |_| Ok(Converter::Length)),
    ("lower", |_| text(Strings::Lower)),
    ("ltrim", |args| trim(args, true)),
    ("mod", |args| arith(args, Arith::Mod)),
    ("fix_is_valid", |_| Ok(Converter::FixIsValid)),
    ("fix_tag_value", fix_value),
    ("mqtt_field_value", mqtt_field),
    ("mqtt_is_valid", |_| Ok(Converter::MqttIsValid)),
    ("mul", |args| arith(args, Arith::Mul)),
    ("nbsrv", |_| Ok(Converter::UsableServers)),
    ("neg", |_| Ok(Converter::Neg)),
    ("not", |_| Ok(Converter::Not)),
    ("odd", |_| Ok(Converter::Odd)),
    ("or", |args| arith(args, Arith::Or)),
    ("param", parameter),
    ("port_only", |_| text(Strings::Port)),
    ("protobuf", protobuf),
    ("regsub", regsub),
    ("rtrim", |args| trim(args, false)),
    ("sdbm", |args| plain(args, HashFunction::Sdbm)),
    ("srv_queue", |_| Ok(Converter::ServerQueue)),
    ("strcmp", |args| args.variable().map(Converter::Compare)),
    ("sub", |args| arith(args, Arith::Sub)),
    ("ub64dec", |_| text(Strings::FromBase64 { url: true })),
    ("ub64enc", |_| text(Strings::Base64 { url: true })),
    ("upper", |_| text(Strings::Upper)),
    ("url_dec", |args| {
        let is_form = avalanche(args)?;
        text(Strings::UrlDecode { is_form })
    }),
    ("url_enc", |args| match args.filled() {
        None | Some("query") => text(Strings::UrlEncode),
        Some(other) => Err(args.bad(format!("`{other}` is no part of a URL")).help("write query")),
    }),
    ("word", |args| pieces(args).and_then(|p| text(Strings::Word(p)))),
    ("wt6", |args| plain(args, HashFunction::Wt6)),
    ("xor", |args| arith(args, Arith::Xor)),
    ("xxh32", |args| {
        let seed = args.maybe_unsigned()?.unwrap_or(0);
        Ok(Converter::Hash(HashWith::Xxh32 { seed }))
    }),
    ("xxh3", |args| {
        let seed = args.maybe_unsigned()?.unwrap_or(0).into();
        Ok(Converter::Hash(HashWith::Xxh3 { seed }))
    }),
    ("xxh64", |args| {
        let seed = args.maybe_unsigned()?.unwrap_or(0).into();
        Ok(Converter::Hash(HashWith::Xxh64 { seed }))
    }),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    tables().map(|(name, _)| *name)
}

fn tables() -> impl Iterator<Item = &'static (&'static str, Build)> {
    TABLE
        .iter()
        .chain(secrets::TABLE)
        .chain(kept::TABLE)
        .chain(times::TABLE)
}

pub(super) fn read(call: &Call<'_>, args: &mut Args<'_>) -> Built {
    if let Some((_, build)) = tables().find(|(name, _)| *name == call.name) {
        return build(args);
    }
    if let Some(counter) = counters::converter(call, args) {
        return counter;
    }
    if let Some(rest) = call
        .name
        .strip_prefix("map")
        .filter(|rest| rest.is_empty() || rest.starts_with('_'))
    {
        return maps::read(rest, call, args).map(Converter::Map);
    }
    match refused::why(refused::CONVERTERS, call.name) {
        Some(why) => Err(unsupported(call, why)),
        None => Err(unknown(
            "converter",
            call,
            names().chain(counters::converters()).chain(["map"]),
        )),
    }
}

fn text(strings: Strings) -> Built {
    Ok(Converter::Text(strings))
}

fn arith(args: &mut Args<'_>, arith: Arith) -> Built {
    let operand = args.operand()?;
    Ok(Converter::Arith(arith, operand))
}

fn avalanche(args: &mut Args<'_>) -> Result<bool, ExprError> {
    Ok(args.maybe_number(0..=i64::MAX)?.is_some_and(|n| n != 0))
}

fn plain(args: &mut Args<'_>, function: HashFunction) -> Built {
    let avalanche = avalanche(args)?;
    Ok(Converter::Hash(HashWith::Plain { function, avalanche }))
}

fn pieces(args: &mut Args<'_>) -> Result<Pieces, ExprError> {
    let index = args.number("a place and delimiters", i64::from(i32::MIN)..=i64::from(i32::MAX))?;
    if index == 0 {
        return Err(args.bad("places are counted from 1, or from -1 at the end"));
    }
    let delimiters = args.text("the delimiters")?;
    let count = args.maybe_unsigned()?.unwrap_or(1);
    Ok(Pieces {
        // The range was checked.
        index: index as i32,
        delimiters: delimiters.as_bytes().into(),
        count,
    })
}

fn json(args: &mut Args<'_>) -> Built {
    let utf8 = |skips, permits_long| Taken::Utf8 { skips, permits_long };
    let ways = [
        ("ascii", Taken::Bytes),
        ("utf8", utf8(false, false)),
        ("utf8s", utf8(true, false)),
        ("utf8p", utf8(false, true)),
        ("utf8ps", utf8(true, true)),
    ];
    let way = args.filled().unwrap_or("ascii");
    match ways.iter().find(|(name, _)| *name == way) {
        Some((_, taken)) => text(Strings::Json(*taken)),
        None => Err(args
            .bad(format!("`{way}` is not how letters are taken"))
            .help("write ascii, utf8, utf8s, utf8p or utf8ps")),
    }
}

fn trim(args: &mut Args<'_>, leading: bool) -> Built {
    let set = args.text("the letters to take away")?.as_bytes().into();
    text(Strings::Trim { leading, set })
}

fn regsub(args: &mut Args<'_>) -> Built {
    let pattern = args.text("a regular expression and what to put in its place")?;
    let at = args.at();
    let with = args.text("what to put in its place")?.as_bytes().into();
    let flags = args.filled().unwrap_or_default();
    if let Some(odd) = flags.chars().find(|flag| !matches!(flag, 'g' | 'i')) {
        return Err(args
            .bad(format!("`{odd}` is no flag"))
            .help("the flags are g (all) and i (any case)"));
    }
    let regex = Regex::new(pattern, flags.contains('i'))
        .map_err(|error| ExprError::new(crate::code::BAD_VALUE, at, error.to_string()))?;
    Ok(Converter::Replace {
        regex,
        with,
        all: flags.contains('g'),
    })
}

fn chunks(args: &mut Args<'_>, radix: Radix) -> Built {
    let between: Box<[u8]> = args.maybe().unwrap_or_default().as_bytes().into();
    let is_hex = radix == Radix::Hexadecimal;
    let size = match args.filled() {
        // All of it at once.
        None if is_hex && between.is_empty() => i64::from(u32::MAX),
        None => return Err(args.bad("how many bytes make a number is missing")),
        Some(size) => {
            let most = if is_hex { i64::from(u32::MAX) } else { 8 };
            args.as_number(size, 1..=most)?
        }
    };
    let truncates = args.maybe_number(0..=1)? == Some(1);
    Ok(Converter::Chunks(Chunks {
        between,
        size: usize::try_from(size).unwrap_or(usize::MAX),
        truncates,
        radix,
    }))
}

/// `path[,int]`
fn query(args: &mut Args<'_>) -> Result<Option<Query>, ExprError> {
    let Some(path) = args.filled() else {
        return Ok(None);
    };
    let at = args.at();
    let is_int = match args.filled() {
        None => false,
        Some("int") => true,
        Some(other) => {
            return Err(args
                .bad(format!("`{other}` is no type here"))
                .help("write int, or leave it out"));
        }
    };
    let bad = || {
        let error = ExprError::new(crate::code::BAD_VALUE, at, format!("`{path}` is no path"));
        error.help("write for example `$.name`, `$.list[0].name`, with `\\\\.` for a dot in a name")
    };
    Query::parse(path, is_int).map(Some).ok_or_else(bad)
}

fn parameter(args: &mut Args<'_>) -> Built {
    let name = args.text("the name of a parameter")?.as_bytes().into();
    let delimiter = match args.filled().map(str::as_bytes) {
        None => b'&',
        Some([delimiter]) => *delimiter,
        Some(_) => return Err(args.bad("one letter stands between parameters")),
    };
    text(Strings::Parameter { name, delimiter })
}

fn protobuf(args: &mut Args<'_>) -> Built {
    const VALUES: &[(&str, WireValue)] = &[
        ("int32", WireValue::Varint),
        ("uint32", WireValue::Varint),
        ("sint32", WireValue::Zigzag),
        ("int64", WireValue::Varint),
        ("uint64", WireValue::Varint),
        ("sint64", WireValue::Zigzag),
        ("bool", WireValue::Varint),
        ("enum", WireValue::Varint),
        ("fixed32", WireValue::Fixed32),
        ("sfixed32", WireValue::Signed32),
        ("float", WireValue::Float),
        ("fixed64", WireValue::Fixed64),
        ("sfixed64", WireValue::Fixed64),
        ("double", WireValue::Double),
    ];
    let numbers = args.text("the numbers of fields, such as 3.1")?;
    let path: Result<Box<[u32]>, _> = numbers.split('.').map(str::parse).collect();
    let path = path.map_err(|_| {
        args.bad(format!("`{numbers}` are no numbers of fields"))
            .help("write for example 3.1")
    })?;
    let is_typed = args.has_more();
    let value = if is_typed {
        args.choice("a type of Protocol Buffers", VALUES)?
    } else {
        WireValue::Bytes
    };
    Ok(Converter::Protobuf(ProtobufField { path, value }))
}

const FIELDS: &[(&str, MqttField)] = &[
    ("flags", MqttField::Flags),
    ("protocol_name", MqttField::ProtocolName),
    ("protocol_version", MqttField::ProtocolVersion),
    ("keepalive", MqttField::Keepalive),
    ("client_identifier", MqttField::ClientIdentifier),
    ("will_topic", MqttField::WillTopic),
    ("will_payload", MqttField::WillPayload),
    ("username", MqttField::Username),
    ("password", MqttField::Password),
    ("reason_code", MqttField::ReasonCode),
];

/// A number, or one of a few names.
fn fix_value(args: &mut Args<'_>) -> Built {
    let text = args.text("a tag")?;
    let named = fix::NAMED.iter().find(|(name, _)| *name == text);
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = || text.parse().ok().filter(|number| is_number && *number > 0);
    match named.map(|(_, tag)| *tag).or_else(number) {
        Some(tag) => Ok(Converter::FixValue(tag)),
        None => Err(args
            .bad(format!("`{text}` is no tag"))
            .help("write a number, or MsgType, SenderCompID, TargetCompID, BeginString, BodyLength, CheckSum")),
    }
}

fn mqtt_field(args: &mut Args<'_>) -> Built {
    let packets = [
        ("connect", PacketType::Connect),
        ("1", PacketType::Connect),
        ("connack", PacketType::Connack),
        ("2", PacketType::Connack),
    ];
    let packet = args.choice("a packet: connect or connack", &packets)?;
    let name = args.text("the name of a field, or the number of a property")?;
    let fits = |field: &MqttField| match packet {
        PacketType::Connect => *field != MqttField::ReasonCode,
        PacketType::Connack => matches!(
            field,
            MqttField::Flags | MqttField::ProtocolVersion | MqttField::ReasonCode
        ),
    };
    let named = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
    let property = || {
        name.parse()
            .ok()
            .filter(|id| (1..=0x2a).contains(id))
            .map(MqttField::Property)
    };
    let Some(field) = named.or_else(property).filter(fits) else {
        let known: Vec<&str> = FIELDS.iter().filter(|(_, f)| fits(f)).map(|(name, _)| *name).collect();
        let error = args.bad(format!("`{name}` is no field of this packet"));
        return Err(error.help(format!(
            "write one of: {}, or the number of a property",
            known.join(", ")
        )));
    };
    Ok(Converter::MqttField(packet, field))
}
