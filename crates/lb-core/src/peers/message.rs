//! Greetings and messages.

use super::number::{Bytes, write};
use super::{Definition, Malformed, Names, Update};

/// What one side says first: three lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Of version 2: 1 tells how much time entries have left, and signs of life; 0 does not.
    pub minor: u8,
    /// Who is greeted.
    pub to: String,
    /// Who greets.
    pub from: String,
    pub pid: u32,
}

/// The answer to a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Welcome,
    /// Another connection of the two is there, or is about to be.
    TryAgain,
    Protocol,
    Version,
    /// Nobody of the name that was greeted is here.
    NotMe,
    /// Nobody of the name of him who greets is known.
    NotYou,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Tell me everything.
    ResyncRequest,
    /// That was everything.
    ResyncFinished,
    /// That was all that I have, and I do not know whether it is everything.
    ResyncPartial,
    /// I have heard that it was everything.
    ResyncConfirm,
    /// I am here.
    Heartbeat,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Control(Control),
    /// The sender gives up; the number says why.
    Error(u8),
    Define(Definition),
    /// A table that was defined before is meant from now on.
    Switch(u64),
    Update(Update),
    /// All updates of this table (by the number that the hearer gave it) up to this one have come.
    Ack {
        table: u64,
        update: u32,
    },
}

const CONTROL: u8 = 0;
const ERROR: u8 = 1;
const TABLES: u8 = 10;

const UPDATE: u8 = 0x80;
const NEXT: u8 = 0x81;
const DEFINE: u8 = 0x82;
const SWITCH: u8 = 0x83;
const ACK: u8 = 0x84;
const UPDATE_TIMED: u8 = 0x85;
const NEXT_TIMED: u8 = 0x86;

/// HAProxy's buffer, which no message of its own exceeds.
const LONGEST: u64 = 16_384;
/// Greetings are shorter.
const LONGEST_LINE: usize = 512;

impl Hello {
    pub fn to_bytes(&self) -> Vec<u8> {
        let Hello { minor, to, from, pid } = self;
        format!("HAProxyS 2.{minor}\n{to}\n{from} {pid} 1\n").into_bytes()
    }

    /// A greeting and how long it is; `None` when it is not all there.
    pub fn read(bytes: &[u8]) -> Result<Option<(Hello, usize)>, Status> {
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let mut line = || match lines.next() {
            Some([line @ .., b'\n']) => Ok(Some(line)),
            Some(part) if part.len() > LONGEST_LINE => Err(Status::Protocol),
            _ => Ok(None),
        };
        let (Some(version), Some(to), Some(from)) = (line()?, line()?, line()?) else {
            return Ok(None);
        };
        let length = version.len() + to.len() + from.len() + 3;
        let version = version.strip_prefix(b"HAProxyS 2.").ok_or(Status::Protocol)?;
        let minor = match version {
            b"0" => 0,
            b"1" => 1,
            _ => return Err(Status::Version),
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Status::Protocol);
        let (to, from) = (text(to)?, text(from)?);
        let mut words = from.split(' ');
        let name = words.next().unwrap_or_default().to_owned();
        let pid = words.next().and_then(|pid| pid.parse().ok()).ok_or(Status::Protocol)?;
        let hello = Hello {
            minor,
            to,
            from: name,
            pid,
        };
        Ok(Some((hello, length)))
    }
}

impl Status {
    const ALL: [(Status, u32); 6] = [
        (Status::Welcome, 200),
        (Status::TryAgain, 300),
        (Status::Protocol, 501),
        (Status::Version, 502),
        (Status::NotMe, 503),
        (Status::NotYou, 504),
    ];

    pub fn code(self) -> u32 {
        Self::ALL
            .iter()
            .find(|(status, _)| *status == self)
            .map_or(501, |(_, code)| *code)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        format!("{}\n", self.code()).into_bytes()
    }

    /// A status and how long it is; `None` when it is not all there.
    pub fn read(bytes: &[u8]) -> Result<Option<(Status, usize)>, Malformed> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return if bytes.len() > LONGEST_LINE {
                Err(Malformed::Greeting)
            } else {
                Ok(None)
            };
        };
        let code = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|code| code.parse().ok());
        let known = Self::ALL.into_iter().find(|(_, known)| Some(*known) == code);
        known
            .map(|(status, _)| Some((status, end + 1)))
            .ok_or(Malformed::Greeting)
    }
}

impl Control {
    const ALL: [Control; 5] = [
        Control::ResyncRequest,
        Control::ResyncFinished,
        Control::ResyncPartial,
        Control::ResyncConfirm,
        Control::Heartbeat,
    ];
}

impl Message {
    /// Adds its bytes. `names` are those that were said in this direction.
    pub fn write(&self, names: &mut Names, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let kind = match self {
            Message::Control(control) => return out.extend([CONTROL, *control as u8]),
            Message::Error(why) => return out.extend([ERROR, *why]),
            Message::Define(definition) => {
                definition.write(&mut body);
                DEFINE
            }
            Message::Switch(table) => {
                write(*table, &mut body);
                SWITCH
            }
            Message::Ack { table, update } => {
                write(*table, &mut body);
                body.extend_from_slice(&update.to_be_bytes());
                ACK
            }
            Message::Update(update) => {
                update.write(names, &mut body);
                match (update.id, update.left) {
                    (Some(_), None) => UPDATE,
                    (None, None) => NEXT,
                    (Some(_), Some(_)) => UPDATE_TIMED,
                    (None, Some(_)) => NEXT_TIMED,
                }
            }
        };
        out.extend([TABLES, kind]);
        write(body.len() as u64, out);
        out.extend_from_slice(&body);
    }
}

/// The first message of what has come, and how many bytes it takes; `None` when it is not all there. Updates are about the
/// table of `of`; without one their message is passed over, which is what the inner `None` says.
pub fn next(
    bytes: &[u8],
    of: Option<&Definition>,
    names: &mut Names,
) -> Result<Option<(Option<Message>, usize)>, Malformed> {
    let [class, kind, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (class, kind) = (*class, *kind);
    if kind < 128 {
        let message = match class {
            CONTROL => Control::ALL.get(usize::from(kind)).copied().map(Message::Control),
            ERROR => Some(Message::Error(kind)),
            _ => None,
        };
        let message = message.ok_or(Malformed::Unknown(class, kind))?;
        return Ok(Some((Some(message), 2)));
    }
    let mut behind = Bytes(rest);
    let length = match behind.number() {
        Ok(length) if length > LONGEST => return Err(Malformed::TooLong(length)),
        Ok(length) => length,
        Err(error) if rest.len() > 9 => return Err(error),
        Err(_) => return Ok(None),
    };
    let Ok(body) = behind.take(length) else { return Ok(None) };
    let (taken, mut body) = (bytes.len() - behind.0.len(), Bytes(body));
    let message = match (class, kind) {
        (TABLES, DEFINE) => Some(Message::Define(Definition::read(body)?)),
        (TABLES, SWITCH) => Some(Message::Switch(body.number()?)),
        (TABLES, ACK) => Some(Message::Ack {
            table: body.number()?,
            update: body.word()?,
        }),
        (TABLES, UPDATE | NEXT | UPDATE_TIMED | NEXT_TIMED) => {
            let how = (
                matches!(kind, UPDATE | UPDATE_TIMED),
                matches!(kind, UPDATE_TIMED | NEXT_TIMED),
            );
            let update = of.map(|of| Update::read(body, how, of, names)).transpose()?;
            update.map(Message::Update)
        }
        // Of a later version.
        _ => None,
    };
    Ok(Some((message, taken)))
}
