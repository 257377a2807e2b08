//! The cookie in the connection request of the Remote Desktop Protocol ([MS-RDPBCGR] 2.2.1.1): TPKT, X.224, then
//! `Cookie: name=value` and a line end.

use super::Read;

const TPKT_AND_X224: usize = 11;
const PREFIX: &[u8] = b"Cookie:";

/// The value of the cookie, of this name if one is given. What is before it is not looked at, as in HAProxy.
pub(super) fn cookie<'a>(bytes: &'a [u8], name: Option<&str>) -> Read<Option<&'a [u8]>> {
    let Some(rest) = bytes.get(TPKT_AND_X224..).filter(|rest| rest.len() > PREFIX.len()) else {
        return Read::Short;
    };
    let (prefix, rest) = rest.split_at(PREFIX.len());
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return Read::Other;
    }
    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return Read::Short;
    };
    let line = rest[..end].trim_ascii_start();
    let Some(equals) = line.iter().position(|b| *b == b'=') else {
        return Read::Other;
    };
    let (found, value) = (&line[..equals], &line[equals + 1..]);
    let is_it = name.is_none_or(|name| found.eq_ignore_ascii_case(name.as_bytes()));
    Read::Done(is_it.then_some(value))
}
