//! AMQP 0-9-1 as a process: RabbitMQ's own answers are what is expected, real clients ask.

use std::collections::BTreeSet;

use tandem_tests::{Mq, Mqtt, Stomp, Told};

use super::clients::{node, python, python_at, python_begun};

/// What RabbitMQ 3.10.8 makes this script print.
const EXPECTED: &str = include_str!("amqp091_with_pika.txt");
const SCRIPT: &str = include_str!("amqp091_with_pika.py");
const PIKA: &str = "pika==1.3.2";

#[test]
fn pika_finds_what_it_finds_at_rabbitmq() {
    if let Some(said) = python(PIKA, SCRIPT) {
        assert_eq!(said, EXPECTED, "through the balancer");
    }
    let mq = Mq::start("anonymous = true");
    if let Some(said) = python_at(PIKA, SCRIPT, &[mq.address()]) {
        assert_eq!(said, EXPECTED, "directly");
    }
}

#[test]
fn amqplib() {
    if let Some(said) = node("amqplib@0.10.9", include_str!("amqp091_with_js.cjs")) {
        assert_eq!(said, include_str!("amqp091_with_js.txt"));
    }
}

/// Listens before the others send, and says what it finds of theirs; then sends to them.
const BRIDGE: &str = r#"
import sys, time, pika
connection = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], int(sys.argv[2])))
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare('bound', durable=True)
channel.queue_bind('bound', 'amq.topic', 'a.*')
print('bound', flush=True)
sys.stdin.readline()
for queue in ('bound', 'bound', 'in'):
    method, p, body = channel.basic_get(queue, auto_ack=True)
    print(body.decode(), method.exchange, method.routing_key, p.content_type, p.correlation_id, p.reply_to, p.delivery_mode,
          p.priority, p.headers)
p = pika.BasicProperties(content_type='text/x', correlation_id='8', reply_to='answers', delivery_mode=2, priority=7,
                         message_id='m', headers={'colour': 'blue', 'n': 5, 'list': [1, 'two']})
channel.basic_publish('', 'in', b'to a queue', p)
channel.basic_publish('amq.topic', 'b.c', b'to a topic', p)
channel.basic_publish('', 'bound', b'to its own', p)
print(channel.basic_get('bound', auto_ack=True)[1] == p)
"#;

/// AMQP 0-9-1 with STOMP, and with MQTT, both ways: by a queue and by a topic.
#[test]
fn what_enters_by_one_protocol_leaves_by_another() {
    let mq = Mq::start("anonymous = true");
    let Some(mut pika) = python_begun(PIKA, BRIDGE, mq.address()) else {
        return;
    };
    assert_eq!(pika.line(), "bound");
    let (mut mqtt, _) = Mqtt::connect(mq.address(), "m", true).unwrap();
    mqtt.subscribe("b/#", 1).unwrap();
    assert_eq!(mqtt.hear().unwrap(), Told::Suback(1));
    let mut topic = Stomp::connect(mq.address());
    topic.subscribe("/topic/b.*", "client-individual");
    assert!(topic.hear().starts_with("RECEIPT\n"));
    let mut stomp = Stomp::connect(mq.address());
    let head = "content-type:text/plain\ncorrelation-id:7\npriority:3\ncolour:red\nreceipt:r\n";
    for destination in [
        "/topic/a.b\nreply-to:/topic/re.ply",
        "/queue/in\nreply-to:/queue/answers",
    ] {
        stomp.say(&format!("SEND\ndestination:{destination}\n{head}\nfrom stomp"));
        assert!(stomp.hear().starts_with("RECEIPT\n"));
    }
    mqtt.publish("a/m", "from mqtt", 1, 9, false).unwrap();
    assert_eq!(mqtt.hear().unwrap(), Told::Puback(9));
    pika.say("go");
    let stomps = "7 {} 2 3 {'colour': 'red'}";
    assert_eq!(
        pika.line(),
        format!(
            "from stomp amq.topic a.b text/plain {}",
            stomps.replace("{} 2", "/topic/re.ply 2")
        )
    );
    assert_eq!(pika.line(), "from mqtt amq.topic a.m None None None 2 None None");
    assert_eq!(
        pika.line(),
        format!("from stomp  in text/plain {}", stomps.replace("{} 2", "answers 2"))
    );
    assert_eq!(pika.line(), "True");
    let Told::Publish { body, .. } = mqtt.hear().unwrap() else {
        panic!("a message")
    };
    assert_eq!(body, "to a topic");
    stomp.subscribe("/queue/in", "client-individual");
    let first = stomp.hear();
    // What waits may come before the receipt.
    let queued = match first.starts_with("RECEIPT\n") {
        true => stomp.hear(),
        false => first,
    };
    for (frame, destination, body) in [
        (topic.hear(), "/topic/b.c", "to a topic"),
        (queued, "/queue/in", "to a queue"),
    ] {
        for part in [
            &format!("destination:{destination}\n"),
            "content-type:text/x\n",
            "correlation-id:8\n",
            "reply-to:answers\n",
            "priority:7\n",
            "persistent:true\n",
            "colour:blue\n",
            "\nn:5\n",
            "list:[1,two]\n",
            "amqp-message-id:m\n",
            &format!("\n\n{body}"),
        ] {
            assert!(frame.contains(part), "{part} in {frame}");
        }
    }
}

/// Says each number that was confirmed, until the broker is gone.
const PUBLISHER: &str = r#"
import sys, pika
connection = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], int(sys.argv[2])))
channel = connection.channel()
channel.confirm_delivery()
channel.exchange_declare('x', 'topic', durable=True)
channel.queue_declare('q', durable=True, arguments={'x-max-priority': 5})
channel.queue_bind('q', 'x', '#.n')
first = int(sys.stdin.readline())
try:
    for number in range(first, first + 100000):
        channel.basic_publish('x', 'a.n', str(number).encode(), pika.BasicProperties(delivery_mode=2))
        print(number, flush=True)
except pika.exceptions.AMQPError: pass
"#;

/// Declares nothing: all of it must be there.
const DRAIN: &str = r#"
import sys, pika
connection = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], int(sys.argv[2])))
channel = connection.channel()
channel.confirm_delivery()
channel.basic_publish('x', 'last.n', b'999999', pika.BasicProperties(delivery_mode=2), mandatory=True)
while True:
    method, _, body = channel.basic_get('q', auto_ack=True)
    if not method: break
    print(body.decode())
"#;

#[test]
fn a_kill_loses_nothing_that_was_confirmed() {
    let mut mq = Mq::start("anonymous = true");
    let mut confirmed = BTreeSet::new();
    for round in 0..3 {
        let Some(mut publisher) = python_begun(PIKA, PUBLISHER, mq.address()) else {
            return;
        };
        publisher.say(&(round * 100_000).to_string());
        for _ in 0..20 + round * 13 {
            confirmed.insert(publisher.line());
        }
        mq.kill();
        confirmed.extend(publisher.rest());
        mq.run();
    }
    confirmed.insert("999999".to_owned());
    let found = python_at(PIKA, DRAIN, &[mq.address()]).expect("it has been there before");
    let numbers: Vec<String> = found.lines().map(str::to_owned).collect();
    let found: BTreeSet<String> = numbers.iter().cloned().collect();
    assert_eq!(numbers.len(), found.len(), "each once");
    assert_eq!(confirmed.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(found.len() - confirmed.len() <= 3, "one of each round was on its way");
}
