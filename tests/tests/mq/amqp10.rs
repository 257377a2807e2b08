//! AMQP 1.0 as a process: real clients, through the balancer, and what enters by one protocol and leaves by another.

use tandem_tests::{Mq, Mqtt, Stomp, Told};

use super::clients::{node, python, python_at, python_begun};

const PROTON: &str = "python-qpid-proton==0.40.0";

#[test]
fn proton() {
    let script = include_str!("amqp10_with_proton.py");
    let expected = include_str!("amqp10_with_proton.txt");
    if let Some(said) = python(PROTON, script) {
        assert_eq!(said, expected, "through the balancer");
    }
    let mq = Mq::start("anonymous = true");
    if let Some(said) = python_at(PROTON, script, &[mq.address()]) {
        assert_eq!(said, expected, "directly");
    }
}

#[test]
fn rhea() {
    if let Some(said) = node("rhea@3.0.5", include_str!("amqp10_with_js.cjs")) {
        assert_eq!(said, include_str!("amqp10_with_js.txt"));
    }
}

const PIKA: &str = "pika==1.3.2";

/// Listens to a topic, says something there when told to, and says what it has heard.
const BY_PIKA: &str = r#"
import sys, pika
connection = pika.BlockingConnection(pika.ConnectionParameters(sys.argv[1], int(sys.argv[2]), heartbeat=0))
channel = connection.channel()
channel.confirm_delivery()
channel.queue_declare('pairs', durable=True)
channel.queue_bind('pairs', 'amq.topic', 'pairs.*')
print('ready', flush=True)
sys.stdin.readline()
p = pika.BasicProperties(content_type='text/plain', correlation_id='c', reply_to='answers', headers={'colour': 'red'}, delivery_mode=2)
channel.basic_publish('amq.topic', 'pairs.amqp091', b'by amqp091', p)
print('sent', flush=True)
sys.stdin.readline()
for _ in range(4):
    method, p, body = channel.basic_get('pairs', auto_ack=True)
    print(body.decode(), method.routing_key, p.content_type, p.correlation_id, p.reply_to, (p.headers or {}).get('colour'), flush=True)
"#;

/// The same.
const BY_PROTON: &str = r#"
import sys
from proton import Message
from proton.utils import BlockingConnection
c = BlockingConnection('%s:%s' % (sys.argv[1], sys.argv[2]), timeout=10)
r = c.create_receiver('/topic/pairs.*', name='r', credit=10)
s = c.create_sender('/topic/pairs.amqp10', name='s')
print('ready', flush=True)
sys.stdin.readline()
s.send(Message(body='by amqp10', content_type='text/plain', correlation_id='c', reply_to='answers', properties={'colour': 'red'}, durable=True))
print('sent', flush=True)
sys.stdin.readline()
for _ in range(4):
    m = r.receive(timeout=10)
    r.accept()
    body = m.body if isinstance(m.body, str) else bytes(m.body).decode()
    address = m.instructions['x-opt-address']
    print(body, address, m.content_type, m.correlation_id, m.reply_to, (m.properties or {}).get('colour'), flush=True)
"#;

/// Four that listen, four that speak: each hears each.
#[test]
fn each_of_four_protocols_hears_each() {
    let mq = Mq::start("anonymous = true");
    let Some(mut pika) = python_begun(PIKA, BY_PIKA, mq.address()) else {
        return;
    };
    let Some(mut proton) = python_begun(PROTON, BY_PROTON, mq.address()) else {
        return;
    };
    let mut stomp = Stomp::connect(mq.address());
    stomp.subscribe("/topic/pairs.*", "auto");
    assert!(stomp.hear().starts_with("RECEIPT\n"));
    let (mut mqtt, _) = Mqtt::connect(mq.address(), "pairs", true).unwrap();
    mqtt.subscribe("pairs/+", 1).unwrap();
    assert_eq!(mqtt.hear().unwrap(), Told::Suback(1));
    assert_eq!((pika.line(), proton.line()), ("ready".to_owned(), "ready".to_owned()));

    let mut other = Stomp::connect(mq.address());
    let head = "content-type:text/plain\ncorrelation-id:c\nreply-to:/queue/answers\ncolour:red\nreceipt:r\n";
    other.say(&format!("SEND\ndestination:/topic/pairs.stomp\n{head}\nby stomp"));
    assert!(other.hear().starts_with("RECEIPT\n"));
    let (mut speaks, _) = Mqtt::connect(mq.address(), "speaks", true).unwrap();
    speaks.publish("pairs/mqtt", "by mqtt", 1, 1, false).unwrap();
    assert_eq!(speaks.hear().unwrap(), Told::Puback(1));
    for client in [&mut pika, &mut proton] {
        client.say("send");
        assert_eq!(client.line(), "sent");
    }

    let names = ["stomp", "mqtt", "amqp091", "amqp10"];
    for name in names {
        let frame = stomp.hear();
        assert!(frame.ends_with(&format!("\n\nby {name}")), "{frame}");
        assert!(frame.contains(&format!("destination:/topic/pairs.{name}\n")), "{frame}");
        for part in ["content-type:text/plain\n", "correlation-id:c\n", "\ncolour:red\n"] {
            assert_eq!(frame.contains(part), name != "mqtt", "{part} in {frame}");
        }
        let Told::Publish { body, .. } = mqtt.hear().unwrap() else {
            panic!("a message")
        };
        assert_eq!(body, format!("by {name}"));
    }
    for (client, topic) in [(&mut pika, ""), (&mut proton, "/topic/")] {
        client.say("take");
        for name in names {
            let known = match name {
                "mqtt" => "None None None None",
                // What a queue is called differs; the name is the same.
                "stomp" if topic.is_empty() => "text/plain c answers red",
                "stomp" => "text/plain c /queue/answers red",
                _ => "text/plain c answers red",
            };
            assert_eq!(client.line(), format!("by {name} {topic}pairs.{name} {known}"));
        }
    }
}
