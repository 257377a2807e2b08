//! Notes answer as the machine did, also when they came from another process.

use super::*;

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tandem-outside-{name}-{}", std::process::id()));
    fs::create_dir_all(path.join("inner")).expect("a folder");
    fs::write(path.join("b"), "two").expect("a file");
    fs::write(path.join("a"), [0xff, 0]).expect("a file");
    path
}

#[test]
fn what_was_noted_is_what_was_there() {
    let path = folder("noted");
    let noting = Outside::noting();
    let ask = |outside: &Outside| {
        let none = outside.read(&path.join("none")).expect_err("it is not there");
        (
            outside.read(&path.join("a")).expect("it is there"),
            outside.folder(&path).expect("readable"),
            outside.folder(&path.join("a")).expect("no folder is no error"),
            (none.kind(), none.to_string()),
            outside.resolve("127.0.0.9"),
            outside.resolve("no such name").is_err(),
        )
    };
    let then = ask(&noting);
    assert_eq!(then.1, Some(vec![path.join("a"), path.join("b")]), "no folders, sorted");
    assert_eq!((&then.2, then.3.0), (&None, io::ErrorKind::NotFound));
    let mut wire = Vec::new();
    noting.notes().write(&mut wire).expect("written");
    fs::remove_dir_all(&path).expect("removed");
    let noted = Outside::Noted(Notes::read(&mut &*wire).expect("read"));
    assert_eq!(ask(&noted), then);
    let other = noted.read(Path::new("/etc/passwd")).expect_err("nobody asked for it");
    assert_eq!(other.to_string(), "it was not there when the configuration was read");
}

#[test]
fn local_names_resolve() {
    assert!(Outside::Here.resolve("localhost").is_ok_and(|ip| ip.is_loopback()));
}

#[test]
fn half_of_it_is_an_error_and_not_a_guess() {
    let path = folder("half");
    let noting = Outside::noting();
    noting.read(&path.join("a")).expect("it is there");
    noting.folder(&path).expect("readable");
    fs::remove_dir_all(&path).expect("removed");
    let mut wire = Vec::new();
    noting.notes().write(&mut wire).expect("written");
    for end in 0..wire.len() {
        assert!(Notes::read(&mut &wire[..end]).is_err(), "{end} of {}", wire.len());
    }
}
