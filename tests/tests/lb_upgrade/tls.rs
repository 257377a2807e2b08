//! A session with TLS: its keys are in the old process, and nobody else is told them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tandem_tests::{Config, Lb, Responder, Server, ask, connect, free_port, until};
use tandem_text::base64;

use crate::socket::Socket;

/// A certificate of its own with its key, in one file.
struct Identity(PathBuf);

impl Identity {
    /// `None`, with a word about it, where there is no program to make one.
    fn new() -> Option<Identity> {
        let file = std::env::temp_dir().join(format!("tandem-up-{}.pem", free_port()));
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]);
        command
            .args(["-days", "2", "-subj", "/CN=localhost", "-keyout"])
            .arg(&file)
            .arg("-out");
        let certificate = file.with_extension("crt");
        command.arg(&certificate).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => {}
            other => {
                writeln!(std::io::stdout().lock(), "SKIP: openssl: {other:?}").ok();
                return None;
            }
        }
        let both = [&file, &certificate].map(|file| std::fs::read(file).expect("it was made"));
        std::fs::write(&file, both.concat()).expect("the temporary folder is writable");
        std::fs::remove_file(certificate).ok();
        Some(Identity(file))
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// `openssl s_client`, which passes on what it is told.
struct Client(Child);

impl Client {
    fn connect(at: SocketAddr) -> Client {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-connect"]).arg(at.to_string());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Client(command.spawn().expect("it was there just now"))
    }

    fn ask(&mut self, text: &str) -> String {
        let sent = self.0.stdin.as_mut().expect("piped").write_all(text.as_bytes());
        sent.expect("it takes it");
        let mut answer = vec![0; text.len()];
        let read = self.0.stdout.as_mut().expect("piped").read_exact(&mut answer);
        read.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn it_stays_and_drains_while_the_others_move() {
    let Some(identity) = Identity::new() else { return };
    let (server, socket) = (Server::echo(), Socket::new());
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt {}", identity.0.display()))
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut secret = Client::connect(at);
    assert_eq!(secret.ask("before\n"), "before\n");
    let mut plain = connect(config.at());
    assert_eq!(ask(&mut plain, b"before"), b"before");

    let _new = old.succeed(socket.path(), &config.to_string());
    assert_eq!(ask(&mut plain, b"moved"), b"moved");
    assert_eq!(secret.ask("stays\n"), "stays\n");
    assert!(old.is_running());
    assert_eq!(Client::connect(at).ask("new\n"), "new\n");
    drop(plain);
    assert_eq!(secret.ask("still\n"), "still\n");
    drop(secret);
    assert!(old.ended().success());
}

#[test]
fn what_it_carries_while_it_drains_is_counted_in_the_successor() {
    let Some(identity) = Identity::new() else { return };
    let (server, socket) = (Server::echo(), Socket::new());
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .backend("stick-table type ip size 1k store bytes_in_cnt")
        .frontend(format!("bind {at} ssl crt {}", identity.0.display()))
        .frontend("tcp-request connection track-sc0 src table be")
        .server("s", &server, "");
    let mut old = Lb::start(&config.to_string());
    let mut secret = Client::connect(at);
    assert_eq!(secret.ask("before\n"), "before\n");
    let _new = old.succeed(socket.path(), &config.to_string());
    let figures = || {
        let rows = [("fe", "FRONTEND"), ("be", "s"), ("be", "BACKEND")];
        rows.map(|(proxy, name)| ["stot", "bin", "bout"].map(|field| socket.figure(proxy, name, field)))
    };
    assert_eq!(figures(), [[1, 7, 7]; 3]);
    // While it goes on, and the rest with its end.
    assert_eq!(secret.ask("hundreds\n"), "hundreds\n");
    until("that to be counted", || (figures() == [[1, 16, 16]; 3]).then_some(()));
    assert!(old.is_running());
    assert_eq!(secret.ask("thousands\n"), "thousands\n");
    drop(secret);
    assert!(old.ended().success());
    until("the rest to be counted", || {
        (figures() == [[1, 26, 26]; 3]).then_some(())
    });
    let table = socket.ask("show table be");
    assert!(table.contains("bytes_in_cnt=26"), "{table}");
}

#[test]
fn certificates_that_were_changed_by_order_cross() {
    let Some((used, other)) = Identity::new().zip(Identity::new()) else {
        return;
    };
    let socket = Socket::new();
    let (file, spare) = (used.0.display().to_string(), format!("{}.spare", used.0.display()));
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt {file}"))
        .to_string();
    let pem = |identity: &Identity| std::fs::read_to_string(&identity.0).expect("it was made");
    let mut old = Lb::start(&config);
    let shown = || [&file, &spare, &format!("*{spare}")].map(|name| socket.ask(&format!("show ssl cert {name}")));
    let original = shown();
    for order in [
        format!("set ssl cert {file} <<\n{}\n", pem(&other)),
        format!("commit ssl cert {file}"),
        format!("new ssl cert {spare}"),
        format!("set ssl cert {spare} <<\n{}\n", pem(&used)),
        format!("commit ssl cert {spare}"),
        format!("set ssl cert {spare} <<\n{}\n", pem(&other)),
    ] {
        let answer = socket.ask(&order);
        assert!(!answer.contains("Can't"), "{answer}");
    }
    let ordered = shown();
    assert!(
        ordered[0].contains("Status: Used") && ordered[0] != original[0],
        "{ordered:?}"
    );
    assert!(ordered[1].contains("Status: Unused"), "{ordered:?}");
    let mut new = old.succeed(socket.path(), &config);
    assert!(old.ended().success());
    assert_eq!(shown(), ordered);
    // Twice, since the second has it from the first.
    let mut newest = new.succeed(socket.path(), &config);
    assert!(new.ended().success());
    assert_eq!(shown(), ordered);
    // The file is the newer word.
    let third = Identity::new().expect("as before");
    std::fs::copy(&third.0, &used.0).expect("writable");
    let _last = newest.succeed(socket.path(), &config);
    assert!(newest.ended().success());
    let [now, ..] = shown();
    assert!(
        now != ordered[0] && now != original[0] && now.contains("Status: Used"),
        "{now}"
    );
}

#[test]
fn lists_that_were_changed_by_order_cross() {
    let all = [(); 3].map(|()| Identity::new());
    let [Some(first), Some(second), Some(third)] = &all else {
        return;
    };
    let socket = Socket::new();
    let name = |identity: &Identity| identity.0.display().to_string();
    let (list, made) = (format!("{}.list", name(first)), format!("{}.made", name(first)));
    let lines = format!(
        "{} first.example\n{} [ssl-min-ver TLSv1.3] second.example\n",
        name(first),
        name(second)
    );
    std::fs::write(&list, &lines).expect("the temporary folder is writable");
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt-list {list}"))
        .to_string();
    let mut old = Lb::start(&config);
    let pem = std::fs::read_to_string(&third.0).expect("it was made");
    for order in [
        format!("new ssl cert {made}"),
        format!("set ssl cert {made} <<\n{pem}\n"),
        format!("commit ssl cert {made}"),
        format!("add ssl crt-list {list} <<\n{made} [alpn h2] new.example !x.new.example\n"),
        format!("del ssl crt-list {list} {}", name(second)),
    ] {
        let answer = socket.ask(&order);
        assert!(!answer.contains("Can't"), "{answer}");
    }
    let questions = [
        format!("show ssl crt-list -n {list}"),
        format!("show ssl cert {made}"),
        format!("show ssl cert {}", name(second)),
    ];
    let shown = || questions.each_ref().map(|question| socket.ask(question));
    let ordered = shown();
    assert!(
        ordered[0].contains(&format!("{made}:3 [alpn h2] new.example !x.new.example")),
        "{ordered:?}"
    );
    assert!(
        ordered[1].contains("Status: Used") && ordered[2].contains("Status: Unused"),
        "{ordered:?}"
    );
    // Twice, since the second has it from the first.
    for _ in 0..2 {
        let new = old.succeed(socket.path(), &config);
        assert!(old.ended().success());
        assert_eq!(shown(), ordered);
        old = new;
    }
    // The file is the newer word.
    std::fs::write(&list, format!("{lines}\n{} third.example\n", name(third))).expect("writable");
    let _last = old.succeed(socket.path(), &config);
    assert!(old.ended().success());
    let [now, ..] = shown();
    assert!(
        now.contains("third.example") && now.contains("second.example") && !now.contains("new.example"),
        "{now}"
    );
    std::fs::remove_file(list).ok();
}

#[test]
fn responses_that_were_replaced_by_order_cross() {
    let Some(responder) = Responder::new() else { return };
    let socket = Socket::new();
    let [good, revoked] = ['V', 'R'].map(|verdict| responder.response("1001", verdict, 600));
    let shown = responder.folder.join("shown");
    std::fs::create_dir_all(&shown).expect("a folder");
    let file = responder.copy("1001", &shown, &good);
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt {}", file.display()))
        .to_string();
    let mut running = Lb::start(&config);
    assert_eq!(responder.told(at).as_deref(), Some("good"));
    let text = String::from_utf8(base64::encode(&revoked, false)).expect("letters");
    let answer = socket.ask(&format!("set ssl ocsp-response {text}"));
    assert!(answer.contains("updated"), "{answer}");
    assert_eq!(responder.told(at).as_deref(), Some("revoked"));
    // Twice, since the second has it from the first.
    for _ in 0..2 {
        let next = running.succeed(socket.path(), &config);
        assert!(running.ended().success());
        running = next;
        assert_eq!(responder.told(at).as_deref(), Some("revoked"));
    }
    // The file is the newer word.
    responder.copy("1001", &shown, &responder.response("1001", 'V', 500));
    let _last = running.succeed(socket.path(), &config);
    assert!(running.ended().success());
    assert_eq!(responder.told(at).as_deref(), Some("good"));
}

#[test]
fn keys_of_tickets_and_files_beside_a_certificate_cross() {
    let Some((used, other)) = Identity::new().zip(Identity::new()) else {
        return;
    };
    let socket = Socket::new();
    let parts = |identity: &Identity| {
        let pem = std::fs::read_to_string(&identity.0).expect("it was made");
        let border = pem.find("-----BEGIN CERTIFICATE").expect("it is behind the key");
        (pem[border..].to_owned(), pem[..border].to_owned())
    };
    let file = used.0.display().to_string();
    let [beside, keys] = ["key", "keys"].map(|ending| format!("{file}.{ending}"));
    let (certificate, key) = parts(&used);
    std::fs::write(&used.0, certificate).expect("writable");
    std::fs::write(&beside, key).expect("writable");
    let ticket_key = |byte: u8| String::from_utf8(base64::encode(&[byte; 48], false)).expect("letters");
    let lines = |bytes: [u8; 3]| bytes.map(|byte| ticket_key(byte) + "\n").concat();
    std::fs::write(&keys, lines([1, 2, 3])).expect("writable");
    let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = Config::default()
        .global(socket.line())
        .frontend(format!("bind {at} ssl crt {file} tls-ticket-keys {keys}"))
        .to_string();
    let mut running = Lb::start(&config);
    let (certificate, key) = parts(&other);
    for order in [
        format!("set ssl tls-key #0 {}", ticket_key(4)),
        format!("set ssl tls-key {keys} {}", ticket_key(5)),
        format!("set ssl cert {file} <<\n{certificate}\n"),
        format!("set ssl cert {file}.key <<\n{key}\n"),
        format!("commit ssl cert {file}"),
        format!("set ssl cert {file}.issuer <<\n{certificate}\n"),
    ] {
        let answer = socket.ask(&order);
        assert!(!answer.contains("Can't") && !answer.contains("unable"), "{answer}");
    }
    let questions = [
        "show tls-keys *".to_owned(),
        "show ssl cert".to_owned(),
        format!("show ssl cert {file}"),
        format!("show ssl cert *{file}"),
    ];
    let shown = || questions.each_ref().map(|question| socket.ask(question));
    let ordered = shown();
    assert!(ordered[0].contains(&format!("0.2 {}", ticket_key(5))), "{ordered:?}");
    assert!(ordered[1].contains(&format!("*{file}")), "{ordered:?}");
    // Twice, since the second has it from the first.
    for _ in 0..2 {
        let next = running.succeed(socket.path(), &config);
        assert!(running.ended().success());
        running = next;
        assert_eq!(shown(), ordered);
    }
    let done = socket.ask(&format!("commit ssl cert {file}"));
    assert!(done.contains("Success!"), "{done}");
    // The files are the newer word.
    std::fs::write(&keys, lines([6, 7, 8])).expect("writable");
    let _last = running.succeed(socket.path(), &config);
    assert!(running.ended().success());
    let [now, ..] = shown();
    assert!(now.contains(&format!("0.0 {}", ticket_key(6))), "{now}");
    for file in [beside, keys] {
        std::fs::remove_file(file).ok();
    }
}
