//! The broker's console in a real browser: log in, browse, move, purge, send; what each step does is seen by a client of the
//! broker that knows nothing of the console. The pictures stay in `target/test-output`.

#[path = "browser/chromium.rs"]
#[expect(dead_code, reason = "the console has no scripts, so no test takes them away")]
mod chromium;

use std::net::SocketAddr;

use chromium::{CHECKS, Chromium, Screen, output, skip};
use serde_json::Value;
use tandem_tests::{Mq, Stomp, free_port, hashed, until};

const WIDE: Screen = Screen {
    width: 1280,
    height: 900,
    dark: false,
};

struct Scene {
    mq: Mq,
    at: SocketAddr,
}

impl Scene {
    fn new() -> Scene {
        let at = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let hash = hashed("s3cret");
        let mq = Mq::start(&format!(
            "[[user]]\nname = \"ops\"\npassword-hash = \"{hash}\"\n[admin]\naddress = \"{at}\""
        ));
        Scene { mq, at }
    }

    fn client(&self) -> Stomp {
        let mut client = Stomp::raw(self.mq.address());
        client.say("CONNECT\naccept-version:1.2\nhost:h\nlogin:ops\npasscode:s3cret\n\n");
        assert!(client.hear().starts_with("CONNECTED\n"));
        client
    }

    fn send(&self, queue: &str, bodies: &[&str]) {
        let mut client = self.client();
        bodies
            .iter()
            .for_each(|body| client.send(&format!("/queue/{queue}"), body));
    }

    /// What a client takes from there, so many.
    #[track_caller]
    fn taken(&self, queue: &str, count: usize) -> Vec<String> {
        let mut client = self.client();
        client.subscribe(&format!("/queue/{queue}"), "auto");
        client.take(count)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// The browser has logged in from here on.
    fn log_in(&self, browser: &mut Chromium) {
        browser.open(&self.url("/admin/").replace("//", "//ops:s3cret@"));
    }
}

fn said(browser: &mut Chromium) -> String {
    let said = browser.run("document.querySelector('[role=status], [role=alert]')?.textContent ?? ''");
    said.as_str().unwrap_or_default().to_owned()
}

#[test]
fn each_step_of_an_operator_is_seen_by_a_client() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let mut scene = Scene::new();
    let mut client = scene.client();
    for body in ["one", "<img src=x onerror=alert(1)>", "three"] {
        client.send("/queue/orders", body);
    }
    browser.look_through(WIDE);
    browser.open(&scene.url("/admin/"));
    assert_eq!(
        browser.run("document.querySelector('nav') === null"),
        true,
        "nobody is in yet"
    );
    scene.log_in(&mut browser);
    assert_eq!(browser.run("document.querySelector('.node').textContent"), "ops");
    assert_eq!(
        browser.run("document.getElementById('network').textContent.includes('stands alone')"),
        true
    );

    // Browse: what waits is there as it was written, and stays text.
    browser.follow("[...document.querySelectorAll('nav a')].find(a => a.textContent === 'Queues').click()");
    browser.follow("[...document.querySelectorAll('#queues a')].find(a => a.textContent === 'orders').click()");
    let bodies = "[...document.querySelectorAll('#messages pre')].map(p => p.textContent).join('|')";
    assert_eq!(browser.run(bodies), "one|<img src=x onerror=alert(1)>|three");
    assert_eq!(browser.run("document.querySelectorAll('#messages img').length"), 0);

    // Move one.
    browser.follow(
        "document.querySelectorAll('#messages [name=id]')[1].click(); document.getElementById('to').value = 'aside'; \
         document.querySelector('#move button').click()",
    );
    assert_eq!(said(&mut browser), "1 message moved.");
    assert_eq!(browser.run(bodies), "one|three");
    assert_eq!(scene.taken("aside", 1), ["<img src=x onerror=alert(1)>"]);

    // Purge: first it has to be meant.
    browser.run("document.querySelector('#purge button').click()");
    assert_eq!(browser.run("document.querySelector('#purge').checkValidity()"), false);
    browser.follow(
        "document.querySelector('#purge [type=checkbox]').click(); document.querySelector('#purge button').click()",
    );
    assert_eq!(said(&mut browser), "2 messages removed.");
    assert_eq!(browser.run("document.getElementById('ready').textContent"), "0");

    // Send; the client sees that, and nothing of what was purged.
    browser.follow(
        "document.getElementById('body').value = 'by hand\\nin two lines'; \
         document.getElementById('properties').value = 'colour: red'; document.querySelector('#send button').click()",
    );
    assert_eq!(said(&mut browser), "The message is sent.");
    client.subscribe("/queue/orders", "client-individual");
    let frame = until("the message", || {
        Some(client.hear()).filter(|frame| frame.starts_with("MESSAGE"))
    });
    assert!(
        frame.contains("colour:red\n") && frame.ends_with("by hand\nin two lines"),
        "{frame}"
    );

    // Who has it, and from where.
    browser.follow("[...document.querySelectorAll('nav a')].find(a => a.textContent === 'Consumers').click()");
    assert_eq!(
        browser.run("document.querySelector('#consumers tbody td[data-label=Queue]').textContent"),
        "orders"
    );
    browser.follow("[...document.querySelectorAll('nav a')].find(a => a.textContent === 'Connections').click()");
    assert_eq!(
        browser.run("document.querySelector('#connections tbody td[data-label=User]').textContent"),
        "ops"
    );
    // A policy counts for the next messages, over a restart, and until it is removed.
    browser.follow("[...document.querySelectorAll('nav a')].find(a => a.textContent === 'Policies').click()");
    browser.follow(
        "document.getElementById('name').value = 'short'; document.getElementById('pattern').value = 'capped.#'; \
         document.getElementById('max-length').value = 2; document.querySelector('#add button').click()",
    );
    assert_eq!(said(&mut browser), "The policy counts from now on, and is on disk.");
    scene.mq.kill();
    scene.mq.run();
    scene.send("capped.q", &["a", "b", "c", "d"]);
    browser.open(&scene.url("/admin/queue?name=capped.q"));
    assert_eq!(browser.run("document.getElementById('ready').textContent"), "2");
    assert_eq!(scene.taken("capped.q", 2), ["c", "d"]);
    browser.open(&scene.url("/admin/policies"));
    browser.follow("document.querySelector('#policies li button').click()");
    assert_eq!(said(&mut browser), "The policy is gone, here and on disk.");
    scene.send("capped.q", &["e", "f", "g"]);
    assert_eq!(scene.taken("capped.q", 3), ["e", "f", "g"]);
    // What cannot be done is said on a page.
    browser.open(&scene.url("/admin/queue?name=nowhere"));
    assert_eq!(said(&mut browser), "no queue 'nowhere'");
}

#[test]
fn a_queue_is_purged_without_a_mouse() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    scene.client().send("/queue/q", "x");
    browser.look_through(WIDE);
    scene.log_in(&mut browser);
    browser.open(&scene.url("/admin/queue?name=q"));
    let mut tab_to = |wanted: &str| {
        for _ in 0..100 {
            browser.press("Tab");
            if browser.run(&format!("document.activeElement.matches({wanted:?})")) == true {
                return;
            }
        }
        panic!("the keyboard does not reach {wanted}");
    };
    tab_to("#move [name=id]");
    tab_to("#to");
    tab_to("#purge [type=checkbox]");
    browser.press(" ");
    browser.press("Tab");
    browser.run("window.left = true");
    browser.press("Enter");
    until("the queue to be empty", || {
        let ready = browser.run("document.getElementById('ready')?.textContent ?? ''");
        (ready == "0").then_some(())
    });
}

#[test]
fn every_text_can_be_read_on_every_screen() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    let mut client = scene.client();
    client.send("/queue/q", &"a long line without an end ".repeat(20));
    client.send("/queue/q", "\u{1}\u{2}");
    client.send(&format!("/queue/{}", "a.very.long.name.".repeat(12)), "x");
    client.subscribe("/topic/t", "auto");
    scene.log_in(&mut browser);
    let pages = [
        ("overview", "/admin/", 10),
        ("queues", "/admin/queues", 15),
        ("queue", "/admin/queue?name=q&done=moved&count=1&left=1", 40),
        ("consumers", "/admin/consumers", 10),
        ("connections", "/admin/connections", 10),
        ("policies", "/admin/policies", 20),
        ("problem", "/admin/queue?name=nowhere", 5),
    ];
    for (name, path, texts) in pages {
        // Colours do not depend on the width, nor the width on colours.
        for (screen, width, dark) in [("wide", 1280, false), ("phone", 380, true)] {
            browser.look_through(Screen {
                width,
                height: 900,
                dark,
            });
            browser.open(&scene.url(path));
            let found = browser.run(CHECKS);
            browser.picture(&output().join(format!("console-{name}-{screen}.png")));
            let none = Value::Array(Vec::new());
            for complaint in ["faint", "nameless", "unreachable"] {
                assert_eq!(found[complaint], none, "{complaint}: {name} {screen}");
            }
            assert!(
                found["wide"].as_i64().is_some_and(|wide| wide <= 0),
                "{name} {screen}: {found}"
            );
            assert!(found["seen"].as_i64() >= Some(texts), "{name}: {found}");
        }
    }
}
