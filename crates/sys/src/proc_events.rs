//! Processes that begin, become another program, or end, as the kernel's process connector tells them.
//!
//! It speaks to the first network, user and process namespaces only, and elsewhere it may say nothing at all; so opening it
//! waits for the kernel's word that it is heard.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use rtnetlink::sys::protocols::NETLINK_CONNECTOR;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use tokio::runtime::Handle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcEvent {
    Fork {
        parent: u32,
        child: u32,
    },
    /// It runs another program now, or has another name.
    Changed(u32),
    Exit(u32),
    /// Some were lost: only a fresh list tells the truth.
    Lost,
}

pub struct ProcEvents {
    socket: TokioSocket,
    pending: VecDeque<ProcEvent>,
}

/// A datagram of the connector: netlink header, connector header, event (linux/netlink.h, connector.h, cn_proc.h).
const NETLINK_HEADER: usize = 16;
const CONNECTOR_HEADER: usize = 20;
const EVENT: usize = NETLINK_HEADER + CONNECTOR_HEADER;
/// Kind, processor and time.
const EVENT_HEADER: usize = 16;

const PROC: u32 = 1;
const LISTEN: u32 = 1;

fn socket() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_CONNECTOR)?;
    socket.socket_mut().bind(&SocketAddr::new(0, PROC))?;
    Ok(socket)
}

impl ProcEvents {
    /// Needs CAP_NET_ADMIN and a tokio runtime with I/O and time.
    pub async fn open() -> io::Result<Self> {
        Self::begin(socket()?).await
    }

    /// The same for whoever has entered another network than the first, which is `network`. Needs what entering needs.
    pub async fn open_in(network: BorrowedFd<'_>) -> io::Result<Self> {
        let runtime = Handle::current();
        let there = || {
            setns(network, CloneFlags::CLONE_NEWNET)?;
            let _within = runtime.enter();
            socket()
        };
        // A network belongs to a thread, and this one keeps its own.
        let socket = std::thread::scope(|scope| scope.spawn(there).join());
        let panicked = |_| io::Error::other("the thread in the first network panicked");
        Self::begin(socket.map_err(panicked)??).await
    }

    async fn begin(socket: TokioSocket) -> io::Result<Self> {
        const PATIENCE: Duration = Duration::from_millis(500);
        let mut events = Self {
            socket,
            pending: VecDeque::new(),
        };
        let kernel = SocketAddr::new(0, 0);
        events.socket.send_to(&listen(), &kernel).await?;
        let silent = || io::Error::new(io::ErrorKind::Unsupported, "the process connector says nothing here");
        tokio::time::timeout(PATIENCE, events.acknowledged())
            .await
            .map_err(|_| silent())??;
        Ok(events)
    }

    async fn acknowledged(&mut self) -> io::Result<()> {
        loop {
            let (datagram, from) = self.socket.recv_from_full().await?;
            if from.port_number() != 0 {
                continue;
            }
            match read(&datagram) {
                Some(Told::Acknowledged(0)) => return Ok(()),
                Some(Told::Acknowledged(error)) => {
                    return Err(io::Error::from_raw_os_error(error.cast_signed()));
                }
                Some(Told::Event(event)) => self.pending.push_back(event),
                None => {}
            }
        }
    }

    /// The next one. Dropping the future loses nothing.
    pub async fn next(&mut self) -> io::Result<ProcEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            match self.socket.recv_from_full().await {
                Ok((datagram, from)) if from.port_number() == 0 => {
                    if let Some(Told::Event(event)) = read(&datagram) {
                        return Ok(event);
                    }
                }
                // Only the kernel speaks the truth here.
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => return Ok(ProcEvent::Lost),
                Err(error) => return Err(error),
            }
        }
    }
}

fn listen() -> Vec<u8> {
    const DONE: u16 = 3;
    const OPERATION: u16 = 4;
    let length = (EVENT + usize::from(OPERATION)) as u32;
    let mut bytes = Vec::with_capacity(EVENT + usize::from(OPERATION));
    bytes.extend(length.to_ne_bytes());
    bytes.extend(DONE.to_ne_bytes());
    bytes.extend([0; 10]); // flags, number, port
    bytes.extend(PROC.to_ne_bytes());
    bytes.extend(PROC.to_ne_bytes());
    bytes.extend([0; 8]); // number, answer to
    bytes.extend(OPERATION.to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(LISTEN.to_ne_bytes());
    bytes
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Acknowledged(u32),
    Event(ProcEvent),
}

/// Threads are no processes: what concerns one that is not the first of its process is none.
fn read(datagram: &[u8]) -> Option<Told> {
    let event = datagram.get(EVENT..)?;
    let word = |at: usize| -> Option<u32> {
        let bytes = event.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let (first, second) = (word(EVENT_HEADER)?, word(EVENT_HEADER + 4));
    match word(0)? {
        0 => Some(Told::Acknowledged(first)),
        // Parent and its process, child and its process.
        0x1 => {
            let (child, process) = (word(EVENT_HEADER + 8)?, word(EVENT_HEADER + 12)?);
            let parent = second?;
            (child == process).then_some(Told::Event(ProcEvent::Fork { parent, child }))
        }
        0x2 | 0x200 => (first == second?).then_some(Told::Event(ProcEvent::Changed(first))),
        0x8000_0000 => (first == second?).then_some(Told::Event(ProcEvent::Exit(first))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn datagram(kind: u32, words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; EVENT + EVENT_HEADER];
        bytes[EVENT..EVENT + 4].copy_from_slice(&kind.to_ne_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn events_of_processes_and_not_of_threads() {
        let table = [
            (0x1, &[5, 5, 9, 9][..], Some(ProcEvent::Fork { parent: 5, child: 9 })),
            (0x1, &[5, 5, 9, 5], None),
            (0x2, &[9, 9], Some(ProcEvent::Changed(9))),
            (0x200, &[9, 9], Some(ProcEvent::Changed(9))),
            (0x200, &[10, 9], None),
            (0x8000_0000, &[9, 9, 0, 0], Some(ProcEvent::Exit(9))),
            (0x8000_0000, &[10, 9, 0, 0], None),
            (0x4, &[9, 9], None),
        ];
        for (kind, words, expected) in table {
            assert_eq!(
                read(&datagram(kind, words)),
                expected.map(Told::Event),
                "{kind:x} {words:?}"
            );
        }
        assert_eq!(read(&datagram(0, &[1])), Some(Told::Acknowledged(1)));
        for length in 0..EVENT + EVENT_HEADER + 16 {
            // Whatever it is, it is no panic.
            let _ = read(&datagram(1, &[5, 5, 9, 9])[..length]);
        }
        assert_eq!(listen().len(), 40);
    }

    #[test]
    fn a_child_comes_and_goes_where_the_kernel_tells() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let Ok(mut events) = ProcEvents::open().await else {
                writeln!(io::stderr(), "SKIP the process connector does not answer here").ok();
                return;
            };
            let mut child = std::process::Command::new("/bin/true").spawn().expect("it is there");
            let pid = child.id();
            child.wait().expect("ours");
            let mut seen = Vec::new();
            let all = async {
                while !seen.contains(&ProcEvent::Exit(pid)) {
                    seen.push(events.next().await.expect("the kernel goes on"));
                }
            };
            let in_time = tokio::time::timeout(Duration::from_secs(10), all).await;
            assert!(in_time.is_ok(), "no exit of {pid} in {seen:?}");
            assert!(seen.contains(&ProcEvent::Changed(pid)), "no exec of {pid} in {seen:?}");
        });
    }
}
