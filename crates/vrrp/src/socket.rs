//! The control socket: a line of JSON in, a line of JSON out.
//!
//! `{"ask": "state"}`, `{"ask": "why", "instance": "VI_1"}`, `{"ask": "metrics"}`, `{"ask": "pair"}`, `{"ask": "handover"}`, `{"ask": "drain"}`,
//! `{"ask": "resume"}`; the last three take an instance too. The answer is `{"answer": …}` or `{"error": "…"}`.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use socket2::Socket;
use tandem_ops::control::{Ownership, UnixFile, open_unix};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// More at the same time wait.
const VISITORS: usize = 16;

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

/// A listening socket and its file.
#[derive(Debug)]
pub(crate) struct Door {
    socket: Socket,
    file: UnixFile,
}

/// Opens the socket in this folder. Only the owner may ask: some questions are orders. Fails where another router answers
/// already, which must not be disturbed.
pub(crate) fn open(folder: &Path) -> io::Result<Door> {
    let only_owner = Ownership {
        mode: Some(0o600),
        ..Ownership::default()
    };
    let (socket, file) = open_unix(&folder.join("control.sock"), &only_owner)?;
    Ok(Door { socket, file })
}

/// Lets visitors in.
pub(crate) fn serve(door: Door) -> io::Result<mpsc::Receiver<Asked>> {
    let Door { socket, file } = door;
    let listener = UnixListener::from_std(socket.into())?;
    let (ask, asked) = mpsc::channel(VISITORS);
    tokio::task::spawn_local(async move {
        let _file = file;
        let room = Arc::new(Semaphore::new(VISITORS));
        // The semaphore is never closed.
        while let Ok(seat) = room.clone().acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let ask = ask.clone();
            tokio::task::spawn_local(async move {
                // A visitor's trouble is visible to that visitor.
                converse(stream, ask).await.ok();
                drop(seat);
            });
        }
    });
    Ok(asked)
}

async fn converse(stream: UnixStream, ask: mpsc::Sender<Asked>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        if (&mut lines).take(LONGEST).read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut answer = match answer(&line, &ask).await {
            Ok(value) => json!({ "answer": value }),
            Err(error) => json!({ "error": error }),
        }
        .to_string();
        answer.push('\n');
        write.write_all(answer.as_bytes()).await?;
    }
}

async fn answer(line: &str, ask: &mpsc::Sender<Asked>) -> Result<Value, String> {
    let question = serde_json::from_str(line).map_err(|error| error.to_string())?;
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
            read(r#"{"ask": "handover", "instance": "VI_1", "successor": "10.9.0.2"}"#),
            Ok(Question::Handover { instance, successor })
        );
        for wrong in ["", "{}", r#"{"ask": "what"}"#, r#"{"ask": "why", "what": 1}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
