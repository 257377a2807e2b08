//! The cookie in the connection request of the Remote Desktop Protocol ([MS-RDPBCGR] 2.2.1.1): TPKT, X.224, then
//! `Cookie: name=value` and a line end.

use super::Read;

const TPKT_AND_X224: usize = 11;
const CONNECTION_REQUEST: u8 = 0xe0;
const PREFIX: &[u8] = b"Cookie:";

/// The value of the cookie, of this name if one is given.
pub(super) fn cookie<'a>(bytes: &'a [u8], name: Option<&str>) -> Read<Option<&'a [u8]>> {
    if bytes.first().is_some_and(|version| *version != 3) || bytes.get(5).is_some_and(|t| *t != CONNECTION_REQUEST) {
        return Read::Other;
    }
    let (Some(rest), Some(length)) = (bytes.get(TPKT_AND_X224..), bytes.get(2..4)) else {
        return Read::Short;
    };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let rest = &rest[..rest.len().min(length.saturating_sub(TPKT_AND_X224))];
    let seen = rest.len().min(PREFIX.len());
    if !rest[..seen].eq_ignore_ascii_case(&PREFIX[..seen]) {
        return Read::Other;
    }
    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() >= length.max(TPKT_AND_X224) {
            Read::Other
        } else {
            Read::Short
        };
    };
    let line = rest[PREFIX.len()..end].trim_ascii_start();
    let Some(equals) = line.iter().position(|b| *b == b'=') else {
        return Read::Other;
    };
    let (found, value) = (&line[..equals], &line[equals + 1..]);
    let is_it = name.is_none_or(|name| found.eq_ignore_ascii_case(name.as_bytes()));
    Read::Done(is_it.then_some(value))
}
