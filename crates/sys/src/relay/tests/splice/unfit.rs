//! Splicing that stops short, or that there is none of: everything arrives all the same, copied.

use rustix::fs::{OFlags, fcntl_setfl};

use super::*;

/// The kernel splices up to an urgent byte and then says that there is nothing.
#[test]
fn an_urgent_byte_stops_nobody() {
    runtime().block_on(async {
        let (mut client, mut way, server) = Way::new(1);
        let reader = reading(server, FLOOD);
        let writer = spawn(move || {
            let (first, rest) = (&pattern(FLOOD)[..FLOOD / 2], &pattern(FLOOD)[FLOOD / 2..]);
            client.write_all(first).unwrap();
            socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
            client.write_all(rest).unwrap();
            client
        });
        way.until(FLOOD as u64).await;
        let (got, _) = reader.join().unwrap();
        assert!(got == pattern(FLOOD), "all but the urgent byte, which nobody asked for");
        assert!(way.pipes.carried() > 0);
        drop(writer.join().unwrap());
        assert!(matches!(way.end().await, End::Finished));
    });
}

/// And where the end has come behind such a byte already, it says that this is the end.
#[test]
fn what_comes_behind_an_urgent_byte_comes_before_the_end() {
    runtime().block_on(async {
        let (client, mut way, server) = Way::new(1);
        let (writer, reader) = (flood(client), reading(server, FLOOD));
        way.until(FLOOD as u64).await;
        let (mut client, (_, mut server)) = (writer.join().unwrap().unwrap(), reader.join().unwrap());
        client.write_all(&pattern(1000)).unwrap();
        socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
        client.write_all(&pattern(1000)).unwrap();
        drop(client);
        // All of it is there when the first of it is looked at.
        let all = poll_fn(|cx| way.from.poll_finished(cx));
        tokio::time::timeout(PATIENCE, all).await.expect("in time").unwrap();
        assert!(matches!(way.end().await, End::Finished));
        way.d.shut(&way.to);
        let mut got = Vec::new();
        server.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), 2000);
    });
}

/// EINVAL: what goes to a file that is appended to is not spliced, and a socket may say that of itself.
#[test]
fn whoever_takes_nothing_from_a_pipe_gets_it_from_memory() {
    runtime().block_on(async {
        let (client, mut way, server) = Way::new(1);
        fcntl_setfl(way.to.socket(), OFlags::APPEND | OFlags::NONBLOCK).unwrap();
        let (writer, reader) = (flood(client), reading(server, FLOOD));
        way.until(FLOOD as u64).await;
        assert!(reader.join().unwrap().0 == pattern(FLOOD));
        assert_eq!((way.pipes.carried(), way.pipes.used()), (0, 0));
        assert!(way.scratch.pipe().is_none(), "nobody else tries for a while");
        writer.join().unwrap().unwrap();
    });
}

/// ENOSYS, EPERM: a kernel, or a sandbox, that knows no such call.
#[test]
fn where_there_is_no_splicing_bytes_are_copied() {
    for number in [libc::ENOSYS, libc::EPERM] {
        let carried = spawn(move || {
            without_splice(number);
            runtime().block_on(async {
                let (client, mut way, server) = Way::new(1);
                let (writer, reader) = (flood(client), reading(server, FLOOD));
                way.until(FLOOD as u64).await;
                assert!(reader.join().unwrap().0 == pattern(FLOOD));
                writer.join().unwrap().unwrap();
                way.pipes.carried()
            })
        });
        assert_eq!(carried.join().unwrap(), 0);
    }
}

/// This thread, and those that it starts, have the call no more.
#[allow(unsafe_code)]
fn without_splice(number: i32) {
    const fn step(code: u32, k: u32, jf: u8) -> libc::sock_filter {
        libc::sock_filter {
            code: code as u16,
            jt: 0,
            jf,
            k,
        }
    }
    let mut steps = [
        // The number of the call is the first word of what the kernel shows.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_splice as u32, 1),
        step(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | number.cast_unsigned(),
            0,
        ),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the program and its steps live until the kernel has copied them, and their number is right.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(done, "{}", io::Error::last_os_error());
}
