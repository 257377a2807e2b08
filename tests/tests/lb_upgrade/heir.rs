//! The successor's side of the conversation, spoken by a test.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use tandem_lb_core::handover::{Frames, Message};
use tandem_tests::PATIENCE;

use crate::socket::Socket;

/// A successor of the test's own making, which has said that it is ready.
pub struct Heir {
    pub stream: UnixStream,
    frames: Frames,
    descriptors: Vec<std::os::fd::OwnedFd>,
}

impl Heir {
    pub fn ready(socket: &Socket) -> Heir {
        let mut heir = Heir::waiting(socket);
        heir.say(&Message::Begin { unwanted: Vec::new() });
        heir
    }

    /// It has been greeted, and says nothing yet.
    pub fn waiting(socket: &Socket) -> Heir {
        let mut stream = UnixStream::connect(socket.path()).expect("the balancer answers there");
        stream.set_read_timeout(Some(PATIENCE)).expect("above zero");
        stream.write_all(b"_handover\n").expect("room");
        let mut heir = Heir {
            stream,
            frames: Frames::default(),
            descriptors: Vec::new(),
        };
        assert!(matches!(heir.heard(), Message::Hello(_)));
        heir
    }

    pub fn say(&mut self, message: &Message) {
        let bytes = message.to_frame(0).to_bytes();
        self.stream.write_all(&bytes).expect("room");
    }

    pub fn heard(&mut self) -> Message {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = self.frames.next_frame().expect("well formed") {
                return Message::of_frame(frame).expect("a message");
            }
            let count = tandem_sys::pass::receive(self.stream.as_fd(), &mut buffer, &mut self.descriptors);
            self.frames.push(&buffer[..count.expect("more to come")]);
        }
    }

    /// The numbers of so many connections.
    pub fn given(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let Message::Connection { number, .. } = self.heard() {
                numbers.push(number);
            }
        }
        numbers
    }

    /// What comes before this, which is heard, too.
    pub fn heard_until(&mut self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut all = Vec::new();
        while !all.last().is_some_and(&wanted) {
            all.push(self.heard());
        }
        all
    }
}
