use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use socket2::{SockAddr, Socket};
use tokio::runtime::{Builder, LocalRuntime};

use super::*;

mod reactor;
mod splice;

fn runtime() -> LocalRuntime {
    Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap()
}

/// A connection: the test's end, which blocks, and the relay's end.
fn connection() -> (TcpStream, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mine = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    mine.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    theirs.set_nonblocking(true).unwrap();
    (mine, Endpoint::new(Socket::from(theirs)).unwrap())
}

/// Drives one direction to its end and says what it carried.
async fn to_the_end(d: &mut Direction, from: &Endpoint, to: &Endpoint) -> (u64, End) {
    let (mut scratch, mut carried) = (Scratch::default(), 0);
    let end = poll_fn(|cx| {
        let pass = d.drive(cx, from, to, &mut scratch);
        carried += pass.written;
        pass.end.map_or(Poll::Pending, Poll::Ready)
    });
    let end = tokio::time::timeout(Duration::from_secs(10), end)
        .await
        .expect("ends in time");
    (carried, end)
}

#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn everything_arrives_and_then_the_end() {
    runtime().block_on(async {
        let ((mut client, from), (mut server, to)) = (connection(), connection());
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        let writer = std::thread::spawn({
            let sent = sent.clone();
            move || client.write_all(&sent).map(|()| client)
        });
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            server.read_to_end(&mut got).map(|_| got)
        });
        // The client's end is dropped by its thread, which is the end of the stream.
        let ending = std::thread::spawn(move || drop(writer.join()));
        let mut d = Direction::default();
        let (carried, end) = to_the_end(&mut d, &from, &to).await;
        assert!(matches!(end, End::Finished), "{end:?}");
        d.shut(&to);
        ending.join().unwrap();
        assert_eq!(carried, sent.len() as u64);
        assert!(reader.join().unwrap().unwrap() == sent);
    });
}

#[test]
fn the_end_right_behind_a_short_read_is_seen() {
    runtime().block_on(async {
        let ((mut client, from), (_server, to)) = (connection(), connection());
        client.write_all(b"bye").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let (carried, end) = to_the_end(&mut Direction::default(), &from, &to).await;
        assert_eq!(carried, 3);
        assert!(matches!(end, End::Finished), "{end:?}");
    });
}

#[test]
fn an_idle_connection_is_not_woken() {
    let rt = runtime();
    rt.block_on(async {
        let ((mut client, from), (mut server, to)) = (connection(), connection());
        let counted = Arc::new(Counted::default());
        let waker = Waker::from(counted.clone());
        let (mut d, mut scratch) = (Direction::default(), Scratch::default());
        client.write_all(b"hello").unwrap();
        // Until the bytes went through; the first wakes are for them.
        let mut moved = 0;
        while moved < 5 {
            moved += d
                .drive(&mut Context::from_waker(&waker), &from, &to, &mut scratch)
                .written;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.read_exact(&mut [0; 5]).unwrap();
        assert_eq!(
            d.drive(&mut Context::from_waker(&waker), &from, &to, &mut scratch).read,
            0
        );
        let before = counted.0.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(counted.0.load(Ordering::SeqCst), before, "woken without a reason");
        // And the wake does come when there is one.
        client.write_all(b"!").unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(counted.0.load(Ordering::SeqCst), before + 1);
    });
}

#[test]
fn a_slow_reader_holds_one_buffer_and_stops_the_sender() {
    runtime().block_on(async {
        let ((mut client, from), (mut server, to)) = (connection(), connection());
        let total = 64 << 20;
        let writer = std::thread::spawn(move || {
            let chunk = vec![7u8; 1 << 20];
            (0..64).try_for_each(|_| client.write_all(&chunk))
        });
        let (mut d, mut scratch, mut read) = (Direction::default(), Scratch::default(), 0);
        // Drive until nothing moves for a while: the server reads nothing, so both kernels' buffers are full.
        let mut quiet = 0;
        while quiet < 50 {
            let pass = poll_fn(|cx| Poll::Ready(d.drive(cx, &from, &to, &mut scratch))).await;
            read += pass.read;
            quiet = if pass.read == 0 { quiet + 1 } else { 0 };
            assert!(d.held() <= Scratch::SIZE);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(d.held() > 0 && read < total, "held {} read {read}", d.held());
        let reader = std::thread::spawn(move || io::copy(&mut server, &mut io::sink()));
        let (_, end) = to_the_end(&mut d, &from, &to).await;
        assert!(matches!(end, End::Finished), "{end:?}");
        d.shut(&to);
        writer.join().unwrap().unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), total);
        assert_eq!(d.held(), 0);
    });
}

#[test]
fn what_is_held_is_delivered_before_the_end() {
    runtime().block_on(async {
        let ((mut client, from), (mut server, to)) = (connection(), connection());
        let flood = std::thread::spawn(move || while client.write_all(&[9; 4096]).is_ok() {});
        let (mut d, mut scratch, mut read) = (Direction::default(), Scratch::default(), 0);
        while d.held() == 0 {
            read += poll_fn(|cx| Poll::Ready(d.drive(cx, &from, &to, &mut scratch)))
                .await
                .read;
            tokio::task::yield_now().await;
        }
        d.shut(&to);
        drop(from);
        let reader = std::thread::spawn(move || io::copy(&mut server, &mut io::sink()));
        let flushed = poll_fn(|cx| {
            assert_eq!(d.drive(cx, &to, &to, &mut scratch).read, 0);
            if d.held() == 0 { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout(Duration::from_secs(10), flushed)
            .await
            .expect("it is taken");
        assert_eq!(reader.join().unwrap().unwrap(), read);
        flood.join().unwrap();
    });
}

#[test]
fn one_call_is_bounded_and_comes_back() {
    runtime().block_on(async {
        let (client, from) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        let (server, to) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        for s in [&from, &to] {
            s.set_nonblocking(true).unwrap();
        }
        let (from, to) = (Endpoint::new(from).unwrap(), Endpoint::new(to).unwrap());
        let flood = std::thread::spawn(move || (&client).write_all(&vec![1; 8 << 20]).map(|()| drop(client)));
        let drain = std::thread::spawn(move || io::copy(&mut &server, &mut io::sink()));
        let (mut d, mut scratch, mut total) = (Direction::default(), Scratch::default(), 0);
        poll_fn(|cx| {
            let pass = d.drive(cx, &from, &to, &mut scratch);
            assert!(pass.written < 6 * Scratch::SIZE as u64, "{}", pass.written);
            total += pass.written;
            if pass.end.is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        drop(to);
        flood.join().unwrap().unwrap();
        assert_eq!((total, drain.join().unwrap().unwrap()), (8 << 20, 8 << 20));
    });
}

#[test]
fn a_reset_is_a_failure_of_its_side() {
    runtime().block_on(async {
        let ((client, from), (server, to)) = (connection(), connection());
        crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
        let (_, end) = to_the_end(&mut Direction::default(), &from, &to).await;
        assert!(
            matches!(&end, End::ReadFailed(e) if e.kind() == io::ErrorKind::ConnectionReset),
            "{end:?}"
        );

        let (mut client, from) = connection();
        crate::sockopt::reset_on_close(&Socket::from(server)).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.write_all(b"to nobody").unwrap();
        let (_, end) = to_the_end(&mut Direction::default(), &from, &to).await;
        assert!(matches!(end, End::WriteFailed(_)), "{end:?}");
    });
}

/// The kernel tells a failure once, whoever asks first.
#[test]
fn a_reset_that_a_look_found_is_found_again() {
    runtime().block_on(async {
        let is_reset = |e: &io::Error| e.kind() == io::ErrorKind::ConnectionReset;
        let mut scratch = Scratch::default();
        let ((client, from), (_server, to)) = (connection(), connection());
        crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
        let seen = poll_fn(|cx| match from.peek(cx, &mut scratch, 1000) {
            Ok(peeked) if !peeked.is_end => Poll::Pending,
            seen => Poll::Ready(seen.map(drop)),
        });
        assert!(is_reset(&seen.await.unwrap_err()));
        let (_, end) = to_the_end(&mut Direction::default(), &from, &to).await;
        assert!(matches!(&end, End::ReadFailed(e) if is_reset(e)), "{end:?}");

        // And one that comes after a look.
        let (client, from) = connection();
        poll_fn(|cx| Poll::Ready(from.peek(cx, &mut scratch, 1000).map(drop)))
            .await
            .unwrap();
        crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (_, end) = to_the_end(&mut Direction::default(), &from, &to).await;
        assert!(matches!(&end, End::ReadFailed(e) if is_reset(e)), "{end:?}");
    });
}

/// Whoever waits hears it, too, however often he asks and whatever is unread.
#[test]
fn a_reset_that_a_look_found_is_no_orderly_end() {
    runtime().block_on(async {
        let mut scratch = Scratch::default();
        for said in [&b""[..], b"words"] {
            let (mut client, end) = connection();
            client.write_all(said).unwrap();
            poll_fn(|cx| match end.peek(cx, &mut scratch, 1000) {
                Ok(peeked) if peeked.bytes.len() < said.len() => Poll::Pending,
                looked => Poll::Ready(looked.map(drop)),
            })
            .await
            .unwrap();
            crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
            let looked = poll_fn(|cx| match end.peek(cx, &mut scratch, 1000) {
                Ok(peeked) if !peeked.is_end => Poll::Pending,
                looked => Poll::Ready(looked.map(|peeked| peeked.bytes.len())),
            });
            assert_eq!(looked.await.ok(), Some(said.len()).filter(|&said| said > 0));
            for _ in 0..2 {
                let all = poll_fn(|cx| end.poll_finished(cx)).await.unwrap_err();
                assert_eq!(all.kind(), io::ErrorKind::ConnectionReset);
            }
            let hung_up = poll_fn(|cx| end.poll_hung_up(cx)).await.unwrap_err();
            assert_eq!(hung_up.kind(), io::ErrorKind::ConnectionReset);
        }
    });
}

#[test]
fn who_has_spoken_and_breaks_off_is_noticed() {
    runtime().block_on(async {
        let (mut client, end) = connection();
        client.write_all(b"words").unwrap();
        let mut gone = std::pin::pin!(poll_fn(|cx| end.poll_hung_up(cx)));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut gone).await;
        assert!(early.is_err(), "still there");
        crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
        let gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
        let why = gone.expect("it is noticed").unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::ConnectionReset);

        // One that has said all and waits for an answer has not broken off, until it does.
        let (mut client, end) = connection();
        client.write_all(b"words").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut gone = std::pin::pin!(poll_fn(|cx| end.poll_hung_up(cx)));
        let early = tokio::time::timeout(Duration::from_millis(20), &mut gone).await;
        assert!(early.is_err(), "its words are to be read first");
        crate::sockopt::reset_on_close(&Socket::from(client)).unwrap();
        let gone = tokio::time::timeout(Duration::from_secs(10), gone).await;
        assert!(gone.expect("it is noticed").is_err());
    });
}

/// A read ends at an urgent byte, which is no sign that there are no others behind it.
#[test]
fn what_is_behind_an_urgent_byte_goes_on() {
    runtime().block_on(async {
        for has_looked in [false, true] {
            let ((mut client, from), (_server, to)) = (connection(), connection());
            let mut scratch = Scratch::default();
            client.write_all(b"before").unwrap();
            Socket::from(client.try_clone().unwrap())
                .send_out_of_band(b"!")
                .unwrap();
            client.write_all(b"behind").unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            if has_looked {
                poll_fn(|cx| Poll::Ready(from.peek(cx, &mut scratch, 1000).map(drop)))
                    .await
                    .unwrap();
            }
            twelve_bytes_go_on(&from, &to, &mut scratch).await;
        }
    });
}

/// Nor is it where descriptors come with the bytes, as they may on a path.
#[test]
fn what_is_behind_a_descriptor_goes_on() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    runtime().block_on(async {
        let (client, from) = Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        from.set_nonblocking(true).unwrap();
        let (from, (_server, to)) = (Endpoint::new(from).unwrap(), connection());
        for part in [b"before", b"behind"] {
            let files = [std::os::fd::AsFd::as_fd(&client)];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = SendAncillaryBuffer::new(&mut space);
            assert!(with.push(SendAncillaryMessage::ScmRights(&files)));
            sendmsg(&client, &[io::IoSlice::new(part)], &mut with, SendFlags::empty()).unwrap();
        }
        twelve_bytes_go_on(&from, &to, &mut Scratch::default()).await;
    });
}

async fn twelve_bytes_go_on(from: &Endpoint, to: &Endpoint, scratch: &mut Scratch) {
    let (mut direction, mut carried) = (Direction::default(), 0);
    let all = poll_fn(|cx| {
        carried += direction.drive(cx, from, to, scratch).written;
        if carried == 12 { Poll::Ready(()) } else { Poll::Pending }
    });
    let done = tokio::time::timeout(Duration::from_secs(5), all).await;
    assert!(done.is_ok(), "{carried} of 12");
}

#[test]
fn connecting_succeeds_or_says_why() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = SockAddr::from(listener.local_addr().unwrap());
        let up = Endpoint::connect(&addr).unwrap();
        poll_fn(|cx| up.poll_connected(cx)).await.unwrap();
        drop(listener);
        let refused = match Endpoint::connect(&addr) {
            Ok(e) => poll_fn(|cx| e.poll_connected(cx)).await.unwrap_err(),
            Err(e) => e,
        };
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn hanging_up_is_seen_without_taking_bytes() {
    runtime().block_on(async {
        let (mut client, end) = connection();
        let early = tokio::time::timeout(Duration::from_millis(20), poll_fn(|cx| end.poll_hung_up(cx))).await;
        assert!(early.is_err(), "still there");
        client.write_all(b"x").unwrap();
        drop(client);
        let unread = tokio::time::timeout(Duration::from_millis(20), poll_fn(|cx| end.poll_hung_up(cx))).await;
        assert!(unread.is_err(), "a byte is to be read first");

        let (client, end) = connection();
        drop(client);
        poll_fn(|cx| end.poll_hung_up(cx)).await.unwrap();
    });
}
