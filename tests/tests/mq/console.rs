//! The console as scripts use it: what its JSON says is what clients see, and what it may do is what its user may do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tandem_tests::{Answer, Mq, Stomp, fetch, free_port, hashed, request, until};

struct Scene {
    mq: Mq,
    at: SocketAddr,
}

/// `boss:boss` and `app:app`, in base 64.
const BOSS: &str = "Authorization: Basic Ym9zczpib3Nz";
const APP: &str = "Authorization: Basic YXBwOmFwcA==";

impl Scene {
    fn with(settings: &str) -> Scene {
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mq = Mq::start(&format!("{settings}\n[admin]\naddress = \"{at}\""));
        Scene { mq, at }
    }

    fn open() -> Scene {
        Scene::with("anonymous = true")
    }

    /// The boss may do everything, the application what is its own.
    fn with_users() -> Scene {
        let (boss, app) = (hashed("boss"), hashed("app"));
        Scene::with(&format!(
            "[[user]]\nname = \"boss\"\npassword-hash = \"{boss}\"\n[[user]]\nname = \"app\"\npassword-hash = \"{app}\"\n\
             read = [\"app.#\"]\nwrite = [\"app.#\", \"seen\"]\nconfigure = [\"app.#\"]\n"
        ))
    }

    fn json(&self, path: &str) -> Value {
        of(&fetch(self.at, path))
    }

    fn post(&self, headers: &[&str], path: &str, form: &str) -> Answer {
        request(self.at, "POST", path, headers, form)
    }
}

#[track_caller]
fn of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

fn came_in(mq: &Mq, user: &str) -> Stomp {
    let mut client = Stomp::raw(mq.address());
    client.say(&format!(
        "CONNECT\naccept-version:1.2\nhost:h\nlogin:{user}\npasscode:{user}\n\n"
    ));
    assert!(client.hear().starts_with("CONNECTED\n"));
    client
}

#[test]
fn a_script_sees_what_clients_did_and_clients_what_a_script_did() {
    let scene = Scene::open();
    let mut client = Stomp::connect(scene.mq.address());
    for body in ["one", "<b>two</b>", "three"] {
        client.send("/queue/a b", body);
    }
    let queues = scene.json("/api/queues");
    assert_eq!(
        (&queues["queues"][0]["name"], &queues["queues"][0]["ready"]),
        (&"a b".into(), &3.into())
    );
    let queue = scene.json("/api/queue?name=a%20b");
    let texts: Vec<&str> = queue["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["text"].as_str())
        .collect();
    assert_eq!(texts, ["one", "<b>two</b>", "three"]);
    // On the page nothing of it is anything but text.
    let page = fetch(scene.at, "/admin/queue?name=a+b").body;
    assert!(page.contains("&#60;b&#62;two") && !page.contains("<b>two"), "{page}");

    // Chosen ones, all, and back by a client.
    let id = queue["messages"][1]["id"].as_u64().expect("a number");
    let moved = of(&scene.post(&[], "/api/queue?name=a+b", &format!("action=move&to=other&id={id}")));
    assert_eq!((&moved["done"], &moved["count"]), (&"moved".into(), &1.into()));
    let moved = of(&scene.post(&[], "/api/queue?name=a+b", "action=move&to=rest&all=1"));
    assert_eq!(moved["count"], 2);
    client.subscribe("/queue/other", "client-individual");
    assert_eq!(client.take(1), ["<b>two</b>"]);
    let consumers = scene.json("/api/consumers");
    assert_eq!(consumers["consumers"][0]["queue"], "other");
    assert_eq!(consumers["consumers"][0]["protocol"], "STOMP");
    let connections = scene.json("/api/connections");
    assert_eq!(
        connections["connections"].as_array().map(Vec::len),
        Some(1),
        "{connections}"
    );

    let sent = scene.post(
        &[],
        "/api/queue?name=rest",
        "action=send&body=four%0D%0Afive&properties=colour%3A+red",
    );
    assert_eq!(sent.status, 200, "{}", sent.body);
    let mut other = Stomp::connect(scene.mq.address());
    other.subscribe("/queue/rest", "auto");
    assert_eq!(other.take(3), ["one", "three", "four\nfive"]);

    Stomp::connect(scene.mq.address()).send("/queue/gone", "x");
    assert_eq!(of(&scene.post(&[], "/api/queue?name=gone", "action=purge"))["count"], 1);
    assert_eq!(scene.json("/api/queue?name=gone")["queue"]["ready"], 0);
    assert_eq!(scene.post(&[], "/api/queue?name=gone", "action=delete").status, 200);
    assert_eq!(fetch(scene.at, "/api/queue?name=gone").status, 404);
    for form in ["action=delete", "action=purge"] {
        assert_eq!(scene.post(&[], "/api/queue?name=gone", form).status, 404);
    }
    assert_eq!(
        scene
            .post(&[], "/api/queue?name=amq.gen-x", "action=send&body=x")
            .status,
        404
    );
    // What waits for its time is seen, and taken back.
    client.say("SEND\ndestination:/queue/later\nAMQ_SCHEDULED_DELAY:3600000\n\nx");
    client.settle();
    let waits = scene.json("/api/schedules");
    assert_eq!(
        (&waits["schedules"][0]["to"], &waits["schedules"][0]["endless"]),
        (&"later".into(), &false.into())
    );
    assert!(fetch(scene.at, "/admin/schedules").body.contains(">later<"));
    let form = format!("action=cancel&id={}", waits["schedules"][0]["id"]);
    let cancel = || scene.post(&[], "/api/schedules", &form).status;
    assert_eq!((cancel(), cancel()), (200, 404));
    assert_eq!(scene.json("/api/overview")["scheduled"], 0);
    let overview = scene.json("/api/overview");
    assert_eq!(
        (&overview["cluster"]["nodes"], &overview["ready"]),
        (&1.into(), &0.into())
    );
}

#[test]
fn what_was_moved_or_sent_is_there_after_the_power_went() {
    let mut scene = Scene::open();
    let mut client = Stomp::connect(scene.mq.address());
    for number in 0..1500 {
        client.say(&format!("SEND\ndestination:/queue/from\npersistent:true\n\n{number}"));
    }
    client.settle();
    assert_eq!(
        of(&scene.post(&[], "/api/queue?name=from", "action=move&to=to&all=1"))["count"],
        1500
    );
    assert_eq!(
        scene.post(&[], "/api/queue?name=to", "action=send&body=last").status,
        200
    );
    scene.mq.kill();
    scene.mq.run();
    assert_eq!(scene.json("/api/queue?name=from")["queue"]["ready"], 0);
    let mut client = Stomp::connect(scene.mq.address());
    client.subscribe("/queue/to", "auto");
    let bodies = client.take(1501);
    assert_eq!((&*bodies[0], &*bodies[1499], &*bodies[1500]), ("0", "1499", "last"));
}

#[test]
fn who_may_not_do_it_as_a_client_may_not_do_it_here() {
    let scene = Scene::with_users();
    let mut boss = came_in(&scene.mq, "boss");
    for queue in ["app.q", "seen", "hidden"] {
        boss.send(&format!("/queue/{queue}"), "secret");
    }
    for headers in [&[][..], &["Authorization: Basic YXBwOndyb25n"]] {
        let answer = request(scene.at, "GET", "/admin/", headers, "");
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{answer:?}");
    }
    let get = |headers: &str, path: &str| request(scene.at, "GET", path, &[headers], "");
    let names = |headers| {
        let queues = of(&get(headers, "/api/queues"));
        let rows = queues["queues"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter_map(|row| row["name"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(BOSS), ["app.q", "hidden", "seen"]);
    assert_eq!(names(APP), ["app.q", "seen"]);
    // Who somebody else is, and from where, is for those who look after the node.
    boss.subscribe("/queue/app.q", "client");
    boss.settle();
    let user = |headers| of(&get(headers, "/api/queue?name=app.q"))["consumers"][0]["user"].clone();
    assert_eq!((user(APP), user(BOSS)), (Value::Null, "boss".into()));
    boss.say("UNSUBSCRIBE\nid:0\n\n");
    boss.settle();
    let seen = of(&get(APP, "/api/queue?name=seen"));
    assert!(seen["messages"].as_array().is_some_and(Vec::is_empty), "{seen}");
    assert_eq!(seen["denied"], "read access to queue 'seen' refused");
    for (path, status) in [
        ("/api/queue?name=app.q", 200),
        ("/api/queue?name=hidden", 404),
        ("/api/consumers", 403),
        ("/admin/connections", 403),
    ] {
        assert_eq!((get(APP, path).status, get(BOSS, path).status), (status, 200), "{path}");
    }
    for (queue, form, app) in [
        ("seen", "action=purge", 403),
        ("seen", "action=move&to=app.q&all=1", 403),
        ("app.q", "action=move&to=hidden&all=1", 403),
        ("hidden", "action=send&body=x", 403),
        ("new", "action=send&body=x", 403),
        ("seen", "action=delete", 403),
        ("seen", "action=send&body=x", 200),
        ("app.q", "action=move&to=seen&all=1", 200),
        ("app.new", "action=send&body=x", 200),
    ] {
        let answer = scene.post(&[APP], &format!("/api/queue?name={queue}"), form);
        assert_eq!(answer.status, app, "{queue} {form}: {}", answer.body);
    }
    assert_eq!(of(&get(BOSS, "/api/queue?name=seen"))["queue"]["ready"], 3);
}

#[test]
fn a_policy_is_set_by_whoever_may_configure_what_it_is_about() {
    let mut scene = Scene::with_users();
    let post = |scene: &Scene, headers: &str, form: &str| scene.post(&[headers], "/api/policies", form);
    for (form, status, says) in [
        (
            "action=set&name=p&pattern=app.%23&max-length=2&priority=1&dead-letter=",
            200,
            "",
        ),
        (
            "action=set&name=wide&pattern=%23&max-length=2",
            403,
            "configure access to queue '#' refused",
        ),
        (
            "action=set&name=out&pattern=app.q&dead-letter=hidden",
            403,
            "write access to queue 'hidden' refused",
        ),
        (
            "action=set&name=mir&pattern=%5Emirrior&max-length=2",
            400,
            "looks like a regular expression",
        ),
        ("action=set&name=none&pattern=app.q", 400, "it says nothing"),
        (
            "action=set&name=none&pattern=app.q&max-length=x",
            400,
            "max-length is a number",
        ),
        (
            "action=set&name=none&pattern=app.q&redelivery-delay=1&redelivery-delay-multiplier=0.5",
            400,
            "redelivery-delay-multiplier is from 1 to 1000",
        ),
        ("action=remove&name=none", 404, "no policy 'none'"),
        ("action=else", 400, "which action"),
    ] {
        let answer = post(&scene, APP, form);
        assert_eq!(answer.status, status, "{form}: {}", answer.body);
        assert!(answer.body.contains(says), "{}", answer.body);
    }
    assert_eq!(
        post(&scene, BOSS, "action=set&name=boss&pattern=%23&message-ttl=60000").status,
        200
    );
    scene.mq.kill();
    scene.mq.run();
    let names = |headers| {
        let policies = of(&request(scene.at, "GET", "/api/policies", &[headers], ""));
        let rows = policies["policies"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter_map(|row| row["name"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(BOSS), ["boss", "p"]);
    assert_eq!(names(APP), ["p"]);
    let mut client = came_in(&scene.mq, "app");
    for body in ["a", "b", "c"] {
        client.send("/queue/app.q", body);
    }
    client.subscribe("/queue/app.q", "auto");
    assert_eq!(client.take(2), ["b", "c"]);
    assert_eq!(post(&scene, APP, "action=remove&name=boss").status, 403);
    assert_eq!(post(&scene, APP, "action=remove&name=p").status, 200);
    assert_eq!(names(APP), [""; 0]);
}

#[test]
fn what_a_policy_says_is_said_back_also_after_a_restart() {
    let mut scene = Scene::open();
    let said = [
        ("redelivery-delay", 5.0),
        ("redelivery-delay-multiplier", 1.5),
        ("max-redelivery-delay", 50.0),
        ("group-buckets", 7.0),
        ("prefetch", 3.0),
        ("id-cache-size", 9.0),
    ];
    let form: String = said.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    let form = format!("action=set&name=p&pattern=a.%23&last-value-key=k{form}");
    let answer = scene.post(&[], "/api/policies", &form);
    assert_eq!(answer.status, 200, "{}", answer.body);
    scene.mq.kill();
    scene.mq.run();
    let policies = scene.json("/api/policies");
    let policy = &policies["policies"][0];
    assert_eq!(policy["last-value-key"], "k");
    for (name, value) in said {
        assert_eq!(policy[name].as_f64(), Some(value), "{name}");
    }
    let page = request(scene.at, "GET", "/admin/policies", &[], "").body;
    assert!(
        page.contains("<dt>redelivery-delay-multiplier</dt><dd>1.5</dd>"),
        "{page}"
    );
}

/// What the file says is there, and the page leaves it alone.
#[test]
fn a_policy_of_the_configuration_is_fixed() {
    let scene = Scene::with("anonymous = true\n[[policy]]\nname = \"short\"\npattern = \"capped.#\"\nmax-length = 1");
    let policies = scene.json("/api/policies");
    assert_eq!(
        (&policies["policies"][0]["name"], &policies["policies"][0]["fixed"]),
        (&"short".into(), &true.into())
    );
    let mut client = Stomp::connect(scene.mq.address());
    for body in ["a", "b"] {
        client.send("/queue/capped.q", body);
    }
    client.subscribe("/queue/capped.q", "auto");
    assert_eq!(client.take(1), ["b"]);
    let answer = scene.post(&[], "/api/policies", "action=remove&name=short");
    assert!(
        answer.status == 400 && answer.body.contains("the configuration has a policy"),
        "{}",
        answer.body
    );
}

/// As the balancer's page has it.
#[test]
fn another_site_cannot_change_anything() {
    let scene = Scene::open();
    let mut client = Stomp::connect(scene.mq.address());
    client.send("/queue/q", "x");
    let post = |headers: &[&str], form: &str| scene.post(headers, "/admin/queue?name=q", form).status;
    for header in [
        "Origin: http://evil.example",
        "Referer: http://evil.example/",
        "Sec-Fetch-Site: cross-site",
    ] {
        assert_eq!(post(&[header], "action=purge"), 403, "{header}");
        assert_eq!(post(&[header], "action=purge&t=guess"), 403, "{header}");
    }
    // Nor read the word that would let it, by a name that it has led here.
    let led = request(scene.at, "GET", "/admin/policies", &["Host: evil.example"], "");
    assert!(led.status == 421 && !led.body.contains("name=\"t\""), "{}", led.body);
    assert_eq!(scene.json("/api/queue?name=q")["queue"]["ready"], 1);
    let answer = fetch(scene.at, "/admin/queue?name=q");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let word = answer
        .body
        .split("name=\"t\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let form = format!("action=purge&t={}", word.expect("the page has a form"));
    let done = scene.post(&["Origin: http://localhost"], "/admin/queue?name=q", &form);
    assert_eq!(
        (done.status, done.header("location")),
        (303, "/admin/queue?name=q&done=purged&count=1&left=0")
    );
    assert_eq!(scene.json("/api/queue?name=q")["queue"]["ready"], 0);
    // What a link says is not what the page says.
    assert!(
        !fetch(scene.at, "/admin/queues?done=%3Cscript%3E&count=1")
            .body
            .contains("role=\"status\"")
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let scene = Scene::open();
    let mut client = Stomp::connect(scene.mq.address());
    client.send("/queue/q", "x");
    for (path, form, status, says) in [
        ("/api/queue", "action=purge", 400, "which queue"),
        ("/api/queue?name=q", "", 400, "which action"),
        ("/api/queue?name=q", "action=move&all=1", 400, "to which queue"),
        ("/api/queue?name=q", "action=move&to=r", 400, "which messages"),
        ("/api/queue?name=q", "action=move&to=r&id=x", 400, "an id is a number"),
        (
            "/api/queue?name=q",
            "action=move&to=q&all=1",
            400,
            "that is where the messages are",
        ),
        ("/api/queue?name=q", "action=send&priority=11", 400, "from 0 to 9"),
        ("/api/queue?name=none", "action=purge", 404, "no queue 'none'"),
        ("/api/queues", "action=purge", 405, "nothing to change"),
        ("/api/nothing", "", 404, "nothing here"),
    ] {
        let answer = scene.post(&[], path, if form.is_empty() { "x=" } else { form });
        assert_eq!(answer.status, status, "{path} {form}: {}", answer.body);
        assert!(
            of(&answer)["error"].as_str().is_some_and(|text| text.contains(says)),
            "{}",
            answer.body
        );
    }
    let large = format!("action=send&body={}", "x".repeat(300_000));
    assert_eq!(scene.post(&[], "/api/queue?name=q", &large).status, 413);
    assert_eq!(request(scene.at, "DELETE", "/api/queue?name=q", &[], "").status, 405);
    // A page says it as a page.
    let page = scene.post(&[], "/admin/queue?name=none", "action=purge");
    assert!(
        page.status == 404 && page.body.contains("role=\"alert\""),
        "{}",
        page.body
    );
    assert_eq!(scene.json("/api/queue?name=q")["queue"]["ready"], 1);
}

/// A producer that is held back is not helped by a page.
#[test]
fn nothing_is_sent_where_producers_are_held_back() {
    let scene = Scene::with("anonymous = true\n[memory]\nmessages = 10000");
    let mut client = Stomp::connect(scene.mq.address());
    client.send("/queue/q", &"x".repeat(20_000));
    let answer = scene.post(&[], "/api/queue?name=q", "action=send&body=x");
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("too little memory"), "{}", answer.body);
    assert_eq!(of(&scene.post(&[], "/api/queue?name=q", "action=purge"))["count"], 1);
    until("room again", || {
        (scene.post(&[], "/api/queue?name=q", "action=send&body=x").status == 200).then_some(())
    });
}

/// More than there are places: whoever has a question is answered all the same, and the node is well.
#[test]
fn those_who_never_come_to_the_point_keep_nobody_out() {
    let scene = Scene::open();
    let idle: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(scene.at).expect("it listens");
            if number % 2 == 0 {
                stream
                    .write_all(b"POST /api/queue?name=q HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\naction")
                    .ok();
            }
            stream
        })
        .collect();
    for _ in 0..5 {
        assert_eq!(fetch(scene.at, "/api/overview").status, 200);
        assert_eq!(fetch(scene.at, "/health/ready").status, 200);
    }
    let mut first = &idle[0];
    first
        .set_read_timeout(Some(tandem_tests::PATIENCE))
        .expect("a timeout above zero");
    let mut rest = Vec::new();
    // The first that came had to go.
    first.read_to_end(&mut rest).ok();
    assert!(rest.is_empty() || !rest.starts_with(b"HTTP/1.1 200"));
}
