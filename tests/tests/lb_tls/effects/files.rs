//! Files that are refused, and what is said of them.

use super::*;

/// A certificate of X.509 version 1 is no certificate of anybody; as an authority it is believed. HAProxy takes it for both.
#[test]
fn version_1_is_refused_with_its_reason_but_for_authorities() {
    if !has_openssl() {
        return;
    }
    let papers = Papers::new();
    let (own, ca) = (papers.issue("own.pem", &["own.example"]), papers.path("ca.pem"));
    let (old, names) = (papers.path("old.pem"), papers.path("names"));
    fs::write(&names, "[req]\ndistinguished_name=dn\n[dn]\n").expect("written");
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=old".split(' '));
    command.args(["-keyout", &papers.path("old.key"), "-out", &old, "-config", &names]);
    assert!(
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    );
    let [certificate, key] =
        ["old.pem", "old.key"].map(|name| fs::read_to_string(papers.path(name)).expect("it was made"));
    fs::write(&old, format!("{certificate}{key}")).expect("written");
    let text = |words: &str| {
        let config = Config::default();
        let at = config.at();
        config
            .to_string()
            .replace(&format!("bind {at}"), &format!("bind {at} ssl {words}"))
    };
    for (words, is_right) in [
        (format!("crt {own} verify required ca-file {old}"), true),
        (format!("crt {own} verify required ca-file {ca}"), true),
        (format!("crt {old}"), false),
    ] {
        let text = text(&words);
        let checked = tandem_tests::check(&["-c"], &text);
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.success(), is_right, "{words}: {said}");
        assert!(
            is_right || (said.contains(&old) && said.contains("version 1")),
            "{said}"
        );
        let file = papers.path("haproxy.cfg");
        fs::write(&file, &text).expect("written");
        if let Ok(theirs) = Command::new("haproxy").args(["-c", "-q", "-f", &file]).output() {
            let said = String::from_utf8_lossy(&theirs.stderr);
            assert!(theirs.status.success(), "{words}: {said}");
        }
    }
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let both = papers.path("both.pem");
    fs::write(&both, fs::read_to_string(&ca).expect("written") + &certificate).expect("written");
    let line = format!("bind {at} ssl crt {own} verify required ca-file {both}");
    let text = config.server("s", &server, "").to_string();
    let _lb = Lb::start(&text.replace(&format!("bind {at}"), &line));
    for (shows, comes_in) in [(&own, true), (&old, false)] {
        let told = openssl(at, &format!("-tls1_2 -cert {shows} -key {shows}"));
        // Its last word is that the handshake is over, with a ticket.
        let is_done = told.as_ref().is_some_and(|told| told.ticket);
        assert_eq!(is_done, comes_in, "{shows}: {told:?}");
    }
}

/// What is wrong with a file is said once for all who name it.
#[test]
fn a_file_that_makes_no_sense_is_said_once_and_disturbs_nobody() {
    let papers = Papers::new();
    let (own, other) = (
        papers.issue("own.pem", &["own.example"]),
        papers.issue("other.pem", &["other.example"]),
    );
    let server = Server::echo();
    let config = Config::default();
    let at = config.at();
    let more = [0, 1].map(|_| SocketAddr::from(([127, 0, 0, 1], tandem_tests::free_port())));
    let socket = papers.path("sock");
    let text = config.server("s", &server, "").to_string();
    let binds = format!(
        "bind {at} ssl crt {own}\n bind {} ssl crt {own} crt {other}\n bind {} ssl crt {other}",
        more[0], more[1]
    );
    let text = text.replace(&format!("bind {at}"), &binds);
    let text = format!("global\n stats socket {socket} level admin\n{text}");
    let _lb = Lb::start(&text);
    let order = |words: &str| tandem_tests::order(&socket, words);
    let mut clients = [at, more[0], more[1]].map(|at| client(at, "own.example", None));
    for stream in &mut clients {
        ask(stream, b"?").expect("an answer");
    }
    let before = order("show ssl cert");
    for (content, why) in [
        ("no certificate", "there is no certificate in it"),
        (&papers.pem(&["x"])[..200], "there is no `-----END CERTIFICATE-----`"),
    ] {
        let good = fs::read(&own).expect("it was written");
        fs::write(&own, content).expect("written");
        let said = order("reload");
        assert_eq!(said.matches(&own).count(), 1, "{said}");
        assert!(said.contains(why), "{said}");
        fs::write(&own, good).expect("written");
        assert_eq!(order("show ssl cert"), before);
        for (stream, at) in clients.iter_mut().zip([at, more[0], more[1]]) {
            ask(stream, b"!").expect("who is there goes on");
            ask(&mut client(at, "own.example", None), b"?").expect("and others come");
        }
    }
    let said = order("reload");
    assert!(!said.contains(&own), "{said}");
}
