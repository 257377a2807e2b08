//! What is bulk goes through a pipe, and nothing gets lost on the way in, on the way out and in between; nor where the
//! system would not have it.

use std::thread::{JoinHandle, spawn};

use super::*;

mod unfit;

const FLOOD: usize = 12 << 20;
/// So much is read before nobody reads.
const FIRST: usize = 2 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

fn pattern(count: usize) -> Vec<u8> {
    (0..count as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Writes the whole pattern on a thread of its own.
fn flood(mut to: TcpStream) -> JoinHandle<io::Result<TcpStream>> {
    spawn(move || to.write_all(&pattern(FLOOD)).map(|()| to))
}

/// Who has written all goes, and that is the end.
fn ending(writer: JoinHandle<io::Result<TcpStream>>) -> JoinHandle<()> {
    spawn(move || drop(writer.join().unwrap().unwrap()))
}

/// Reads so much on a thread of its own.
fn reading(mut from: TcpStream, count: usize) -> JoinHandle<(Vec<u8>, TcpStream)> {
    spawn(move || {
        let mut got = vec![0; count];
        from.read_exact(&mut got).unwrap();
        (got, from)
    })
}

/// One way between two connections, with so many pipes.
struct Way {
    d: Direction,
    scratch: Scratch,
    pipes: Arc<Pipes>,
    from: Endpoint,
    to: Endpoint,
}

impl Way {
    /// With the ends of the test: who writes, and who reads.
    fn new(most: usize) -> (TcpStream, Way, TcpStream) {
        let ((client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(most));
        let way = Way {
            d: Direction::default(),
            scratch: Scratch::new(pipes.clone()),
            pipes,
            from,
            to,
        };
        (client, way, server)
    }

    /// A flood of which the first part was read, and nobody reads any more; there is one pipe, and it is in use.
    async fn stuck() -> (JoinHandle<io::Result<TcpStream>>, Way, TcpStream) {
        let (client, mut way, server) = Way::new(1);
        let writer = flood(client);
        // However much the system would let a connection keep, these two keep little.
        socket2::SockRef::from(&server).set_recv_buffer_size(256 << 10).unwrap();
        way.to.socket().set_send_buffer_size(256 << 10).unwrap();
        let reader = reading(server, FIRST);
        way.until(FIRST as u64).await;
        let mut quiet = 0;
        while quiet < 20 {
            let pass = poll_fn(|cx| Poll::Ready(way.drive(cx))).await;
            let is_quiet = pass.read + pass.written == 0 && way.d.held() > 0;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (got, server) = reader.join().unwrap();
        assert!(got == pattern(FLOOD)[..FIRST]);
        assert_eq!(way.pipes.used(), 1);
        (writer, way, server)
    }

    fn drive(&mut self, cx: &mut Context<'_>) -> Pass {
        self.d.drive(cx, &self.from, &self.to, &mut self.scratch)
    }

    /// Drives until so much is written, and a bit longer.
    async fn until(&mut self, count: u64) {
        let mut written = 0;
        let all = poll_fn(|cx| {
            let pass = self.drive(cx);
            assert!(pass.end.is_none());
            written += pass.written;
            match written >= count {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        tokio::time::timeout(PATIENCE, all).await.expect("in time");
    }

    async fn end(&mut self) -> End {
        let end = poll_fn(|cx| self.drive(cx).end.map_or(Poll::Pending, Poll::Ready));
        tokio::time::timeout(PATIENCE, end).await.expect("in time")
    }
}

#[test]
fn bulk_settles_into_a_pipe_and_small_talk_leaves_it() {
    runtime().block_on(async {
        let (client, mut way, server) = Way::new(2);
        let (writer, reader) = (flood(client), reading(server, FLOOD));
        way.until(FLOOD as u64).await;
        let (got, mut server) = reader.join().unwrap();
        assert!(got == pattern(FLOOD), "what arrived is what was sent");
        let carried = way.pipes.carried();
        assert!(carried > FLOOD as u64 / 2, "{carried} went through a pipe");
        assert_eq!(way.pipes.used(), 0, "it is lent only while there is something in it");

        let mut client = writer.join().unwrap().unwrap();
        for round in 0..20 {
            client.write_all(&pattern(64)).unwrap();
            way.until(64).await;
            let mut got = [0; 64];
            server.read_exact(&mut got).unwrap();
            assert_eq!(got, pattern(64)[..], "round {round}");
        }
        assert!(
            way.pipes.carried() <= carried + 6 * 64,
            "a few, then they are copied again"
        );
        drop(client);
        assert!(matches!(way.end().await, End::Finished));
    });
}

#[test]
fn what_waits_in_a_pipe_moves_on_with_the_direction() {
    runtime().block_on(async {
        let (writer, mut way, server) = Way::stuck().await;
        let held = way.d.held();
        assert!(held > 0 && held <= 512 << 10, "{held}");
        let parked = way.d.park().unwrap();
        let Parked::Reading(bytes) = &parked else {
            panic!("{parked:?}")
        };
        assert_eq!((bytes.len(), way.d.held(), way.pipes.used()), (held, held, 0));
        assert_eq!(way.d.park().unwrap(), parked, "it stays, should nobody take it");
        way.d = Direction::resumed(parked);
        let reader = reading(server, FLOOD - FIRST);
        let ending = ending(writer);
        let end = way.end().await;
        assert!(matches!(end, End::Finished), "{end:?}");
        ending.join().unwrap();
        assert!(reader.join().unwrap().0 == pattern(FLOOD)[FIRST..]);
    });
}

/// An end whose bytes are looked at.
struct Seen<'a>(&'a Endpoint);

impl Stream for Seen<'_> {
    fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }

    fn poll_write(&self, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, from)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn finish(&self) {
        self.0.finish();
    }

    fn plain(&self) -> Option<&Endpoint> {
        None
    }
}

#[test]
fn who_is_looked_at_from_now_on_loses_nothing_that_is_in_the_pipe() {
    runtime().block_on(async {
        let (writer, mut way, server) = Way::stuck().await;
        let reader = reading(server, FLOOD - FIRST);
        let ending = ending(writer);
        let end = poll_fn(|cx| {
            let pass = way.d.drive(cx, &Seen(&way.from), &Seen(&way.to), &mut way.scratch);
            pass.end.map_or(Poll::Pending, Poll::Ready)
        });
        let end = tokio::time::timeout(PATIENCE, end).await.expect("in time");
        assert!(matches!(end, End::Finished), "{end:?}");
        assert_eq!(way.pipes.used(), 0);
        ending.join().unwrap();
        assert!(reader.join().unwrap().0 == pattern(FLOOD)[FIRST..]);
    });
}

#[test]
fn the_end_comes_after_what_is_in_the_pipe() {
    runtime().block_on(async {
        let (writer, way, mut server) = Way::stuck().await;
        let Way {
            mut d,
            mut scratch,
            pipes,
            from,
            to,
        } = way;
        d.shut(&to);
        drop(from);
        let reader = spawn(move || {
            let mut got = Vec::new();
            server.read_to_end(&mut got).unwrap();
            got
        });
        let flushed = poll_fn(|cx| {
            d.drive(cx, &to, &to, &mut scratch);
            if d.held() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout(PATIENCE, flushed).await.expect("it is taken");
        let got = reader.join().unwrap();
        let rest = &pattern(FLOOD)[FIRST..FIRST + got.len()];
        assert!(got.len() > 64 << 10 && got == rest, "{}", got.len());
        assert_eq!((pipes.used(), pipes.free()), (0, 1));
        assert!(writer.join().unwrap().is_err());
    });
}

#[test]
fn who_is_dropped_with_something_in_a_pipe_gives_up_its_place() {
    runtime().block_on(async {
        let (writer, way, server) = Way::stuck().await;
        let Way { d, pipes, from, to, .. } = way;
        drop(d);
        assert_eq!((pipes.used(), pipes.free()), (0, 0));
        drop((from, server, to));
        assert!(writer.join().unwrap().is_err());
    });
}

#[test]
fn a_reset_while_it_is_in_bulk_is_a_failure_of_its_side() {
    runtime().block_on(async {
        let (writer, mut way, server) = Way::stuck().await;
        crate::sockopt::reset_on_close(&Socket::from(server)).unwrap();
        let end = way.end().await;
        assert!(matches!(end, End::WriteFailed(_)), "{end:?}");
        assert_eq!(way.pipes.used(), 0);
        drop(way);
        assert!(writer.join().unwrap().is_err());
    });
}
