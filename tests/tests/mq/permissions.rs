//! What a user may do, as each protocol's clients are told that they may not; and what a reload changes of it.

use std::io::{Read, Write};
use std::net::TcpStream;

use tandem_tests::{Mq, PATIENCE, Stomp, hashed};

use super::clients::python_at;

struct Cast {
    app: String,
    boss: String,
}

impl Cast {
    fn new() -> Cast {
        Cast {
            app: hashed("app"),
            boss: hashed("boss"),
        }
    }

    /// The boss may do everything, the application what is its own and what these lines add.
    fn settings(&self, more: &str) -> String {
        let Cast { app, boss } = self;
        format!(
            "[[user]]\nname = \"boss\"\npassword-hash = \"{boss}\"\n\
             [[user]]\nname = \"app\"\npassword-hash = \"{app}\"\ngroups = [\"own\"]\n{more}\n\
             [[group]]\nname = \"own\"\nadmin = [\"app.#\"]\nwrite = [\"app.#\"]\nread = [\"app.#\"]\n"
        )
    }
}

fn came_in(mq: &Mq, user: &str) -> Stomp {
    let mut client = Stomp::raw(mq.address());
    client.say(&format!(
        "CONNECT\naccept-version:1.2\nhost:h\nlogin:{user}\npasscode:{user}\n\n"
    ));
    let answer = client.hear();
    assert!(answer.starts_with("CONNECTED\n"), "{answer}");
    client
}

/// What is made of one frame: a receipt, or why not.
fn said(mq: &Mq, user: &str, frame: &str) -> String {
    let mut client = came_in(mq, user);
    let (command, rest) = frame.split_once('\n').expect("a command and headers");
    client.say(&format!("{command}\nreceipt:r\n{rest}"));
    let answer = client.hear();
    let message = answer.lines().last().unwrap_or_default();
    match answer.starts_with("RECEIPT\n") {
        true => "done".to_owned(),
        false => {
            assert!(
                answer.contains("message:access refused") && answer.contains("receipt-id:r"),
                "{answer}"
            );
            message.to_owned()
        }
    }
}

#[test]
fn stomp_is_told_by_an_error() {
    let mq = Mq::start(&Cast::new().settings("write = [\"orders.*\"]"));
    for (user, frame, answer) in [
        ("boss", "SEND\ndestination:/queue/other\n\nx", "done"),
        ("app", "SEND\ndestination:/queue/app.q\n\nx", "done"),
        ("app", "SEND\ndestination:/topic/orders.new\n\nx", "done"),
        (
            "app",
            "SEND\ndestination:/queue/other\n\nx",
            "write access to queue 'other' refused",
        ),
        // It may write there, but nobody has made it.
        (
            "app",
            "SEND\ndestination:/queue/orders.new\n\nx",
            "configure access to queue 'orders.new' refused",
        ),
        (
            "app",
            "SUBSCRIBE\nid:1\ndestination:/queue/other\n\n",
            "read access to queue 'other' refused",
        ),
        ("app", "SUBSCRIBE\nid:1\ndestination:/topic/app.*\n\n", "done"),
        (
            "app",
            "SUBSCRIBE\nid:1\ndestination:/topic/>\n\n",
            "read access to topic '#' refused",
        ),
    ] {
        assert_eq!(said(&mq, user, frame), answer, "{user}: {frame}");
    }
}

const PIKA: &str = r#"
import sys, pika
host, port = sys.argv[1], int(sys.argv[2])
def channel(user):
    login = pika.PlainCredentials(user, user)
    return pika.BlockingConnection(pika.ConnectionParameters(host, port, credentials=login)).channel()
def tries(act):
    c = channel('app')
    c.confirm_delivery()
    try:
        act(c)
        print('done')
    except pika.exceptions.ChannelClosedByBroker as e:
        print(e.reply_code, e.reply_text)
        # Only the channel is closed.
        c.connection.channel().queue_declare('app.still')
boss = channel('boss')
boss.queue_declare('other')
boss.exchange_declare('news', 'fanout')
tries(lambda c: c.queue_declare('app.q'))
tries(lambda c: c.basic_publish('', 'app.q', 'x'))
tries(lambda c: c.basic_publish('', 'other', 'x'))
tries(lambda c: c.basic_publish('news', 'whatever', 'x'))
tries(lambda c: c.basic_publish('amq.topic', 'app.t', 'x'))
tries(lambda c: c.queue_declare('another'))
tries(lambda c: c.basic_get('other'))
tries(lambda c: c.basic_consume('other', print))
tries(lambda c: c.queue_bind('app.q', 'amq.topic', '#'))
tries(lambda c: c.queue_delete('other'))
# What the broker has named is its own.
tries(lambda c: c.basic_get(c.queue_declare('', exclusive=True).method.queue))
"#;

const PIKA_SAYS: &str = "\
done
done
403 ACCESS_REFUSED - write access to queue 'other' in vhost '/' refused for user 'app'
403 ACCESS_REFUSED - write access to exchange 'news' in vhost '/' refused for user 'app'
done
403 ACCESS_REFUSED - configure access to queue 'another' in vhost '/' refused for user 'app'
403 ACCESS_REFUSED - read access to queue 'other' in vhost '/' refused for user 'app'
403 ACCESS_REFUSED - read access to queue 'other' in vhost '/' refused for user 'app'
403 ACCESS_REFUSED - read access to topic '#' in vhost '/' refused for user 'app'
403 ACCESS_REFUSED - configure access to queue 'other' in vhost '/' refused for user 'app'
done
";

const PROTON: &str = r#"
import sys
from proton import Message
from proton.utils import BlockingConnection, LinkDetached, SendException
def connection(user):
    url = 'amqp://%s:%s@%s:%s' % (user, user, sys.argv[1], sys.argv[2])
    return BlockingConnection(url, timeout=10, allowed_mechs='PLAIN', allow_insecure_mechs=True)
boss = connection('boss')
boss.create_sender('other', name='b').send(Message(body='x'))
app = connection('app')
app.create_sender('app.q', name='1').send(Message(body='x'))
def tries(act):
    try:
        act()
        print('done')
    except LinkDetached as e: print(e.condition)
tries(lambda: app.create_receiver('app.q', name='2').receive(timeout=10))
tries(lambda: app.create_sender('other', name='3'))
tries(lambda: app.create_receiver('other', name='4'))
tries(lambda: app.create_receiver('topic://#', name='5'))
# To wherever a message says: that one alone is refused.
anywhere = app.create_sender(None, name='6')
anywhere.send(Message(address='app.q', body='x'))
try: anywhere.send(Message(address='other', body='x'))
except SendException as e: print('rejected')
anywhere.send(Message(address='app.q', body='x'))
print('and goes on')
"#;

const PAHO: &str = r#"
import sys, queue
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
class Client:
    def __init__(self, version, user='app', will=None):
        self.said = queue.Queue()
        self.c = c = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user + str(version), protocol=version)
        c.username_pw_set(user, user)
        if will: c.will_set(will, 'w')
        c.on_connect = lambda c, u, f, reason, p: self.said.put('connect: %s' % reason)
        c.on_subscribe = lambda c, u, m, reasons, p: self.said.put('subscribe: %s' % reasons[0])
        c.on_publish = lambda c, u, m, reason, p: self.said.put('publish: %s' % reason)
        c.on_disconnect = lambda c, u, f, reason, p: self.said.put('disconnect: %s' % reason)
        c.connect(sys.argv[1], int(sys.argv[2]))
        c.loop_start()
        self.line()
    def line(self): print(self.said.get(timeout=20))
    def end(self):
        self.c.disconnect()
        self.c.loop_stop()
five = Client(mqtt.MQTTv5)
five.c.subscribe('app/#', 1); five.line()
five.c.subscribe('other/#', 1); five.line()
five.c.publish('app/x', 'x', 1); five.line()
five.c.publish('other/x', 'x', 1); five.line()
five.c.publish('other/x', 'x', 2); five.line()
five.c.publish('app/x', 'x', 2); five.line()
five.c.loop_stop()
five.c.publish('other/x', 'x', 0)
five.c.loop_start()
while not (line := five.said.get(timeout=20)).startswith('disconnect'): pass
print(line)
five.end()
old = Client(mqtt.MQTTv311)
old.c.subscribe('app/#', 1); old.line()
old.c.subscribe('other/#', 1); old.line()
old.c.publish('app/x', 'x', 1); old.line()
old.c.publish('other/x', 'x', 1); old.line()
old.end()
for version in mqtt.MQTTv5, mqtt.MQTTv311: Client(version, will='other/w').end()
"#;

/// It reads no reason in a PUBREC, sends its PUBREL, and hears that nothing is known of that message.
const PAHO_SAYS: &str = "\
connect: Success
subscribe: Granted QoS 1
subscribe: Not authorized
publish: Success
publish: Not authorized
publish: Packet identifier not found
publish: Success
disconnect: Not authorized
connect: Success
subscribe: Granted QoS 1
subscribe: Unspecified error
publish: Success
disconnect: Unspecified error
connect: Not authorized
connect: Not authorized
";

#[test]
fn clients_of_the_other_protocols_are_told_in_their_own_words() {
    let mq = Mq::start(&Cast::new().settings(""));
    for (package, script, says) in [
        ("pika==1.3.2", PIKA, PIKA_SAYS),
        (
            "python-qpid-proton==0.40.0",
            PROTON,
            "done\namqp:unauthorized-access\namqp:unauthorized-access\namqp:unauthorized-access\nrejected\nand goes on\n",
        ),
        ("paho-mqtt==2.1.0", PAHO, PAHO_SAYS),
    ] {
        if let Some(said) = python_at(package, script, &[mq.address()]) {
            assert_eq!(said, says, "{package}");
        }
    }
}

#[test]
fn a_reload_gives_at_once_and_sends_away_who_has_lost_something() {
    let cast = Cast::new();
    let mut mq = Mq::start(&cast.settings(""));
    let (mut boss, mut app) = (came_in(&mq, "boss"), came_in(&mq, "app"));
    mq.reload(&cast.settings("write = [\"more.#\"]\nadmin = [\"more.#\"]"));
    app.send("/queue/more", "x");
    // A file with a mistake changes nothing.
    mq.reload(&cast.settings("groups = []"));
    assert!(mq.log().contains("everything stays as it was"), "{}", mq.log());
    app.send("/queue/more", "x");
    mq.reload(&cast.settings(""));
    let told = app.hear();
    assert!(told.starts_with("ERROR\nmessage:access refused"), "{told}");
    assert_eq!(
        said(&mq, "app", "SEND\ndestination:/queue/more\n\nx"),
        "write access to queue 'more' refused"
    );
    boss.send("/queue/more", "whom nothing was taken from stays");
}

#[test]
fn who_comes_without_a_name_may_do_what_is_said() {
    let mq = Mq::start(
        "anonymous = true\nanonymous-groups = [\"guests\"]\n[[group]]\nname = \"guests\"\nread = [\"news.#\"]",
    );
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/topic/news.*", "auto");
    assert!(client.hear().starts_with("RECEIPT\n"));
    client.say("SEND\ndestination:/topic/news.x\n\nx");
    let told = client.hear();
    assert!(told.contains("write access to topic 'news.x' refused"), "{told}");
}

/// A client of MQTT 3.1.1 with this will, which has come in.
fn with_will(mq: &Mq, user: &str, topic: &str) -> TcpStream {
    let mut rest = b"\0\x04MQTT\x04\xc6\0\0".to_vec();
    for text in ["c", topic, "the will", user, user] {
        rest.extend([0, u8::try_from(text.len()).expect("it is short")]);
        rest.extend(text.as_bytes());
    }
    let mut packet = vec![0x10, u8::try_from(rest.len()).expect("it is short")];
    packet.extend(rest);
    let mut stream = TcpStream::connect(mq.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream.write_all(&packet).expect("it reads");
    let mut answer = [1; 4];
    stream.read_exact(&mut answer).expect("a CONNACK");
    assert_eq!(answer, [0x20, 2, 0, 0], "it is let in");
    stream
}

/// Being sent away must not be how a will comes to where its client may not write any more.
#[test]
fn a_will_that_was_forbidden_by_a_reload_is_not_sent() {
    let cast = Cast::new();
    let more = "write = [\"more.#\"]";
    let mut mq = Mq::start(&cast.settings(more));
    let mut boss = came_in(&mq, "boss");
    boss.subscribe("/topic/#", "auto");
    assert!(boss.hear().starts_with("RECEIPT\n"));
    for (topic, now, heard) in [
        ("more/will", "", "nothing else"),
        // What is taken from it is something else.
        ("app/will", "read = [\"other\"]", "the will"),
    ] {
        mq.reload(&cast.settings(&format!("{more}\nread = [\"gone\"]")));
        let mut app = with_will(&mq, "app", topic);
        mq.reload(&cast.settings(now));
        let mut last = Vec::new();
        app.read_to_end(&mut last).expect("it is closed");
        came_in(&mq, "boss").send("/topic/x", "nothing else");
        assert_eq!(boss.take(1), [heard], "{topic}");
    }
}
