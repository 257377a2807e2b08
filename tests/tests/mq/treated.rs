//! What policies make of messages, as clients that others wrote see it.

use std::time::Instant;

use tandem_tests::{Mq, Stomp};

use super::clients::{STOMP_PY, python_at};

/// With these lines in a policy for all that begins with `p.`.
fn with_policy(settings: &str) -> Mq {
    Mq::start(&format!(
        "anonymous = true\n[[policy]]\nname = \"p\"\npattern = \"p.#\"\n{settings}"
    ))
}

/// What a script of stomp.py prints, where that can be had: it finds a connection and what comes to it.
fn stomp_py(mq: &Mq, script: &str) -> Option<String> {
    const BEGIN: &str = r#"
import sys, time, queue, stomp
class Listener(stomp.ConnectionListener):
    def __init__(self): self.messages, self.receipts = queue.Queue(), queue.Queue()
    def on_message(self, frame): self.messages.put(frame)
    def on_receipt(self, frame): self.receipts.put(frame.headers['receipt-id'])
def connection():
    c, l = stomp.Connection12([(sys.argv[1], int(sys.argv[2]))]), Listener()
    c.set_listener('', l)
    c.connect('guest', 'guest', wait=True)
    return c, l
c, l = connection()
def send(to, body, **headers):
    c.send(to, body, headers=headers, receipt='r')
    l.receipts.get(timeout=20)
def take(of=None):
    return (of or l).messages.get(timeout=20)
"#;
    python_at(STOMP_PY, &format!("{BEGIN}{script}"), &[mq.address()])
}

const AGAIN: &str = r#"
c.subscribe('/queue/p.q', id='1', ack='client-individual')
c.subscribe('/queue/DLQ', id='2', ack='auto')
for body in ('bad', 'good'): send('/queue/p.q', body)
bad, good = take(), take()
begun = time.monotonic()
c.nack(bad.headers['ack'])
send('/queue/p.q', 'later')
for waits in (0.4, 1.2):
    while (m := take()).body != 'bad':
        print(m.body)
        c.ack(m.headers['ack'])
    print(m.body, m.headers.get('redelivered'), time.monotonic() - begun >= waits)
    c.nack(m.headers['ack'])
m = take()
print(m.headers['subscription'], m.body, m.headers['_AMQ_ORIG_ADDRESS'])
"#;

#[test]
fn what_failed_comes_again_after_a_while_and_is_dead_in_the_end() {
    let mq = with_policy("redelivery-delay = 400\nredelivery-delay-multiplier = 2.0\nmax-delivery-attempts = 3\n");
    if let Some(said) = stomp_py(&mq, AGAIN) {
        assert_eq!(said, "later\nbad true True\nbad true True\n2 bad p.q\n");
    }
}

#[test]
fn what_failed_is_left_alone_also_over_a_crash() {
    let mut mq = with_policy("redelivery-delay = 8000\nmax-delivery-attempts = 2\n");
    let mut client = Stomp::connect(mq.address());
    for body in ["bad", "good"] {
        client.send("/queue/p.q", body);
    }
    client.subscribe("/queue/p.q", "client-individual");
    let bad = client.hear_message();
    let ack = bad.lines().find_map(|line| line.strip_prefix("ack:"));
    let begun = Instant::now();
    client.say(&format!("NACK\nid:{}\nreceipt:n\n\n", ack.expect("it says how")));
    while !client.hear().contains("receipt-id:n") {}
    mq.kill();
    mq.run();
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/p.q", "client-individual");
    assert_eq!(client.take(1), ["good"]);
    let again = client.hear_message();
    assert!(
        again.ends_with("\nbad") && begun.elapsed().as_millis() >= 7990,
        "{again}"
    );
    // The count is there as well: it is dead now.
    let ack = again.lines().find_map(|line| line.strip_prefix("ack:"));
    client.say(&format!("NACK\nid:{}\n\n", ack.expect("it says how")));
    client.say("SUBSCRIBE\nid:1\ndestination:/queue/DLQ\nack:auto\n\n");
    assert_eq!(client.take(1), ["bad"]);
}

const LAST: &str = r#"
for key, body in (('a', 'a1'), ('b', 'b1'), ('a', 'a2')):
    send('/queue/p.q', body, _AMQ_LVQ_NAME=key)
send('/queue/p.q', 'no key')
c.subscribe('/queue/p.q', id='1', ack='client-individual')
held = [take() for _ in range(3)]
print([m.body for m in held])
send('/queue/p.q', 'a3', _AMQ_LVQ_NAME='a')
print(take().body)
c.disconnect(receipt='bye')
l.receipts.get(timeout=20)
c, l = connection()
c.subscribe('/queue/p.q', id='1', ack='auto')
print(sorted(take().body for _ in range(3)))
send('/queue/p.q', 'end')
print(take().body)
"#;

#[test]
fn of_one_key_the_last_is_left() {
    let mq = with_policy("last-value-key = \"_AMQ_LVQ_NAME\"\n");
    if let Some(said) = stomp_py(&mq, LAST) {
        let lines = "['b1', 'a2', 'no key']\na3\n['a3', 'b1', 'no key']\nend\n";
        assert_eq!(said, lines);
    }
}

#[test]
fn the_last_of_a_key_is_left_after_a_crash() {
    let mut mq = with_policy("last-value-key = \"_AMQ_LVQ_NAME\"\n");
    let mut client = Stomp::connect(mq.address());
    for body in ["1", "2", "3"] {
        let head = "destination:/queue/p.q\nreceipt:r\n_AMQ_LVQ_NAME:x";
        client.say(&format!("SEND\n{head}\n\n{body}"));
        assert!(client.hear().starts_with("RECEIPT\n"));
    }
    mq.kill();
    mq.run();
    let mut client = Stomp::connect(mq.address());
    client.subscribe("/queue/p.q", "client-individual");
    assert_eq!(client.take(1), ["3"]);
    client.send("/queue/p.q", "end");
    assert_eq!(client.take(1), ["end"]);
}

const GROUPS: &str = r#"
others = [connection() for _ in range(2)]
for n, (conn, _) in enumerate(others):
    conn.subscribe('/queue/p.q', id='1', ack='client-individual', receipt='s%d' % n)
for n, (_, ll) in enumerate(others): ll.receipts.get(timeout=20)
for i in range(12): send('/queue/p.q', 'abc'[i % 3] + str(i), JMSXGroupID='abc'[i % 3])
got, count, end = {}, 0, time.monotonic() + 20
while count < 12 and time.monotonic() < end:
    for conn, ll in others:
        try: m = ll.messages.get(timeout=0.1)
        except queue.Empty: continue
        got.setdefault(m.body[0], []).append((id(conn), m.body))
        count += 1
for group in 'abc':
    print(group, len({who for who, _ in got[group]}), [body for _, body in got[group]])
who = got['a'][0][0]
for conn, ll in others:
    if id(conn) == who: conn.disconnect(receipt='bye')
left = [ll for conn, ll in others if id(conn) != who][0]
print([take(left).body for _ in range(4)])
"#;

#[test]
fn a_group_goes_to_one_consumer_and_to_another_when_that_is_gone() {
    let mq = with_policy("max-delivery-attempts = 0\n");
    if let Some(said) = stomp_py(&mq, GROUPS) {
        let mut lines = said.lines();
        for group in [
            "a 1 ['a0', 'a3', 'a6', 'a9']",
            "b 1 ['b1', 'b4', 'b7', 'b10']",
            "c 1 ['c2', 'c5', 'c8', 'c11']",
        ] {
            assert_eq!(lines.next(), Some(group), "{said}");
        }
        let rest = lines.next().unwrap_or_default();
        for body in ["'a0'", "'a3'"] {
            assert!(rest.contains(body), "{said}");
        }
    }
}

const PREFETCH: &str = r#"
c.subscribe('/queue/p.q', id='1', ack='client-individual')
for i in range(5): send('/queue/p.q', str(i))
d, m = connection()
d.subscribe('/queue/p.q', id='1', ack='client-individual', headers={'prefetch-count': '9'})
print([take(m).body for _ in range(3)], [take().body for _ in range(2)])
"#;

#[test]
fn who_does_not_say_how_much_it_takes_leaves_the_rest_to_others() {
    let mq = with_policy("prefetch = 2\n");
    if let Some(said) = stomp_py(&mq, PREFETCH) {
        assert_eq!(said, "['2', '3', '4'] ['0', '1']\n");
    }
}

const ONCE: &str = r#"
def send_all(*ids):
    for i in ids: send('/queue/p.q', 'body ' + i, _AMQ_DUPL_ID=i)
send_all('1', '2', '1')
c.begin(transaction='t')
for i in ('2', '3', '3'): c.send('/queue/p.q', 'body ' + i, headers={'_AMQ_DUPL_ID': i}, transaction='t')
c.commit('t', receipt='committed')
l.receipts.get(timeout=20)
send_all('3', '4', '1')
send('/queue/p.q', 'end')
c.subscribe('/queue/p.q', id='1', ack='auto')
while (m := take()).body != 'end': print(m.body)
"#;

#[test]
fn what_is_sent_again_by_its_id_counts_once() {
    let mq = with_policy("id-cache-size = 100\n");
    if let Some(said) = stomp_py(&mq, ONCE) {
        assert_eq!(said, "body 1\nbody 2\nbody 3\nbody 4\n");
    }
}

#[test]
fn what_is_sent_again_after_a_crash_counts_once() {
    let mut mq = with_policy("id-cache-size = 100\n");
    let send = |mq: &Mq, ids: &[&str]| {
        let mut client = Stomp::connect(mq.address());
        for id in ids {
            client.say(&format!(
                "SEND\ndestination:/queue/p.q\nreceipt:r\n_AMQ_DUPL_ID:{id}\n\n{id}"
            ));
            assert!(client.hear().starts_with("RECEIPT\n"));
        }
        client
    };
    send(&mq, &["1", "2"]);
    mq.kill();
    mq.run();
    let mut client = send(&mq, &["2", "1", "3"]);
    client.subscribe("/queue/p.q", "auto");
    assert_eq!(client.take(3), ["1", "2", "3"]);
    client.send("/queue/p.q", "end");
    assert_eq!(client.take(1), ["end"]);
}
