//! A router's control socket that always gives the same answer, in the form of `tandem-vrrp`'s.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const ANSWER: &str = concat!(
    r#"{"answer": [{"name": "brokers", "interface": "eth0", "vrid": 51, "version": 3, "state": "MASTER", "#,
    r#""want": "MASTER", "leaving": false, "holds": true, "since_seconds": 4000.5, "priority": 152, "#,
    r#""base_priority": 150, "source": "192.0.2.7", "master": null, "down_interval_seconds": 3.4, "#,
    r#""closest_call": 0.1, "addresses": ["192.0.2.1/24", "2001:db8::1/64"]}]}"#,
);

/// Answers until the test ends; the file goes with it.
pub struct Router(PathBuf);

impl Router {
    pub fn start() -> Router {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tandem-router-{}-{}.sock",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        Router::start_at(std::env::temp_dir().join(name))
    }

    pub fn start_at(socket: PathBuf) -> Router {
        let listener = UnixListener::bind(&socket).expect("a socket in the folder for temporary files");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream).lines();
                if lines.next().and_then(Result::ok).as_deref() == Some(r#"{"ask": "state"}"#) {
                    // Whoever asked may have gone.
                    writeln!(&stream, "{ANSWER}").ok();
                }
            }
        });
        Router(socket)
    }

    pub fn socket(&self) -> &Path {
        &self.0
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}
