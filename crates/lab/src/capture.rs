//! Frames on a cable, seen from the switch, with the kernel's times.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use tandem_sys::raw::{Direction, PacketSocket, WhichFrames};

use crate::error::{Doing, LabError};
use crate::host::Host;
use crate::pcap;
use crate::wiring::Link;

/// A capture that nobody ends must not eat the memory: after these the newest frames are counted but not kept.
const KEPT_FRAMES: usize = 200_000;
const KEPT_BYTES: usize = 64 << 20;

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The host at the end of this cable.
    Host,
    /// Somebody else; the switch passed it on to the host.
    Switch,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub at: SystemTime,
    pub origin: Origin,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// Records until it is dropped.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    frames: Mutex<Frames>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Frames {
    kept: Vec<Frame>,
    bytes: usize,
    beyond: usize,
}

impl Frame {
    pub fn ether_type(&self) -> Option<u16> {
        let bytes = self.bytes.get(12..14)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub fn is_arp(&self) -> bool {
        self.ether_type() == Some(0x0806)
    }
}

impl Capture {
    pub(crate) fn start(closet: &Host, link: &Link) -> Result<Self, LabError> {
        let socket = closet
            .inside(|| PacketSocket::open(link.port_index, WhichFrames::All))?
            .doing(|| format!("capture on {} of {}", link.interface, link.host.name()))?;
        let (ended, stop) = io::pipe().doing(|| "make a pipe".into())?;
        let shared = Arc::new(Shared::default());
        let recorder = Recorder {
            socket,
            ended,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::spawn(move || recorder.run());
        Ok(Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What was seen so far, oldest first.
    pub fn frames(&self) -> Vec<Frame> {
        self.shared.lock().kept.clone()
    }

    /// Frames that came after the capture was full.
    pub fn beyond(&self) -> usize {
        self.shared.lock().beyond
    }

    /// Forgets what was seen so far.
    pub fn clear(&self) {
        *self.shared.lock() = Frames::default();
    }

    /// The first frame that fits, seen already or still to come.
    pub fn wait_for(
        &self,
        awaited: &str,
        within: Duration,
        mut fits: impl FnMut(&Frame) -> bool,
    ) -> Result<Frame, LabError> {
        let deadline = Instant::now() + within;
        let mut frames = self.shared.lock();
        let mut looked_at = 0;
        loop {
            if let Some(frame) = frames.kept.iter().skip(looked_at).find(|frame| fits(frame)) {
                return Ok(frame.clone());
            }
            looked_at = frames.kept.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen = format!("; {looked_at} other frames");
                return Err(LabError::TooLate {
                    awaited: awaited.into(),
                    within,
                    seen,
                });
            }
            frames = self
                .shared
                .more
                .wait_timeout(frames, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// For a look with tcpdump or Wireshark.
    pub fn write_pcap(&self, path: &Path) -> Result<(), LabError> {
        let frames = self.frames();
        File::create(path)
            .and_then(|file| pcap::write(BufWriter::new(file), &frames))
            .doing(|| format!("write {}", path.display()))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The recorder does not panic; if it did, its frames are still here.
            let _ = thread.join();
        }
    }
}

struct Recorder {
    socket: PacketSocket,
    ended: PipeReader,
    shared: Arc<Shared>,
}

impl Recorder {
    fn run(self) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
            ];
            match nix::poll::poll(&mut fds, PollTimeout::NONE) {
                Ok(_) if fds[1].any() == Some(true) => return,
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return,
            }
            loop {
                match self.socket.receive(&mut buffer) {
                    Ok(received) => {
                        let origin = match received.direction {
                            Direction::Incoming => Origin::Host,
                            Direction::Outgoing => Origin::Switch,
                        };
                        self.shared.push(Frame {
                            at: received.at,
                            origin,
                            bytes: buffer[..received.length].to_vec(),
                        });
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // A cable that was cut: the port is down until it is healed.
                    Err(error) if error.raw_os_error() == Some(nix::libc::ENETDOWN) => break,
                    Err(_) => return,
                }
            }
        }
    }
}

impl Shared {
    fn push(&self, frame: Frame) {
        let mut frames = self.lock();
        if frames.kept.len() >= KEPT_FRAMES || frames.bytes + frame.bytes.len() > KEPT_BYTES {
            frames.beyond += 1;
            return;
        }
        frames.bytes += frame.bytes.len();
        frames.kept.push(frame);
        drop(frames);
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
