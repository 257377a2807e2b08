//! A client that asks a virtual address a question every two milliseconds, and what it saw.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Doing, LabError};
use crate::host::Host;

const EVERY: Duration = Duration::from_millis(2);
const PORT: u16 = 7007;
/// An answer that takes longer counts as none.
const LATEST: Duration = Duration::from_millis(300);

/// Answers the questions on one host with its name, as long as it lives.
#[derive(Debug)]
pub struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Responder {
    pub fn start(host: &Host) -> Result<Responder, LabError> {
        let opening = || format!("answer questions on host {}", host.name());
        // Of both families.
        let socket = host.inside(|| UdpSocket::bind(("::", PORT)))?.doing(opening)?;
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .doing(opening)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, name) = (stop.clone(), host.name().to_string());
        let thread = host.thread(move || answer(&socket, &name, &ended))?;
        Ok(Responder {
            stop,
            thread: Some(thread),
        })
    }
}

fn answer(socket: &UdpSocket, name: &str, ended: &AtomicBool) {
    let mut question = [0; 16];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut question) else {
            continue;
        };
        let answer = [&question[..length], name.as_bytes()].concat();
        // Who cannot be answered has not been answered; the probe counts that.
        socket.send_to(&answer, from).ok();
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A responder that failed shows as questions without an answer.
            thread.join().ok();
        }
    }
}

/// Asks until it is told to finish.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<io::Result<Seen>>>,
}

impl Probe {
    pub fn start(client: &Host, vip: IpAddr) -> Result<Probe, LabError> {
        let opening = || format!("ask questions from host {}", client.name());
        let any: IpAddr = match vip {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = client.inside(|| UdpSocket::bind((any, 0)))?.doing(opening)?;
        socket.set_nonblocking(true).doing(opening)?;
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = client.thread(move || ask(&socket, SocketAddr::new(vip, PORT), &ended))?;
        Ok(Probe { stop, thread })
    }

    pub fn finish(self) -> Result<Seen, LabError> {
        self.stop.store(true, Ordering::Relaxed);
        let panicked = |_| Err(io::Error::other("the probe panicked"));
        let outcome = self.thread.join().unwrap_or_else(panicked).flatten();
        let seen = outcome.doing(|| "ask questions".into())?.since_the_first_answer();
        if seen.questions.is_empty() {
            return Err(LabError::TooLate {
                awaited: "any answer to the probe".into(),
                within: LATEST,
                seen: String::new(),
            });
        }
        Ok(seen)
    }
}

fn ask(socket: &UdpSocket, to: SocketAddr, ended: &AtomicBool) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let begun = Instant::now();
    let mut stopped = None;
    loop {
        if stopped.is_none() && ended.load(Ordering::Relaxed) {
            stopped = Some(Instant::now());
        }
        let number = seen.questions.len();
        match stopped {
            None => {
                seen.questions.push(Question {
                    at: Instant::now(),
                    answered_by: None,
                });
                // No route or no neighbour yet: a question without an answer.
                socket.send_to(&(number as u64).to_be_bytes(), to).ok();
            }
            Some(at) if at.elapsed() > LATEST => return Ok(seen),
            Some(_) => {}
        }
        listen(socket, &mut seen)?;
        let next = begun + EVERY * u32::try_from(number + 1).unwrap_or(u32::MAX);
        let rest = next.saturating_duration_since(Instant::now());
        std::thread::sleep(rest.max(Duration::from_micros(200)));
    }
}

fn listen(socket: &UdpSocket, seen: &mut Seen) -> io::Result<()> {
    let mut answer = [0; 64];
    loop {
        match socket.recv(&mut answer) {
            Ok(length) => seen.take(&answer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // Of an earlier question: the host is there, the port was not yet.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

/// Every question in its order, from the first that was answered.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    questions: Vec<Question>,
}

#[derive(Debug, Clone)]
struct Question {
    at: Instant,
    answered_by: Option<Arc<str>>,
}

impl Seen {
    fn take(&mut self, answer: &[u8]) {
        let Some((number, name)) = answer.split_first_chunk() else {
            return;
        };
        let number = usize::try_from(u64::from_be_bytes(*number)).unwrap_or(usize::MAX);
        if let Some(question) = self.questions.get_mut(number)
            && question.at.elapsed() <= LATEST
        {
            question.answered_by = Some(String::from_utf8_lossy(name).into());
        }
    }

    /// Before it, nothing was there to be lost.
    fn since_the_first_answer(mut self) -> Seen {
        let first = self.questions.iter().position(Question::is_answered);
        self.questions.drain(..first.unwrap_or(self.questions.len()));
        self
    }

    /// Questions that were asked between two moments.
    pub fn between(&self, from: Instant, to: Instant) -> Seen {
        let asked = self.questions.iter().filter(|q| (from..to).contains(&q.at));
        Seen {
            questions: asked.cloned().collect(),
        }
    }

    pub fn asked(&self) -> usize {
        self.questions.len()
    }

    /// Questions without an answer.
    pub fn lost(&self) -> usize {
        self.questions.iter().filter(|q| !q.is_answered()).count()
    }

    /// The longest row of them, as time.
    pub fn gap(&self) -> Duration {
        let rows = self.questions.split(Question::is_answered);
        EVERY * u32::try_from(rows.map(<[_]>::len).max().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Who answered last.
    pub fn last(&self) -> Option<&str> {
        self.questions.iter().rev().find_map(|q| q.answered_by.as_deref())
    }
}

impl Question {
    fn is_answered(&self) -> bool {
        self.answered_by.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question each two milliseconds; a dot has no answer.
    fn seen(begun: Instant, answers: &str) -> Seen {
        let question = |(number, by): (usize, char)| Question {
            at: begun + EVERY * number as u32,
            answered_by: (by != '.').then(|| by.to_string().into()),
        };
        let questions = answers.chars().enumerate().map(question).collect();
        Seen { questions }.since_the_first_answer()
    }

    #[test]
    fn what_is_lost_counts_since_the_first_answer() {
        let begun = Instant::now();
        let all = seen(begun, "..aa.a...bb.");
        assert_eq!((all.asked(), all.lost(), all.last()), (10, 5, Some("b")));
        assert_eq!(all.gap(), EVERY * 3);
        let part = all.between(begun + EVERY * 3, begun + EVERY * 6);
        assert_eq!((part.asked(), part.lost(), part.last()), (3, 1, Some("a")));
        assert_eq!(seen(begun, "....").asked(), 0);
    }

    #[test]
    fn an_answer_finds_its_question() {
        let mut seen = seen(Instant::now(), "a....");
        seen.take(&[&2u64.to_be_bytes()[..], b"node"].concat());
        seen.take(&[&9u64.to_be_bytes()[..], b"never asked"].concat());
        seen.take(b"short");
        assert_eq!((seen.lost(), seen.last()), (3, Some("node")));
    }
}
