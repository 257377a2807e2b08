//! A disk that is as full as it may be: producers wait, each as its protocol has it, consumers go on, and so does all when
//! there is room again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use tandem_tests::{Mq, Mqtt, Stomp, Told, until};

use super::clients::python_begun;
use super::say;

const OPEN: &str = "anonymous = true\n";

const PIKA: &str = r#"
import sys, pika
c = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], int(sys.argv[2])))
# Those of the blocking kind wait until the client asks for events.
c._impl.add_on_connection_blocked_callback(lambda c, m: print(m.method.reason, flush=True))
c._impl.add_on_connection_unblocked_callback(lambda c, m: print('unblocked', flush=True))
channel = c.channel()
channel.confirm_delivery()
channel.queue_declare('pika')
print('begun', flush=True)
channel.basic_publish('', 'pika', 'x')
print('confirmed', flush=True)
"#;

#[test]
fn producers_wait_for_room_on_the_disk_and_consumers_do_not() {
    let mut mq = Mq::start(OPEN);
    let mut stomp = Stomp::connect(mq.address());
    stomp.send("/queue/q", "before");
    let (mut mqtt, _) = Mqtt::connect(mq.address(), "m", true).expect("it is let in");
    // Every file system that something lies on is as full as that.
    mq.reload(&format!("{OPEN}max-disk-usage = 1"));
    let held = "too little disk: producers are held back";
    until("producers to be held back", || mq.log().contains(held).then_some(()));
    stomp.subscribe("/queue/q", "client-individual");
    assert_eq!(stomp.take(1), ["before"], "who takes goes on");
    stomp.settle();
    let mut pika = python_begun("pika==1.3.2", PIKA, mq.address());
    if let Some(pika) = &mut pika {
        assert_eq!(
            (pika.line(), pika.line()),
            ("begun".to_owned(), "low on disk".to_owned())
        );
    }
    stomp.say("SEND\ndestination:/queue/w\nreceipt:waits\n\nafter");
    mqtt.publish("t", "x", 1, 1, false).expect("it is written");
    // Others are served meanwhile, again and again, and nothing of it has been taken.
    for _ in 0..20 {
        let mut other = Stomp::connect(mq.address());
        other.subscribe("/queue/w", "auto");
        assert!(other.hear().starts_with("RECEIPT\n"), "no message is there");
    }
    mq.reload(&format!("{OPEN}max-disk-usage = 100"));
    assert!(stomp.hear().contains("receipt-id:waits"));
    assert_eq!(mqtt.hear().expect("it is answered"), Told::Puback(1));
    if let Some(pika) = &mut pika {
        assert_eq!(pika.rest(), ["unblocked", "confirmed"]);
    }
    assert!(mq.log().contains("there is room again"), "{}", mq.log());
}

/// A file system that gets full within a moment, and a node that is killed and started on it: nothing that was confirmed is
/// lost, who takes makes room, and who was held back goes on.
#[test]
fn a_full_disk_is_drained_also_by_the_next_start() {
    const HELD: &str = "too little disk: producers are held back";
    const ROOM: &str = "there is room again";
    // Only where there is no room for the next file.
    let Some(mut mq) = Mq::on_disk_of(40, &format!("{OPEN}max-disk-usage = 100\n")) else {
        return say("SKIP a_full_disk_is_drained_also_by_the_next_start: no mount namespace\n");
    };
    let confirmed = Arc::new(AtomicUsize::new(0));
    let sender = {
        let (confirmed, address) = (confirmed.clone(), mq.address());
        let body = "x".repeat(100_000);
        thread::spawn(move || {
            let mut stomp = Stomp::connect(address);
            // Until the node is not there any more.
            while stomp
                .try_say(&format!("SEND\ndestination:/queue/q\nreceipt:r\n\n{body}"))
                .and_then(|()| stomp.try_hear())
                .is_ok()
            {
                confirmed.fetch_add(1, Relaxed);
            }
        })
    };
    until("producers to be held back", || mq.log().contains(HELD).then_some(()));
    let mut other = Stomp::connect(mq.address());
    other.subscribe("/queue/q", "client-individual");
    other.take(10);
    other.settle();
    mq.kill();
    sender.join().expect("it has no mistake");
    let journal = mq.journal();
    assert!(
        journal.len() > 10 && journal.iter().all(|(_, size)| *size > 0),
        "{journal:?}"
    );
    // What was taken may have made room for some more already.
    let said = |mq: &Mq, what: &str| mq.log().matches(what).count();
    let before = [HELD, ROOM].map(|what| said(&mq, what));
    mq.run();
    let left = confirmed.load(Relaxed) - 10;
    assert!(left > 200, "{left} were confirmed");
    let mut stomp = Stomp::connect(mq.address());
    stomp.subscribe("/queue/q", "client-individual");
    stomp.take(left);
    stomp.settle();
    // Where what was taken before had made room, nobody is held back again.
    until("room", || {
        let [held, room] = [said(&mq, HELD) - before[0], said(&mq, ROOM) - before[1]];
        (room >= held).then_some(())
    });
    stomp.say("UNSUBSCRIBE\nid:0\n\n");
    stomp.send("/queue/other", "goes on");
}

/// It would wait for ever for room, and everybody else behind it.
#[test]
fn what_no_room_is_enough_for_is_refused_and_others_go_on() {
    let Some(mq) = Mq::on_disk_of(40, OPEN) else {
        return say("SKIP what_no_room_is_enough_for_is_refused_and_others_go_on: no mount namespace\n");
    };
    let mut stomp = Stomp::connect(mq.address());
    let body = "x".repeat(60_000_000);
    stomp.say(&format!("SEND\ndestination:/queue/q\nreceipt:r\n\n{body}"));
    let heard = stomp.hear();
    assert!(heard.contains("no room for a message of this size"), "{heard}");
    let mut other = Stomp::connect(mq.address());
    other.send("/queue/q", "goes on");
    other.subscribe("/queue/q", "client-individual");
    assert_eq!(other.take(1), ["goes on"]);
}
