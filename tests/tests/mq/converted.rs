//! Files as operators' guides have them for ActiveMQ and Artemis, converted, checked and started.

use std::process::{Command, Output};

use tandem_tests::{Mq, Stomp, binary};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/brokers");

/// Status, what is written, and what is said beside it.
fn tandem(verb: &str, files: &[&str]) -> (Option<i32>, String, String) {
    let mut tandem = Command::new(binary("tandem"));
    tandem.arg(verb).args(files).current_dir(CORPUS);
    for name in [
        "ACTIVEMQ_BASE",
        "ACTIVEMQ_CONF",
        "ACTIVEMQ_HOME",
        "ACTIVEMQ_OPTS",
        "ACTIVEMQ_OPTS_MEMORY",
    ] {
        tandem.env_remove(name);
    }
    let output = tandem.env("ACTIVEMQ_DATA", "/srv/activemq/data").output();
    let Output { status, stdout, stderr } = output.expect("tandem starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (status.code(), text(stdout), text(stderr))
}

/// `tandem-mq` reads the text as it is.
#[track_caller]
fn is_valid(toml: &str) -> Result<(), String> {
    let path = std::env::temp_dir().join(format!("tandem-converted-{}.toml", std::process::id()));
    std::fs::write(&path, toml).expect("the temporary folder is writable");
    let mut checked = Command::new(binary("tandem-mq"));
    let output = checked
        .arg("-c")
        .arg("-f")
        .arg(&path)
        .output()
        .expect("tandem-mq starts");
    std::fs::remove_file(&path).ok();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The same text with ports that the kernel chooses, on loopback.
fn here(toml: &str) -> String {
    let lines = toml.lines().map(|line| match line.split(" = ").next() {
        Some("data-dir") => "",
        Some("address") => "address = \"127.0.0.1:0\"",
        Some("max-disk-usage") => "max-disk-usage = 100",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

const GUIDES: &[&[&str]] = &[
    &["artemis-pair/broker.xml"],
    &["six-brokers/activemq.xml", "six-brokers/jetty.xml"],
    &["zookeeper/activemq.xml"],
    &["zookeeper/jdbc.xml"],
    &["options/activemq.xml"],
];

#[test]
fn what_the_guides_have_starts_as_our_own() {
    for files in GUIDES {
        let (status, toml, said) = tandem("convert", files);
        // Something is always dropped: networks, OpenWire.
        assert_eq!(status, Some(1), "{files:?}: {said}");
        assert!(said.contains("the result is not complete"), "{said}");
        assert_eq!(is_valid(&toml), Ok(()), "{files:?}: {toml}");
        let mut mq = Mq::start(&here(&toml));
        let has_users = toml.contains("\n[[user]]\n");
        let mut client = Stomp::raw(mq.address());
        match has_users {
            true => client.say("CONNECT\naccept-version:1.2\nhost:/\nlogin:system\npasscode:manager\n\n"),
            false => client.say("CONNECT\naccept-version:1.2\nhost:/\n\n"),
        }
        let answer = client.hear();
        assert!(answer.starts_with("CONNECTED"), "{files:?}: {answer}");
        client.send("/queue/orders", "hello");
        client.subscribe("/queue/orders", "auto");
        let taken = client.take(1);
        assert!(taken[0].contains("hello"), "{files:?}: {taken:?}");
        drop(client);
        if has_users {
            let mut stranger = Stomp::raw(mq.address());
            stranger.say("CONNECT\naccept-version:1.2\nhost:/\nlogin:system\npasscode:wrong\n\n");
            let answer = stranger.hear();
            assert!(answer.starts_with("ERROR"), "{files:?}: {answer}");
        }
        assert!(mq.stop().success(), "{files:?}");
    }
}

/// The fifth guide is about RabbitMQ, whose nodes have no such files; its balancer and its router have.
#[test]
fn what_the_fifth_guide_has_is_read_as_well() {
    for file in ["mirrored/haproxy.cfg", "mirrored/keepalived.conf"] {
        let (status, toml, said) = tandem("convert", &[file]);
        assert_eq!(status, Some(0), "{file}: {said}");
        assert!(toml.contains("[["), "{file}: {toml}");
    }
}

#[test]
fn users_that_are_elsewhere_let_nobody_in() {
    let path = std::env::temp_dir().join(format!("tandem-closed-{}.xml", std::process::id()));
    let text = "<configuration><core><acceptors><acceptor name='a'>tcp://0.0.0.0:61616</acceptor></acceptors></core></configuration>";
    std::fs::write(&path, text).expect("the temporary folder is writable");
    let (_, toml, _) = tandem("convert", &[path.to_str().expect("a plain name")]);
    std::fs::remove_file(&path).ok();
    let said = is_valid(&toml).expect_err("nobody could come in");
    assert!(said.contains("nobody could log in"), "{said}");
}

#[test]
fn check_says_what_would_be_dropped() {
    let (status, said, _) = tandem("check", &["options/activemq.xml"]);
    assert_eq!(status, Some(3), "{said}");
    assert!(
        said.contains("options/activemq.xml:37:")
            && said.contains("warning[MQ0002]: <networkConnector name=\"bridge\">"),
        "{said}"
    );
    assert!(
        !said.contains("[MQ0001]") && !said.contains("not to be repeated"),
        "{said}"
    );
    let (status, said, _) = tandem(
        "check",
        &["six-brokers/activemq.xml", "six-brokers/jetty.xml", "--json"],
    );
    let list: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    let codes: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    assert_eq!(status, Some(3), "{said}");
    assert!(
        !codes.is_empty() && codes.iter().all(|code| *code == "MQ0002"),
        "{said}"
    );
}

#[test]
fn what_is_no_file_of_a_broker_is_refused() {
    let folder = std::env::temp_dir().join(format!("tandem-refused-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("ours");
        path.display().to_string()
    };
    let evil = "<!DOCTYPE broker [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>\n<broker brokerName=\"&x;\"/>\n";
    let evil = write("evil.xml", evil);
    let deep = write("deep.xml", &"<a>".repeat(1_000_000));
    let plain = write("plain.cfg", "global\n    maxconn 1\n");
    let broker = write("broker.xml", "<broker/>");
    for (files, words) in [
        ([evil.as_str()].as_slice(), "a document type (<!DOCTYPE>) is not read"),
        (&[&deep], "more than 64 elements"),
        (&[&broker, &plain], "is no broker's file"),
        (&[&broker, &broker], "another broker's file"),
    ] {
        let (status, written, said) = tandem("convert", files);
        assert_eq!((status, written.as_str()), (Some(2), ""), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    }
    let (status, said, _) = tandem("check", &[&evil]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("error[MQ0004]"), "{said}");
    std::fs::remove_dir_all(&folder).expect("ours");
}
