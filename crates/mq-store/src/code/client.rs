//! Records about clients with a name.

use std::sync::Arc;

use tandem_mq_core::broker::{Expiry, Listening, Will};
use tandem_mq_core::{ClientRecord, MessageId, PacketStep, Qos, QueueId, Record, WallMillis};

use super::{Malformed, Reader, bytes, encode_message, number};

mod kind {
    pub(super) const RECEIVED: u8 = 1;
    pub(super) const FINISHED: u8 = 2;
    pub(super) const NAMED: u8 = 3;
    pub(super) const RELEASED: u8 = 4;
    pub(super) const FREED: u8 = 5;
}

pub(super) fn encode_client(record: &ClientRecord, out: &mut Vec<u8>) {
    bytes(record.name.as_bytes(), out);
    encode_expiry(record.expiry, out);
    out.push(u8::from(record.left.is_some()));
    if let Some(left) = record.left {
        number(left.0, out);
    }
    out.push(u8::from(record.will.is_some()));
    if let Some(will) = &record.will {
        bytes(will.address.as_bytes(), out);
        number(u64::from(will.delay), out);
        encode_message(&will.message, out);
    }
}

fn encode_expiry(expiry: Expiry, out: &mut Vec<u8>) {
    number(
        match expiry {
            Expiry::Seconds(seconds) => u64::from(seconds),
            Expiry::Never => u64::MAX,
        },
        out,
    );
}

pub(super) fn encode_listens(client: &str, filter: &str, queue: QueueId, options: &Listening, out: &mut Vec<u8>) {
    bytes(client.as_bytes(), out);
    bytes(filter.as_bytes(), out);
    number(queue.0, out);
    out.extend([
        options.qos.number(),
        u8::from(options.no_local),
        u8::from(options.retain_as_published),
    ]);
    number(options.identifier.map_or(0, u64::from), out);
}

pub(super) fn encode_packet(client: &str, packet: u16, step: PacketStep, out: &mut Vec<u8>) {
    bytes(client.as_bytes(), out);
    out.extend(packet.to_le_bytes());
    match step {
        PacketStep::Received => out.push(kind::RECEIVED),
        PacketStep::Finished => out.push(kind::FINISHED),
        PacketStep::Named { queue, id } => {
            out.push(kind::NAMED);
            number(queue.0, out);
            number(id.0, out);
        }
        PacketStep::Released => out.push(kind::RELEASED),
        PacketStep::Freed => out.push(kind::FREED),
    }
}

impl Reader<'_> {
    pub(super) fn client(&mut self) -> Result<Record, Malformed> {
        let (name, expiry) = (self.text()?, self.expiry()?);
        let left = self.flag()?.then(|| self.number().map(WallMillis)).transpose()?;
        let will = self.flag()?.then(|| self.will()).transpose()?;
        Ok(Record::Client(ClientRecord {
            name,
            expiry,
            left,
            will,
        }))
    }

    fn expiry(&mut self) -> Result<Expiry, Malformed> {
        match self.number()? {
            u64::MAX => Ok(Expiry::Never),
            seconds => self.narrow(seconds).map(Expiry::Seconds),
        }
    }

    fn narrow(&self, number: u64) -> Result<u32, Malformed> {
        u32::try_from(number).map_err(|_| Malformed)
    }

    fn will(&mut self) -> Result<Will, Malformed> {
        let (address, delay) = (self.text()?, self.number()?);
        Ok(Will {
            address,
            delay: self.narrow(delay)?,
            message: self.message()?,
        })
    }

    pub(super) fn listens(&mut self) -> Result<Record, Malformed> {
        let (client, filter, queue) = (self.text()?, self.text()?, QueueId(self.number()?));
        let (qos, no_local, retain_as_published) = (self.qos()?, self.flag()?, self.flag()?);
        let identifier = self.number()?;
        let identifier = Some(self.narrow(identifier)?).filter(|id| *id > 0);
        Ok(Record::Listens {
            client,
            filter,
            queue,
            options: Listening {
                qos,
                no_local,
                retain_as_published,
                identifier,
            },
        })
    }

    pub(super) fn qos(&mut self) -> Result<Qos, Malformed> {
        Qos::of(self.byte()?).ok_or(Malformed)
    }

    pub(super) fn packet(&mut self) -> Result<Record, Malformed> {
        let (client, packet) = (self.text()?, u16::from_le_bytes(self.array()?));
        let step = match self.byte()? {
            kind::RECEIVED => PacketStep::Received,
            kind::FINISHED => PacketStep::Finished,
            kind::NAMED => PacketStep::Named {
                queue: QueueId(self.number()?),
                id: MessageId(self.number()?),
            },
            kind::RELEASED => PacketStep::Released,
            kind::FREED => PacketStep::Freed,
            _ => return Err(Malformed),
        };
        Ok(Record::Packet { client, packet, step })
    }

    /// Where a message was sent; shared by all that hold it.
    pub(super) fn address(&mut self) -> Result<Arc<str>, Malformed> {
        self.text().map(Arc::from)
    }
}
