//! Events go to the socket they are about, whoever was in its place before, and to all of them.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{connection, runtime};
use crate::relay::{Endpoint, Stream};

/// As long as an event that is on its way takes to arrive, and longer.
const SOON: Duration = Duration::from_millis(50);

async fn is_told(endpoint: &Endpoint) -> bool {
    let read = poll_fn(|cx| endpoint.poll_read(cx, &mut [0; 9]));
    tokio::time::timeout(SOON, read).await.is_ok()
}

#[test]
fn events_for_whoever_was_here_before_are_not_for_who_is_here_now() {
    runtime().block_on(async {
        let (mut before, left) = connection();
        let copy = left.socket().try_clone().unwrap();
        drop(left);
        // It takes the place that was left.
        let (mut now, here) = connection();
        let woken = Rc::new(Cell::new(0));
        let reading = tokio::task::spawn_local({
            let woken = woken.clone();
            poll_fn(move |cx| {
                woken.set(woken.get() + 1);
                here.poll_read(cx, &mut [0; 9])
            })
        });
        tokio::time::sleep(SOON).await;
        let so_far = woken.get();
        // The kernel still tells of the one that left: a copy of it is open.
        before.write_all(b"!").unwrap();
        tokio::time::sleep(SOON).await;
        assert_eq!(woken.get(), so_far, "woken by what came for another");
        now.write_all(b"!").unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 1);
        drop(copy);
    });
}

#[test]
fn nothing_is_told_of_a_socket_that_others_go_on_with() {
    runtime().block_on(async {
        let (mut client, end) = connection();
        client.write_all(b"!").unwrap();
        assert!(is_told(&end).await && !is_told(&end).await);
        end.leave_to_others();
        client.write_all(b"!").unwrap();
        assert!(!is_told(&end).await);
    });
}

/// More than the kernel is asked for at a time.
#[test]
fn however_many_have_something_to_say_all_are_heard() {
    const MANY: usize = 1100;
    if crate::limits::raise_open_files(None, None) < 3 * MANY as u64 {
        writeln!(std::io::stderr(), "SKIP: not so many files may be open").ok();
        return;
    }
    runtime().block_on(async {
        let mut reading = Vec::new();
        let mut writers = Vec::new();
        for _ in 0..MANY {
            let (writer, reader) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
            reader.set_nonblocking(true).unwrap();
            let reader = Endpoint::new(reader).unwrap();
            reading.push(tokio::task::spawn_local(poll_fn(move |cx| {
                reader.poll_read(cx, &mut [0; 9])
            })));
            writers.push(writer);
        }
        tokio::time::sleep(SOON).await;
        for mut writer in &writers {
            writer.write_all(b"!").unwrap();
        }
        let all = async {
            for one in reading {
                assert_eq!(one.await.unwrap().unwrap(), 1);
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), all).await.is_ok());
    });
}
