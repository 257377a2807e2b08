//! The page in a real browser: how it looks wide and narrow, light and dark; the form, sorting, filtering and refreshing;
//! the keyboard. The pictures stay in `target/test-output`.

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/drill.rs"]
mod drill;
#[path = "browser/load.rs"]
mod load;
#[path = "browser/router.rs"]
mod router;

use std::net::SocketAddr;

use chromium::{CHECKS, Chromium, Screen, output, skip};
use load::Load;
use nix::sys::signal::Signal;
use router::Router;
use serde_json::Value;
use tandem_tests::{Config, Lb, ROW_CLASSES, Server, ask, connect, fetch, free_port, request, until};

const WIDE: Screen = Screen {
    width: 1680,
    height: 1000,
    dark: false,
};

/// A balancer with a server in every state that can be had.
struct Scene {
    _lb: Lb,
    at: SocketAddr,
    config: Config,
    server: Server,
    _router: Router,
    headers: &'static [&'static str],
}

impl Scene {
    fn new() -> Scene {
        Scene::with("", &[])
    }

    /// With further lines of the page's section, and what our own requests then need.
    fn with(lines: &str, headers: &'static [&'static str]) -> Scene {
        let server = Server::echo();
        let port = free_port();
        let dead = SocketAddr::from(([127, 0, 0, 1], 1));
        let config = Config::default()
            .global("node lb-a.example")
            .global("description Message brokers, site North")
            .backend("balance leastconn")
            .backend("stick-table type ip size 1k")
            .backend("stick on src")
            .server("mq1", &server, "check inter 100 weight 3")
            .server("mq2", &server, "check inter 100 backup")
            .server("mq3", &server, "")
            .server_at("mq4", dead, "check inter 100")
            .server("mq5", &server, "check disabled maxconn 500")
            .server("mq6", &server, "check inter 100")
            .server("mq7", &server, "check inter 100 backup");
        let page = format!(
            "listen stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats refresh 1s\n  \
             stats admin if TRUE\n  stats show-node\n  stats show-desc\n  stats show-legends\n{lines}"
        );
        let router = Router::start();
        let socket = router.socket().display().to_string();
        let scene = Scene {
            _lb: Lb::start_with(&["--vrrp-socket", &socket], &format!("{config}{page}")),
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            config,
            server,
            _router: router,
            headers,
        };
        until("the checks", || (scene.status("mq4") == "DOWN").then_some(()));
        for server in ["mq6", "mq7"] {
            request(
                scene.at,
                "POST",
                "/stats",
                headers,
                &format!("s={server}&b=be&action=drain"),
            );
        }
        scene
    }

    fn url(&self) -> String {
        format!("http://{}/stats", self.at)
    }

    fn status(&self, server: &str) -> String {
        let csv = request(self.at, "GET", "/stats;csv", self.headers, "").body;
        let line = csv.lines().find(|l| l.starts_with(&format!("be,{server},")));
        line.and_then(|l| l.split(',').nth(17)).unwrap_or_default().to_owned()
    }
}

#[test]
fn every_text_can_be_read_on_every_screen() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    // The first of them is sent to mq1, and all others from its address follow.
    assert_eq!(ask(&mut connect(scene.config.at()), b"first"), b"first");
    let load = Load::on(scene.config.at());
    let mut clients: Vec<_> = (0..5).map(|_| connect(scene.config.at())).collect();
    clients
        .iter_mut()
        .for_each(|c| assert_eq!(ask(c, &[7; 9000]), [7; 9000]));
    // A few that end, for the times to connect.
    drop(clients.split_off(3));
    until("the first ten seconds of the charts", || {
        let page = fetch(scene.at, "/stats").body;
        let mq1 = page.split("<h3>mq1</h3>").nth(1)?.split("</li>").next()?;
        (mq1.matches("<path").count() == 4 && page.contains("h-routes")).then_some(())
    });
    // What each of them is about: three that stay and one that comes and goes, a few hundred sessions and their bytes.
    let page = fetch(scene.at, "/stats").body;
    let most = |name: &str| {
        let label = page
            .split(&format!("\"{name} of mq1 in the last hour: "))
            .nth(1)
            .unwrap_or_default();
        let label = label.split('"').next().unwrap_or_default();
        let words: Vec<&str> = label
            .rsplit("at most ")
            .next()
            .unwrap_or_default()
            .split('\u{202f}')
            .collect();
        let number = words.first().and_then(|number| number.parse::<f64>().ok());
        (
            number.unwrap_or_else(|| panic!("{name}: {label:?}")),
            words[1..].concat(),
        )
    };
    let (sessions, rate, bytes, time) = (
        most("Sessions"),
        most("New per second"),
        most("Bytes per second"),
        most("Connect time"),
    );
    assert!(
        (3.0..=6.0).contains(&sessions.0) && sessions.1.is_empty(),
        "{sessions:?}"
    );
    assert!(rate.0 > 6.0 && rate.1.is_empty(), "{rate:?}");
    assert!(bytes.0 > 10.0 && bytes.1 == "kB", "{bytes:?}");
    assert!(time.0 > 0.0 && time.1.ends_with('s'), "{time:?}");
    let screens = [
        ("wide", 1680, 1000),
        ("tablet", 900, 1000),
        ("phone", 380, 800),
        ("small", 320, 700),
    ];
    for (name, width, height) in screens {
        for (theme, dark) in [("light", false), ("dark", true)] {
            browser.look_through(Screen { width, height, dark });
            browser.open(&format!("{};st=DONE", scene.url()));
            let found = browser.run(CHECKS);
            browser.picture(&output().join(format!("page-{name}-{theme}.png")));
            let none = Value::Array(Vec::new());
            assert_eq!(found["faint"], none, "{name} {theme}");
            assert_eq!(found["nameless"], none, "{name} {theme}");
            assert_eq!(found["unreachable"], none, "{name} {theme}");
            assert!(
                found["wide"].as_i64().is_some_and(|w| w <= 0),
                "{name} {theme}: {found}"
            );
            assert!(
                found["seen"].as_i64() > Some(100) && found["controls"].as_i64() > Some(20),
                "{found}"
            );
            assert_eq!(found["heads"], true, "every row has a head");
            assert_eq!(found["pictures"], 28, "four of each server");
            assert_eq!(found["speechless"], none, "{name} {theme}");
            assert_eq!(
                found["lightest"].as_f64().map(|ratio| ratio >= 3.0),
                Some(true),
                "{found}"
            );
        }
    }
    // On the phone, each figure's name is put there by the style.
    assert!(browser.run(CHECKS)["said"].as_i64() > Some(50));
    // As many colours as a row can have, and what is said about a form.
    for dark in [false, true] {
        browser.look_through(Screen { dark, ..WIDE });
        for (code, first) in [("NONE", 0), ("PART", 9), ("ERRP", 0)] {
            browser.open(&format!("{};norefresh;st={code}", scene.url()));
            let classes = ROW_CLASSES[first..].join(" ");
            let rows = browser.run(&format!(
                "(() => {{ const all = '{classes}'.split(' '), rows = [...document.querySelectorAll('tbody tr')]; \
                 rows.forEach((row, place) => row.className = all[place % all.length]); return rows.length }})()"
            ));
            assert!(rows.as_i64() >= Some(9), "{rows}");
            assert_eq!(browser.run(CHECKS)["faint"], Value::Array(Vec::new()), "{code} {dark}");
        }
        browser.open(&format!("{};norefresh?scope=nobody", scene.url()));
        assert_eq!(browser.run(CHECKS)["faint"], Value::Array(Vec::new()), "nobody {dark}");
    }
    assert!(load.sessions() > 100 && scene.server.accepted() > 100);
    drop(load);
    // The checks see what they look for.
    browser.open(&scene.url());
    let spoil = "document.querySelector('h2 a').style.color = '#777'; \
                 document.querySelector('main').style.width = '2000px'; \
                 document.querySelector('label[for=scope]').remove()";
    browser.run(spoil);
    let found = browser.run(CHECKS);
    for complaint in ["faint", "nameless"] {
        assert!(
            found[complaint].as_array().is_some_and(|all| !all.is_empty()),
            "{complaint}: {found}"
        );
    }
    assert!(found["wide"].as_i64() > Some(0), "{found}");
}

#[test]
fn whoever_logs_in_may_stay() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::with("  stats auth ops:s3cret\n", &["Authorization: Basic b3BzOnMzY3JldA=="]);
    browser.look_through(WIDE);
    browser.open(&scene.url());
    assert_eq!(
        browser.run("document.querySelector('h1')?.textContent.includes('Tandem') ?? false"),
        false
    );
    browser.open(&scene.url().replace("//", "//ops:s3cret@"));
    assert_eq!(browser.run("document.querySelectorAll('#be tbody tr').length"), 8);
    // The page goes on asking, and the form works, without another word about the password.
    browser.run("window.mark = document.getElementById('facts')");
    until("the page to refresh itself", || {
        (browser.run("window.mark === document.getElementById('facts')") == false).then_some(())
    });
    browser.follow(
        "document.querySelector('[name=s][value=mq1]').click(); \
         document.querySelector('#be [name=action]').value = 'maint'; document.querySelector('#be [type=submit]').click()",
    );
    assert_eq!(browser.run("location.pathname"), "/stats;st=DONE");
    let badge = "document.getElementById('be/mq1').querySelector('.badge').textContent";
    assert_eq!(browser.run(badge), "MAINT");
}

#[test]
fn a_server_is_drained_without_a_mouse() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(WIDE);
    browser.open(&format!("{};norefresh?scope=be", scene.url()));
    let mut tab_to = |wanted: &str| {
        let is_there = format!("document.activeElement.matches({wanted:?})");
        for _ in 0..400 {
            browser.press("Tab");
            if browser.run(&is_there) == true {
                return;
            }
        }
        panic!("the keyboard does not reach {wanted}");
    };
    tab_to("[name=s][value=mq1]");
    tab_to("#be [name=action]");
    tab_to("#be [type=submit]");
    // And now with what they do.
    browser.open(&format!("{};norefresh?scope=be", scene.url()));
    browser.run("document.querySelector('[name=s][value=mq1]').focus()");
    browser.press(" ");
    browser.run("document.querySelector('#be [name=action]').focus()");
    browser.press("ArrowDown");
    browser.press("ArrowDown");
    assert_eq!(
        browser.run("document.querySelector('#be [name=action]').value"),
        "drain"
    );
    browser.run("document.querySelector('#be [type=submit]').focus(); window.left = true");
    browser.press("Enter");
    until("the form to be carried out", || {
        scene.status("mq1").starts_with("DRAIN").then_some(())
    });
}

/// Everything is in the page that comes; it is asked for again, and forms are sent, by the browser itself.
#[test]
fn without_scripts_the_page_is_read_refreshed_and_used() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(WIDE);
    browser.without_scripts();
    browser.open(&scene.url());
    assert_eq!(browser.run("document.getElementById('live').hidden"), true);
    assert_eq!(browser.run("document.querySelectorAll('#be tbody tr').length"), 8);
    assert_eq!(browser.run("document.querySelectorAll('#be .badge').length > 5"), true);
    browser.picture(&output().join("page-without-scripts.png"));
    browser.run("window.left = true");
    until("the page to be asked for again", || {
        (browser.run("!window.left && document.readyState === 'complete'") == true).then_some(())
    });
    // One that stays, to work in.
    browser.open(&format!("{};norefresh", scene.url()));
    browser.follow(
        "document.querySelector('[name=s][value=mq1]').click(); \
         document.querySelector('#be [name=action]').value = 'maint'; document.querySelector('#be [type=submit]').click()",
    );
    assert_eq!(browser.run("location.pathname"), "/stats;st=DONE;norefresh");
    let badge = "document.getElementById('be/mq1').querySelector('.badge').textContent";
    assert_eq!(
        (browser.run(badge), scene.status("mq1")),
        ("MAINT".into(), "MAINT".to_owned())
    );
    browser
        .follow("document.getElementById('scope').value = 'stats'; document.querySelector('[role=search]').submit()");
    assert_eq!(browser.run("document.getElementById('be') === null"), true);
    assert_eq!(browser.run("document.getElementById('stats') !== null"), true);
}

#[test]
fn what_was_closed_stays_closed() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(WIDE);
    browser.open(&scene.url());
    assert_eq!(browser.run("document.querySelector('#be details').open"), true);
    browser.run("document.querySelector('#be summary').click(); window.mark = document.getElementById('be')");
    until("the part to be refreshed", || {
        (browser.run("window.mark === document.getElementById('be')") == false).then_some(())
    });
    assert_eq!(browser.run("document.querySelector('#be details').open"), false);
}

#[test]
fn the_form_in_a_browser() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::with("  stats auth ops:s3cret\n", &["Authorization: Basic b3BzOnMzY3JldA=="]);
    let load = Load::on(scene.config.at());
    for dark in [false, true] {
        browser.look_through(Screen { dark, ..WIDE });
        browser.open(&scene.url().replace("//", "//ops:s3cret@"));
        assert_eq!(browser.run("matchMedia('(prefers-color-scheme: dark)').matches"), dark);
        for (action, status) in [("drain", "DRAIN"), ("maint", "MAINT"), ("ready", "UP")] {
            browser.follow(&format!(
                "document.querySelector('[name=s][value=mq1]').click(); \
                 document.querySelector('#be [name=action]').value = '{action}'; \
                 document.querySelector('#be [type=submit]').click()"
            ));
            assert_eq!(browser.run("location.search + location.pathname"), "/stats;st=DONE");
            assert_eq!(
                browser.run("document.querySelector('[role=status]').textContent.includes('Done.')"),
                true
            );
            assert!(scene.status("mq1").starts_with(status), "{}", scene.status("mq1"));
            let badge = browser.run("document.getElementById('be/mq1').querySelector('.badge').textContent");
            assert!(badge.as_str().is_some_and(|b| b.starts_with(status)), "{badge}");
        }
    }
    drop(load);
    // One click for all of them.
    browser.run("document.querySelector('#be thead [type=checkbox]').click()");
    assert_eq!(
        browser.run("document.querySelectorAll('#be [name=s]:checked').length"),
        7
    );
}

#[test]
fn sorting_filtering_and_refreshing_in_place() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(WIDE);
    browser.open(&scene.url());
    let order = "[...document.querySelectorAll('#be tbody tr th a')].map(a => a.textContent).join()";
    assert_eq!(browser.run(order), "mq1,mq2,mq3,mq4,mq5,mq6,mq7,Backend");
    let sort = "document.querySelector('#be th[data-sort=name] button').click()";
    browser.run(&format!("{sort}; {sort}"));
    let turned = "mq7,mq6,mq5,mq4,mq3,mq2,mq1,Backend";
    assert_eq!(browser.run(order), turned);
    assert_eq!(
        browser.run("document.querySelector('#be [aria-sort]').ariaSort"),
        "descending"
    );

    // The figures move on their own, in the order that was chosen, and the page is not loaded again.
    browser.run("window.mark = 'same page'");
    let mut client = connect(scene.config.at());
    ask(&mut client, b"x");
    let total = "document.querySelector('#be tr.backend').querySelectorAll('td[data-by]')[9].dataset.by";
    until("the new session on the page", || {
        (browser.run(total) == "1").then_some(())
    });
    assert_eq!(browser.run("window.mark"), "same page");
    assert_eq!(browser.run(order), turned);

    // Neither is a selection lost that somebody is about to make.
    browser.run("document.querySelector('[name=s][value=mq3]').click()");
    browser.run("new Promise(done => setTimeout(done, 1500))");
    assert_eq!(
        browser.run("document.querySelector('[name=s][value=mq3]').checked"),
        true
    );

    let type_in = |text: &str| {
        format!(
            "scope.value = '{text}'; scope.dispatchEvent(new Event('input')); [...document.querySelectorAll('tbody tr')].filter(r => r.getClientRects().length).length"
        )
    };
    assert_eq!(browser.run(&type_in("mq4")), 1);
    assert_eq!(browser.run(&type_in("be")), 8);
    assert_eq!(browser.run(&type_in("")), 11);
}

#[test]
fn the_keyboard_reaches_everything() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(WIDE);
    browser.open(&format!("{};norefresh?scope=be", scene.url()));
    // What a pointer shows, the focus shows as well.
    let gap = "(() => { const tip = [...document.querySelectorAll('#be .tip')].pop(); \
               tip.focus(); const box = tip.querySelector('.tips').getBoundingClientRect(); \
               const at = tip.getBoundingClientRect(); \
               return box.height > 10 && Math.min(Math.abs(box.top - at.bottom), Math.abs(at.top - box.bottom)) })()";
    assert_eq!(browser.run(gap), 6);
    for screen in [
        WIDE,
        Screen {
            width: 380,
            height: 800,
            dark: true,
        },
    ] {
        browser.look_through(screen);
        // The walk begins at the beginning.
        browser.open(&format!("{};norefresh?scope=be", scene.url()));
        let mut reached = 0;
        // More than there are: the walk ends where it began.
        for _ in 0..400 {
            browser.press("Tab");
            let is_new = browser.run(
                "(() => { const e = document.activeElement; if (e === document.body || e.dataset.seen) return false; \
                 e.dataset.seen = 1; const { width, height } = e.getBoundingClientRect(); \
                 const covered = e.closest('thead, .hidden') && getComputedStyle(e.closest('thead, .hidden')).clipPath !== 'none'; \
                 return width < 4 || height < 4 || covered ? e.outerHTML : true })()",
            );
            // Nobody is led to what he cannot see.
            assert!(is_new.is_boolean(), "{screen:?}: {is_new}");
            if is_new != true {
                break;
            }
            reached += 1;
        }
        let missed = browser.run(
            "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, [tabindex], .tip')]\
             .filter(e => e.getClientRects().length && !e.dataset.seen).map(e => e.outerHTML)",
        );
        assert_eq!(missed, Value::Array(Vec::new()), "{screen:?}");
        assert!(reached > 40, "{reached}");
    }
}

#[test]
fn a_page_that_stays_open_follows_what_is_configured() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let server = Server::echo();
    let port = free_port();
    // The router starts later.
    let socket = std::env::temp_dir().join(format!("tandem-late-router-{}.sock", std::process::id()));
    let text = |proxies: &[&str]| {
        let backend = |name: &&str| format!("backend {name}\n  server a {0}\n  server b {0}\n", server.address());
        let backends: String = proxies.iter().map(backend).collect();
        format!(
            "global\n  node lb-a\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 9s\n  timeout server 9s\n\
             frontend stats\n  mode http\n  bind 127.0.0.1:{port}\n  stats enable\n  stats uri /stats\n  stats refresh 1s\n{backends}"
        )
    };
    let mut lb = Lb::start_with(
        &["--vrrp-socket", &socket.display().to_string()],
        &text(&["one", "facts", "two"]),
    );
    browser.look_through(WIDE);
    browser.open(&format!("http://127.0.0.1:{port}/stats"));
    browser.run("window.mark = 'same page'");
    let order = "[...document.querySelectorAll('#proxies > section')].map(s => s.id).join()";
    assert_eq!(browser.run(order), "stats,one,facts,two");
    browser.run("document.querySelector('#two th[data-sort=name] button').click()");
    let turned = "document.querySelector('#two th[data-sort=name] button').click()";
    browser.run(turned);
    for proxies in [&["new", "one", "two"][..], &["two", "one", "newest"], &["one"]] {
        lb.reload(Signal::SIGHUP, &text(proxies));
        let wanted = format!("stats,{}", proxies.join(","));
        until(&wanted, || (browser.run(order) == *wanted).then_some(()));
        if proxies.contains(&"two") {
            // What was there stays as somebody sorted it, and what has come can be sorted.
            let of_two = "[...document.querySelectorAll('#two tbody th a')].map(a => a.textContent).join()";
            assert_eq!(browser.run(of_two), "b,a,Backend");
            let buttons = format!("document.querySelectorAll('#{} .sorter').length > 20", proxies[0]);
            assert_eq!(browser.run(&buttons), true);
        }
    }
    assert_eq!(browser.run("document.getElementById('routes') === null"), true);
    let router = Router::start_at(socket);
    let next = "document.getElementById('routes')?.nextElementSibling?.id ?? 'none'";
    until("the router on the page", || {
        (browser.run(next) == "proxies").then_some(())
    });
    assert_eq!(browser.run("window.mark"), "same page");
    drop(router);
}

#[test]
fn a_phone_sorts_and_selects_without_the_heads() {
    let Some(mut browser) = Chromium::start() else {
        return skip();
    };
    let scene = Scene::new();
    browser.look_through(Screen {
        width: 380,
        height: 800,
        dark: false,
    });
    browser.open(&scene.url());
    let order = "[...document.querySelectorAll('#be tbody tr th a')].map(a => a.textContent).join()";
    let choose = |value: &str| {
        format!(
            "(() => {{ const box = document.querySelector('#be .sorts'); box.focus(); box.value = '{value}'; \
             box.dispatchEvent(new Event('change')); return box.checkVisibility() }})()"
        )
    };
    // By the weight: the most first.
    assert_eq!(browser.run(&choose("25")), true);
    let first = "document.querySelector('#be tbody tr:not(.frontend) th a').textContent";
    assert_eq!(browser.run(first), "mq1");
    assert_eq!(browser.run(&choose("name")), true);
    assert_eq!(browser.run(order), "mq1,mq2,mq3,mq4,mq5,mq6,mq7,Backend");
    // And the page goes on, with the choice and where somebody is.
    browser.run("window.mark = document.getElementById('be')");
    until("the part to be refreshed", || {
        (browser.run("window.mark === document.getElementById('be')") == false).then_some(())
    });
    assert_eq!(browser.run("document.activeElement.matches('#be .sorts')"), true);
    assert_eq!(browser.run("document.activeElement.value"), "name");
    browser.run("document.querySelector('#be .narrow [type=checkbox]').click()");
    assert_eq!(
        browser.run("document.querySelectorAll('#be [name=s]:checked').length"),
        7
    );
}
