//! Tables are shared with TLS.

use super::*;

/// One of two peers: its name, where it listens for the other, its socket.
struct Node {
    name: &'static str,
    at: SocketAddr,
    socket: PathBuf,
}

impl Node {
    fn config(&self, other: &Node, papers: &Papers, own: &str) -> String {
        let (ca, name) = (papers.path("ca.pem"), self.name);
        format!(
            "global\n localpeer {name}\n stats socket {} level admin\npeers p\n \
             bind {} ssl crt {own} ca-file {ca} verify required\n default-server ssl ca-file {ca} crt {own} verify required\n \
             server {name}\n server {} {} sni str(own.example)\n table t type string size 1k store gpc0\n\
             listen l\n mode tcp\n bind {}\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n",
            self.socket.display(),
            self.at,
            other.name,
            other.at,
            SocketAddr::from(([127, 0, 0, 1], self.at.port() + 1)),
        )
    }

    fn order(&self, words: &str) -> String {
        tandem_tests::order(&self.socket, words)
    }
}

fn peers_share(theirs: impl FnOnce(&str, &Node) -> Option<Box<dyn std::any::Any>>) {
    let papers = Papers::new();
    let own = papers.issue("own.pem", &["own.example"]);
    let port = tandem_tests::free_ports(4);
    let node = |name, more| Node {
        name,
        at: SocketAddr::from(([127, 0, 0, 1], port + more)),
        socket: papers.folder.join(format!("{name}.sock")),
    };
    let (one, two) = (node("one", 0), node("two", 2));
    let _one = Lb::start(&one.config(&two, &papers, &own));
    let Some(_two) = theirs(&two.config(&one, &papers, &own), &two) else {
        return;
    };
    for (from, to, key) in [(&one, &two, "a"), (&two, &one, "b")] {
        from.order(&format!("set table p/t key {key} data.gpc0 7"));
        until("the entry", || {
            let text = to.order(&format!("show table p/t key {key}"));
            text.contains("gpc0=7").then_some(())
        });
    }
    // In the clear nobody is heard.
    let mut stranger = connect(one.at);
    stranger.write_all(b"HAProxyS 2.1\none\nx 1 1\n").expect("written");
    let mut said = Vec::new();
    stranger.read_to_end(&mut said).ok();
    assert!(!said.starts_with(b"200"), "{said:?}");
}

#[test]
fn peers_of_ours_share_tables_with_tls() {
    peers_share(|config, _| Some(Box::new(Lb::start(config))));
}

#[test]
fn peers_share_tables_with_tls_with_haproxy() {
    peers_share(|config, node| Some(Box::new(tandem_tests::Haproxy::start(config, &node.socket)?)));
}
