//! Certificates that are replaced while the balancer runs.

use super::*;

#[test]
fn certificates_are_replaced_by_order() {
    let papers = Papers::new();
    let (old, new) = (papers.issue("own.pem", &["old.example"]), papers.pem(&["new.example"]));
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {} ssl crt {old}\n server s {}\n",
            room.head(),
            room.at(0),
            server.address()
        )
    };
    both(1, config, |room| {
        let shows = || {
            let mut stream = client(room.at(0), "x.example", None);
            ask(&mut stream, b"?").expect("an answer");
            shown(&stream)
        };
        let mut before = client(room.at(0), "x.example", None);
        assert_eq!(ask(&mut before, b"a").expect("an answer"), b"a");
        let set = |pem: &str| room.order(&format!("set ssl cert {old} <<\n{pem}"));
        let list = room.order("show ssl cert");
        assert_eq!(list.trim(), format!("# filename\n{old}"), "{}", room.name);
        assert!(
            set("garbage\n").contains(&format!("Can't update {old}!")),
            "{}",
            room.name
        );
        assert_eq!(shows(), "old.example", "{}", room.name);
        let done = [
            set(&new),
            room.order("show ssl cert"),
            room.order(&format!("show ssl cert *{old}")),
            room.order(&format!("commit ssl cert {old}")),
        ];
        assert_eq!(
            done[0].trim(),
            format!("Transaction created for certificate {old}!"),
            "{}",
            room.name
        );
        assert_eq!(
            done[1].trim(),
            format!("# transaction\n*{old}\n# filename\n{old}"),
            "{}",
            room.name
        );
        assert!(
            done[2].contains("Status: Unused\n") && done[2].contains("Subject: /CN=new.example"),
            "{}",
            done[2]
        );
        assert_eq!(done[3].trim(), format!("Committing {old}.\nSuccess!"), "{}", room.name);
        assert_eq!(shows(), "new.example", "{}", room.name);
        assert_eq!(
            ask(&mut before, b"b").expect("who was there goes on"),
            b"b",
            "{}",
            room.name
        );
        let nothing = room.order(&format!("commit ssl cert {old}"));
        assert!(nothing.contains("No ongoing transaction!"), "{}", room.name);
        assert!(set(&new).contains("created"), "{}", room.name);
        let aborted = room.order(&format!("abort ssl cert {old}"));
        assert_eq!(
            aborted.trim(),
            format!("Transaction aborted for certificate '{old}'!"),
            "{}",
            room.name
        );
        let used = room.order(&format!("show ssl cert {old}"));
        let keeps = [
            "Status: Used\n",
            "notAfter: ",
            "Algorithm: EC256\n",
            "Subject Alternative Name: DNS:new.example\n",
        ];
        assert!(keeps.iter().all(|part| used.contains(part)), "{}: {used}", room.name);
    });
}

#[test]
fn a_reload_reads_certificates_again_and_refuses_what_makes_no_sense() {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["old.example"]);
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let text = config.server("s", &server, "").to_string();
    let text = text.replace(&format!("bind {at}"), &format!("bind {at} ssl crt {own}"));
    let mut lb = Lb::start(&text);
    let shows = || {
        let mut stream = client(at, "x.example", None);
        ask(&mut stream, b"?").expect("an answer");
        shown(&stream)
    };
    let mut before = client(at, "x.example", None);
    assert_eq!(ask(&mut before, b"a").expect("an answer"), b"a");
    fs::write(&own, "no certificate").expect("written");
    let said = lb.reload(Signal::SIGHUP, &text);
    assert!(said.contains("refused"), "{said}");
    assert_eq!(shows(), "old.example");
    papers.issue("own.pem", &["new.example"]);
    lb.reload(Signal::SIGHUP, &text);
    assert_eq!(shows(), "new.example");
    assert_eq!(ask(&mut before, b"b").expect("who was there goes on"), b"b");
    let checked = tandem_tests::check(&["-c"], &text.replace(&own, &papers.path("none.pem")));
    let errors = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && errors.contains("none.pem"), "{errors}");
}
