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
