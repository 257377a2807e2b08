//! A disk that is as full as it may be: producers wait, each as its protocol has it, consumers go on, and so does all when
//! there is room again.

use tandem_tests::{Mq, Mqtt, Stomp, Told, until};

use super::clients::python_begun;

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
