//! `default-path`: where files are looked for whose paths do not begin with `/`.

use std::cell::RefCell;

use tandem_lb_config::convert::convert;
use tandem_lb_config::{Authorities, Clients, Loaded, NamedText, World, load_in};
use tandem_text::Verdict;

use crate::errors;

const NONE: fn(&str) -> Option<String> = |_| None;

/// What becomes of these files, and which files they ask for.
fn asked(files: &[(&str, &str)]) -> (Loaded, Vec<String>) {
    let asked = RefCell::new(Vec::new());
    let file = |path: &str| {
        asked.borrow_mut().push(path.to_owned());
        Ok(b"10.0.0.1\n".to_vec())
    };
    let texts: Vec<_> = files.iter().map(|(name, text)| NamedText::new(*name, *text)).collect();
    let loaded = load_in(&texts, World::new(&NONE, &file), None);
    (loaded, asked.into_inner())
}

const LISTENS: &str = "frontend f\n bind :1 ssl crt a.pem crt-list l ca-file ca.pem verify required\n acl a src -f list\n \
                       tcp-request content set-var(txn.a) src,map_ip(map)\n";

/// The certificate, the list and the authorities of the first listener.
fn places(loaded: &Loaded) -> Vec<String> {
    let plan = loaded.plan.as_ref().unwrap_or_else(|| panic!("{:?}", errors(loaded)));
    let tls = plan.frontends[0].binds[0].tls.as_ref().expect("it speaks TLS");
    let shown = tls.certificates.iter().map(|shown| shown.path().to_owned());
    let Clients::Known(clients) = &tls.clients else {
        panic!("{:?}", tls.clients)
    };
    let Authorities::Path(authorities) = &clients.trust.authorities else {
        panic!("{:?}", clients.trust)
    };
    shown
        .chain([authorities.clone()])
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn paths_begin_where_it_says() {
    let table = [
        ("", "", "cfg/t", ["a.pem", "l", "ca.pem"], ["list", "map"]),
        (
            "default-path current",
            "",
            "cfg/t",
            ["a.pem", "l", "ca.pem"],
            ["list", "map"],
        ),
        (
            "default-path origin /o",
            "",
            "t",
            ["/o/a.pem", "/o/l", "/o/ca.pem"],
            ["/o/list", "/o/map"],
        ),
        (
            "default-path origin o",
            "",
            "t",
            ["o/a.pem", "o/l", "o/ca.pem"],
            ["o/list", "o/map"],
        ),
        (
            "default-path config",
            "",
            "cfg/t",
            ["cfg/a.pem", "cfg/l", "cfg/ca.pem"],
            ["cfg/list", "cfg/map"],
        ),
        (
            "default-path config",
            "",
            "t",
            ["a.pem", "l", "ca.pem"],
            ["list", "map"],
        ),
        (
            "default-path parent",
            "",
            "t",
            ["../a.pem", "../l", "../ca.pem"],
            ["../list", "../map"],
        ),
        (
            "default-path origin /o",
            " crt-base c\n ca-base /d\n",
            "t",
            ["/o/c/a.pem", "/o/l", "/d/ca.pem"],
            ["/o/list", "/o/map"],
        ),
        (
            "default-path config\n default-path origin /o",
            "",
            "t",
            ["/o/a.pem", "/o/l", "/o/ca.pem"],
            ["/o/list", "/o/map"],
        ),
    ];
    for (line, more, name, expected, lists) in table {
        let text = format!("global\n {line}\n{more}{LISTENS}");
        let (loaded, asked) = asked(&[(name, text.as_str())]);
        assert_eq!(places(&loaded), expected, "{line}");
        assert_eq!(asked, lists, "{line}");
    }
    let server = "global\n default-path origin /o\nbackend b\n server s 127.0.0.1:1 ssl crt c.pem ca-file ca.pem\n";
    let (loaded, _) = asked(&[("t", server)]);
    let plan = loaded.plan.expect("it is whole");
    let tls = plan.backends[0].servers[0].tls.as_ref().expect("it speaks TLS");
    assert_eq!(tls.certificate.as_deref(), Some("/o/c.pem".as_ref()));
}

#[test]
fn there_is_one_place_for_all_files() {
    let first = format!("global\n default-path config\n{LISTENS}");
    let second = "backend b\n acl b src -f other\n";
    let (loaded, asked_for) = asked(&[("a/1", first.as_str()), ("a/2", second)]);
    assert_eq!(errors(&loaded), [""; 0]);
    assert_eq!(asked_for, ["a/list", "a/map", "a/other"]);
    let message = "error[LB0013]: paths would begin at another place from here on";
    let (loaded, _) = asked(&[("a/1", first.as_str()), ("b/2", second)]);
    assert_eq!(errors(&loaded), [format!("b/2:1:1: {message}")]);
    let late = format!("{LISTENS}global\n default-path origin /o\n");
    let (loaded, _) = asked(&[("t", late.as_str())]);
    assert_eq!(errors(&loaded), [format!("t:6:2: {message}")]);
    let (loaded, _) = asked(&[("t", format!("{LISTENS}global\n default-path current\n").as_str())]);
    assert_eq!(errors(&loaded), [""; 0], "it says what holds anyway");
}

/// The same files are meant by what it is converted to.
#[test]
fn it_is_converted() {
    let text = format!("global\n default-path config\n{LISTENS}");
    let file = |_: &str| Ok(Vec::new());
    let world = World::new(&NONE, &file);
    let converted = convert(&[NamedText::new("cfg/t", text.as_bytes())], world);
    assert_eq!(converted.verdict, Verdict::Same, "{}", converted.toml);
    let (loaded, asked) = asked(&[("elsewhere/t.toml", converted.toml.as_str())]);
    assert_eq!(places(&loaded), ["cfg/a.pem", "cfg/l", "cfg/ca.pem"]);
    assert_eq!(asked, ["cfg/list", "cfg/map"]);
}
