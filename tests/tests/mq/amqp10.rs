//! AMQP 1.0 as a process: real clients, through the balancer, and what enters by one protocol and leaves by another.

use tandem_tests::Mq;

use super::clients::{Behind, node, python, python_at, python_begun};

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

/// A client that listens to a topic, says something there when told to, and says what it has heard.
const BY_STOMP: &str = r#"
import queue, sys, stomp
class Listener(stomp.ConnectionListener):
    def __init__(self): self.messages, self.receipts = queue.Queue(), queue.Queue()
    def on_message(self, frame): self.messages.put(frame)
    def on_receipt(self, frame): self.receipts.put(frame)
c, l = stomp.Connection12([(sys.argv[1], int(sys.argv[2]))]), Listener()
c.set_listener('', l)
c.connect('guest', 'guest', wait=True)
c.subscribe('/topic/pairs.*', id='1', headers={'receipt': 'in'})
l.receipts.get(timeout=20)
print('ready', flush=True)
sys.stdin.readline()
headers = {'correlation-id': 'c', 'reply-to': '/queue/answers', 'colour': 'red', 'receipt': 'sent'}
c.send('/topic/pairs.stomp', 'by stomp', content_type='text/plain', headers=headers)
l.receipts.get(timeout=20)
print('sent', flush=True)
sys.stdin.readline()
for _ in range(4):
    m = l.messages.get(timeout=20)
    h = m.headers
    print(m.body, h['destination'], h.get('content-type'), h.get('correlation-id'), h.get('reply-to'), h.get('colour'), flush=True)
"#;

/// The same.
const BY_PAHO: &str = r#"
import queue, sys
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
messages, subscribed = queue.Queue(), queue.Queue()
c = mqtt.Client(CallbackAPIVersion.VERSION2, client_id='pairs', protocol=mqtt.MQTTv5)
c.on_message = lambda c, u, m: messages.put(m)
c.on_subscribe = lambda *what: subscribed.put(True)
c.connect(sys.argv[1], int(sys.argv[2]))
c.loop_start()
c.subscribe('pairs/+', qos=1)
subscribed.get(timeout=20)
print('ready', flush=True)
sys.stdin.readline()
p = Properties(PacketTypes.PUBLISH)
p.ContentType, p.CorrelationData, p.ResponseTopic, p.UserProperty = 'text/plain', b'c', 're/ply', ('colour', 'red')
c.publish('pairs/mqtt', 'by mqtt', qos=1, properties=p).wait_for_publish(20)
print('sent', flush=True)
sys.stdin.readline()
for _ in range(4):
    m = messages.get(timeout=20)
    p, user = m.properties, dict(getattr(m.properties, 'UserProperty', []))
    reply_to = getattr(p, 'ResponseTopic', user.get('reply-to'))
    print(m.payload.decode(), m.topic, p.ContentType, p.CorrelationData.decode(), reply_to, user['colour'], flush=True)
"#;

/// The same.
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

/// Four that listen, four that speak, all of them written by others and behind the balancer: each hears each.
#[test]
fn each_of_four_protocols_hears_each() {
    let behind = Behind::start();
    let mut clients = Vec::new();
    for (name, package, script) in [
        ("stomp", "stomp.py==9.0.0", BY_STOMP),
        ("mqtt", "paho-mqtt==2.1.0", BY_PAHO),
        ("amqp091", PIKA, BY_PIKA),
        ("amqp10", PROTON, BY_PROTON),
    ] {
        let Some(mut client) = python_begun(package, script, behind.at()) else {
            return;
        };
        assert_eq!(client.line(), "ready", "{name}");
        clients.push((name, client));
    }
    for (name, client) in &mut clients {
        client.say("send");
        assert_eq!(client.line(), "sent", "{name}");
    }
    for (hears, client) in &mut clients {
        client.say("take");
        for says in ["stomp", "mqtt", "amqp091", "amqp10"] {
            let topic = match *hears {
                "stomp" | "amqp10" => format!("/topic/pairs.{says}"),
                "mqtt" => format!("pairs/{says}"),
                _ => format!("pairs.{says}"),
            };
            // What a queue or a topic is called differs; it is the same one.
            let reply_to = match (says, *hears) {
                ("stomp", "amqp091") => "answers",
                ("stomp", _) => "/queue/answers",
                ("mqtt", "mqtt") => "re/ply",
                ("mqtt", _) => "/topic/re.ply",
                _ => "answers",
            };
            assert_eq!(
                client.line(),
                format!("by {says} {topic} text/plain c {reply_to} red"),
                "{hears}"
            );
        }
    }
}
