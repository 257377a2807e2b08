//! A name server that is asked by a stream (RFC 7766): every message behind its length, several questions on one connection.
//! It is made when there is something to ask, and left when nothing was said on it for a while.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tandem_lb_core::dns::{Input, Way};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::section::Heart;

/// So many questions may wait for a connection.
pub(super) const WAITING: usize = 256;

/// Section 6.2.3: no longer than some seconds.
const IDLE: Duration = Duration::from_secs(5);

impl Heart {
    /// Asks what is wanted of this name server, for as long as the section is there.
    pub(super) async fn converse(self: Rc<Heart>, nameserver: usize, mut wanted: mpsc::Receiver<Vec<u8>>) {
        while let Some(question) = wanted.recv().await {
            // The timer knows how long that is borne.
            if self.talk(nameserver, &question, &mut wanted).await.is_err() {
                self.tell(Input::Unsent { nameserver });
            }
        }
    }

    async fn talk(
        self: &Rc<Heart>,
        nameserver: usize,
        question: &[u8],
        wanted: &mut mpsc::Receiver<Vec<u8>>,
    ) -> io::Result<()> {
        let mut stream = timeout(self.patience, TcpStream::connect(self.nameservers[nameserver].address)).await??;
        timeout(self.patience, stream.write_all(&framed(question))).await??;
        let mut heard = Vec::new();
        loop {
            heard.reserve(1 << 12);
            tokio::select! {
                question = wanted.recv() => {
                    let Some(question) = question else { return Ok(()) };
                    timeout(self.patience, stream.write_all(&framed(&question))).await??;
                }
                read = stream.read_buf(&mut heard) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(bytes) = message(&mut heard) {
                        self.tell(Input::Heard { nameserver, way: Way::Stream, bytes: &bytes });
                    }
                }
                () = sleep(IDLE) => return Ok(()),
            }
        }
    }
}

/// RFC 1035 section 4.2.2.
fn framed(question: &[u8]) -> Vec<u8> {
    // A question is a name and a few bytes.
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), question].concat()
}

/// Takes the first message, if it is whole.
fn message(heard: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes(*heard.first_chunk()?));
    let end = 2 + length;
    let message = heard.get(2..end)?.to_vec();
    heard.drain(..end);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_whole_or_not_there_yet() {
        let mut heard = [framed(b"one"), framed(b""), framed(b"three")].concat();
        heard.truncate(heard.len() - 1);
        assert_eq!(message(&mut heard).as_deref(), Some(&b"one"[..]));
        assert_eq!(message(&mut heard).as_deref(), Some(&b""[..]));
        assert_eq!(message(&mut heard), None);
        heard.push(b'e');
        assert_eq!(message(&mut heard).as_deref(), Some(&b"three"[..]));
        assert_eq!((message(&mut heard), heard.len()), (None, 0));
    }
}
