//! Empties a queue. STOMP has no word for that, AMQP 0-9-1 has.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use anyhow::{Context, bail};
use bytes::BytesMut;
use serde_json::json;
use tandem_mq_wire::amqp091::{Decoder, Frame, GREETING, Item, Method, SMALLEST_MAX, Table, encode};

use super::Purge;
use super::address::destination;
use crate::say::say;

/// The largest frame that brokers offer is smaller.
const LIMIT: usize = 1 << 20;

struct Client {
    stream: TcpStream,
    decoder: Decoder,
    incoming: BytesMut,
}

pub(super) fn run(args: &Purge) -> anyhow::Result<ExitCode> {
    let name = destination(&args.destination);
    let Some(queue) = name.strip_prefix("/queue/") else {
        bail!("only a queue can be purged, and {} is none", args.destination);
    };
    let messages = purge(args, queue)?;
    match args.json {
        true => say(&format!("{}\n", json!({ "queue": queue, "messages": messages })))?,
        false => say(&format!("{messages} messages of {queue} are gone\n"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn purge(args: &Purge, queue: &str) -> anyhow::Result<u32> {
    let broker = &args.broker;
    let stream = broker.url.connect(broker.patience());
    let stream = stream.with_context(|| format!("cannot connect to {}", broker.url))?;
    let mut client = Client::greeted(stream)?;
    let Method::Start { .. } = client.hear()? else {
        bail!("the broker does not begin as AMQP 0-9-1 has it");
    };
    let (user, password) = match broker.user.as_str() {
        "" => ("guest", "guest"),
        user => (user, broker.password.as_str()),
    };
    let response = format!("\0{user}\0{password}").into_bytes().into();
    let (mechanism, locale) = ("PLAIN".into(), "en_US".into());
    let properties = Table::default();
    client.say(
        0,
        Method::StartOk {
            properties,
            mechanism,
            response,
            locale,
        },
    )?;
    let Method::Tune {
        channel_max, frame_max, ..
    } = client.hear()?
    else {
        bail!("the broker does not let {user:?} in");
    };
    client.say(
        0,
        Method::TuneOk {
            channel_max,
            frame_max,
            heartbeat: 0,
        },
    )?;
    client.say(
        0,
        Method::Open {
            vhost: "/".into(),
            capabilities: "".into(),
            insist: false,
        },
    )?;
    let Method::OpenOk { .. } = client.hear()? else {
        bail!("the broker does not open its virtual host /");
    };
    client.say(1, Method::ChannelOpen { out_of_band: "".into() })?;
    let Method::ChannelOpenOk { .. } = client.hear()? else {
        bail!("the broker opens no channel");
    };
    client.say(
        1,
        Method::QueuePurge {
            ticket: 0,
            queue: queue.into(),
            nowait: false,
        },
    )?;
    let Method::QueuePurgeOk { messages } = client.hear()? else {
        bail!("the broker does not answer to queue.purge");
    };
    client.say(
        0,
        Method::Close {
            code: 200,
            text: "".into(),
            class: 0,
            method: 0,
        },
    )?;
    // It has done what was wanted; how it says goodbye does not matter.
    client.hear().ok();
    Ok(messages)
}

impl Client {
    fn greeted(mut stream: TcpStream) -> anyhow::Result<Client> {
        stream.write_all(GREETING)?;
        let mut decoder = Decoder::default();
        decoder.limit = LIMIT;
        // A server does not greet back, and the decoder waits for that once.
        let mut greeting = BytesMut::from(&GREETING[..]);
        decoder.decode(&mut greeting)?;
        Ok(Client {
            stream,
            decoder,
            incoming: BytesMut::new(),
        })
    }

    fn say(&mut self, channel: u16, method: Method) -> anyhow::Result<()> {
        let mut out = BytesMut::new();
        encode(&Frame::Method(channel, method), SMALLEST_MAX as usize, &mut out);
        self.stream.write_all(&out).context("cannot write to the broker")
    }

    /// The next method; one that says why nothing more comes is an error.
    fn hear(&mut self) -> anyhow::Result<Method> {
        loop {
            match self.decoder.decode(&mut self.incoming)? {
                Some(Item::Method(_, Method::Close { code, text, .. } | Method::ChannelClose { code, text, .. })) => {
                    bail!("the broker says: {code} {text}")
                }
                Some(Item::Method(_, method)) => return Ok(method),
                Some(_) => continue,
                None => {}
            }
            let mut read = [0; 4096];
            let count = self
                .stream
                .read(&mut read)
                .context("the broker does not answer in time")?;
            if count == 0 {
                bail!(
                    "the broker has closed the connection; it lets nobody in by that name, or speaks no AMQP 0-9-1 there"
                );
            }
            self.incoming.extend_from_slice(&read[..count]);
        }
    }
}
