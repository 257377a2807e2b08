//! Numbers, words and bytes as they go from one process to another: lengths first.

use std::io::{self, Read, Write};

/// More than any configuration has; what claims to be longer is nonsense.
const LONGEST: u64 = 1 << 30;

pub(crate) fn put(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    put_number(to, bytes.len() as u64)?;
    to.write_all(bytes)
}

pub(crate) fn put_number(to: &mut impl Write, number: u64) -> io::Result<()> {
    to.write_all(&number.to_be_bytes())
}

pub(crate) fn take_words(from: &mut impl Read) -> io::Result<String> {
    String::from_utf8(take(from)?).map_err(|_| nonsense())
}

pub(crate) fn take(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = take_number(from)?;
    if length > LONGEST {
        return Err(nonsense());
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

pub(crate) fn take_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

pub(crate) fn take_byte(from: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    from.read_exact(&mut byte)?;
    Ok(byte[0])
}

pub(super) fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no list of what was read")
}
