//! The PROXY header of whoever stands before us: who the client is.

use std::io;
use std::net::SocketAddr;

use tandem_proxy_header::{LONGEST, Progress, read};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Takes the header from the stream and leaves what follows it. `None` where the proxy speaks for itself.
pub(crate) async fn receive(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut bytes = Vec::new();
    loop {
        let known = bytes.len();
        bytes.resize(LONGEST, 0);
        let seen = stream.peek(&mut bytes[known..]).await?;
        bytes.truncate(known + seen);
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (found, length) = match read(&bytes) {
            Ok(Progress::Complete(header, length)) => (Some(header), length),
            // All of it belongs to the header.
            Ok(Progress::Begun) => (None, bytes.len()),
            Err(fault) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
        };
        stream.read_exact(&mut bytes[known..length]).await?;
        if let Some(header) = found {
            return Ok(header.ends.map(|ends| ends.source));
        }
    }
}
