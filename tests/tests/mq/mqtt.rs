//! MQTT through the balancer, by clients that others wrote.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tandem_tests::{Mq, Stomp, until};

use super::clients::{Behind, node, python};
use super::say;

const EXPECTED: &str = include_str!("mqtt_with_paho.txt");

#[test]
fn paho() {
    if let Some(said) = python("paho-mqtt==2.1.0", include_str!("mqtt_with_paho.py")) {
        assert_eq!(said, EXPECTED);
    }
}

#[test]
fn mqtt_js() {
    let Some(said) = node("mqtt@5.16.0", include_str!("mqtt_with_js.cjs")) else {
        return;
    };
    let expected = [4, 5].map(|version| {
        let bodies: String = (0..3).map(|qos| format!("js{version}/x body {qos} {qos}\n")).collect();
        format!("{bodies}kept true\ntrue while away\n")
    });
    assert_eq!(said, expected.concat());
}

/// A program of mosquitto's, through the balancer, or `None` when it is not there.
fn mosquitto(program: &str, behind: &Behind, arguments: &[&str]) -> Option<Child> {
    let port = behind.at().port().to_string();
    let mut command = Command::new(program);
    command.args(["-p", &port]).args(arguments).stdout(Stdio::piped());
    match command.spawn() {
        Ok(child) => Some(child),
        Err(_) => {
            say("SKIP mosquitto-clients is not installed");
            None
        }
    }
}

fn said(child: Child) -> String {
    let output = child.wait_with_output().expect("it was started");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// So many of a topic's subscribers are there.
fn listeners(mq: &Mq, count: usize) {
    until("the subscriptions", || {
        let mut stream = std::net::TcpStream::connect(mq.address()).ok()?;
        std::io::Write::write_all(&mut stream, b"stat\n").ok()?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
        answer.contains(&format!("queues: {count}\n")).then_some(())
    });
}

#[test]
fn mosquitto_pub_and_sub_in_both_versions() {
    let behind = Behind::start();
    for version in ["mqttv311", "5"] {
        let listen = [
            "-V",
            version,
            "-t",
            "m/#",
            "-q",
            "2",
            "-C",
            "3",
            "-W",
            "20",
            "-F",
            "%t %p %q %r",
        ];
        let Some(listener) = mosquitto("mosquitto_sub", &behind, &listen) else {
            return;
        };
        listeners(&behind.mq, 1);
        for qos in ["0", "1", "2"] {
            let send = ["-V", version, "-t", "m/x", "-m", version, "-q", qos];
            assert_eq!(
                said(mosquitto("mosquitto_pub", &behind, &send).expect("it is installed")),
                ""
            );
        }
        let expected: String = (0..3).map(|qos| format!("m/x {version} {qos} 0\n")).collect();
        assert_eq!(said(listener), expected);
        listeners(&behind.mq, 0);
    }
}

#[test]
fn whoever_dies_has_a_will_and_whoever_leaves_has_none() {
    let behind = Behind::start();
    let listen = ["-t", "will/#", "-C", "3", "-W", "20", "-F", "%t %p"];
    let Some(heirs) = mosquitto("mosquitto_sub", &behind, &listen) else {
        return;
    };
    for version in ["mqttv311", "5"] {
        let waits = [
            "-V",
            version,
            "-t",
            "x",
            "--will-topic",
            "will/x",
            "--will-payload",
            version,
        ];
        let mut dies = mosquitto("mosquitto_sub", &behind, &waits).expect("it is installed");
        listeners(&behind.mq, 2);
        dies.kill().expect("it runs");
        dies.wait().expect("it was started");
        listeners(&behind.mq, 1);
        let leaves = [
            "-V",
            version,
            "-t",
            "y",
            "-m",
            "",
            "--will-topic",
            "will/y",
            "--will-payload",
            "wrong",
        ];
        said(mosquitto("mosquitto_pub", &behind, &leaves).expect("it is installed"));
    }
    let end = ["-t", "will/end", "-m", "all"];
    said(mosquitto("mosquitto_pub", &behind, &end).expect("it is installed"));
    assert_eq!(said(heirs), "will/x mqttv311\nwill/x 5\nwill/end all\n");
}

#[test]
fn what_enters_by_one_protocol_leaves_by_the_other() {
    let behind = Behind::start();
    let listen = [
        "-V",
        "5",
        "-t",
        "a/+",
        "-q",
        "1",
        "-C",
        "1",
        "-W",
        "20",
        "-F",
        "%t|%p|%q|%C|%D|%R|%P",
    ];
    let Some(listener) = mosquitto("mosquitto_sub", &behind, &listen) else {
        return;
    };
    listeners(&behind.mq, 1);
    let mut stomp = Stomp::connect(behind.at());
    stomp.say(
        "SEND\ndestination:/topic/a.b\ncontent-type:text/plain\ncorrelation-id:7\nreply-to:/topic/re.ply\ncolour:red\n\nfrom stomp",
    );
    assert_eq!(said(listener), "a/b|from stomp|1|text/plain|7|re/ply|colour:red\n");
    stomp.subscribe("/topic/c.*", "client-individual");
    assert!(stomp.hear().starts_with("RECEIPT\n"));
    let send = [
        "-V",
        "5",
        "-t",
        "c/d",
        "-m",
        "from mqtt",
        "-q",
        "1",
        "-D",
        "PUBLISH",
        "content-type",
        "text/x",
        "-D",
        "PUBLISH",
        "user-property",
        "colour",
        "blue",
        "-D",
        "PUBLISH",
        "response-topic",
        "re/ply",
        "-D",
        "PUBLISH",
        "correlation-data",
        "8",
    ];
    said(mosquitto("mosquitto_pub", &behind, &send).expect("it is installed"));
    let frame = stomp.hear();
    for part in [
        "destination:/topic/c.d\n",
        "content-type:text/x\n",
        "correlation-id:8\n",
        "reply-to:/topic/re.ply\n",
        "colour:blue\n",
        "persistent:true\n",
        "\n\nfrom mqtt",
    ] {
        assert!(frame.contains(part), "{part} in {frame}");
    }
}

#[test]
fn a_session_and_what_is_retained_outlive_a_kill() {
    let mut behind = Behind::start();
    let session = ["-V", "5", "-i", "lasting", "-c", "-x", "1000", "-t", "k/#", "-q", "2"];
    let first = [&session[..], &["-E"]].concat();
    let Some(first) = mosquitto("mosquitto_sub", &behind, &first) else {
        return;
    };
    said(first);
    for qos in ["1", "2"] {
        let send = ["-t", "k/x", "-m", qos, "-q", qos];
        said(mosquitto("mosquitto_pub", &behind, &send).expect("it is installed"));
    }
    // One whose session has ended again.
    for ends in [&["-x", "1000", "-E"][..], &["-x", "0", "-E"]] {
        let listen = [&["-V", "5", "-i", "brief", "-t", "b/#", "-q", "1"], ends].concat();
        said(mosquitto("mosquitto_sub", &behind, &listen).expect("it is installed"));
    }
    let send = ["-t", "kept", "-m", "retained", "-q", "1", "-r"];
    said(mosquitto("mosquitto_pub", &behind, &send).expect("it is installed"));
    behind.mq.kill();
    behind.mq.run();
    let again = [&session[..], &["-C", "2", "-W", "20", "-F", "%t %p %q"]].concat();
    let again = mosquitto("mosquitto_sub", &behind, &again).expect("it is installed");
    assert_eq!(said(again), "k/x 1 1\nk/x 2 2\n");
    let kept = ["-t", "kept", "-C", "1", "-W", "20", "-F", "%t %p %r"];
    assert_eq!(
        said(mosquitto("mosquitto_sub", &behind, &kept).expect("it is installed")),
        "kept retained 1\n"
    );
}

/// The balancer cuts its connection: it comes again by itself, and its session has waited for it.
#[test]
fn mosquitto_sub_comes_again() {
    for version in ["mqttv311", "5"] {
        let behind = Behind::start();
        let session: &[&str] = if version == "5" { &["-x", "1000"] } else { &[] };
        let listen = [
            "-V", version, "-i", "again", "-c", "-t", "again", "-q", "2", "-C", "3", "-W", "20",
        ];
        let listen = [&listen[..], session, &["-F", "%p %q"]].concat();
        let Some(mut listener) = mosquitto("mosquitto_sub", &behind, &listen) else {
            return;
        };
        listeners(&behind.mq, 1);
        let send = |body: &str| {
            let send = ["-V", version, "-t", "again", "-m", body, "-q", "2"];
            said(mosquitto("mosquitto_pub", &behind, &send).expect("it is installed"))
        };
        let mut hears = BufReader::new(listener.stdout.take().expect("it is piped"));
        for body in ["before", "between", "after"] {
            if body != "before" {
                behind.cut();
            }
            assert_eq!(send(body), "");
            let mut line = String::new();
            hears.read_line(&mut line).expect("it says texts");
            assert_eq!(line, format!("{body} 2\n"), "{version}");
        }
        assert!(listener.wait().expect("it was started").success());
    }
}
