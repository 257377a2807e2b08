//! Mail on changes of state: letters wait in a bounded queue, and one task carries them, one after the other.
//!
//! Nothing here is near the thread that speaks VRRP. A server that does not answer costs letters, never time.

mod dialog;
mod letter;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tandem_ops::clock::Wall;
use tandem_vrrp_config::{Mail, MailServer, Plan};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::logs::Log;
use crate::notify::News;

use dialog::{Dialog, Step};
use letter::{Letter, Writer};

/// All instances that an interface can have, some times over. When there is no room the oldest goes.
const WAITING: usize = 1024;
/// RFC 5321 section 4.5.3.1.5 wants 512 bytes.
const LONGEST_LINE: u64 = 4096;
/// An answer has so many lines at most, or the server talks without end.
const LONGEST_ANSWER: usize = 100;

pub(crate) struct Post {
    host: String,
    router: String,
    mail: Mail,
    queue: Rc<Queue>,
    carrier: JoinHandle<()>,
}

#[derive(Debug)]
struct Queue {
    log: Rc<Log>,
    /// The first is on its way.
    letters: RefCell<VecDeque<Letter>>,
    changed: Notify,
    emptied: Notify,
    /// That there is no room has been said since there was.
    full: Cell<bool>,
}

impl Post {
    pub(crate) fn new(plan: &Plan, log: Rc<Log>) -> Post {
        let queue = Rc::new(Queue {
            log,
            letters: RefCell::default(),
            changed: Notify::new(),
            emptied: Notify::new(),
            full: Cell::new(false),
        });
        let host = nix::unistd::gethostname().unwrap_or_default();
        let mut post = Post {
            host: host.to_string_lossy().into_owned(),
            router: String::new(),
            mail: Mail::default(),
            carrier: tokio::task::spawn_local(carry(queue.clone())),
            queue,
        };
        post.adjust(plan);
        post
    }

    /// Letters that wait go to where they were to go.
    pub(crate) fn adjust(&mut self, plan: &Plan) {
        self.router = plan.global.router_id.as_deref().unwrap_or(&self.host).to_owned();
        self.mail = plan.global.mail.clone();
    }

    pub(crate) fn tell(&self, news: &News) {
        let writer = Writer {
            host: &self.host,
            router: &self.router,
        };
        let letter = Letter::of(news, &self.mail, writer, Wall::now(), Instant::now());
        letter.into_iter().for_each(|letter| self.queue.add(letter));
    }

    /// Until nothing waits.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.queue.emptied.notified();
            if self.queue.letters.borrow().is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Queue {
    fn add(&self, letter: Letter) {
        let mut letters = self.letters.borrow_mut();
        if letters.len() == WAITING {
            // The first may be in the server's hands already.
            letters.remove(1);
            if !self.full.replace(true) {
                self.log.warning(&format!(
                    "more than {WAITING} letters wait for SMTP server {}: the oldest are lost",
                    name(&letter.server)
                ));
            }
        }
        letters.push_back(letter);
        self.changed.notify_one();
    }

    async fn first(&self) -> Letter {
        loop {
            if let Some(letter) = self.letters.borrow().front() {
                return letter.clone();
            }
            self.changed.notified().await;
        }
    }

    fn forget_first(&self) {
        let mut letters = self.letters.borrow_mut();
        letters.pop_front();
        if letters.is_empty() {
            self.full.set(false);
            self.emptied.notify_one();
        }
    }

    /// Those that waited while nobody answered; what is old news when a server returns helps nobody.
    fn forget_before(&self, began: Instant) -> usize {
        let mut letters = self.letters.borrow_mut();
        let before = letters.len();
        letters.retain(|letter| letter.at > began);
        if letters.is_empty() {
            self.full.set(false);
            self.emptied.notify_one();
        }
        before - letters.len()
    }
}

async fn carry(queue: Rc<Queue>) {
    loop {
        let letter = queue.first().await;
        let server = name(&letter.server);
        let began = Instant::now();
        let stream = match connect(&letter).await {
            Ok(stream) => stream,
            Err(error) => {
                let lost = queue.forget_before(began);
                queue.log.error(&format!(
                    "SMTP connection ERROR to {server}: {error}; letters lost: {lost}"
                ));
                continue;
            }
        };
        queue.log.info(&format!("Remote SMTP server {server} connected."));
        match deliver(stream, &letter, &queue.log).await {
            Ok(()) => queue.log.info("SMTP alert successfully sent."),
            Err(why) => queue.log.error(&why),
        }
        queue.forget_first();
    }
}

async fn connect(letter: &Letter) -> io::Result<TcpStream> {
    let MailServer { host, port } = &letter.server;
    // A name is looked up on a thread beside.
    within(letter.patience, TcpStream::connect((&**host, *port))).await
}

/// `Err` is what is to be logged.
async fn deliver(mut stream: TcpStream, letter: &Letter, log: &Log) -> Result<(), String> {
    let server = name(&letter.server);
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut dialog = Dialog::new(letter);
    let mut sent = false;
    let mut heard = 0;
    let outcome = loop {
        let line = match within(letter.patience, line(&mut reader)).await {
            Ok(line) => line,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                break Err(format!("Timeout reading data to remote SMTP server {server}."));
            }
            Err(error) => break Err(format!("Error reading data from remote SMTP server {server}: {error}")),
        };
        let words = match dialog.hear(&line) {
            Ok(Step::Listen) if heard < LONGEST_ANSWER => {
                heard += 1;
                continue;
            }
            Ok(Step::Listen) => break Err(format!("SMTP server {server} talks without end")),
            Ok(Step::Over) => break Ok(()),
            Ok(Step::Say(words)) => words,
            Ok(Step::Sent(words)) => {
                sent = true;
                words
            }
            Err(refusal) => break Err(refusal.of(&server)),
        };
        heard = 0;
        if let Err(error) = within(letter.patience, writer.write_all(words.as_bytes())).await {
            break Err(format!("Cannot send data to remote SMTP server {server}: {error}"));
        }
    };
    for (to, code) in dialog.refused() {
        log.warning(&format!("SMTP server {server} does not write to {to}: {code}"));
    }
    // How it ends does not matter any more once the letter was taken.
    if sent { Ok(()) } else { outcome }
}

/// Without its end.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LONGEST_LINE).read_until(b'\n', &mut bytes).await?;
    if bytes.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned())
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(limit, work).await.map_err(late)?
}

/// `[127.0.0.1]:25`
fn name(server: &MailServer) -> String {
    format!("[{}]:{}", server.host, server.port)
}

#[cfg(test)]
mod tests {
    use tandem_vrrp_core::Notice;
    use tokio::net::TcpListener;
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .expect("a runtime");
        let within = Duration::from_secs(20);
        runtime.block_on(async { tokio::time::timeout(within, work).await.expect("in time") })
    }

    fn plan(port: u16) -> Plan {
        let mut plan = Plan::default();
        plan.global.router_id = Some("lb1".into());
        plan.global.mail = Mail {
            to: vec!["ops@example.org".into()],
            server: Some(MailServer {
                host: "127.0.0.1".into(),
                port,
            }),
            timeout: Duration::from_millis(200),
            ..Mail::default()
        };
        plan
    }

    fn news(notice: Notice) -> News {
        News {
            is_group: false,
            name: "VI_1".into(),
            notice,
            priority: 150,
        }
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        (listener, port)
    }

    /// Takes one letter, as a server does, and returns its subject.
    async fn take(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.expect("somebody comes");
        let (reader, mut writer) = stream.split();
        let mut reader = BufReader::new(reader);
        let mut say = async |words: &str| writer.write_all(words.as_bytes()).await.expect("it listens");
        say("220 ready\r\n").await;
        let mut subject = String::new();
        loop {
            let said = line(&mut reader).await.expect("it goes on");
            match said.split(' ').next().unwrap_or_default() {
                "DATA" => say("354 go on\r\n").await,
                "Subject:" => subject = said,
                "HELO" | "MAIL" | "RCPT" | "." => say("250 ok\r\n").await,
                "QUIT" => return subject,
                _ => {}
            }
        }
    }

    #[test]
    fn letters_come_in_their_order_and_the_end_waits_for_them() {
        run(async {
            let (listener, port) = listen().await;
            let post = Post::new(&plan(port), Rc::default());
            [Notice::Backup, Notice::Master]
                .into_iter()
                .for_each(|n| post.tell(&news(n)));
            let takes = async { [take(&listener).await, take(&listener).await] };
            let (subjects, ()) = tokio::join!(takes, post.empty());
            assert_eq!(
                subjects,
                [
                    "Subject: [lb1] VRRP Instance VI_1 - Entering BACKUP state",
                    "Subject: [lb1] VRRP Instance VI_1 - Entering MASTER state",
                ]
            );
        });
    }

    #[test]
    fn a_server_that_says_nothing_costs_a_letter_and_no_more() {
        run(async {
            let (listener, port) = listen().await;
            let post = Post::new(&plan(port), Rc::default());
            post.tell(&news(Notice::Backup));
            let mute = listener.accept().await.expect("it comes");
            post.tell(&news(Notice::Master));
            let subject = take(&listener).await;
            assert!(subject.ends_with("Entering MASTER state"), "{subject}");
            drop(mute);
            post.empty().await;
        });
    }

    #[test]
    fn without_a_server_nothing_waits_for_ever() {
        run(async {
            let (listener, port) = listen().await;
            drop(listener);
            let post = Post::new(&plan(port), Rc::default());
            (0..10).for_each(|_| post.tell(&news(Notice::Master)));
            post.empty().await;
        });
    }

    #[test]
    fn the_queue_is_bounded_and_keeps_what_is_new() {
        run(async {
            let post = Post::new(&plan(1), Rc::default());
            // The carrier has not had its turn yet.
            (0..WAITING + 10).for_each(|_| post.tell(&news(Notice::Backup)));
            post.tell(&news(Notice::Master));
            let letters = post.queue.letters.borrow();
            assert_eq!(letters.len(), WAITING);
            assert!(
                letters
                    .back()
                    .is_some_and(|last| last.text[2].ends_with("MASTER state"))
            );
        });
    }
}
