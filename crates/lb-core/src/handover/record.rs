//! One connection as its new process must know it.

use std::borrow::Cow;
use std::net::SocketAddr;

use tandem_time::Mono;

use super::fields::{Reader, Writer};
use super::{Known, Malformed};
use crate::conn::{Ending, Relayed, Side};
use crate::stick::Key;

/// A connection. Servers and proxies go by their names, because the new process may number them otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub frontend: String,
    /// Which of the frontend's listeners it came by, counted from 1; 0 where nobody needs to know.
    pub listener: u32,
    /// Where that one listens: its number may be another in the new process. Empty when that is not known.
    pub came_by: String,
    /// `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    pub began: Mono,
    /// The backend that its rules have sent it to, when they need not be asked again.
    pub routed: Option<String>,
    /// What its rules know of it, when there are any.
    pub known: Option<Known>,
    /// When it will have waited for too long, where it waits.
    pub waits_until: Option<Mono>,
    /// Since when it waits, which says whose turn it is.
    pub waits_since: Option<Mono>,
    /// `None` while it has no server: then nothing was read from the client, and the new process chooses one.
    pub placed: Option<Placed>,
    /// The entries of stick tables in which it is counted.
    pub held: Vec<Held>,
}

/// One entry of a stick table that a connection holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub slot: u8,
    pub table: String,
    pub key: Key<'static>,
}

/// A connection that a server has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub backend: String,
    pub server: String,
    pub relayed: Relayed,
    /// Bytes so far.
    pub from_client: u64,
    pub to_client: u64,
    /// Where it stood in the queue of its server, and of its backend.
    pub queued_at_server: u64,
    pub queued_at_backend: u64,
    pub upwards: Flow,
    pub downwards: Flow,
}

/// One direction: how far it is, and what was read and not yet written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    pub stage: Stage,
    pub held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Reading,
    /// What is held goes out, and then the end of the stream.
    Last,
    /// The end of the stream was passed on.
    Ended,
}

mod tag {
    pub(super) const FRONTEND: u8 = 1;
    pub(super) const LISTENER: u8 = 2;
    pub(super) const PEER: u8 = 3;
    pub(super) const BEGAN: u8 = 4;
    pub(super) const PLACED: u8 = 5;
    pub(super) const CAME_BY: u8 = 6;
    pub(super) const ROUTED: u8 = 7;
    pub(super) const KNOWN: u8 = 8;
    pub(super) const WAITS_UNTIL: u8 = 10;
    pub(super) const HELD: u8 = 9;
    pub(super) const WAITS_SINCE: u8 = 11;

    pub(super) const SLOT: u8 = 1;
    pub(super) const TABLE: u8 = 2;
    pub(super) const KEY_V4: u8 = 3;
    pub(super) const KEY_V6: u8 = 4;
    pub(super) const KEY_INT: u8 = 5;
    pub(super) const KEY_TEXT: u8 = 6;
    pub(super) const KEY_BINARY: u8 = 7;

    pub(super) const BACKEND: u8 = 1;
    pub(super) const SERVER: u8 = 2;
    pub(super) const CHOSEN: u8 = 3;
    pub(super) const CONNECTED: u8 = 4;
    pub(super) const CLIENT_SEEN: u8 = 5;
    pub(super) const SERVER_SEEN: u8 = 6;
    pub(super) const RETRIES: u8 = 7;
    pub(super) const REDISPATCHED: u8 = 8;
    pub(super) const FINISHED: u8 = 9;
    pub(super) const ENDING: u8 = 10;
    pub(super) const FROM_CLIENT: u8 = 11;
    pub(super) const TO_CLIENT: u8 = 12;
    pub(super) const QUEUED_AT_SERVER: u8 = 13;
    pub(super) const QUEUED_AT_BACKEND: u8 = 14;
    pub(super) const UP_STAGE: u8 = 15;
    pub(super) const UP_HELD: u8 = 16;
    pub(super) const DOWN_STAGE: u8 = 17;
    pub(super) const DOWN_HELD: u8 = 18;
}

impl Record {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Writer::default();
        fields.text(tag::FRONTEND, &self.frontend);
        fields.number(tag::LISTENER, self.listener.into());
        if let Some(peer) = self.peer {
            fields.text(tag::PEER, &peer.to_string());
        }
        fields.number(tag::BEGAN, self.began.as_nanos());
        fields.text(tag::CAME_BY, &self.came_by);
        fields.some_number(tag::WAITS_UNTIL, self.waits_until.map(Mono::as_nanos));
        fields.some_number(tag::WAITS_SINCE, self.waits_since.map(Mono::as_nanos));
        if let Some(routed) = &self.routed {
            fields.text(tag::ROUTED, routed);
        }
        if let Some(known) = &self.known {
            fields.bytes(tag::KNOWN, &known.to_bytes());
        }
        if let Some(placed) = &self.placed {
            fields.bytes(tag::PLACED, &placed.to_bytes());
        }
        for held in &self.held {
            fields.bytes(tag::HELD, &held.to_bytes());
        }
        fields.into_bytes()
    }

    pub fn of_bytes(bytes: &[u8]) -> Result<Record, Malformed> {
        let fields = Reader::new(bytes)?;
        let peer = fields.some_text(tag::PEER)?.map(str::parse).transpose();
        Ok(Record {
            frontend: fields.text(tag::FRONTEND)?.to_owned(),
            listener: fields.small(tag::LISTENER)?,
            peer: peer.map_err(|_| Malformed::Value(tag::PEER))?,
            began: Mono::from_nanos(fields.number(tag::BEGAN)?),
            came_by: fields.some_text(tag::CAME_BY)?.unwrap_or_default().to_owned(),
            routed: fields.some_text(tag::ROUTED)?.map(str::to_owned),
            waits_until: fields.some_number(tag::WAITS_UNTIL)?.map(Mono::from_nanos),
            waits_since: fields.some_number(tag::WAITS_SINCE)?.map(Mono::from_nanos),
            known: fields.find(tag::KNOWN).map(Known::of_bytes).transpose()?,
            placed: fields.find(tag::PLACED).map(Placed::of_bytes).transpose()?,
            held: fields.all(tag::HELD).map(Held::of_bytes).collect::<Result<_, _>>()?,
        })
    }
}

impl Held {
    fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Writer::default();
        fields.number(tag::SLOT, self.slot.into()).text(tag::TABLE, &self.table);
        match &self.key {
            Key::V4(v4) => fields.bytes(tag::KEY_V4, &v4.octets()),
            Key::V6(v6) => fields.bytes(tag::KEY_V6, &v6.octets()),
            Key::Int(number) => fields.number(tag::KEY_INT, (*number).into()),
            Key::Text(text) => fields.bytes(tag::KEY_TEXT, text),
            Key::Binary(bytes) => fields.bytes(tag::KEY_BINARY, bytes),
        };
        fields.into_bytes()
    }

    fn of_bytes(bytes: &[u8]) -> Result<Held, Malformed> {
        let fields = Reader::new(bytes)?;
        let slot: u32 = fields.small(tag::SLOT)?;
        let owned = |bytes: &[u8]| Cow::Owned(bytes.to_vec());
        let key = if let Some(v4) = fields.find(tag::KEY_V4) {
            Key::V4(
                <[u8; 4]>::try_from(v4)
                    .map_err(|_| Malformed::Value(tag::KEY_V4))?
                    .into(),
            )
        } else if let Some(v6) = fields.find(tag::KEY_V6) {
            Key::V6(
                <[u8; 16]>::try_from(v6)
                    .map_err(|_| Malformed::Value(tag::KEY_V6))?
                    .into(),
            )
        } else if let Some(text) = fields.find(tag::KEY_TEXT) {
            Key::Text(owned(text))
        } else if let Some(bytes) = fields.find(tag::KEY_BINARY) {
            Key::Binary(owned(bytes))
        } else {
            Key::Int(fields.small(tag::KEY_INT)?)
        };
        Ok(Held {
            slot: u8::try_from(slot).map_err(|_| Malformed::Value(tag::SLOT))?,
            table: fields.text(tag::TABLE)?.to_owned(),
            key,
        })
    }
}

impl Placed {
    fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Writer::default();
        let relayed = &self.relayed;
        fields.text(tag::BACKEND, &self.backend).text(tag::SERVER, &self.server);
        fields.some_number(tag::CHOSEN, relayed.chosen.map(Mono::as_nanos));
        fields.some_number(tag::CONNECTED, relayed.connected.map(Mono::as_nanos));
        fields.number(tag::CLIENT_SEEN, relayed.client_seen.as_nanos());
        fields.number(tag::SERVER_SEEN, relayed.server_seen.as_nanos());
        fields.number(tag::RETRIES, relayed.retries.into());
        fields.number(tag::REDISPATCHED, relayed.redispatched.into());
        fields.some_number(tag::FINISHED, relayed.finished.map(number_of_side));
        fields.bytes(tag::ENDING, &relayed.ending.letters());
        fields.number(tag::FROM_CLIENT, self.from_client);
        fields.number(tag::TO_CLIENT, self.to_client);
        fields.number(tag::QUEUED_AT_SERVER, self.queued_at_server);
        fields.number(tag::QUEUED_AT_BACKEND, self.queued_at_backend);
        for (flow, stage, held) in [
            (&self.upwards, tag::UP_STAGE, tag::UP_HELD),
            (&self.downwards, tag::DOWN_STAGE, tag::DOWN_HELD),
        ] {
            fields.number(stage, flow.stage.number()).bytes(held, &flow.held);
        }
        fields.into_bytes()
    }

    fn of_bytes(bytes: &[u8]) -> Result<Placed, Malformed> {
        let fields = Reader::new(bytes)?;
        let time = |tag| fields.number(tag).map(Mono::from_nanos);
        let some_time = |tag| fields.some_number(tag).map(|at| at.map(Mono::from_nanos));
        Ok(Placed {
            backend: fields.text(tag::BACKEND)?.to_owned(),
            server: fields.text(tag::SERVER)?.to_owned(),
            relayed: Relayed {
                chosen: some_time(tag::CHOSEN)?,
                connected: some_time(tag::CONNECTED)?,
                client_seen: time(tag::CLIENT_SEEN)?,
                server_seen: time(tag::SERVER_SEEN)?,
                retries: fields.small(tag::RETRIES)?,
                redispatched: fields.number(tag::REDISPATCHED)? != 0,
                finished: fields.some_number(tag::FINISHED)?.map(side_of_number).transpose()?,
                ending: ending(fields)?,
            },
            from_client: fields.number(tag::FROM_CLIENT)?,
            to_client: fields.number(tag::TO_CLIENT)?,
            queued_at_server: fields.number(tag::QUEUED_AT_SERVER)?,
            queued_at_backend: fields.number(tag::QUEUED_AT_BACKEND)?,
            upwards: flow(fields, tag::UP_STAGE, tag::UP_HELD)?,
            downwards: flow(fields, tag::DOWN_STAGE, tag::DOWN_HELD)?,
        })
    }
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Reading, Stage::Last, Stage::Ended];

    fn number(self) -> u64 {
        match self {
            Stage::Reading => 0,
            Stage::Last => 1,
            Stage::Ended => 2,
        }
    }
}

fn flow(fields: Reader<'_>, stage: u8, held: u8) -> Result<Flow, Malformed> {
    let number = fields.number(stage)?;
    let found = Stage::ALL.into_iter().find(|s| s.number() == number);
    Ok(Flow {
        stage: found.ok_or(Malformed::Value(stage))?,
        held: fields.find(held).unwrap_or_default().to_vec(),
    })
}

fn ending(fields: Reader<'_>) -> Result<Ending, Malformed> {
    let bytes = fields.find(tag::ENDING).ok_or(Malformed::Missing(tag::ENDING))?;
    let letters = bytes.try_into().ok();
    letters
        .and_then(Ending::from_letters)
        .ok_or(Malformed::Value(tag::ENDING))
}

fn number_of_side(side: Side) -> u64 {
    match side {
        Side::Client => 1,
        Side::Server => 2,
    }
}

fn side_of_number(number: u64) -> Result<Side, Malformed> {
    [Side::Client, Side::Server]
        .into_iter()
        .find(|&side| number_of_side(side) == number)
        .ok_or(Malformed::Value(tag::FINISHED))
}
