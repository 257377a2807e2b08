//! Clients that come and go as long as they are needed, so that the page has something to show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use tandem_tests::{ask, connect};

/// Short sessions, one after the other, until dropped.
pub struct Load {
    ended: Arc<AtomicBool>,
    sessions: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    pub fn on(to: SocketAddr) -> Load {
        let (ended, sessions) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let thread = std::thread::spawn({
            let (ended, sessions) = (ended.clone(), sessions.clone());
            move || {
                while !ended.load(Relaxed) {
                    let size = 500 + 700 * (sessions.fetch_add(1, Relaxed) % 9);
                    assert_eq!(ask(&mut connect(to), &vec![1; size]).len(), size);
                    // A steady stream, no flood: other tests run beside this one.
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        });
        Load {
            ended,
            sessions,
            thread: Some(thread),
        }
    }

    pub fn sessions(&self) -> usize {
        self.sessions.load(Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // What went wrong there was said there.
            thread.join().ok();
        }
    }
}
