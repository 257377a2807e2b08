//! A connection to a broker, and what all protocols have in common for somebody who publishes or takes messages.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READ: usize = 64 << 10;

pub(super) struct Wire {
    stream: TcpStream,
    pub(super) incoming: BytesMut,
    pub(super) outgoing: BytesMut,
}

/// What a broker has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It has this message and will not lose it; and all before, if it says so.
    Confirmed {
        number: u64,
        and_before: bool,
    },
    /// Somebody's message; its acknowledgement lies in `outgoing`.
    Message,
    Other,
}

/// A protocol, spoken by a client.
pub(super) trait Talk: Sized {
    /// Logs in; also what the broker says it is.
    async fn begin(wire: &mut Wire) -> Result<(Self, String)>;

    /// From now on messages for this queue are confirmed. They are numbered from 1.
    async fn publishes(&mut self, wire: &mut Wire, queue: &str) -> Result<()>;

    /// From now on messages of this queue come.
    async fn consumes(&mut self, wire: &mut Wire, queue: &str) -> Result<()>;

    fn publish(&mut self, body: &Bytes, out: &mut BytesMut);

    /// `None` until more has come.
    fn hear(&mut self, wire: &mut Wire) -> Result<Option<Heard>>;
}

impl Wire {
    pub(super) async fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            incoming: BytesMut::with_capacity(READ),
            outgoing: BytesMut::new(),
        })
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if !self.outgoing.is_empty() {
            self.stream.write_all(&self.outgoing).await.context("cannot write")?;
            self.outgoing.clear();
        }
        Ok(())
    }

    /// Waits for more.
    pub(super) async fn read(&mut self) -> Result<()> {
        self.incoming.reserve(READ);
        let count = self.stream.read_buf(&mut self.incoming).await.context("cannot read")?;
        ensure!(count > 0, "the broker has closed the connection");
        Ok(())
    }
}
