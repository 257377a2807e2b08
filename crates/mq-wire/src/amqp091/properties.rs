//! What travels with a message: the properties of the class basic (section 4.2.6.1). Each has a bit that says whether it is there.

use bytes::{BufMut, BytesMut};

use super::field::{Table, write_short};
use super::read::Reader;
use crate::octets::Malformed;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    pub content_type: Option<Box<str>>,
    pub content_encoding: Option<Box<str>>,
    pub headers: Option<Table>,
    /// 2 is persistent.
    pub delivery_mode: Option<u8>,
    pub priority: Option<u8>,
    pub correlation_id: Option<Box<str>>,
    pub reply_to: Option<Box<str>>,
    /// Milliseconds, as a text.
    pub expiration: Option<Box<str>>,
    pub message_id: Option<Box<str>>,
    /// Seconds since 1970.
    pub timestamp: Option<u64>,
    pub kind: Option<Box<str>>,
    pub user_id: Option<Box<str>>,
    pub app_id: Option<Box<str>>,
    pub cluster_id: Option<Box<str>>,
}

/// The bits below these name no property; the lowest says that more bits follow.
const UNKNOWN: u16 = 0b11;

impl Properties {
    pub(crate) fn read(from: &mut Reader) -> Result<Properties, Malformed> {
        let flags = from.data.short()?;
        if flags & UNKNOWN != 0 {
            return Err(Malformed("there is no such property"));
        }
        let has = |number: u32| flags & 1 << (15 - number) != 0;
        let text = |number, from: &mut Reader| has(number).then(|| from.short_text()).transpose();
        Ok(Properties {
            content_type: text(0, from)?,
            content_encoding: text(1, from)?,
            headers: has(2).then(|| from.table()).transpose()?,
            delivery_mode: has(3).then(|| from.data.byte()).transpose()?,
            priority: has(4).then(|| from.data.byte()).transpose()?,
            correlation_id: text(5, from)?,
            reply_to: text(6, from)?,
            expiration: text(7, from)?,
            message_id: text(8, from)?,
            timestamp: has(9).then(|| from.data.long_long()).transpose()?,
            kind: text(10, from)?,
            user_id: text(11, from)?,
            app_id: text(12, from)?,
            cluster_id: text(13, from)?,
        })
    }

    /// About what it needs in memory.
    pub fn weight(&self) -> usize {
        let texts = [
            &self.content_type,
            &self.content_encoding,
            &self.correlation_id,
            &self.reply_to,
            &self.expiration,
            &self.message_id,
            &self.kind,
            &self.user_id,
            &self.app_id,
            &self.cluster_id,
        ];
        let texts = texts.into_iter().flatten().map(|text| text.len()).sum::<usize>();
        size_of::<Properties>() + texts + self.headers.as_ref().map_or(0, Table::weight)
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        let there = [
            self.content_type.is_some(),
            self.content_encoding.is_some(),
            self.headers.is_some(),
            self.delivery_mode.is_some(),
            self.priority.is_some(),
            self.correlation_id.is_some(),
            self.reply_to.is_some(),
            self.expiration.is_some(),
            self.message_id.is_some(),
            self.timestamp.is_some(),
            self.kind.is_some(),
            self.user_id.is_some(),
            self.app_id.is_some(),
            self.cluster_id.is_some(),
        ];
        let flags = there.iter().fold(0u16, |flags, there| flags << 1 | u16::from(*there));
        out.put_u16(flags << 2);
        let text = |text: &Option<Box<str>>, out: &mut BytesMut| {
            if let Some(text) = text {
                write_short(text, out);
            }
        };
        text(&self.content_type, out);
        text(&self.content_encoding, out);
        if let Some(headers) = &self.headers {
            headers.write(out);
        }
        out.extend(self.delivery_mode);
        out.extend(self.priority);
        text(&self.correlation_id, out);
        text(&self.reply_to, out);
        text(&self.expiration, out);
        text(&self.message_id, out);
        if let Some(seconds) = self.timestamp {
            out.put_u64(seconds);
        }
        text(&self.kind, out);
        text(&self.user_id, out);
        text(&self.app_id, out);
        text(&self.cluster_id, out);
    }
}
