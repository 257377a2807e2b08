//! Takes the lines of a ring on to one syslog server, one connection after the other. From the first one on no line gives way
//! before the server has had it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tandem_lb_config::{Framing, Host, RingServer};
use tandem_ops::syslog::{Reader, Ring};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::Known;

/// How long to rest between two connections.
const REST: Duration = Duration::from_secs(1);

/// As good as for ever, where no limit is said.
const LONG: Duration = Duration::from_secs(86_400);

/// Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Conveyor {
    work: Work,
    task: AbortHandle,
}

#[derive(Clone, Debug)]
struct Work {
    ring: Arc<Ring>,
    to: RingServer,
    connect: Duration,
    patience: Duration,
}

impl Conveyor {
    pub(super) fn begin(known: &Known, to: &RingServer) -> Conveyor {
        let work = Work::of(known, to);
        let task = tokio::task::spawn_local(work.clone().run()).abort_handle();
        Conveyor { work, task }
    }

    /// Whether it does just that.
    pub(super) fn does(&self, known: &Known, to: &RingServer) -> bool {
        let Work {
            ring,
            to: own,
            connect,
            patience,
        } = Work::of(known, to);
        let same = (&self.work.to, self.work.connect, self.work.patience);
        Arc::ptr_eq(&self.work.ring, &ring) && same == (&own, connect, patience)
    }
}

impl Drop for Conveyor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Work {
    fn of(known: &Known, to: &RingServer) -> Work {
        Work {
            ring: known.ring.clone(),
            to: to.clone(),
            connect: known.plan.timeout_connect.unwrap_or(LONG),
            patience: known.plan.timeout_server.unwrap_or(LONG),
        }
    }

    async fn run(self) {
        let mut reader = None;
        let mut is_said = false;
        loop {
            let error = match timeout(self.connect, self.connected()).await {
                Ok(Ok(stream)) => {
                    is_said = false;
                    let reader = reader.get_or_insert_with(|| self.ring.reader());
                    self.lead(reader, stream).await
                }
                Ok(Err(error)) => error,
                Err(late) => late.into(),
            };
            if !std::mem::replace(&mut is_said, true) {
                let (ring, server) = (self.ring.name(), &self.to.name);
                tracing::warn!(%error, "ring {ring}: its lines do not reach {server}; it is tried again");
            }
            sleep(REST).await;
        }
    }

    async fn connected(&self) -> io::Result<TcpStream> {
        match &self.to.host {
            Host::Ip(ip) => TcpStream::connect((*ip, self.to.port)).await,
            Host::Name(name) => TcpStream::connect((name.as_str(), self.to.port)).await,
            Host::Unix(_) | Host::Abstract(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Until the connection ends; why it did.
    async fn lead(&self, reader: &mut Reader, mut stream: TcpStream) -> io::Error {
        let mut heard = [0; 64];
        loop {
            while let Some(line) = reader.line() {
                let framed = framed(&line, self.to.framing);
                match timeout(self.patience, stream.write_all(&framed)).await {
                    Ok(Ok(())) => reader.took(),
                    Ok(Err(error)) => return error,
                    Err(late) => return late.into(),
                }
            }
            tokio::select! {
                () = reader.news() => {}
                // A syslog server has nothing to say but the end.
                count = stream.read(&mut heard) => match count {
                    Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
                    Ok(_) => {}
                    Err(error) => return error,
                },
            }
        }
    }
}

fn framed(line: &[u8], framing: Framing) -> Vec<u8> {
    match framing {
        Framing::Newline => [line, b"\n"].concat(),
        Framing::Counted => [line.len().to_string().as_bytes(), b" ", line].concat(),
    }
}
