//! The converters by name.

use tandem_lb_core::acl::Regex;
use tandem_lb_core::balance::HashFunction;
use tandem_lb_core::expr::content::{MqttField, PacketType, fix};
use tandem_lb_core::expr::{Arith, Converter, Digest, HashWith, Pieces, Strings, Taken, TimeFormat};

use super::args::Args;
use super::call::Call;
use super::{ExprError, counters, maps, unknown, unsupported, variable};

type Built = Result<Converter, ExprError>;
type Build = fn(&mut Args<'_>) -> Built;

const TABLE: &[(&str, Build)] = &[
    ("add", |args| arith(args, Arith::Add)),
    ("and", |args| arith(args, Arith::And)),
    ("b64dec", |_| text(Strings::FromBase64 { url: false })),
    ("base64", |_| text(Strings::Base64 { url: false })),
    ("bool", |_| Ok(Converter::Bool)),
    ("bytes", |args| {
        let offset = args.unsigned("an offset")?;
        let length = args.maybe_unsigned()?;
        Ok(Converter::Bytes { offset, length })
    }),
    ("concat", concat),
    ("cpl", |_| Ok(Converter::Complement)),
    ("crc32", |args| plain(args, HashFunction::Crc32)),
    ("crc32c", |args| {
        avalanche(args)?;
        Ok(Converter::Hash(HashWith::Crc32c))
    }),
    ("digest", |args| args.choice("a digest", DIGESTS).map(Converter::Digest)),
    ("div", |args| arith(args, Arith::Div)),
    ("djb2", |args| plain(args, HashFunction::Djb2)),
    ("even", |_| Ok(Converter::Even)),
    ("field", |args| pieces(args).and_then(|p| text(Strings::Field(p)))),
    ("hex", |_| text(Strings::Hex)),
    ("hex2i", |_| text(Strings::FromHex)),
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
    ("regsub", regsub),
    ("rtrim", |args| trim(args, false)),
    ("sdbm", |args| plain(args, HashFunction::Sdbm)),
    ("sha1", |_| Ok(Converter::Digest(Digest::Sha1))),
    ("sha2", |args| {
        let bits = args.maybe_number(0..=512)?.unwrap_or(256);
        let digest = match bits {
            224 => Digest::Sha224,
            256 => Digest::Sha256,
            384 => Digest::Sha384,
            512 => Digest::Sha512,
            _ => {
                return Err(args
                    .bad(format!("there is no SHA-2 of {bits} bits"))
                    .help("224, 256, 384 or 512"));
            }
        };
        Ok(Converter::Digest(digest))
    }),
    ("strcmp", |args| args.variable().map(Converter::Compare)),
    ("sub", |args| arith(args, Arith::Sub)),
    ("ub64dec", |_| text(Strings::FromBase64 { url: true })),
    ("ub64enc", |_| text(Strings::Base64 { url: true })),
    ("upper", |_| text(Strings::Upper)),
    ("url_dec", |_| text(Strings::UrlDecode)),
    ("utime", utime),
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

const DIGESTS: &[(&str, Digest)] = &[
    ("sha1", Digest::Sha1),
    ("sha224", Digest::Sha224),
    ("sha256", Digest::Sha256),
    ("sha384", Digest::Sha384),
    ("sha512", Digest::Sha512),
];

pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("aes_gcm", "it needs a cryptographic library"),
    ("hmac", "it needs a cryptographic library"),
    ("jwt_", "it needs a cryptographic library"),
    (
        "x509_",
        "of a certificate, what rules may ask for is asked by `ssl_c_…` and `ssl_f_…`",
    ),
    ("table_http_", "it is about HTTP"),
    ("ltime", "times are written in UTC: use `utime`"),
    ("ms_", "times are written in seconds: use `utime`"),
    ("us_", "times are written in seconds: use `utime`"),
    ("http_date", "it is about HTTP"),
    ("language", "it is about HTTP"),
    ("url_enc", "it is about HTTP"),
    ("json_query", "JSON is not read"),
    ("protobuf", "it is about gRPC"),
    ("ungrpc", "it is about gRPC"),
    ("be2", NOT_YET),
    ("capture-", NOT_YET),
    ("debug", NOT_YET),
    ("host_only", NOT_YET),
    ("htonl", NOT_YET),
    ("param", NOT_YET),
    ("port_only", NOT_YET),
    ("secure_memcmp", NOT_YET),
    ("set-var", "write `tcp-request content set-var(…)`"),
    ("unset-var", "write `tcp-request content unset-var(…)`"),
    ("srv_queue", NOT_YET),
    ("when", NOT_YET),
    ("lua.", "there is no Lua"),
];

const NOT_YET: &str = "leave it out if you can do without";

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

pub(super) fn read(call: &Call<'_>, args: &mut Args<'_>) -> Built {
    if let Some((_, build)) = TABLE.iter().find(|(name, _)| *name == call.name) {
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
    match UNSUPPORTED.iter().find(|(start, _)| call.name.starts_with(start)) {
        Some((_, why)) => Err(unsupported(call, why)),
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

fn concat(args: &mut Args<'_>) -> Built {
    let before = args.maybe().unwrap_or_default().as_bytes().into();
    let name = args.filled();
    let at = args.at();
    let variable = name.map(|name| variable(name, at)).transpose()?;
    let after = args.maybe().unwrap_or_default().as_bytes().into();
    Ok(Converter::Concat {
        before,
        variable,
        after,
    })
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

fn utime(args: &mut Args<'_>) -> Built {
    let format = args.text("a format such as %Y-%m-%d")?;
    let at = args.at();
    let offset = args.maybe_number(i64::MIN..=i64::MAX)?.unwrap_or(0);
    TimeFormat::parse(format, offset).map(Converter::Time).map_err(|odd| {
        let message = format!("`%{odd}` is not supported in a format of times");
        ExprError::new(crate::code::UNSUPPORTED, at, message).help("use %Y %y %m %b %d %H %M %S %s %F %T")
    })
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
