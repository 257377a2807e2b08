//! Frames to bytes.

use bytes::{BufMut, BytesMut};

use super::escape::escape;
use super::{Frame, Version};

/// One line end between frames says that we are still here.
pub const HEART_BEAT: &[u8] = b"\n";

/// Appends `frame` as `version` writes it. A body's length is always said, so that it may hold any byte.
pub fn encode(frame: &Frame, version: Version, out: &mut BytesMut) {
    out.reserve(64 + frame.headers.len() * 32 + frame.body.len());
    out.put_slice(frame.command.as_str().as_bytes());
    out.put_u8(b'\n');
    let escapes = frame.command.escapes();
    for (name, value) in frame.headers.iter().filter(|(name, _)| *name != "content-length") {
        escape(name, version, escapes, out);
        out.put_u8(b':');
        escape(value, version, escapes, out);
        out.put_u8(b'\n');
    }
    if frame.command.may_have_body() {
        out.put_slice(format!("content-length:{}\n", frame.body.len()).as_bytes());
    }
    out.put_u8(b'\n');
    out.put_slice(&frame.body);
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stomp::Command;

    #[test]
    fn a_body_has_its_length_and_the_greeting_no_escapes() {
        let with = |command| Frame::new(command).with("a", "b:\\\r\n").body(&b"x\0"[..]);
        for (command, version, written) in [
            (
                Command::Message,
                Version::V1_2,
                &b"MESSAGE\na:b\\c\\\\\\r\\n\ncontent-length:2\n\nx\0\0"[..],
            ),
            (
                Command::Error,
                Version::V1_1,
                b"ERROR\na:b\\c\\\\ \\n\ncontent-length:2\n\nx\0\0",
            ),
            (
                Command::Message,
                Version::V1_0,
                b"MESSAGE\na:b:\\  \ncontent-length:2\n\nx\0\0",
            ),
        ] {
            let mut out = BytesMut::new();
            encode(&with(command), version, &mut out);
            assert_eq!(out, written, "{command} {version:?}");
        }
        for version in Version::ALL {
            let mut out = BytesMut::new();
            encode(&with(Command::Connected).body(""), version, &mut out);
            assert_eq!(out, &b"CONNECTED\na:b:\\  \n\n\0"[..], "{version:?}");
        }
    }
}
