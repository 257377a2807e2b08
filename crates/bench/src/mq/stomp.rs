//! A client of STOMP 1.2: persistent messages into a queue, with a receipt for each.

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use tandem_mq_wire::stomp::{Command, Decoder, Frame, Item, Limits, Version, encode};

use super::wire::{Heard, Talk, Wire};

const LIMITS: Limits = Limits {
    head: 64 << 10,
    headers: 1000,
    body: 1 << 20,
};

pub(super) struct Stomp {
    decoder: Decoder,
    destination: Box<str>,
    number: u64,
}

impl Stomp {
    fn say(frame: &Frame, out: &mut BytesMut) {
        encode(frame, Version::V1_2, out);
    }

    fn frame(&mut self, wire: &mut Wire) -> Result<Option<Frame>> {
        loop {
            match self.decoder.decode(&mut wire.incoming)? {
                Some(Item::Frame(frame)) if frame.command == Command::Error => {
                    bail!("the broker says: {}", frame.header("message").unwrap_or("ERROR"))
                }
                Some(Item::Frame(frame)) => return Ok(Some(frame)),
                Some(Item::HeartBeat) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next frame, after what waits has been sent.
    async fn answer(&mut self, wire: &mut Wire) -> Result<Frame> {
        wire.flush().await?;
        loop {
            match self.frame(wire)? {
                Some(frame) => return Ok(frame),
                None => wire.read().await?,
            }
        }
    }
}

impl Talk for Stomp {
    async fn begin(wire: &mut Wire) -> Result<(Self, String)> {
        let mut talk = Self {
            decoder: Decoder::new(LIMITS),
            destination: Box::default(),
            number: 0,
        };
        let connect = Frame::new(Command::Connect)
            .with("accept-version", "1.2")
            .with("host", "localhost")
            .with("heart-beat", "0,0");
        Self::say(&connect, &mut wire.outgoing);
        let connected = talk.answer(wire).await?;
        let server = connected
            .header("server")
            .unwrap_or("a broker without a name")
            .to_owned();
        Ok((talk, server))
    }

    async fn publishes(&mut self, _: &mut Wire, queue: &str) -> Result<()> {
        self.destination = format!("/queue/{queue}").into();
        Ok(())
    }

    async fn consumes(&mut self, wire: &mut Wire, queue: &str) -> Result<()> {
        let subscribe = Frame::new(Command::Subscribe)
            .with("id", "bench")
            .with("destination", format!("/queue/{queue}"))
            .with("ack", "client-individual")
            .with("receipt", "subscribed");
        Self::say(&subscribe, &mut wire.outgoing);
        let answer = self.answer(wire).await?;
        match answer.header("receipt-id") {
            Some("subscribed") => Ok(()),
            _ => bail!("the broker answers a subscription with {}", answer.command),
        }
    }

    fn publish(&mut self, body: &Bytes, out: &mut BytesMut) {
        self.number += 1;
        let send = Frame::new(Command::Send)
            .with("destination", self.destination.clone())
            .with("persistent", "true")
            .with("receipt", self.number.to_string())
            .body(body.clone());
        Self::say(&send, out);
    }

    fn hear(&mut self, wire: &mut Wire) -> Result<Option<Heard>> {
        let Some(frame) = self.frame(wire)? else {
            return Ok(None);
        };
        match frame.command {
            Command::Receipt => {
                let number = frame.header("receipt-id").and_then(|id| id.parse().ok());
                Ok(Some(Heard::Confirmed {
                    number: number.context("a receipt for nothing")?,
                    and_before: false,
                }))
            }
            Command::Message => {
                let id = frame.header("ack").context("a message without `ack`")?;
                Self::say(&Frame::new(Command::Ack).with("id", id), &mut wire.outgoing);
                Ok(Some(Heard::Message))
            }
            _ => Ok(Some(Heard::Other)),
        }
    }
}
