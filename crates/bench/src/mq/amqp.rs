//! A client of AMQP 0-9-1: persistent messages into a durable queue, with confirms.

use anyhow::{Result, anyhow, bail};
use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp091::{Decoder, Field, Frame, GREETING, Item, Method, Properties, Table, encode};

use super::wire::{Heard, Talk, Wire};

/// Whom RabbitMQ knows on loopback. In the other protocols nobody says a name: none of the brokers asks for one.
pub(super) const USER: &str = "guest";
const CHANNEL: u16 = 1;
/// What a consumer may hold.
const PREFETCH: u16 = 200;
const PERSISTENT: u8 = 2;

pub(super) struct Amqp {
    decoder: Decoder,
    most: usize,
    queue: Box<str>,
    /// Of the message that is coming: its tag, and how much of its body is still to come.
    coming: Option<(u64, u64)>,
}

impl Amqp {
    fn say(&self, method: Method, channel: u16, wire: &mut Wire) {
        encode(&Frame::Method(channel, method), self.most, &mut wire.outgoing);
    }

    fn item(&mut self, wire: &mut Wire) -> Result<Option<Item>> {
        self.decoder
            .decode(&mut wire.incoming)
            .map_err(|error| anyhow!("the broker speaks no AMQP 0-9-1: {error}"))
    }

    /// The next method, after what waits has been sent.
    async fn method(&mut self, wire: &mut Wire) -> Result<Method> {
        wire.flush().await?;
        loop {
            match self.item(wire)? {
                Some(Item::Method(_, Method::Close { text, .. } | Method::ChannelClose { text, .. })) => {
                    bail!("the broker says: {text}")
                }
                Some(Item::Method(_, method)) => return Ok(method),
                Some(_) => {}
                None => wire.read().await?,
            }
        }
    }

    /// Says it, and waits for the answer.
    async fn ask(&mut self, method: Method, channel: u16, wire: &mut Wire) -> Result<Method> {
        self.say(method, channel, wire);
        self.method(wire).await
    }

    async fn declare(&mut self, wire: &mut Wire, queue: &str) -> Result<()> {
        self.queue = queue.into();
        let declare = Method::QueueDeclare {
            ticket: 0,
            queue: queue.into(),
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            nowait: false,
            arguments: Table::default(),
        };
        self.ask(declare, CHANNEL, wire).await.map(drop)
    }
}

impl Talk for Amqp {
    async fn begin(wire: &mut Wire) -> Result<(Self, String)> {
        let mut talk = Self {
            decoder: Decoder::default(),
            most: 128 << 10,
            queue: Box::default(),
            coming: None,
        };
        talk.decoder.limit = 1 << 20;
        wire.outgoing.extend_from_slice(GREETING);
        // The decoder is a server's: it wants to be greeted first, which no server does.
        wire.incoming.extend_from_slice(GREETING);
        talk.item(wire)?;
        let Method::Start { properties, .. } = talk.method(wire).await? else {
            bail!("the broker does not begin with Start")
        };
        let word = |name| match properties.find(name) {
            Some(Field::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        let server = format!("{} {}", word("product"), word("version"));
        let start = Method::StartOk {
            properties: Table::default(),
            mechanism: "PLAIN".into(),
            response: format!("\0{USER}\0{USER}").into(),
            locale: "en_US".into(),
        };
        let Method::Tune {
            channel_max, frame_max, ..
        } = talk.ask(start, 0, wire).await?
        else {
            bail!("the broker does not tune")
        };
        if frame_max > 0 {
            talk.most = talk.most.min(frame_max as usize);
        }
        let tune = Method::TuneOk {
            channel_max,
            frame_max: talk.most as u32,
            heartbeat: 0,
        };
        talk.say(tune, 0, wire);
        let open = Method::Open {
            vhost: "/".into(),
            capabilities: Box::default(),
            insist: false,
        };
        talk.ask(open, 0, wire).await?;
        let open = Method::ChannelOpen {
            out_of_band: Box::default(),
        };
        talk.ask(open, CHANNEL, wire).await?;
        Ok((talk, server))
    }

    async fn publishes(&mut self, wire: &mut Wire, queue: &str) -> Result<()> {
        self.declare(wire, queue).await?;
        let confirm = Method::ConfirmSelect { nowait: false };
        self.ask(confirm, CHANNEL, wire).await.map(drop)
    }

    async fn consumes(&mut self, wire: &mut Wire, queue: &str) -> Result<()> {
        self.declare(wire, queue).await?;
        let qos = Method::Qos {
            size: 0,
            count: PREFETCH,
            global: false,
        };
        self.ask(qos, CHANNEL, wire).await?;
        let consume = Method::Consume {
            ticket: 0,
            queue: queue.into(),
            tag: "bench".into(),
            no_local: false,
            no_ack: false,
            exclusive: false,
            nowait: false,
            arguments: Table::default(),
        };
        self.ask(consume, CHANNEL, wire).await.map(drop)
    }

    fn publish(&mut self, body: &Bytes, out: &mut BytesMut) {
        let publish = Method::Publish {
            ticket: 0,
            exchange: Box::default(),
            key: self.queue.clone(),
            mandatory: false,
            immediate: false,
        };
        let properties = Properties {
            delivery_mode: Some(PERSISTENT),
            ..Properties::default()
        };
        let content = Frame::Content(CHANNEL, publish, Box::new(properties), body.clone());
        encode(&content, self.most, out);
    }

    fn hear(&mut self, wire: &mut Wire) -> Result<Option<Heard>> {
        let Some(item) = self.item(wire)? else {
            return Ok(None);
        };
        match item {
            Item::Method(_, Method::Ack { tag, multiple }) => {
                return Ok(Some(Heard::Confirmed {
                    number: tag,
                    and_before: multiple,
                }));
            }
            Item::Method(_, Method::Nack { .. }) => bail!("the broker refuses a message"),
            Item::Method(_, Method::Close { text, .. } | Method::ChannelClose { text, .. }) => {
                bail!("the broker says: {text}")
            }
            Item::Method(_, Method::Deliver { tag, .. }) => self.coming = Some((tag, u64::MAX)),
            Item::Header(_, size, _) => self.coming = self.coming.map(|(tag, _)| (tag, size)),
            Item::Body(_, part) => {
                let less = |(tag, left): (u64, u64)| (tag, left.saturating_sub(part.len() as u64));
                self.coming = self.coming.map(less);
            }
            _ => {}
        }
        let Some((tag, 0)) = self.coming else {
            return Ok(Some(Heard::Other));
        };
        self.coming = None;
        let ack = Method::Ack { tag, multiple: false };
        self.say(ack, CHANNEL, wire);
        Ok(Some(Heard::Message))
    }
}
