//! The page beside HAProxy's: the same configuration and the same clients must give the same cells, and the same words when
//! one points at them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;

use tandem_tests::{Lb, ROW_CLASSES, Server, connect, ended, fetch, free_port, until};

use crate::haproxy;

/// Where the page and a frontend listen.
struct Ports {
    page: u16,
    front: u16,
}

/// Those who serve: two that say what they hear, one that says in HTTP that it will not, and an agent that says so too.
struct Servers {
    echoes: [Server; 2],
    refuses: Server,
    agent: Server,
    nobody: u16,
}

impl Servers {
    fn start() -> Servers {
        let refuses = |mut stream: std::net::TcpStream| {
            // Whoever checks has said everything before he reads.
            if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                stream.write_all(b"HTTP/1.0 503 Not now\r\n\r\n").ok();
            }
        };
        Servers {
            echoes: [Server::echo(), Server::echo()],
            refuses: Server::start(refuses),
            agent: Server::named("down #dying\n"),
            nobody: free_port(),
        }
    }
}

/// Servers that are up, unchecked, resting and down, refused by HTTP and by their agent, observed and led by another, behind
/// a frontend that counts its listener.
fn config(ports: &Ports, servers: &Servers) -> String {
    let [one, two] = servers.echoes.each_ref().map(Server::address);
    let (web, agent, nobody) = (
        servers.refuses.address(),
        servers.agent.address().port(),
        servers.nobody,
    );
    let Ports { page, front } = ports;
    // With two threads HAProxy may count one client as two at once: both are woken, and only one can have it.
    format!(
        "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         listen stats\n mode http\n bind 127.0.0.1:{page}\n stats enable\n stats uri /stats\n stats show-legends\n stats admin if TRUE\n \
         stats show-node n1\n stats show-desc of two\n\
         frontend fe\n bind 127.0.0.1:{front} name first\n option socket-stats\n maxconn 500\n default_backend be\n\
         backend be\n balance source\n \
         server s1 {one} check inter 100ms weight 3\n server s2 {two}\n \
         server s3 {two} backup disabled maxconn 20\n server s4 127.0.0.1:{nobody} check inter 100ms fall 1\n\
         backend hc\n option httpchk\n server h1 {web} check inter 100ms fall 1\n server h2 {web} track hc/h1\n\
         backend ag\n server a1 {one} agent-check agent-port {agent} agent-inter 100ms\n \
         server a2 {one} check inter 100ms agent-check agent-port {agent} agent-inter 100ms\n \
         server a3 {two} check inter 100ms observe layer4\n server a4 {two} track ag/a3\n server a5 {two} track be/s4\n"
    )
}

/// What is shown in a cell, and when one points at it.
type Cell = (String, String);
/// By proxy and row, and then by column.
type Page = BTreeMap<String, Vec<Cell>>;

const HEADS: [&str; 30] = [
    "qcur",
    "qmax",
    "qlimit",
    "rate",
    "rate max",
    "rate limit",
    "scur",
    "smax",
    "slim",
    "stot",
    "lbtot",
    "last",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "retr",
    "redis",
    "status",
    "lastchk",
    "wght",
    "act",
    "bck",
    "chk",
    "dwn",
    "dwntme",
    "thrtle",
];

/// Text without tags; numbers in one piece.
fn plain(html: &str) -> String {
    let html = html
        .replace("<span class=\"rls\">", "")
        .replace("&nbsp;", " ")
        .replace("&darr;", "\u{2193}")
        .replace("&uarr;", "\u{2191}")
        .replace('\u{202f}', "");
    let html = html.replace("&#60;", "<").replace("&#39;", "'");
    let mut text = String::new();
    let mut is_tag = false;
    // What closes a group of digits leaves no blank.
    for c in html.replace("</span>", "").chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                text.push(' ');
            }
            c if !is_tag => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Behind these, figures are those of a process or of a moment; all others are of the configuration.
const OF_THE_MOMENT: [&str; 12] = [
    "pid",
    "pid =",
    "uptime =",
    "ulimit-n =",
    "maxsock =",
    "maxconn =",
    "maxpipes =",
    "current pipes =",
    "conn rate =",
    "bit rate =",
    "Running tasks:",
    "idle =",
];

/// With `N` for figures that differ from process to process.
fn unnumbered(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(' ') {
        // A busy moment has `Mbps`.
        let word = if word.ends_with("bps") { "bps" } else { word };
        let before = out.join(" ");
        let differs = OF_THE_MOMENT.iter().any(|words| before.ends_with(words)) || word.ends_with(['h', 'm', 's']);
        let figures = |c: char| c.is_ascii_digit() || c == '.';
        out.push(match differs && word.starts_with(figures) {
            true => digits(&word.replace('.', "")),
            false => word.to_owned(),
        });
    }
    out.join(" ")
}

/// The lines above the tables.
fn head(html: &str) -> Vec<String> {
    let text = plain(html);
    let line = |from: &str, to: &str| {
        let at = text.find(from).unwrap_or_else(|| panic!("no {from:?} in {text}"));
        let line = &text[at..];
        let end = line.find(to).unwrap_or_else(|| panic!("no {to:?} after {from:?}"));
        unnumbered(line[..end].trim())
    };
    let report = line("Statistics Report for pid", "of two");
    let process = line("pid = ", "%");
    let words = ["External resources", "active UP", "backup UP", "not checked", "(MAINT)"];
    let legend = words.into_iter().filter(|words| text.contains(words));
    [report, process].into_iter().chain(legend.map(str::to_owned)).collect()
}

/// The groups and heads of the columns of the first table, each with how many columns it stands above.
fn columns(html: &str) -> Vec<(String, usize)> {
    let table = html
        .split("<table")
        .find(|table| table.contains(">Queue</th>"))
        .expect("a table");
    let heads = table.split("</tr>").take(2).flat_map(|row| row.split("<th").skip(1));
    let heads = heads.map(|head| {
        let (attributes, inside) = head.split_once('>').unwrap_or_default();
        let width = attributes
            .split("colspan=")
            .nth(1)
            .unwrap_or("1")
            .trim_start_matches('"');
        let width = width
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|n| n.parse().ok());
        (
            plain(inside.split("</th>").next().unwrap_or_default()),
            width.unwrap_or(1),
        )
    });
    heads.filter(|(name, _)| !name.is_empty()).collect()
}

/// By row, what its colour is called.
fn classes(html: &str, marker: &str) -> BTreeMap<String, String> {
    let rows = html.split(marker).skip(1).filter_map(|row| {
        let class = row.trim_start_matches('"').split(['"', '>']).next()?;
        let name = row
            .split("<a name=\"")
            .nth(1)
            .or(row.split("id=\"").nth(1))?
            .split('"')
            .next()?;
        Some((name.replace("/+", "/"), class.to_owned()))
    });
    rows.filter(|(name, class)| name.contains('/') && class != "titre")
        .collect()
}

/// The light theme's colour of the rows of this class.
fn colour(html: &str, class: &str) -> Option<String> {
    let style = html.split("<style").nth(1)?.split("</style>").next()?;
    let mut rules = style.split('}').filter_map(|rule| rule.split_once('{'));
    let is_it = |selector: &str| {
        [format!(".{class}"), format!("tr.{class}"), format!("tbody tr.{class}")].contains(&selector.trim().to_owned())
    };
    rules.find_map(|(selectors, body)| {
        let selectors = selectors.rsplit('>').next().unwrap_or_default();
        let body = body.trim();
        let named = body.strip_prefix("background:").or(body.strip_prefix("--c:"))?;
        selectors
            .split([',', '\n'])
            .any(is_it)
            .then(|| named.trim().trim_end_matches(';').to_ascii_lowercase())
    })
}

/// In the dark a row's colour is mixed with another surface. What it means must be seen there, too: its hue stays, and rows
/// that are told apart in the light are told apart.
fn assert_dark(html: &str) {
    let style = html
        .split("<style")
        .nth(1)
        .and_then(|rest| rest.split("</style>").next());
    let (_, dark) = style
        .and_then(|style| style.split_once("prefers-color-scheme: dark"))
        .expect("there are two themes");
    let said = |name: &str| {
        let (_, rest) = dark.split_once(&format!("{name}:")).expect("the dark theme says it");
        rest.split(';').next().unwrap_or_default().trim()
    };
    let tint = said("--name-tint")
        .trim_end_matches('%')
        .parse::<f64>()
        .expect("a part")
        / 100.0;
    let surface = rgb(said("--surface"));
    let mixed = |class: &str| {
        let light = rgb(&colour(html, class).expect("it has one"));
        let channel = |at: usize| light[at] * tint + surface[at] * (1.0 - tint);
        (light, [0, 1, 2].map(channel))
    };
    for (at, class) in ROW_CLASSES.iter().enumerate() {
        let (light, dark) = mixed(class);
        if let (Some(light), Some(dark)) = (hue(light), hue(dark)) {
            let apart = (light - dark).abs();
            assert!(apart.min(360.0 - apart) < 40.0, "{class}: hue {light} becomes {dark}");
        }
        for other in &ROW_CLASSES[..at] {
            let (other_light, other_dark) = mixed(other);
            let apart = [0, 1, 2].map(|at| (dark[at] - other_dark[at]).abs());
            let is_apart = apart.iter().any(|channel| *channel >= 4.0);
            assert!(is_apart || light == other_light, "{class} and {other}: {apart:?}");
        }
    }
}

fn rgb(hex: &str) -> [f64; 3] {
    let number = u32::from_str_radix(hex.trim_start_matches('#'), 16).expect("a colour");
    [16, 8, 0].map(|shift| f64::from(number >> shift & 0xff))
}

/// In degrees; what is nearly grey has none.
fn hue([red, green, blue]: [f64; 3]) -> Option<f64> {
    let most = red.max(green).max(blue);
    let range = most - red.min(green).min(blue);
    if range < 0.15 * most {
        return None;
    }
    let sixth = if most == red {
        (green - blue) / range
    } else if most == green {
        2.0 + (blue - red) / range
    } else {
        4.0 + (red - green) / range
    };
    Some((sixth * 60.0).rem_euclid(360.0))
}

/// Columns, the names of colours and the colours.
fn assert_looks(ours: &str, theirs: &str) {
    let mut own = columns(ours);
    own.retain(|(name, _)| !["Select", "Name", "In/s", "Out/s"].contains(&name.as_str()));
    let of_theirs = columns(theirs);
    let without_rates = |(name, width): &(String, usize)| match name.as_str() {
        "Bytes" => (name.clone(), width - 2),
        _ => (name.clone(), *width),
    };
    assert_eq!(own.iter().map(without_rates).collect::<Vec<_>>(), of_theirs);
    let names = |html, marker| {
        let mut all = classes(html, marker);
        all.retain(|name, _| !name.starts_with("stats"));
        all
    };
    assert_eq!(names(ours, "<tr role=\"row\" class="), names(theirs, "<tr class="));
    for class in ROW_CLASSES {
        let [own, of_theirs] = [ours, theirs].map(|html| colour(html, class));
        assert!(
            own.is_some() && own == of_theirs,
            "{class}: HAProxy {of_theirs:?}, we {own:?}"
        );
    }
    assert_dark(ours);
}

fn theirs(html: &str) -> Page {
    let mut page = Page::new();
    for row in html.split("<tr class=").skip(1) {
        let Some((_, name)) = row.split_once("<a name=\"").filter(|_| !row.starts_with("\"titre")) else {
            continue;
        };
        let name = name.split('"').next().unwrap_or_default().replace("/+", "/");
        let (row, tips) = without_tips(row);
        let row = row.split("</tr>").next().unwrap_or_default();
        let mut cells = Vec::new();
        let mut legend = Cell::default();
        for (place, cell) in row.split("<td").skip(1).enumerate() {
            let (attributes, inside) = cell.split_once('>').unwrap_or_default();
            let width = attributes
                .split("colspan=")
                .nth(1)
                .and_then(|n| n.parse().ok())
                .unwrap_or(1);
            let (shown, tip) = inside.split_once(TIP).unwrap_or((inside, ""));
            let number = tip.split(TIP).next().and_then(|n| n.parse::<usize>().ok());
            let tip = number.map_or_else(String::new, |n| plain(&tips[n]));
            match place {
                0 => {}
                1 => legend = (String::new(), tip),
                _ => {
                    cells.push((plain(shown), tip));
                    cells.extend((1..width).map(|_| Cell::default()));
                }
            }
        }
        cells.push(legend);
        page.insert(name, cells);
    }
    page
}

/// Stands around the number of a tip that was taken out.
const TIP: char = '\u{1}';

/// A tip may hold a table, whose cells are not cells of the row.
fn without_tips(row: &str) -> (String, Vec<String>) {
    let mut tips = Vec::new();
    let mut parts = row.split("<div class=tips>");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (tip, behind) = part.split_once("</div>").unwrap_or((part, ""));
        text.push_str(&format!("{TIP}{}{TIP}{behind}", tips.len()));
        tips.push(tip.to_owned());
    }
    (text, tips)
}

fn ours(html: &str) -> Page {
    let mut page = Page::new();
    for row in html.split("<tr role=\"row\" class=\"").skip(1) {
        let row = row.split("</tr>").next().unwrap_or_default();
        let name = row.split("id=\"").nth(1).and_then(|name| name.split('"').next());
        let legend = row
            .split("<span class=\"legend\">")
            .nth(1)
            .and_then(|l| l.split('<').next());
        let cells = row.split("<td role=\"cell\"").skip(1).map(|cell| {
            let inside = cell.split_once('>').map_or("", |(_, inside)| inside);
            let (shown, tip) = inside
                .split_once("<span class=\"tips\" role=\"tooltip\">")
                .unwrap_or((inside, ""));
            (plain(shown), plain(&tip.replace("</span>", " ")))
        });
        let mut cells: Vec<Cell> = cells.collect();
        // Ours has two columns more: bytes of this second. And bytes say their exact number when one points at them.
        cells.drain(14..16);
        cells[12..14]
            .iter_mut()
            .for_each(|bytes| *bytes = (bytes.0.clone(), String::new()));
        cells.push((String::new(), legend.unwrap_or_default().to_owned()));
        page.insert(name.unwrap_or_default().to_owned(), cells);
    }
    page
}

fn digits(text: &str) -> String {
    let mut masked = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if masked.ends_with('#') => {}
            '0'..='9' => masked.push('#'),
            c => masked.push(c),
        }
    }
    masked
}

/// Without what differs from run to run: times, and how many came within this second.
fn masked(head: &str, (text, tip): &Cell) -> Cell {
    let of_time = |text: &str| match text.split_once(' ') {
        Some((time, rest)) if time.ends_with('s') => format!("{} {rest}", digits(time)),
        _ if text.ends_with('s') => digits(text),
        _ => text.to_owned(),
    };
    match head {
        "status" | "last" | "dwntme" => (of_time(text), tip.clone()),
        "rate" | "rate max" => (digits(text), digits(tip)),
        // A check may be under way.
        "lastchk" => (digits(text.trim_start_matches("* ")), digits(tip)),
        // Compression and caches are of HTTP; how long things took, of the machine.
        "bout" => (text.clone(), String::new()),
        "legend" => (text.clone(), digits(tip)),
        // What HAProxy thinks its pool of idle connections may need, which no connection here is taken from.
        "scur" => {
            let (before, need) = tip.split_once("Estimated need of connections:").unwrap_or((tip, ""));
            (text.clone(), before.to_owned() + &digits(need))
        }
        "stot" => {
            let times = ["Queue time:", "Connect time:", "Total time:"];
            let mut words: Vec<String> = tip.split(' ').map(str::to_owned).collect();
            for place in 0..words.len() {
                if words[place] == "time:" && times.iter().any(|t| t.starts_with(&words[place.saturating_sub(1)])) {
                    words
                        .iter_mut()
                        .skip(place + 1)
                        .take(3)
                        .for_each(|word| *word = digits(word));
                }
            }
            (text.clone(), words.join(" "))
        }
        _ => (text.clone(), tip.clone()),
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// One cell of the statistics.
fn cell(ports: &Ports, row: &str, place: usize) -> String {
    let csv = fetch(at(ports.page), "/stats;csv").body;
    let line = csv.lines().find(|line| line.starts_with(&format!("{row},")));
    line.and_then(|line| line.split(',').nth(place))
        .unwrap_or_default()
        .to_owned()
}

/// The same clients for each: four that come, say something and go, and one that stays.
fn visited(ports: &Ports) -> (std::net::TcpStream, String) {
    until("the first checks", || {
        let states = [
            ("be,s1", "UP"),
            ("be,s4", "DOWN"),
            ("hc,h1", "DOWN"),
            ("hc,h2", "DOWN"),
            ("ag,a1", "DOWN (agent)"),
            ("ag,a2", "DOWN (agent)"),
            ("ag,a3", "UP"),
            ("ag,a5", "DOWN"),
        ];
        let is_settled = |row| !cell(ports, row, 36).is_empty();
        let are_so = states.iter().all(|(row, state)| cell(ports, row, 17) == *state);
        (are_so && is_settled("ag,a2")).then_some(())
    });
    for _ in 0..4 {
        let mut stream = connect(at(ports.front));
        assert_eq!(tandem_tests::ask(&mut stream, b"hello"), b"hello");
        stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        assert!(ended(&mut stream));
        until("it to be gone", || (cell(ports, "fe,FRONTEND", 4) == "0").then_some(()));
    }
    // Bytes of open connections count here, and at their end in HAProxy: this one says nothing.
    let kept = connect(at(ports.front));
    until("everybody to be counted", || {
        (cell(ports, "fe,FRONTEND", 4) == "1" && cell(ports, "be,BACKEND", 4) == "1").then_some(())
    });
    let html = fetch(at(ports.page), "/stats").body;
    (kept, html)
}

#[test]
fn cells_and_tips_are_haproxys() {
    if haproxy::version().is_none() {
        return haproxy::say("SKIP the page beside HAProxy: haproxy is not installed");
    }
    let servers = Servers::start();
    let [a, b] = [(); 2].map(|()| Ports {
        page: free_port(),
        front: free_port(),
    });
    let _lb = Lb::start(&config(&a, &servers));
    let (kept, html) = visited(&a);
    let (ours, our_head, our_html) = (ours(&html), head(&html), html);
    drop(kept);
    let _haproxy = haproxy::start(&config(&b, &servers));
    until("HAProxy's page", || {
        std::net::TcpStream::connect(("127.0.0.1", b.page)).ok()
    });
    let (kept, html) = visited(&b);
    assert_eq!(our_head, head(&html));
    assert_looks(&our_html, &html);
    let theirs = theirs(&html);
    drop(kept);
    let rows = |page: &Page| {
        page.keys()
            .filter(|name| !name.starts_with("stats"))
            .cloned()
            .collect::<Vec<_>>()
    };
    let theirs_rows: Vec<String> = rows(&theirs).into_iter().filter(|name| name.contains('/')).collect();
    assert_eq!(rows(&ours), theirs_rows);
    let mut different = Vec::new();
    let mut compared = 0;
    for name in &theirs_rows {
        let (theirs, ours) = (&theirs[name], &ours[name]);
        assert_eq!((theirs.len(), ours.len()), (31, 31), "{name}: {theirs:?}");
        let is_led = theirs.iter().any(|(text, _)| text.starts_with("via "));
        for (head, (theirs, ours)) in HEADS.iter().chain(&["legend"]).zip(theirs.iter().zip(ours)) {
            let (mut theirs, ours) = (masked(head, theirs), masked(head, ours));
            // HAProxy takes the checks that such a server has not for failing ones.
            if is_led && *head == "status" {
                theirs.0 = theirs.0.trim_end_matches(" \u{2193}").to_owned();
            }
            compared += 1;
            if theirs != ours {
                different.push(format!("{name} {head}: HAProxy {theirs:?}, we {ours:?}"));
            }
        }
    }
    haproxy::say(&format!("{compared} cells of {} rows are HAProxy's", theirs_rows.len()));
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// A frontend that has all that it may have, with somebody before its door; a server, a frontend and a backend that are
/// configured as disabled.
#[test]
fn who_waits_and_who_is_disabled_look_as_in_haproxy() {
    if haproxy::version().is_none() {
        return haproxy::say("SKIP rows that wait beside HAProxy: haproxy is not installed");
    }
    let server = Server::echo();
    let one = server.address();
    let text = |Ports { page, front }: &Ports| {
        let off = free_port();
        format!(
            "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
             listen stats\n mode http\n bind 127.0.0.1:{page}\n stats enable\n stats uri /stats\n stats admin if TRUE\n\
             frontend fe\n bind 127.0.0.1:{front} name first\n option socket-stats\n maxconn 1\n default_backend be\n\
             frontend off\n bind 127.0.0.1:{off} name second\n option socket-stats\n disabled\n default_backend be\n\
             backend be\n server s1 {one}\n server s2 {one} disabled\nbackend closed\n disabled\n server s3 {one}\n"
        )
    };
    let seen = |ports: &Ports| {
        let mut kept = connect(at(ports.front));
        assert_eq!(tandem_tests::ask(&mut kept, b"hello"), b"hello");
        let _waits = connect(at(ports.front));
        until("the listener to wait", || {
            (cell(ports, "fe,first", 17) == "WAITING").then_some(())
        });
        fetch(at(ports.page), "/stats").body
    };
    let [a, b] = [(); 2].map(|()| Ports {
        page: free_port(),
        front: free_port(),
    });
    let _lb = Lb::start(&text(&a));
    let html = seen(&a);
    let own = (ours(&html), classes(&html, "<tr role=\"row\" class="));
    let _haproxy = haproxy::start(&text(&b));
    until("HAProxy's page", || {
        std::net::TcpStream::connect(("127.0.0.1", b.page)).ok()
    });
    let html = seen(&b);
    let of_theirs = (theirs(&html), classes(&html, "<tr class="));
    let statuses = |page: Page| {
        let rows = page.into_iter().filter(|(name, _)| !name.starts_with("stats"));
        let status = |cells: Vec<Cell>| {
            HEADS
                .iter()
                .zip(cells)
                .find(|(head, _)| **head == "status")
                .map(|(head, cell)| masked(head, &cell))
        };
        rows.map(|(name, cells)| (name, status(cells))).collect::<Vec<_>>()
    };
    let colours = |all: BTreeMap<String, String>| {
        all.into_iter()
            .filter(|(name, _)| !name.starts_with("stats"))
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(own.0), statuses(of_theirs.0));
    assert_eq!(colours(own.1), colours(of_theirs.1));
}
