//! Sockets that are no longer needed. Closing one may wait: for the kernel's grace period where it heard frames, for whoever
//! changes a network where it was in a group. A thread of its own can do that better.

/// It does nothing else, and what is reserved is locked.
const STACK: usize = 64 << 10;

/// Lets go of them without waiting.
pub(super) fn close<T: Send + 'static>(sockets: Vec<T>) {
    if !sockets.is_empty() {
        let thread = std::thread::Builder::new().name("closing".into()).stack_size(STACK);
        // On a host that has no thread to give they are closed here, which is better than not to go on.
        thread.spawn(move || drop(sockets)).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    use super::*;

    struct Socket(SyncSender<ThreadId>);

    impl Drop for Socket {
        fn drop(&mut self) {
            self.0.send(current().id()).expect("the test listens");
        }
    }

    #[test]
    fn nobody_waits_for_a_socket_to_close() {
        // Who closes waits until somebody listens: on this thread that would be for ever.
        let (closed, by) = sync_channel(0);
        close(vec![Socket(closed)]);
        let by = by.recv_timeout(Duration::from_secs(10)).expect("it is closed");
        assert_ne!(by, current().id());
    }
}
