//! Which certificate is shown to whom.

use super::*;

#[test]
fn the_name_chooses_the_certificate_and_the_backend() {
    let papers = Papers::new();
    let (one, two) = (
        papers.issue("1.pem", &["one.example"]),
        papers.issue("2.pem", &["*.two.example"]),
    );
    let (first, second) = (Server::named("1"), Server::named("2"));
    let config = |room: &Room| {
        format!(
            "{}frontend fe\n bind {} ssl crt {one} crt {two} alpn mqtt,h2\n bind {} ssl crt {one} strict-sni\n \
             use_backend second if {{ ssl_fc_sni -m end .two.example }}\n default_backend first\n\
             backend first\n server s {}\nbackend second\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            first.address(),
            second.address(),
        )
    };
    both(2, config, |room| {
        for (name, certificate, server) in [
            ("one.example", "one.example", "1"),
            ("x.two.example", "*.two.example", "2"),
            ("else.example", "one.example", "1"),
            ("a.b.two.example", "one.example", "2"),
        ] {
            let mut stream = client(room.at(0), name, None);
            let mut said = [0; 1];
            stream.write_all(b"?").expect("written");
            stream.read_exact(&mut said).expect("an answer");
            assert_eq!(
                (shown(&stream).as_str(), said.as_slice()),
                (certificate, server.as_bytes()),
                "{}: {name}",
                room.name
            );
        }
        assert!(
            ask(&mut client(room.at(1), "else.example", None), b"?").is_err(),
            "{}",
            room.name
        );
        assert!(
            ask(&mut client(room.at(1), "one.example", None), b"?").is_ok(),
            "{}",
            room.name
        );
    });
}

#[test]
fn a_list_says_what_each_certificate_is_for() {
    let papers = Papers::new();
    let [first, second, third, fourth] = ["1", "2", "3", "4"].map(|name| {
        let host = format!("own{name}.example");
        papers.issue(&format!("{name}.pem"), &[&host])
    });
    let (ca, friend) = (papers.path("ca.pem"), papers.pem(&["friend"]));
    let list = papers.path("list");
    let lines = format!(
        "# hosts\n{first} !own1.example first.example\n{second} [alpn h2 ssl-min-ver TLSv1.3] *.two.example !not.two.example\n\n\
         {third} [verify required ca-file {ca}]\n"
    );
    fs::write(&list, lines).expect("written");
    let server = Server::echo();
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {} ssl crt-list {list} strict-sni crt {fourth}\n bind {} ssl crt-list {list}\n server s {}\n",
            room.head(),
            room.at(0),
            room.at(1),
            server.address(),
        )
    };
    both(2, config, |room| {
        let meets = |listener: u16, name: &str, shows: Option<&str>| {
            let mut stream = client(room.at(listener), name, shows);
            let back = ask(&mut stream, b"?").ok();
            back.map(|_| shown(&stream))
        };
        for (listener, name, shows, certificate) in [
            (0, "first.example", None, Some("own1.example")),
            (0, "own1.example", None, None),
            (0, "x.two.example", None, Some("own2.example")),
            (0, "not.two.example", None, None),
            (0, "own3.example", None, None),
            (0, "own3.example", Some(friend.as_str()), Some("own3.example")),
            (0, "own4.example", None, Some("own4.example")),
            (1, "own1.example", None, Some("own1.example")),
            (1, "not.two.example", None, Some("own1.example")),
        ] {
            assert_eq!(
                meets(listener, name, shows).as_deref(),
                certificate,
                "{}: {name}",
                room.name
            );
        }
        let order = |words: &str| room.order(words).trim().to_owned();
        assert_eq!(order("show ssl crt-list"), list, "{}", room.name);
        let added = order(&format!("add ssl crt-list {list} <<\n{fourth} new.example\n"));
        assert!(added.ends_with("Success!"), "{}: {added}", room.name);
        assert_eq!(
            meets(1, "new.example", None).as_deref(),
            Some("own4.example"),
            "{}",
            room.name
        );
        let gone = order(&format!("del ssl crt-list {list} {second}"));
        assert!(gone.contains("deleted in crtlist"), "{}: {gone}", room.name);
        assert_eq!(meets(0, "x.two.example", None), None, "{}", room.name);
        let unused = order(&format!("show ssl cert {second}"));
        assert!(unused.contains("Status: Unused"), "{}: {unused}", room.name);
    });
}
