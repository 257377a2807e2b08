//! The control socket: a line of JSON in, a line of JSON out.
//!
//! `{"ask": "state"}`, `{"ask": "why", "instance": "VI_1"}`, `{"ask": "metrics"}`, `{"ask": "pair"}`, `{"ask": "handover"}`, `{"ask": "drain"}`,
//! `{"ask": "resume"}`; the last three take an instance too, a handover a `successor`, `keep` in
//! seconds, and `brief`. The answer is `{"answer": …}` or `{"error": "…"}`.
//!
//! A second socket, for everybody on this host, takes the questions and no orders. That is what a balancer asks that runs
//! as another user or in another root.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tandem_ops::beside::state_of_router;
use tandem_ops::control::{Ownership, UnixFile, open_unix};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// More at the same time wait.
const VISITORS: usize = 16;

/// Everybody may come to the second socket, so nobody may stay there without a question.
const IDLE: Duration = Duration::from_secs(10);

/// Nor ask without end: the router's own thread has to look for each answer. And how long who cannot let a visitor in
/// (there are too many open files) waits before the next attempt.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// No question is longer.
const LONGEST: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", tag = "ask", deny_unknown_fields)]
pub(crate) enum Question {
    State,
    /// The link to the other host of the pair.
    Pair,
    Why {
        instance: Option<String>,
    },
    Metrics,
    Handover {
        instance: Option<String>,
        successor: Option<IpAddr>,
        /// Seconds that connections go on here at most; else what `pair_link` says.
        keep: Option<u32>,
        /// It takes part again by itself, once its trackers have had time to see what is about to end.
        #[serde(default)]
        brief: bool,
    },
    Drain {
        instance: Option<String>,
    },
    Resume {
        instance: Option<String>,
    },
}

/// A question, and where its answer goes.
pub(crate) type Asked = (Question, oneshot::Sender<Result<Value, String>>);

/// A listening socket and its file, and the one for everybody.
#[derive(Debug)]
pub(crate) struct Door {
    socket: Socket,
    file: UnixFile,
    public: io::Result<Socket>,
}

/// Who may come in by a door, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visitors {
    /// The owner: questions and orders.
    Owner,
    /// Everybody on this host: questions.
    Everybody,
}

impl Question {
    fn is_order(&self) -> bool {
        match self {
            Question::State | Question::Pair | Question::Why { .. } | Question::Metrics => false,
            Question::Handover { .. } | Question::Drain { .. } | Question::Resume { .. } => true,
        }
    }
}

/// Opens the socket in this folder. Only the owner may ask: some questions are orders. Fails where another router answers
/// already, which must not be disturbed.
pub(crate) fn open(folder: &Path) -> io::Result<Door> {
    let only_owner = Ownership {
        mode: Some(0o600),
        ..Ownership::default()
    };
    let path = folder.join("control.sock");
    let (socket, file) = open_unix(&path, &only_owner)?;
    Ok(Door {
        socket,
        file,
        public: open_public(&path),
    })
}

fn open_public(control: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    socket.bind(&state_of_router(control)?)?;
    socket.listen(VISITORS as i32)?;
    Ok(socket)
}

impl Door {
    /// Why there is no socket for everybody, which nothing depends on.
    pub(crate) fn trouble(&self) -> Option<&io::Error> {
        self.public.as_ref().err()
    }
}

/// Both ends of the way that questions take, for others who ask, too.
pub(crate) fn questions() -> (mpsc::Sender<Asked>, mpsc::Receiver<Asked>) {
    mpsc::channel(VISITORS)
}

/// Lets visitors in.
pub(crate) fn serve(door: Door, ask: mpsc::Sender<Asked>) -> io::Result<()> {
    let Door { socket, file, public } = door;
    if let Ok(public) = public {
        let listener = UnixListener::from_std(public.into())?;
        tokio::task::spawn_local(welcome(listener, Visitors::Everybody, ask.clone()));
    }
    let listener = UnixListener::from_std(socket.into())?;
    tokio::task::spawn_local(async move {
        let _file = file;
        welcome(listener, Visitors::Owner, ask).await;
    });
    Ok(())
}

async fn welcome(listener: UnixListener, who: Visitors, ask: mpsc::Sender<Asked>) {
    let room = Arc::new(Semaphore::new(VISITORS));
    // The semaphore is never closed.
    while let Ok(seat) = room.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let ask = ask.clone();
        tokio::task::spawn_local(async move {
            // A visitor's trouble is visible to that visitor.
            converse(stream, who, ask).await.ok();
            drop(seat);
        });
    }
}

async fn converse(stream: UnixStream, who: Visitors, ask: mpsc::Sender<Asked>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        let mut question = (&mut lines).take(LONGEST);
        let reading = question.read_line(&mut line);
        let length = match who {
            Visitors::Owner => reading.await?,
            Visitors::Everybody => timeout(IDLE, reading).await??,
        };
        if length == 0 {
            return Ok(());
        }
        let mut answer = match answer(&line, who, &ask).await {
            Ok(value) => json!({ "answer": value }),
            Err(error) => json!({ "error": error }),
        }
        .to_string();
        answer.push('\n');
        match who {
            Visitors::Owner => write.write_all(answer.as_bytes()).await?,
            Visitors::Everybody => {
                timeout(IDLE, write.write_all(answer.as_bytes())).await??;
                sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(line: &str, who: Visitors, ask: &mpsc::Sender<Asked>) -> Result<Value, String> {
    let question: Question = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if who == Visitors::Everybody && question.is_order() {
        return Err("orders are given at the control socket".to_owned());
    }
    let (to, answer) = oneshot::channel();
    let ending = |_| "the router is ending".to_owned();
    ask.send((question, to))
        .await
        .map_err(|_| "the router is ending".to_owned())?;
    answer.await.map_err(ending)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Question, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn questions() {
        assert_eq!(read(r#"{"ask": "state"}"#), Ok(Question::State));
        let instance = Some("VI_1".to_owned());
        assert_eq!(
            read(r#"{"ask": "why", "instance": "VI_1"}"#),
            Ok(Question::Why {
                instance: instance.clone()
            })
        );
        let successor = Some(IpAddr::from([10, 9, 0, 2]));
        assert_eq!(
            read(r#"{"ask": "handover", "instance": "VI_1", "successor": "10.9.0.2", "keep": 5}"#),
            Ok(Question::Handover {
                instance,
                successor,
                keep: Some(5),
                brief: false,
            })
        );
        let is_order = |text| read(text).expect("a question").is_order();
        assert!(is_order(r#"{"ask": "drain"}"#) && !is_order(r#"{"ask": "state"}"#));
        for wrong in ["", "{}", r#"{"ask": "what"}"#, r#"{"ask": "why", "what": 1}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test(flavor = "local")]
    async fn not_everybody_gives_orders() {
        let (ask, mut asked) = mpsc::channel(1);
        let refused = answer(r#"{"ask": "drain"}"#, Visitors::Everybody, &ask).await;
        assert_eq!(refused, Err("orders are given at the control socket".to_owned()));
        for (who, text) in [
            (Visitors::Owner, r#"{"ask": "drain"}"#),
            (Visitors::Everybody, r#"{"ask": "state"}"#),
        ] {
            let told = answer(text, who, &ask);
            let tell = async {
                let (_, to) = asked.recv().await.expect("a question");
                to.send(Ok(Value::Null)).ok();
            };
            assert_eq!(tokio::join!(told, tell).0, Ok(Value::Null), "{text}");
        }
    }
}
