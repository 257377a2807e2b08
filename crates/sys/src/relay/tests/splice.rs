//! What is bulk goes through a pipe, and nothing gets lost on the way in, on the way out and in between.

use super::*;

const FLOOD: usize = 12 << 20;
/// So much is read before nobody reads.
const FIRST: usize = 2 << 20;

fn pattern(count: usize) -> Vec<u8> {
    (0..count as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Reads so much on a thread of its own.
fn reading(mut from: TcpStream, count: usize) -> std::thread::JoinHandle<(Vec<u8>, TcpStream)> {
    std::thread::spawn(move || {
        let mut got = vec![0; count];
        from.read_exact(&mut got).unwrap();
        (got, from)
    })
}

/// Drives until so much is written, and a bit longer.
async fn until(d: &mut Direction, (from, to): (&Endpoint, &Endpoint), scratch: &mut Scratch, count: u64) {
    let mut written = 0;
    let all = poll_fn(|cx| {
        let pass = d.drive(cx, from, to, scratch);
        assert!(pass.end.is_none());
        written += pass.written;
        if written >= count {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("in time");
}

/// Drives while the first part is read, then until nothing moves for a while: nobody reads any more.
async fn until_stuck(
    d: &mut Direction,
    (from, to): (&Endpoint, &Endpoint),
    scratch: &mut Scratch,
    server: TcpStream,
) -> TcpStream {
    // However much the system would let a connection keep, these two keep little.
    socket2::SockRef::from(&server).set_recv_buffer_size(256 << 10).unwrap();
    to.socket().set_send_buffer_size(256 << 10).unwrap();
    let reader = reading(server, FIRST);
    until(d, (from, to), scratch, FIRST as u64).await;
    let mut quiet = 0;
    while quiet < 20 {
        let pass = poll_fn(|cx| Poll::Ready(d.drive(cx, from, to, scratch))).await;
        quiet = if pass.read + pass.written > 0 || d.held() == 0 {
            0
        } else {
            quiet + 1
        };
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (got, server) = reader.join().unwrap();
    assert!(got == pattern(FLOOD)[..FIRST]);
    server
}

#[test]
fn bulk_settles_into_a_pipe_and_small_talk_leaves_it() {
    runtime().block_on(async {
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(2));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let sent = pattern(FLOOD);
        let reader = reading(server, FLOOD);
        let writer = std::thread::spawn(move || {
            client.write_all(&pattern(FLOOD)).unwrap();
            client
        });
        until(&mut d, (&from, &to), &mut scratch, FLOOD as u64).await;
        let (got, server) = reader.join().unwrap();
        assert!(got == sent, "what arrived is what was sent");
        let carried = pipes.carried();
        assert!(carried > FLOOD as u64 / 2, "{carried} went through a pipe");
        assert_eq!(pipes.used(), 0, "it is lent only while there is something in it");

        let mut client = writer.join().unwrap();
        let mut server = server;
        for round in 0..20 {
            client.write_all(&pattern(64)).unwrap();
            until(&mut d, (&from, &to), &mut scratch, 64).await;
            let mut got = [0; 64];
            server.read_exact(&mut got).unwrap();
            assert_eq!(got, pattern(64)[..], "round {round}");
        }
        assert!(pipes.carried() <= carried + 6 * 64, "a few, then they are copied again");
        drop(client);
        assert!(matches!(to_the_end(&mut d, &from, &to).await, (0, End::Finished)));
    });
}

#[test]
fn what_waits_in_a_pipe_moves_on_with_the_direction() {
    runtime().block_on(async {
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(1));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let writer = std::thread::spawn(move || client.write_all(&pattern(FLOOD)));
        let server = until_stuck(&mut d, (&from, &to), &mut scratch, server).await;
        assert_eq!(pipes.used(), 1);
        assert!(d.held() > 0 && d.held() <= 512 << 10, "{}", d.held());
        let held = d.held();
        let parked = d.park().unwrap();
        let Parked::Reading(bytes) = &parked else {
            panic!("{parked:?}")
        };
        assert_eq!((bytes.len(), d.held(), pipes.used()), (held, held, 0));
        assert_eq!(d.park().unwrap(), parked, "it stays, should nobody take it");
        let mut d = Direction::resumed(parked);
        let reader = reading(server, FLOOD - FIRST);
        let (_, end) = to_the_end(&mut d, &from, &to).await;
        assert!(matches!(end, End::Finished), "{end:?}");
        writer.join().unwrap().unwrap();
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
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(1));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let writer = std::thread::spawn(move || client.write_all(&pattern(FLOOD)));
        let server = until_stuck(&mut d, (&from, &to), &mut scratch, server).await;
        assert_eq!(pipes.used(), 1);
        let reader = reading(server, FLOOD - FIRST);
        let end = poll_fn(|cx| {
            let pass = d.drive(cx, &Seen(&from), &Seen(&to), &mut scratch);
            pass.end.map_or(Poll::Pending, Poll::Ready)
        });
        let end = tokio::time::timeout(Duration::from_secs(20), end)
            .await
            .expect("in time");
        assert!(matches!(end, End::Finished), "{end:?}");
        assert_eq!(pipes.used(), 0);
        writer.join().unwrap().unwrap();
        assert!(reader.join().unwrap().0 == pattern(FLOOD)[FIRST..]);
    });
}

#[test]
fn the_end_comes_after_what_is_in_the_pipe() {
    runtime().block_on(async {
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(1));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let writer = std::thread::spawn(move || client.write_all(&pattern(FLOOD)).is_ok());
        let mut server = until_stuck(&mut d, (&from, &to), &mut scratch, server).await;
        d.shut(&to);
        drop(from);
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            server.read_to_end(&mut got).unwrap();
            got
        });
        let flushed = poll_fn(|cx| {
            d.drive(cx, &to, &to, &mut scratch);
            if d.held() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout(Duration::from_secs(10), flushed)
            .await
            .expect("it is taken");
        let got = reader.join().unwrap();
        assert!(
            got.len() > 64 << 10 && got == pattern(FLOOD)[FIRST..FIRST + got.len()],
            "{}",
            got.len()
        );
        assert_eq!((pipes.used(), pipes.free()), (0, 1));
        writer.join().unwrap();
    });
}

#[test]
fn who_is_dropped_with_something_in_a_pipe_gives_up_its_place() {
    runtime().block_on(async {
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(1));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let writer = std::thread::spawn(move || client.write_all(&pattern(FLOOD)).is_ok());
        let server = until_stuck(&mut d, (&from, &to), &mut scratch, server).await;
        assert_eq!(pipes.used(), 1);
        drop(d);
        assert_eq!((pipes.used(), pipes.free()), (0, 0));
        drop((from, server, to));
        writer.join().unwrap();
    });
}

#[test]
fn a_reset_while_it_is_in_bulk_is_a_failure_of_its_side() {
    runtime().block_on(async {
        let ((mut client, from), (server, to)) = (connection(), connection());
        let pipes = Arc::new(Pipes::new(1));
        let (mut d, mut scratch) = (Direction::default(), Scratch::new(pipes.clone()));
        let writer = std::thread::spawn(move || client.write_all(&pattern(FLOOD)));
        let server = until_stuck(&mut d, (&from, &to), &mut scratch, server).await;
        crate::sockopt::reset_on_close(&Socket::from(server)).unwrap();
        let end = poll_fn(|cx| {
            d.drive(cx, &from, &to, &mut scratch)
                .end
                .map_or(Poll::Pending, Poll::Ready)
        });
        let end = tokio::time::timeout(Duration::from_secs(10), end)
            .await
            .expect("in time");
        assert!(matches!(end, End::WriteFailed(_)), "{end:?}");
        assert_eq!(pipes.used(), 0);
        drop(from);
        assert!(writer.join().unwrap().is_err());
    });
}
