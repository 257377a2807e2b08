//! A small MQTT 3.1.1 client that knows nothing of ours, and leaves everything that matters to whoever uses it.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};

use crate::PATIENCE;

/// One connection.
pub struct Mqtt {
    stream: TcpStream,
}

/// What the broker sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Publish { dup: bool, packet: u16, body: String },
    Puback(u16),
    Pubrec(u16),
    Pubrel(u16),
    Pubcomp(u16),
    Suback(u16),
    Other(u8),
}

impl Mqtt {
    /// Comes in; also whether the broker remembers the session.
    pub fn connect(to: SocketAddr, client: &str, clean: bool) -> Result<(Mqtt, bool)> {
        let stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut mqtt = Mqtt { stream };
        let head = [&text("MQTT")[..], &[4, u8::from(clean) << 1, 0, 0], &text(client)].concat();
        mqtt.say(0x10, &head)?;
        match mqtt.packet()? {
            (0x20, body) if body.get(1) == Some(&0) => Ok((mqtt, body[0] == 1)),
            (first, body) => Err(Error::other(format!("no CONNACK: {first} {body:?}"))),
        }
    }

    /// A packet of less than 16 KiB.
    pub fn say(&mut self, first: u8, body: &[u8]) -> Result<()> {
        let length = u16::try_from(body.len()).expect("a short packet");
        let mut packet = vec![first];
        match length {
            0..128 => packet.push(length as u8),
            _ => packet.extend([(length & 0x7F) as u8 | 0x80, (length >> 7) as u8]),
        }
        packet.extend_from_slice(body);
        self.stream.write_all(&packet)
    }

    pub fn publish(&mut self, topic: &str, body: &str, qos: u8, packet: u16, dup: bool) -> Result<()> {
        let number = if qos == 0 {
            Vec::new()
        } else {
            packet.to_be_bytes().to_vec()
        };
        let body = [&text(topic)[..], &number, body.as_bytes()].concat();
        self.say(0x30 | u8::from(dup) << 3 | qos << 1, &body)
    }

    pub fn subscribe(&mut self, filter: &str, qos: u8) -> Result<()> {
        self.say(0x82, &[&[0, 1][..], &text(filter), &[qos]].concat())
    }

    pub fn puback(&mut self, packet: u16) -> Result<()> {
        self.say(0x40, &packet.to_be_bytes())
    }

    pub fn pubrec(&mut self, packet: u16) -> Result<()> {
        self.say(0x50, &packet.to_be_bytes())
    }

    pub fn pubrel(&mut self, packet: u16) -> Result<()> {
        self.say(0x62, &packet.to_be_bytes())
    }

    pub fn pubcomp(&mut self, packet: u16) -> Result<()> {
        self.say(0x70, &packet.to_be_bytes())
    }

    pub fn hear(&mut self) -> Result<Told> {
        let (first, body) = self.packet()?;
        let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
        Ok(match first >> 4 {
            3 => {
                let topic = usize::from(number(0)) + 2;
                let numbered = first & 0b0110 != 0;
                let begin = topic + if numbered { 2 } else { 0 };
                Told::Publish {
                    dup: first & 8 != 0,
                    packet: if numbered { number(topic) } else { 0 },
                    body: String::from_utf8_lossy(&body[begin..]).into_owned(),
                }
            }
            4 => Told::Puback(number(0)),
            5 => Told::Pubrec(number(0)),
            6 => Told::Pubrel(number(0)),
            7 => Told::Pubcomp(number(0)),
            9 => Told::Suback(number(0)),
            kind => Told::Other(kind),
        })
    }

    fn packet(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        let first = byte[0];
        let mut length = 0;
        for place in 0..4 {
            self.stream.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7F) << (7 * place);
            if byte[0] & 0x80 == 0 {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                return Ok((first, body));
            }
        }
        Err(ErrorKind::InvalidData.into())
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}
