//! Replacing the running binary: listeners, connections and counters go to the successor, and the old process ends.

use std::path::{Path, PathBuf};

use tandem_tests::{Config, Lb, Server, ask, connect};

/// A stats socket that passes descriptors on; its file goes with the test.
struct Socket(PathBuf);

impl Socket {
    fn new(name: &str) -> Socket {
        let name = format!("tandem-up-{name}-{}.sock", std::process::id());
        Socket(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn line(&self) -> String {
        format!(
            "stats socket {} mode 600 level admin expose-fd listeners",
            self.0.display()
        )
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[test]
fn an_idle_connection_lives_on_in_the_successor() {
    let (server, socket) = (Server::echo(), Socket::new("idle"));
    let config = Config::default().global(socket.line()).server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut client = connect(config.at());
    assert_eq!(ask(&mut client, b"before"), b"before");

    let new = old.succeed(socket.path(), &config.to_string());
    assert!(old.ended().success());
    assert_eq!(ask(&mut client, b"after"), b"after");
    assert_eq!(ask(&mut connect(config.at()), b"new"), b"new");
    assert_eq!(server.accepted(), 2);
    drop(new);
}
