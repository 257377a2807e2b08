//! Keys of session tickets: the same orders to HAProxy and to us.

use tandem_tests::{Lb, free_port};
use tandem_text::base64;

use super::certificates::papers;
use super::haproxy::haproxy;
use super::room::{Room, say};

/// `KEY9` is a key of 48 bytes 9, `DIR` the folder.
const ORDERS: [&str; 24] = [
    "show tls-keys",
    "show tls-keys *",
    "show tls-keys #1",
    "show tls-keys #3;show tls-keys gone;show tls-keys 0",
    "show tls-keys DIR/a.keys",
    "set ssl tls-key",
    "set ssl tls-key #0",
    "set ssl tls-key gone KEY9",
    "set ssl tls-key 0 KEY9",
    "set ssl tls-key #9 KEY9",
    "set ssl tls-key #x KEY9",
    "set ssl tls-key #0 @@@@",
    "set ssl tls-key #0 QUJD",
    "set ssl tls-key #0 KEY9KEY9",
    "set ssl tls-key #0 KEY9",
    "show tls-keys *",
    "set ssl tls-key #0 KEY8 more",
    "set ssl tls-key DIR/z.keys KEY7",
    "set ssl tls-key #1 KEY5",
    "show tls-keys *",
    "set ssl tls-key #1 KEY4",
    "set ssl tls-key #1 KEY3",
    "set ssl tls-key #0 <<\nKEY9\n",
    "show tls-keys *",
];

fn key(byte: u8) -> String {
    String::from_utf8(base64::encode(&[byte; 48], false)).expect("letters")
}

/// The file that is named last has the first number.
fn config(room: &Room) -> String {
    let folder = room.0.display();
    std::fs::write(room.0.join("a.pem"), &papers()[0].1).expect("written");
    for name in ["z.keys", "a.keys", "m.keys"] {
        let keys: String = (1..5).map(|byte| key(byte) + "\n").collect();
        std::fs::write(room.0.join(name), keys).expect("written");
    }
    let bind = |keys: &str| {
        let port = free_port();
        format!(" bind 127.0.0.1:{port} ssl crt {folder}/a.pem tls-ticket-keys {folder}/{keys}\n")
    };
    format!(
        "global\n {}\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend z\n{}{} default_backend be\nfrontend a\n{}{} default_backend be\nbackend be\n server s 127.0.0.1:1\n",
        room.line(),
        bind("z.keys"),
        bind("a.keys"),
        bind("m.keys"),
        bind("z.keys"),
    )
}

#[test]
fn orders_about_keys_of_tickets_are_answered_alike() {
    let (theirs, ours) = (Room::new(), Room::new());
    let Some(_haproxy) = haproxy(&theirs, &config(&theirs)) else {
        return say("SKIP keys of tickets beside HAProxy: haproxy is not installed");
    };
    let _lb = Lb::start(&config(&ours));
    let mut different = Vec::new();
    for order in ORDERS {
        let said = [&theirs, &ours].map(|room| {
            let folder = room.0.display().to_string();
            let order = (3..10).fold(order.replace("DIR", &folder), |order, byte| {
                order.replace(&format!("KEY{byte}"), &key(byte))
            });
            room.ask(&order).replace(&folder, "DIR")
        });
        let [theirs, ours] = said.map(|said| said.trim_end().to_owned());
        if theirs != ours {
            different.push(format!("{order}\nHAProxy: {theirs:?}\nwe:      {ours:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
