//! The servers behind the proxies: one gives back what it gets, one sends as fast as it can, and one takes log lines.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use super::clients::Places;

const BUFFER: usize = 256 << 10;
/// As many connections as an impatient client may open at once.
const BACKLOG: i32 = 4096;

/// They end with the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Servers {
    pub(super) echo: SocketAddr,
    pub(super) source: SocketAddr,
    pub(super) logs: SocketAddr,
}

impl Servers {
    /// On a thread of their own.
    pub(super) fn start() -> io::Result<Self> {
        let (echo, source) = (listen()?, listen()?);
        let log = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let servers = Self {
            logs: log.local_addr()?,
            echo: echo.local_addr()?,
            source: source.local_addr()?,
        };
        std::thread::spawn(move || while log.recv(&mut [0; 8192]).is_ok() {});
        let runtime = Builder::new_current_thread().enable_io().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let echo = serve(echo, give_back);
                let source = serve(source, pour);
                tokio::try_join!(echo, source).map(|((), ())| ())
            })
        });
        Ok(servers)
    }

    /// Without a proxy.
    pub(super) fn places(self) -> Places {
        Places {
            echo: self.echo,
            source: self.source,
        }
    }
}

fn listen() -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Once more, for a longer queue than the standard library asks for.
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(BACKLOG)?)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve<F>(listener: std::net::TcpListener, with: fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(with(stream));
    }
}

async fn give_back(mut stream: TcpStream) -> io::Result<()> {
    // Small while nothing comes: thousands of these are idle.
    let mut buffer = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length]).await?,
        }
    }
}

async fn pour(mut stream: TcpStream) -> io::Result<()> {
    let buffer = vec![0; BUFFER];
    loop {
        stream.write_all(&buffer).await?;
    }
}
