//! What relaying costs in memory, counted: an exchange allocates nothing, and who is silent holds nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::Socket;
use tandem_sys::relay::{Direction, Endpoint, Pipes, Scratch};
use tokio::runtime::Builder;

/// The system's, counted for each thread.
struct Counted;

thread_local! {
    // Those who run the tests allocate too, when their turn comes.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get() + layout.size() as i64);
        // SAFETY: the caller keeps the promises of this function, which are those of the other.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counted = Counted;

/// A relayed connection with both its ends.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    near: Endpoint,
    far: Endpoint,
    up: Direction,
    down: Direction,
}

impl Pair {
    fn new() -> Pair {
        let ((client, near), (server, far)) = (connection(), connection());
        Pair {
            client,
            server,
            near,
            far,
            up: Direction::default(),
            down: Direction::default(),
        }
    }

    /// A question and its answer.
    async fn exchange(&mut self, scratch: &mut Scratch) {
        let mut bytes = [7; 64];
        self.client.write_all(&bytes).expect("it is taken");
        carry(&mut self.up, &self.near, &self.far, scratch, 64).await;
        self.server.read_exact(&mut bytes).expect("it has come");
        self.server.write_all(&bytes).expect("it is taken");
        carry(&mut self.down, &self.far, &self.near, scratch, 64).await;
        self.client.read_exact(&mut bytes).expect("it has come");
    }
}

async fn carry(way: &mut Direction, from: &Endpoint, to: &Endpoint, scratch: &mut Scratch, count: u64) {
    let mut written = 0;
    poll_fn(|cx| {
        written += way.drive(cx, from, to, scratch).written;
        if written >= count {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

fn connection() -> (TcpStream, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    ours.set_read_timeout(Some(Duration::from_secs(10))).expect("valid");
    let (theirs, _) = listener.accept().expect("it has come");
    theirs.set_nonblocking(true).expect("a socket");
    (ours, Endpoint::new(Socket::from(theirs)).expect("inside a runtime"))
}

#[test]
fn an_exchange_allocates_nothing_and_who_is_silent_holds_nothing() {
    const MANY: usize = 100;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .expect("a runtime");
    runtime.block_on(async {
        let mut scratch = Scratch::new(Arc::new(Pipes::new(4)));
        let mut pair = Pair::new();
        for _ in 0..10 {
            pair.exchange(&mut scratch).await;
        }
        let before = ALLOCATIONS.get();
        for _ in 0..1000 {
            pair.exchange(&mut scratch).await;
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "in a thousand exchanges");

        let mut pairs = Vec::with_capacity(MANY);
        let before = HELD.get();
        for _ in 0..MANY {
            let mut pair = Pair::new();
            pair.exchange(&mut scratch).await;
            pairs.push(pair);
        }
        let each = (HELD.get() - before) / MANY as i64;
        assert!(
            each < 1024,
            "a silent connection holds {each} bytes: there is no room in that for a buffer"
        );
    });
}
