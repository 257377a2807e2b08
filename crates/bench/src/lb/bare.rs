//! The floor: what the kernel alone costs. Two sockets and an event loop, and nothing of what makes a proxy useful: no
//! timeouts, no counters, no checks, no choice of a server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use clap::ValueEnum;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

const BUFFER: usize = 64 << 10;
const PIPE: usize = 512 << 10;
const EVENTS: usize = 256;
const LISTENERS: u64 = u64::MAX - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    Copy,
    Splice,
}

/// A proxy that does nothing but carry bytes: `FROM=TO` for each place it listens at.
#[derive(clap::Args)]
pub(crate) struct Args {
    how: How,
    #[arg(long, default_value_t = 2)]
    threads: u64,
    #[arg(required = true)]
    ways: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut ways = Vec::new();
    for way in &args.ways {
        let (from, to) = way.split_once('=').context("write FROM=TO")?;
        let listener = TcpListener::bind(from.parse::<SocketAddr>()?)?;
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(4096)?)?;
        listener.set_nonblocking(true)?;
        ways.push((listener, to.parse::<SocketAddr>()?));
    }
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..args.threads)
            .map(|_| scope.spawn(|| Loop::new(args.how, &ways)?.run()))
            .collect();
        loops
            .into_iter()
            .try_for_each(|each| each.join().map_err(|_| anyhow::anyhow!("a thread died"))?)
    })
}

struct Loop<'a> {
    how: How,
    ways: &'a [(TcpListener, SocketAddr)],
    epoll: OwnedFd,
    pairs: Vec<Option<[Side; 2]>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
}

/// A socket, and what was read from it and not written yet.
struct Side {
    socket: TcpStream,
    held: Vec<u8>,
    pipe: Option<(OwnedFd, OwnedFd)>,
    piped: usize,
    is_over: bool,
}

impl<'a> Loop<'a> {
    fn new(how: How, ways: &'a [(TcpListener, SocketAddr)]) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (number, (listener, _)) in (0..).zip(ways) {
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            epoll::add(&epoll, listener, EventData::new_u64(LISTENERS - number), flags)?;
        }
        Ok(Self {
            how,
            ways,
            epoll,
            pairs: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; BUFFER],
        })
    }

    fn run(mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                let Event { flags, data } = event;
                let data = data.u64();
                if data > LISTENERS - self.ways.len() as u64 {
                    self.accept((LISTENERS - data) as usize)?;
                } else {
                    // The end may have come with what was sent last: no event will tell of it again.
                    self.carry(data as usize, flags.contains(EventFlags::RDHUP));
                }
            }
        }
    }

    fn accept(&mut self, way: usize) -> Result<()> {
        let (listener, to) = &self.ways[way];
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let server = TcpStream::connect(to)?;
        let place = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(None);
            self.pairs.len() - 1
        });
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            epoll::add(&self.epoll, socket, EventData::new_u64(place as u64), flags)?;
        }
        self.pairs[place] = Some([Side::new(client, self.how)?, Side::new(server, self.how)?]);
        self.carry(place, true);
        Ok(())
    }

    fn carry(&mut self, place: usize, to_the_end: bool) {
        let Some(Some([one, other])) = self.pairs.get_mut(place) else {
            return;
        };
        let done = one
            .carry(&mut other.socket, &mut self.buffer, to_the_end)
            .and_then(|()| other.carry(&mut one.socket, &mut self.buffer, to_the_end));
        if done.is_err() || one.is_over && other.is_over {
            self.pairs[place] = None;
            self.free.push(place);
        }
    }
}

impl Side {
    fn new(socket: TcpStream, how: How) -> io::Result<Self> {
        let pipe = match how {
            How::Copy => None,
            How::Splice => {
                let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
                fcntl_setpipe_size(&pipe.1, PIPE)?;
                Some(pipe)
            }
        };
        Ok(Self {
            socket,
            held: Vec::new(),
            pipe,
            piped: 0,
            is_over: false,
        })
    }

    /// Until one of them has no more.
    fn carry(&mut self, to: &mut TcpStream, buffer: &mut [u8], to_the_end: bool) -> io::Result<()> {
        let done = match &self.pipe {
            Some(_) => self.splice(to),
            None => self.copy(to, buffer, to_the_end),
        };
        match done {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            done => done,
        }
    }

    fn copy(&mut self, to: &mut TcpStream, buffer: &mut [u8], to_the_end: bool) -> io::Result<()> {
        loop {
            while !self.held.is_empty() {
                let written = to.write(&self.held)?;
                self.held.drain(..written);
            }
            if self.is_over {
                return Ok(());
            }
            let read = self.socket.read(buffer)?;
            if read == 0 {
                return self.end(to);
            }
            let written = match to.write(&buffer[..read]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                written => written?,
            };
            self.held.extend_from_slice(&buffer[written..read]);
            if self.held.is_empty() && read < buffer.len() && !to_the_end {
                return Ok(());
            }
        }
    }

    fn splice(&mut self, to: &TcpStream) -> io::Result<()> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        loop {
            let Some((exit, entry)) = &self.pipe else { return Ok(()) };
            while self.piped > 0 {
                self.piped -= splice(exit, None, to, None, self.piped, flags)?;
            }
            if self.is_over {
                return Ok(());
            }
            match splice(&self.socket, None, entry, None, PIPE, flags)? {
                0 => return self.end(to),
                count => self.piped += count,
            }
        }
    }

    fn end(&mut self, to: &TcpStream) -> io::Result<()> {
        self.is_over = true;
        // It may be gone, which is an end as well.
        to.shutdown(Shutdown::Write).ok();
        Ok(())
    }
}
