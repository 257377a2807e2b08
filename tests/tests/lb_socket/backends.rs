//! Backends that are made, published and deleted while clients come and go: the answers are those of HAProxy 3.4, whose 2.6
//! knows none of these orders.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;

use tandem_tests::{Config, Lb, Server, ask, connect, ended, fetch, free_port, until};

use super::room::Room;

/// What a variable of the process says is where clients go; `brokers` is what backends are made of.
fn config(room: &Room, usual: &Server) -> Config {
    Config::default()
        .global(format!("{} expose-fd listeners", room.line()))
        .frontend("use_backend %[var(proc.to)] if { var(proc.to) -m found }")
        .frontend("use_backend fixed if { var(proc.fixed) -m found }")
        .server("s", usual, "")
}

fn text(config: &Config, fixed: &Server, page: u16) -> String {
    format!(
        "{config}
backend fixed
    server f {} check inter 100ms
backend tabled
    stick-table type ip size 10
backend lonely
    guid be:lonely
listen both
    bind 127.0.0.1:{}
    server b {}
frontend page
    mode http
    bind 127.0.0.1:{page}
    stats enable
    stats uri /
defaults brokers
    mode tcp
    timeout connect 1s
    timeout server 20s
    timeout client 20s
    balance leastconn
    option tcp-check
    tcp-check expect string hello
defaults pages
    mode http
",
        fixed.address(),
        free_port(),
        fixed.address(),
    )
}

fn first_word(config: &Config) -> String {
    let mut stream = connect(config.at());
    let mut word = [0; 5];
    let count = stream.read(&mut word).expect("a word or the end");
    String::from_utf8_lossy(&word[..count]).into_owned()
}

fn row(room: &Room, begin: &str) -> Vec<String> {
    let csv = room.ask("show stat");
    let line = csv.lines().find(|line| line.starts_with(begin));
    line.map_or_else(Vec::new, |line| line.split(',').map(str::to_owned).collect())
}

/// A place in the order of the columns.
const STATUS: usize = 17;

#[test]
fn a_backend_is_made_serves_and_is_deleted() {
    let (room, page) = (Room::new(), free_port());
    let [usual, other, new] = ["usual", "fixed", "hello"].map(Server::named);
    let config = config(&room, &usual);
    let _lb = Lb::start(&text(&config, &other, page));
    let ask = |words: &str| room.ask(words).trim_end().to_owned();
    for (order, answer) in [
        (
            "add backend new",
            "Usage: add backend <name> from <defproxy> [mode tcp] [guid <guid>].",
        ),
        (
            "add backend new from brokers weight 3",
            "Usage: add backend <name> from <defproxy> [mode tcp] [guid <guid>].",
        ),
        ("add backend new from nothing", "No such default proxy 'nothing'."),
        (
            "add backend new from brokers mode http",
            "Backends here are in TCP mode: 'mode http' is not.",
        ),
        (
            "add backend new from pages",
            "Backends here are in TCP mode: 'defaults pages' is not.",
        ),
        (
            "add backend a/b from brokers",
            "Error during backend creation : a name has letters, digits and - _ . : only.",
        ),
        (
            "add backend fe from brokers",
            "Error during backend creation : name is already used by other proxy 'frontend fe'.",
        ),
        (
            "add backend fixed from brokers",
            "Error during backend creation : name is already used by other proxy 'backend fixed'.",
        ),
        (
            "add backend both from brokers",
            "Error during backend creation : name is already used by other proxy 'listen both'.",
        ),
        (
            "add backend new from brokers guid be:lonely",
            "Error during backend creation : GUID insertion : duplicate entry with backend lonely.",
        ),
        (
            "add backend new from brokers mode tcp guid be:new",
            "New backend registered.",
        ),
        (
            "add backend new from brokers",
            "Error during backend creation : name is already used by other proxy 'backend new'.",
        ),
        ("add backend page2 from pages mode tcp", "New backend registered."),
        ("unpublish backend page2", "Backend unpublished."),
        ("del backend page2", "Backend deleted."),
        ("del backend page2", "No such backend."),
        ("publish backend nobody", "No such backend."),
        (
            "add server new/one",
            "'server' expects <name> and <addr>[:<port>] as arguments.",
        ),
    ] {
        assert_eq!(ask(order), answer, "{order}");
    }
    let place = format!("add server new/one {} check inter 100ms rise 1", new.address());
    assert_eq!(ask(&place), "New server registered.");
    assert_eq!(ask("enable health new/one; enable server new/one"), "");
    // Nobody is led there yet, whatever a rule says; the rule is passed over.
    assert_eq!(ask("set var proc.to str(new)"), "");
    assert_eq!(first_word(&config), "usual");
    assert_eq!(row(&room, "new,BACKEND,")[STATUS], "UP (UNPUB)");
    let explained = room.ask("explain 127.0.0.1 fe");
    assert!(explained.contains("default_backend be"), "{explained}");
    assert_eq!(ask("publish backend new"), "Backend published.");
    assert_eq!(first_word(&config), "hello");
    // What its section says of checks holds for those who came later: `tcp-check expect`.
    until("a check that has heard the word", || {
        let last = row(&room, "new,one,").join(",");
        last.contains(",L7OK,").then_some(())
    });
    let shown = [
        ask("show backend"),
        ask("show servers state new"),
        room.ask("show stat typed"),
        fetch(([127, 0, 0, 1], page).into(), "/").body,
        fetch(([127, 0, 0, 1], page).into(), "/metrics").body,
    ];
    for (shown, part) in shown.iter().zip([
        "\nnew",
        " new 1 one 127.0.0.1 ",
        ":new",
        ">new<",
        "haproxy_backend_status{proxy=\"new\",state=\"UP\"} 1",
    ]) {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let mut client = connect(config.at());
    assert!(client.read_exact(&mut [0; 5]).is_ok());
    for (order, answer) in [
        ("del backend both", "Cannot delete a listen section."),
        (
            "unpublish backend both",
            "A listen section leads to itself: give 'disable frontend' or 'enable frontend'.",
        ),
        (
            "del backend fixed",
            "This proxy cannot be removed at runtime due to other configuration elements pointing to it.",
        ),
        (
            "del backend be",
            "This proxy cannot be removed at runtime due to other configuration elements pointing to it.",
        ),
        ("del backend tabled", "Cannot delete a backend with a stick-table."),
        ("del backend new", "Backend must be unpublished prior to its deletion."),
        (
            "wait 100ms be-removable new",
            "Failed. Backend must be unpublished prior to its deletion.",
        ),
        ("unpublish backend new", "Backend unpublished."),
        ("del backend new", "Only a backend without server can be deleted."),
        (
            "wait 100ms be-removable new",
            "Failed. Only a backend without server can be deleted.",
        ),
        ("disable server new/one", ""),
        (
            "del server new/one",
            "Server still has connections attached to it, cannot remove it.",
        ),
    ] {
        assert_eq!(ask(order), answer, "{order}");
    }
    assert_eq!(ask_again(&mut client), "still");
    assert_eq!(ask("shutdown sessions server new/one"), "");
    assert!(ended(&mut client));
    assert_eq!(
        ask("wait 5s srv-removable new/one; del server new/one; wait 5s be-removable new; del backend new"),
        "Done.\n\nServer deleted.\n\nDone.\n\nBackend deleted."
    );
    assert_eq!(row(&room, "new,"), Vec::<String>::new());
    assert_eq!(first_word(&config), "usual");
    // One of the files goes as well, when nothing names it.
    assert_eq!(
        ask("unpublish backend lonely; del backend lonely"),
        "Backend unpublished.\n\nBackend deleted."
    );
    assert!(!ask("show backend").contains("lonely"));
}

fn ask_again(client: &mut TcpStream) -> String {
    String::from_utf8_lossy(&ask(client, b"still")).into_owned()
}

#[test]
fn nobody_is_led_to_what_is_unpublished() {
    let room = Room::new();
    let [usual, fixed] = ["usual", "fixed"].map(Server::named);
    let (config, page) = (config(&room, &usual), free_port());
    let _lb = Lb::start(&text(&config, &fixed, page));
    room.ask("set var proc.fixed bool(1)");
    assert_eq!(first_word(&config), "fixed");
    let mut client = connect(config.at());
    assert!(client.read_exact(&mut [0; 5]).is_ok());
    assert_eq!(room.ask("unpublish backend fixed"), "Backend unpublished.\n\n");
    assert_eq!(first_word(&config), "usual", "the rule is passed over");
    assert_eq!(ask_again(&mut client), "still", "who is there stays");
    room.ask("unpublish backend be");
    assert_eq!(first_word(&config), "", "nobody is left to lead to");
    // It is checked all the while.
    let (before, checks) = (usual.accepted(), fixed.accepted());
    until("a check", || (fixed.accepted() > checks).then_some(()));
    assert_eq!(usual.accepted(), before);
    assert_eq!(row(&room, "be,BACKEND,")[STATUS], "UP (UNPUB)");
    let shown = || fetch(([127, 0, 0, 1], page).into(), "/").body;
    let html = shown();
    let explained = html.matches("UP (UNPUB)<span class=\"tips\" role=\"tooltip\">").count();
    assert_eq!(explained, 2, "those two say what that means");
    assert!(html.contains("rules pass it over until somebody gives"));
    room.ask("publish backend be");
    assert_eq!(shown().matches("UP (UNPUB)<span").count(), 1);
    assert_eq!(first_word(&config), "usual");
    let limited = room.ask("operator; publish backend fixed");
    assert!(limited.contains("Backend published."), "{limited}");
    let refused = room.ask("operator; add backend x from brokers");
    assert!(refused.contains("Permission denied"), "{refused}");
    assert_eq!(first_word(&config), "fixed");
}

#[test]
fn what_was_made_goes_on_in_the_next_process_and_the_files_win_at_a_reload() {
    let (room, page) = (Room::new(), free_port());
    let [usual, other, new] = ["usual", "fixed", "hello"].map(Server::named);
    let config = config(&room, &usual);
    let text = text(&config, &other, page);
    let mut running = Lb::start(&text);
    let done = |orders: &str| assert!(!room.ask(orders).contains("No such"), "{orders}");
    done("add backend new from brokers guid be:new; publish backend new");
    done(&format!("add server new/one {}; enable server new/one", new.address()));
    done("add backend hidden from brokers; unpublish backend fixed");
    done("unpublish backend lonely; del backend lonely; set var proc.to str(new)");
    // Another name for one of the files' and for one that came later.
    done("disable server new/one; set server new/one name first; enable server new/first");
    done("disable server fixed/f");
    assert_eq!(room.ask("set server fixed/f name today"), "\n");
    let mut client = connect(config.at());
    assert!(client.read_exact(&mut [0; 5]).is_ok());
    let told = || {
        let names = room.ask("show servers state");
        let names = names.lines().filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words.len() == 25 && !words[0].starts_with('#')).then(|| format!("{} {}/{}", words[0], words[1], words[3]))
        });
        let states = ["new", "hidden", "fixed", "lonely", "be"].map(|name| {
            let row = row(&room, &format!("{name},BACKEND,"));
            row.get(STATUS).cloned().unwrap_or_default()
        });
        (names.collect::<Vec<_>>(), states)
    };
    let expected = told();
    assert_eq!(expected.1, ["UP", "UP (UNPUB)", "DOWN (UNPUB)", "", "UP"]);
    let mut sessions = 1;
    for _ in 0..2 {
        let next = running.succeed(Path::new(&room.socket()), &text);
        assert!(running.ended().success());
        running = next;
        assert_eq!(told(), expected);
        assert_eq!(ask_again(&mut client), "still");
        assert_eq!(first_word(&config), "hello");
        sessions += 1;
        assert_eq!(row(&room, "new,BACKEND,")[7], sessions.to_string(), "it counts on");
    }
    // The files know nothing of it, and that is said.
    let said = room.ask("reload");
    assert!(
        said.contains("backend new") && said.contains("backend lonely"),
        "{said}"
    );
    assert_eq!(first_word(&config), "usual");
    assert_eq!(ask_again(&mut client), "still", "who is there stays to the end");
    let (names, states) = told();
    assert!(names.iter().any(|name| name.ends_with(" fixed/f")), "{names:?}");
    // An order about one that is in the files stays, as maintenance does.
    assert_eq!(states, ["", "", "UP (UNPUB)", "UP", "UP"]);
    // What is in the files under the name of one that was made is the files' from then on.
    done("add backend later from brokers");
    running.configure(&format!(
        "{text}\nbackend later from brokers\n    server l {}\n",
        new.address()
    ));
    let said = room.ask("reload");
    assert!(said.contains("later"), "{said}");
    room.ask("set var proc.to str(later)");
    assert_eq!(first_word(&config), "hello");
}

#[test]
fn what_was_deleted_and_is_written_anew_is_there_in_the_next_process() {
    let (room, page) = (Room::new(), free_port());
    let [usual, fixed, new] = ["usual", "fixed", "hello"].map(Server::named);
    let config = config(&room, &usual);
    let text = |section: &str, server: &Server| {
        let text = text(&config, &fixed, page);
        format!("{text}\n{section}\n    server g {}\n", server.address())
    };
    let delete = || {
        let said = room.ask("disable server gone/g; del server gone/g; unpublish backend gone; del backend gone");
        assert!(said.contains("Backend deleted."), "{said}");
    };
    let is_there = || room.ask("show backend").lines().any(|line| line == "gone");
    let before = text("backend gone from brokers", &fixed);
    let mut running = Lb::start(&before);
    delete();
    let listen = format!("listen gone from brokers\n    bind 127.0.0.1:{}", free_port());
    for (text, expected) in [
        (before, false),
        (text("backend gone from brokers", &new), true),
        (text(&listen, &new), true),
    ] {
        let next = running.succeed(&room.socket(), &text);
        assert!(running.ended().success());
        running = next;
        assert_eq!(is_there(), expected, "{text}");
        if expected && !text.contains("listen gone") {
            delete();
        }
    }
    room.ask("set var proc.to str(gone)");
    assert_eq!(first_word(&config), "hello");
}
