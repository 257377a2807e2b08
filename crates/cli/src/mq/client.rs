//! A STOMP 1.2 client with an end to every wait.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::BytesMut;
use tandem_mq_wire::stomp::{Command, Decoder, Frame, Item, Limits, Version, encode};

use super::Broker;

/// What a broker may send us.
const LIMITS: Limits = Limits {
    head: 1 << 20,
    headers: 10_000,
    body: 1 << 30,
};

pub(super) struct Client {
    stream: TcpStream,
    decoder: Decoder,
    incoming: BytesMut,
    outgoing: BytesMut,
    read: Box<[u8; 64 << 10]>,
}

impl Client {
    pub(super) fn connect(broker: &Broker) -> anyhow::Result<Client> {
        let stream = broker.url.connect(broker.patience());
        let stream = stream.with_context(|| format!("cannot connect to {}", broker.url))?;
        let mut client = Client {
            stream,
            decoder: Decoder::new(LIMITS),
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            read: Box::new([0; 64 << 10]),
        };
        let host = broker.url.to_string();
        let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host);
        let mut connect = Frame::new(Command::Connect)
            .with("accept-version", "1.2")
            .with("host", host)
            .with("heart-beat", "0,0");
        if !broker.user.is_empty() {
            connect = connect
                .with("login", broker.user.as_str())
                .with("passcode", broker.password.as_str());
        }
        client.say(&connect)?;
        match client.must_hear()? {
            frame if frame.command == Command::Connected => Ok(client),
            frame => bail!(unexpected(&frame)),
        }
    }

    /// How long to wait for a frame from now on.
    pub(super) fn waits(&self, time: Duration) -> anyhow::Result<()> {
        Ok(self.stream.set_read_timeout(Some(time.max(Duration::from_millis(1))))?)
    }

    pub(super) fn say(&mut self, frame: &Frame) -> anyhow::Result<()> {
        self.outgoing.clear();
        encode(frame, Version::V1_2, &mut self.outgoing);
        self.stream
            .write_all(&self.outgoing)
            .context("cannot write to the broker")
    }

    /// `None` when nothing came in time.
    pub(super) fn hear(&mut self) -> anyhow::Result<Option<Frame>> {
        loop {
            match self.decoder.decode(&mut self.incoming)? {
                Some(Item::Frame(frame)) if frame.command == Command::Error => bail!(unexpected(&frame)),
                Some(Item::Frame(frame)) => return Ok(Some(frame)),
                Some(Item::HeartBeat) => continue,
                None => {}
            }
            match self.stream.read(&mut self.read[..]) {
                Ok(0) => bail!("the broker has closed the connection"),
                Ok(count) => self.incoming.extend_from_slice(&self.read[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot read from the broker"),
            }
        }
    }

    pub(super) fn must_hear(&mut self) -> anyhow::Result<Frame> {
        self.hear()?.context("the broker does not answer in time")
    }

    /// Goes when the broker has all that was said.
    pub(super) fn leave(mut self, within: Duration) -> anyhow::Result<()> {
        self.waits(within)?;
        self.say(&Frame::new(Command::Disconnect).with("receipt", "bye"))?;
        while self.must_hear()?.header("receipt-id") != Some("bye") {}
        Ok(())
    }
}

fn unexpected(frame: &Frame) -> String {
    let detail: String = String::from_utf8_lossy(&frame.body).trim().chars().take(200).collect();
    let what = frame.header("message").unwrap_or(frame.command.as_str());
    match detail.is_empty() {
        true => format!("the broker says: {what}"),
        false => format!("the broker says: {what}: {detail}"),
    }
}
