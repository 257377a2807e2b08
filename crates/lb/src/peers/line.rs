//! One connection with a peer: what comes is told to the machine, what it says is written.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use socket2::Socket;
use tandem_lb_config::{Host, ServerPort};
use tandem_lb_core::peers::{ConnId, Input};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;

use super::heart::Heart;

/// How long a connection may take to be there, and a peer to take what is said to it.
const PATIENCE: Duration = Duration::from_secs(5);
const PIECE: usize = 16 << 10;

pub(super) type Words = mpsc::UnboundedReceiver<Vec<u8>>;

pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn accepted(socket: Socket) -> io::Result<Stream> {
        let is_unix = socket.domain()? == socket2::Domain::UNIX;
        Ok(if is_unix {
            Stream::Unix(UnixStream::from_std(socket.into())?)
        } else {
            let stream = TcpStream::from_std(socket.into())?;
            stream.set_nodelay(true)?;
            Stream::Tcp(stream)
        })
    }

    pub(super) async fn connect((host, port): &(Host, ServerPort)) -> io::Result<Stream> {
        let port = match port {
            ServerPort::Fixed(port) => *port,
            ServerPort::Offset(_) => 0,
        };
        let connect = async {
            let stream = match host {
                Host::Ip(ip) => TcpStream::connect((*ip, port)).await?,
                Host::Name(name) => TcpStream::connect((name.as_str(), port)).await?,
                Host::Unix(path) => return Ok(Stream::Unix(UnixStream::connect(path).await?)),
            };
            stream.set_nodelay(true)?;
            Ok(Stream::Tcp(stream))
        };
        tokio::time::timeout(PATIENCE, connect).await?
    }
}

/// Until one of the two sides ends it: the machine does so by letting go of the other end of `words`.
pub(super) async fn converse(heart: Rc<Heart>, conn: ConnId, stream: Stream, words: Words) {
    match stream {
        Stream::Tcp(mut stream) => {
            let (read, write) = stream.split();
            talk(&heart, conn, read, write, words).await;
        }
        Stream::Unix(mut stream) => {
            let (read, write) = stream.split();
            talk(&heart, conn, read, write, words).await;
        }
    }
    heart.tell(Input::Closed(conn));
}

async fn talk(
    heart: &Rc<Heart>,
    conn: ConnId,
    read: impl AsyncRead + Unpin,
    write: impl AsyncWrite + Unpin,
    words: Words,
) {
    let done = tokio::select! {
        done = listen(heart, conn, read) => done,
        done = speak(heart, conn, write, words) => done,
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection with a peer has ended");
    }
}

async fn listen(heart: &Rc<Heart>, conn: ConnId, mut read: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let count = read.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        heart.tell(Input::Bytes {
            conn,
            bytes: &buffer[..count],
        });
        // A peer that tells much must not starve the health checks beside it.
        tokio::task::yield_now().await;
    }
}

async fn speak(
    heart: &Rc<Heart>,
    conn: ConnId,
    mut write: impl AsyncWrite + Unpin,
    mut words: Words,
) -> io::Result<()> {
    while let Some(bytes) = words.recv().await {
        tokio::time::timeout(PATIENCE, write.write_all(&bytes)).await??;
        heart.tell(Input::Written {
            conn,
            count: bytes.len(),
        });
    }
    write.shutdown().await
}
