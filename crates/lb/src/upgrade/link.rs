//! The stream between the two processes: messages with their descriptors.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use socket2::SockRef;
use tandem_lb_core::handover::{Frame, Frames, Malformed, Message};
use tandem_lb_core::snapshot::SnapshotError;
use tandem_sys::pass;
use thiserror::Error;
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::expose::send_all;

#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error("the other process is gone")]
    Gone,
    #[error("what it says makes no sense: {0}")]
    Malformed(#[from] Malformed),
    #[error("what it knows cannot be read: {0}")]
    Snapshot(#[from] SnapshotError),
    #[error("it names descriptors that did not come")]
    MissingDescriptors,
    #[error("it says something out of turn")]
    OutOfTurn,
    #[error("another successor is being given everything")]
    Busy,
    #[error("others wanted its place while it only waited")]
    Crowded,
    #[error("it took too long")]
    TooLong,
    #[error(transparent)]
    Io(#[from] io::Error),
}

pub(crate) struct Link {
    stream: UnixStream,
    frames: Frames,
    /// Descriptors that came and whose message is not complete yet: those of one message at most.
    passed: VecDeque<OwnedFd>,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Link {
        Link {
            stream,
            frames: Frames::default(),
            passed: VecDeque::new(),
        }
    }

    /// When this returns well, the other side will find the message, whatever becomes of us.
    pub(super) async fn send(&self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> Result<(), LinkError> {
        let count = u8::try_from(descriptors.len()).map_err(|_| LinkError::OutOfTurn)?;
        let bytes = message.to_frame(count).to_bytes();
        send_all(&self.stream, &bytes, descriptors).await.map_err(gone)
    }

    /// The next message. Nothing is lost when the future is dropped.
    pub(super) async fn receive(&mut self) -> Result<(Message, Vec<OwnedFd>), LinkError> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return self.complete(frame);
            }
            let (mut buffer, mut passed) = (vec![0; 64 * 1024], Vec::new());
            let read = || pass::receive(self.stream.as_fd(), &mut buffer, &mut passed);
            let count = self.stream.async_io(Interest::READABLE, read).await.map_err(gone)?;
            self.keep(&buffer, count, passed)?;
        }
    }

    /// After this the other side can say nothing more; what it has said before is given back.
    pub(super) fn close(mut self) -> Vec<Message> {
        SockRef::from(&self.stream).shutdown(Shutdown::Both).ok();
        let mut said = Vec::new();
        loop {
            while let Ok(Some(frame)) = self.frames.next_frame() {
                said.extend(self.complete(frame).map(|(message, _)| message));
            }
            let (mut buffer, mut passed) = (vec![0; 64 * 1024], Vec::new());
            let Ok(count @ 1..) = pass::receive(self.stream.as_fd(), &mut buffer, &mut passed) else {
                return said;
            };
            if self.keep(&buffer, count, passed).is_err() {
                return said;
            }
        }
    }

    fn keep(&mut self, buffer: &[u8], count: usize, passed: Vec<OwnedFd>) -> Result<(), LinkError> {
        self.passed.extend(passed);
        if self.passed.len() > pass::MOST {
            return Err(LinkError::OutOfTurn);
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Err(LinkError::Gone);
        }
        self.frames.push(bytes);
        Ok(())
    }

    fn complete(&mut self, frame: Frame) -> Result<(Message, Vec<OwnedFd>), LinkError> {
        let count = usize::from(frame.descriptors);
        if count > self.passed.len() {
            return Err(LinkError::MissingDescriptors);
        }
        let descriptors = self.passed.drain(..count).collect();
        Ok((Message::of_frame(frame)?, descriptors))
    }
}

fn gone(error: io::Error) -> LinkError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => LinkError::Gone,
        _ => LinkError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn descriptors_that_no_message_names_are_not_collected() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let mut link = Link::new(ours);
        // The beginning of a message that never ends.
        send_all(&theirs, &[0, 1, 0, 0], &[]).await.expect("room");
        let many = vec![theirs.as_fd(); 100];
        for _ in 0..3 {
            send_all(&theirs, &[0], &many).await.expect("room");
        }
        assert!(matches!(link.receive().await, Err(LinkError::OutOfTurn)));
    }
}
