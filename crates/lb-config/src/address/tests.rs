//! How addresses are read, and what is said of those that are none.

use super::*;

fn shown(listeners: &[BindAddress]) -> String {
    let show = |address: &BindAddress| match address {
        BindAddress::Ip { ip, port } => format!("{ip} {port}"),
        BindAddress::Unix(path) => path.display().to_string(),
        BindAddress::Abstract(name) => format!("abstract {name}"),
        BindAddress::Fd(fd) => format!("fd {fd}"),
    };
    listeners.iter().map(show).collect::<Vec<_>>().join(", ")
}

#[test]
fn listeners_are_read() {
    for (text, read) in [
        ("*:80", "0.0.0.0 80"),
        (":80", "0.0.0.0 80"),
        ("10.0.0.1:80", "10.0.0.1 80"),
        ("[::1]:80", "::1 80"),
        ("::1:80", ":: 1 80"),
        (":::80", ":: 80"),
        ("ipv6@*:80", ":: 80"),
        ("ipv6@:80", ":: 80"),
        ("ipv4@*:80", "0.0.0.0 80"),
        ("ip@*:80", "0.0.0.0 80"),
        ("tcp6@*:80", ":: 80"),
        ("stream+tcp4@*:80", "0.0.0.0 80"),
        ("stream+/run/x.sock", "/run/x.sock"),
        ("uxst@/run/x.sock", "/run/x.sock"),
        ("*:80,*:81", "0.0.0.0 80, 0.0.0.0 81"),
        (
            "127.0.0.1:80-82,[::1]:90",
            "127.0.0.1 80, 127.0.0.1 81, 127.0.0.1 82, ::1 90",
        ),
        ("/run/x.sock", "/run/x.sock"),
        ("unix@/run/x.sock", "/run/x.sock"),
        ("abns@a/b:c", "abstract a/b:c"),
        ("fd@7", "fd 7"),
    ] {
        let read = read.replace(":: 1 80", "::1 80");
        assert_eq!(listeners(text).map(|found| shown(&found)), Ok(read), "{text}");
    }
}

#[test]
fn bad_listeners_say_why() {
    for (text, why) in [
        ("127.0.0.1", "`127.0.0.1` names no port"),
        ("127.0.0.1:", "`127.0.0.1:` names no port"),
        ("*:99999", "`99999` is not a port"),
        ("*:x", "`x` is not a port"),
        ("*:+3", "`+3` is not a port"),
        ("*:90-80", "`90-80` is not a range of ports"),
        ("[::1:80", "`[::1:80` is not an address"),
        ("[::1]80", "`[::1]80` is not an address"),
        ("1.2.3:80", "`1.2.3` is not an address"),
        ("localhost:80", "`localhost` is a name, and a listener needs an address"),
        ("ipv4@[::1]:80", "`::1` is not of the kind `ipv4@`"),
        ("abns@", "`abns@` is no name of an abstract socket"),
        ("sockpair@3", "addresses of the kind `sockpair@` are not supported"),
        ("fd@x", "`fd@x` is not an address"),
        ("udp4@*:80", "`udp4@*:80` is not for connections"),
        ("dgram+ipv4@*:80", "`dgram+ipv4@*:80` is not for connections"),
        ("uxdg@/x", "`uxdg@/x` is not for connections"),
        ("stream@*:80", "addresses of the kind `stream@` are not supported"),
        ("*:80,", "`` names no port"),
    ] {
        assert_eq!(
            listeners(text).map_err(|error| error.to_string()),
            Err(why.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn servers_are_read() {
    let ip = |text: &str| Host::Ip(text.parse().unwrap());
    for (text, host, port) in [
        ("10.0.0.1:80", ip("10.0.0.1"), ServerPort::Fixed(80)),
        ("10.0.0.1", ip("10.0.0.1"), ServerPort::Offset(0)),
        ("10.0.0.1:+3", ip("10.0.0.1"), ServerPort::Offset(3)),
        ("10.0.0.1:-3", ip("10.0.0.1"), ServerPort::Offset(-3)),
        ("[fe80::1]:80", ip("fe80::1"), ServerPort::Fixed(80)),
        ("ipv6@[fe80::1]", ip("fe80::1"), ServerPort::Offset(0)),
        ("10.0.0.1:0", ip("10.0.0.1"), ServerPort::Offset(0)),
        ("0.0.0.0:80", ip("0.0.0.0"), ServerPort::Fixed(80)),
        ("*:80", ip("0.0.0.0"), ServerPort::Fixed(80)),
        ("*", ip("0.0.0.0"), ServerPort::Offset(0)),
        (":80", ip("0.0.0.0"), ServerPort::Fixed(80)),
        ("ipv6@*:0", ip("::"), ServerPort::Offset(0)),
        (
            "mq-1.example_x.org:80",
            Host::Name("mq-1.example_x.org".into()),
            ServerPort::Fixed(80),
        ),
        ("/run/s", Host::Unix("/run/s".into()), ServerPort::Fixed(0)),
        ("abns@s", Host::Abstract("s".into()), ServerPort::Fixed(0)),
    ] {
        let is_any = matches!(host, Host::Ip(ip) if ip.is_unspecified());
        let strictly = match is_any {
            true => Err(AddressError::Wildcard(text.to_owned())),
            false => Ok((host.clone(), port)),
        };
        assert_eq!(server(text), strictly, "{text}");
        assert_eq!(server_or_any(text), Ok((host, port)), "{text}");
    }
    for text in ["10.0.0:80", "a b:80", "fd@3", "-x:80", "a:80-90"] {
        assert!(server_or_any(text).is_err(), "{text}");
    }
}

#[test]
fn log_targets_are_read() {
    let udp = |host: &str, port| LogAddress::Udp {
        host: super::host(host).unwrap(),
        port,
    };
    for (text, target) in [
        ("stdout", LogAddress::Stdout),
        ("stderr", LogAddress::Stderr),
        ("fd@2", LogAddress::Fd(2)),
        ("/dev/log", LogAddress::Unix("/dev/log".into())),
        ("127.0.0.1", udp("127.0.0.1", 514)),
        ("[::1]:1514", udp("::1", 1514)),
        ("udp@loghost:1514", udp("loghost", 1514)),
        ("udp4@127.0.0.1", udp("127.0.0.1", 514)),
        ("dgram+ipv6@[::1]:1514", udp("::1", 1514)),
        ("uxdg@/dev/log", LogAddress::Unix("/dev/log".into())),
        ("dgram+unix@/dev/log", LogAddress::Unix("/dev/log".into())),
    ] {
        assert_eq!(log(text), Ok(target), "{text}");
    }
    for text in ["ring@", "sockpair@3", "udp@", "*", ""] {
        assert!(log(text).is_err(), "{text}");
    }
    // What has to be connected to is not what datagrams are sent to.
    for text in [
        "tcp@127.0.0.1:514",
        "tcp4@127.0.0.1",
        "stream+ipv4@127.0.0.1",
        "uxst@/dev/log",
    ] {
        let error = log(text).expect_err(text);
        assert_eq!(error.to_string(), format!("`{text}` is not for log lines"));
    }
}
