//! What stands before a client's first bytes: TLS, and what a proxy says of whom it brings.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tandem_tests::{Config, Lb, Mq, PATIENCE, Papers, Stomp, free_port, until};

use super::clients::{python_alone, python_at};

/// A broker that also listens here.
fn listening(more: &[&str]) -> (Mq, Vec<SocketAddr>) {
    let mut settings = "anonymous = true\n".to_owned();
    let mut at = Vec::new();
    for lines in more {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        settings += &format!("[[listen]]\naddress = \"{address}\"\n{lines}\n");
        at.push(address);
    }
    (Mq::start(&settings), at)
}

/// Sends a message that no socket takes at once and has it back; then without a certificate, where one is wanted.
const BY_EACH: [(&str, &str); 4] = [
    (
        "stomp.py==9.0.0",
        r#"
import queue, stomp
messages = queue.Queue()
class Listener(stomp.ConnectionListener):
    def on_message(self, frame): messages.put(frame.body)
def speak(port, **more):
    c = stomp.Connection12([(host, port)])
    c.set_ssl(for_hosts=[(host, port)], ca_certs=ca, **more)
    c.set_listener('', Listener())
    c.connect('guest', 'guest')
    c.subscribe('/queue/stomp', id='1')
    c.send('/queue/stomp', body)
    said = messages.get(timeout=20 if more else 2)
    c.disconnect()
    return said
speaks = lambda port, paper: speak(port, **(dict(cert_file=paper, key_file=paper) if paper else {}))
"#,
    ),
    (
        "paho-mqtt==2.1.0",
        r#"
import queue, paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
def speaks(port, paper):
    c, said, on = mqtt.Client(CallbackAPIVersion.VERSION2), queue.Queue(), queue.Queue()
    c.tls_set(ca, certfile=paper, keyfile=paper)
    c.on_message = lambda c, u, m: said.put(m.payload.decode())
    c.on_subscribe = lambda *a: on.put(a)
    c.on_connect = lambda c, *a: c.subscribe('tls', 2)
    c.connect(host, port)
    c.loop_start()
    try:
        on.get(timeout=20 if paper else 2)
        c.publish('tls', body, 2)
        return said.get(timeout=20)
    finally:
        c.disconnect()
        c.loop_stop()
"#,
    ),
    (
        "pika==1.3.2",
        r#"
import pika, ssl
def speaks(port, paper):
    context = ssl.create_default_context(cafile=ca)
    if paper: context.load_cert_chain(paper)
    with pika.BlockingConnection(pika.ConnectionParameters(host, port, ssl_options=pika.SSLOptions(context, host))) as c:
        channel = c.channel()
        channel.confirm_delivery()
        channel.queue_declare('tls')
        channel.basic_publish('', 'tls', body)
        return channel.basic_get('tls', auto_ack=True)[2].decode()
"#,
    ),
    (
        "python-qpid-proton==0.40.0",
        r#"
from proton import Message, SSLDomain
from proton.utils import BlockingConnection
def speaks(port, paper):
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    domain.set_trusted_ca_db(ca)
    domain.set_peer_authentication(SSLDomain.VERIFY_PEER)
    if paper: domain.set_credentials(paper, paper, None)
    c = BlockingConnection('amqps://%s:%d' % (host, port), timeout=10, ssl_domain=domain, allowed_mechs='ANONYMOUS')
    c.create_sender('proton').send(Message(body=body))
    r = c.create_receiver('proton')
    said = r.receive(timeout=10).body
    r.accept()
    c.close()
    return said
"#,
    ),
];

#[test]
fn each_client_speaks_through_tls_and_shows_a_certificate_where_one_is_wanted() {
    let papers = Papers::new();
    let (server, client) = (
        papers.issue("server.pem", &["127.0.0.1"]),
        papers.issue("client.pem", &["app"]),
    );
    let (ca, certificate) = (papers.path("ca.pem"), format!("tls = {{ certificate = \"{server}\""));
    let (mq, at) = listening(&[
        &format!("{certificate} }}"),
        &format!("{certificate}, client-ca = \"{ca}\" }}"),
    ]);
    for (package, script) in BY_EACH {
        let script = format!(
            r#"
import faulthandler, sys
faulthandler.dump_traceback_later(90, exit=True)
host, some, known = sys.argv[1], int(sys.argv[2]), int(sys.argv[4])
ca, body = '{ca}', 'x' * 3000000
{script}
paper = '{client}'
print(speaks(some, paper) == body, speaks(known, paper) == body)
try: print(speaks(known, None))
except Exception: print('refused')
"#
        );
        if let Some(said) = python_at(package, &script, &at) {
            assert_eq!(said, "True True\nrefused\n", "{package}");
        }
    }
    assert!(mq.log().contains("peer sent no certificates"), "{}", mq.log());
    // Whoever does not speak TLS there, or says nothing, disturbs nobody.
    let _silent = TcpStream::connect(at[0]).expect("it listens");
    let mut plain = TcpStream::connect(at[0]).expect("it listens");
    plain.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    plain.write_all(b"CONNECT\nhost:h\n\n\0").expect("it reads");
    let mut told = Vec::new();
    plain.read_to_end(&mut told).expect("it ends");
    assert!(told.starts_with(&[21, 3]), "it is told by an alert of TLS: {told:?}");
    Stomp::connect(mq.address()).send("/queue/q", "others go on");
}

#[test]
fn a_header_says_who_a_client_is_and_whoever_has_none_is_closed() {
    let papers = Papers::new();
    let server = papers.issue("server.pem", &["127.0.0.1"]);
    let tls = format!("proxy-protocol = true\ntls = {{ certificate = \"{server}\" }}");
    let (mq, at) = listening(&["proxy-protocol = true", &tls]);
    let stat = |pieces: &[&[u8]]| {
        let mut stream = TcpStream::connect(at[0]).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream.set_nodelay(true).expect("it is TCP");
        for piece in pieces {
            // It may have been refused already.
            stream.write_all(piece).ok();
        }
        let mut said = String::new();
        // A reset is an end, too.
        stream.read_to_string(&mut said).ok();
        said
    };
    let of_v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x12\x34\xf0\xb0stat\n";
    let cases: [(&[&[u8]], bool); 6] = [
        (&[b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 61616\r\nstat\n"], true),
        (
            &[b"PROXY TCP4 192.0.2.7 127.0.0.1 46", b"60 61616\r", b"\nst", b"at\n"],
            true,
        ),
        (&[b"PROXY UNKNOWN\r\n", b"stat\n"], true),
        (&[of_v2], true),
        (&[b"stat\n"], false),
        (&[b"PROXY TCP4 192.0.2.7 127.0.0.1 46601 99999\r\nstat\n"], false),
    ];
    for (pieces, is_served) in cases {
        assert_eq!(stat(pieces).starts_with("role: active\n"), is_served, "{pieces:?}");
    }
    // A log line names the client and not the proxy.
    stat(&[b"PROXY TCP4 192.0.2.7 127.0.0.1 4660 61616\r\nGET / HTTP/1.1\r\n\r\n"]);
    let line = "192.0.2.7:4660 speaks nothing that is known here";
    until("a line", || mq.log().contains(line).then_some(()));
    // The balancer says the same, with TLS inside or without.
    for (place, protocol) in at.iter().zip(["", "tls"]) {
        let config = Config::default().server_at("mq", *place, "send-proxy-v2");
        let _lb = Lb::start(&config.to_string());
        let script = format!(
            r#"
import socket, ssl, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
mine = '%s:%d' % s.getsockname()
if '{protocol}':
    s = ssl.create_default_context(cafile='{ca}').wrap_socket(s, server_hostname='127.0.0.1')
s.sendall(b'GET / HTTP/1.1\r\n\r\n')
try: s.recv(1)
except OSError: pass
print(mine)
"#,
            ca = papers.path("ca.pem")
        );
        let Some(mine) = python_alone(&script, &[config.at()]) else {
            return;
        };
        let line = format!("{} speaks nothing that is known here", mine.trim());
        until("a line", || mq.log().contains(&line).then_some(()));
    }
}

/// New connections meet the new papers, those that are open go on with theirs; a file that cannot be read changes nothing.
#[test]
fn certificates_are_read_again_when_they_are_new() {
    let (old, new) = (Papers::new(), Papers::new());
    let file = old.issue("server.pem", &["127.0.0.1"]);
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let settings = format!("anonymous = true\n[[listen]]\naddress = \"{at}\"\ntls = {{ certificate = \"{file}\" }}\n");
    let mut mq = Mq::start(&settings);
    let script = |ca: &Papers| {
        format!(
            r#"
import socket, ssl, sys
context = ssl.create_default_context(cafile='{}')
try:
    s = context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))), server_hostname='127.0.0.1')
    s.sendall(b'stat\n')
    print(s.recv(100).decode().split()[0])
except ssl.SSLError: print('strange')
"#,
            ca.path("ca.pem")
        )
    };
    let trusts = |ca: &Papers| python_alone(&script(ca), &[at]);
    let Some(said) = trusts(&old) else { return };
    assert_eq!(said, "role:\n");
    std::fs::write(&file, new.pem(&["127.0.0.1"])).expect("it is ours");
    mq.reload(&settings);
    assert_eq!(trusts(&new).as_deref(), Some("role:\n"));
    assert_eq!(trusts(&old).as_deref(), Some("strange\n"));
    std::fs::write(&file, "no certificate").expect("it is ours");
    mq.reload(&settings);
    assert!(mq.log().contains("everything stays as it was"), "{}", mq.log());
    assert_eq!(trusts(&new).as_deref(), Some("role:\n"));
}
