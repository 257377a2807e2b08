//! The page's form beside the installed HAProxy's: every word, on every kind of server, from every state that an operator can
//! bring it to, must be answered with the same code and lead to the same state.

use std::net::SocketAddr;

use tandem_tests::{Lb, Server, fetch, free_port, request, until};

use crate::haproxy;

const WORDS: [&str; 17] = [
    "ready", "drain", "maint", "stop", "start", "disable", "enable", "dhlth", "ehlth", "hrunn", "hnolb", "hdown",
    "dagent", "eagent", "arunn", "adown", "shutdown",
];

/// What was done before the word comes.
const BEFORE: [&[&str]; 7] = [
    &[],
    &["drain"],
    &["maint"],
    &["maint", "stop"],
    &["dhlth"],
    &["dagent"],
    &["adown"],
];

/// Checked, not checked, with an agent, following the first.
const SERVERS: [&str; 4] = ["checked", "plain", "agent", "follows"];

fn config(page: u16, servers: &[Server; 2]) -> String {
    let [echo, agent] = servers.each_ref().map(Server::address);
    // No check comes between two steps, and one of them is enough to know.
    format!(
        "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         listen stats\n mode http\n bind 127.0.0.1:{page}\n stats enable\n stats uri /stats\n stats admin if TRUE\n\
         backend be\n default-server inter 1h rise 1 fall 1\n \
         server checked {echo} check\n server plain {echo}\n \
         server agent {echo} agent-check agent-port {} agent-inter 1h\n \
         server follows {echo} track be/checked\n server rests {echo} disabled\n",
        agent.port()
    )
}

struct Page(SocketAddr);

impl Page {
    /// The code that it answers.
    fn post(&self, form: &str) -> String {
        let answer = request(self.0, "POST", "/stats", &[], form);
        assert_eq!(answer.status, 303, "{form}");
        let code = answer.header("location").rsplit("st=").next();
        code.unwrap_or_default().to_owned()
    }

    fn act(&self, server: &str, word: &str) -> String {
        self.post(&format!("s={server}&b=be&action={word}"))
    }

    /// A column of each server.
    fn column(&self, servers: &[&str], place: usize) -> Vec<String> {
        let csv = fetch(self.0, "/stats;csv").body;
        let of = |server: &&str| {
            let line = csv.lines().find(|line| line.starts_with(&format!("be,{server},")));
            let cell = line.and_then(|line| line.split(',').nth(place));
            cell.unwrap_or_default().to_owned()
        };
        servers.iter().map(of).collect()
    }

    fn states(&self, servers: &[&str]) -> Vec<String> {
        // HAProxy counts the steps of a server that has nothing but an agent, too.
        let states = self.column(servers, 17).into_iter();
        states.map(|state| state.replace(" 0/1", "")).collect()
    }

    fn begin(&self) {
        let all: String = SERVERS.iter().map(|server| format!("s={server}&")).collect();
        for word in ["ready", "ehlth", "eagent", "hrunn", "arunn"] {
            self.post(&format!("{all}b=be&action={word}"));
        }
    }

    /// The code and the state of each server after this word, in that state.
    fn answers(&self, before: &[&str], word: &str) -> Vec<(String, String)> {
        self.begin();
        let all: String = SERVERS.iter().map(|server| format!("s={server}&")).collect();
        for word in before {
            self.post(&format!("{all}b=be&action={word}"));
        }
        // Who follows comes first: what is done to the one that it follows is not done to it.
        let mut order = SERVERS.to_vec();
        order.reverse();
        let answers = order.iter().map(|server| {
            let code = self.act(server, word);
            (code, self.states(&[server]).remove(0))
        });
        answers.collect()
    }
}

#[test]
fn every_word_does_what_it_does_in_haproxy() {
    if haproxy::version().is_none() {
        return haproxy::say("SKIP the form beside HAProxy: haproxy is not installed");
    }
    let servers = [Server::echo(), Server::named("up\n")];
    let ports = [free_port(), free_port()];
    let [ours, theirs] = ports.map(|port| Page(SocketAddr::from(([127, 0, 0, 1], port))));
    let _lb = Lb::start(&config(ports[0], &servers));
    let _haproxy = haproxy::start(&config(ports[1], &servers));
    until("HAProxy's page", || std::net::TcpStream::connect(theirs.0).ok());
    for page in [&ours, &theirs] {
        // The first one at once; the others come when the test is long over.
        until("the first check", || {
            (page.column(&["checked"], 36) == ["L4OK"]).then_some(())
        });
    }
    let mut different = Vec::new();
    // A server that the configuration lets rest is only waked once.
    for word in ["start", "stop", "enable", "start"] {
        let [ours, theirs] = [&ours, &theirs].map(|page| (page.act("rests", word), page.states(&["rests"]).remove(0)));
        if ours != theirs {
            different.push(format!("rests {word}: HAProxy {theirs:?}, we {ours:?}"));
        }
    }
    for before in BEFORE {
        for word in WORDS {
            let [ours, theirs] = [&ours, &theirs].map(|page| page.answers(before, word));
            for (server, (ours, theirs)) in SERVERS.iter().rev().zip(ours.iter().zip(&theirs)) {
                if ours != theirs {
                    different.push(format!("{server} {before:?} {word}: HAProxy {theirs:?}, we {ours:?}"));
                }
            }
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
