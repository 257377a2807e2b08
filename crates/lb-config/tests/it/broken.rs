//! All mistakes in one run, each at its place.

use tandem_lb_config::{NamedText, load};
use tandem_text::Renderer;

use crate::{errors, read};

const GOOD: &str = include_str!("../../../../etc/haproxy-example.cfg");

/// The example with four mistakes.
fn broken() -> String {
    let changes = [
        ("    option dontlognull\n", "    option dontlognul\n"),
        ("    timeout connect 5s\n", "    timeout connect 5x\n"),
        ("    default_backend brokers\n", "    default_backend broker\n"),
        ("server broker2 10.0.0.12:61616 check", "server broker2 check"),
    ];
    changes.iter().fold(GOOD.to_owned(), |text, (good, bad)| {
        assert!(text.contains(good), "{good}");
        text.replace(good, bad)
    })
}

#[test]
fn four_mistakes_are_four_errors_in_one_run() {
    let loaded = load(&[NamedText::new("h.cfg", broken())], &|_| None, None);
    assert!(loaded.plan.is_none());
    assert_eq!(
        errors(&loaded),
        [
            "h.cfg:15:12: error[LB0001]: unknown keyword `option dontlognul` in `defaults`",
            "h.cfg:17:21: error[LB0007]: `x` is not a unit of time",
            "h.cfg:32:21: error[LB0011]: there is no backend `broker`",
            "h.cfg:39:12: error[LB0009]: server `broker2` has no address",
        ]
    );
}

#[test]
fn a_mistake_is_shown_with_its_text_and_what_to_write() {
    let loaded = load(&[NamedText::new("h.cfg", broken())], &|_| None, None);
    let mistakes: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    let renderer = Renderer::new(&loaded.sources);
    assert_eq!(
        renderer.render(mistakes[0]),
        "h.cfg:15:12: error[LB0001]: unknown keyword `option dontlognul` in `defaults`\n   |\n\
         15 |     option dontlognul\n   |            ^^^^^^^^^^\nhelp: did you mean `option dontlognull`?\n"
    );
    assert_eq!(mistakes[2].help.as_deref(), Some("did you mean `brokers`?"));
    assert_eq!(mistakes[3].help.as_deref(), Some("write `server broker2 ADDRESS:PORT`"));
}

#[test]
fn several_mistakes_on_a_line_are_all_reported() {
    let loaded = read(
        "backend b\n timeout connect 1s\n timeout server 1s\n server s 10.0.0.1 chek inter 5x rise 0 weight 999 socks4 a.bc:1 maxcon 3 backup 7\n",
    );
    assert_eq!(
        errors(&loaded),
        [
            "t:4:20: error[LB0001]: unknown keyword `chek` on a `server` line",
            "t:4:31: error[LB0007]: `x` is not a unit of time",
            "t:4:39: error[LB0007]: `0` is not a number from 1 to 2147483647",
            "t:4:48: error[LB0007]: `999` is not a number from 0 to 256",
            "t:4:52: error[LB0002]: `socks4` is known to HAProxy, but not supported",
            "t:4:66: error[LB0001]: unknown keyword `maxcon` on a `server` line",
            "t:4:82: error[LB0001]: unknown keyword `7` on a `server` line",
        ]
    );
}

#[test]
fn a_mistyped_section_does_not_drown_the_rest() {
    let loaded =
        read("globl\n maxconn 3\n daemon\nfrontend f\n bind *:1\nbakend b\n balance source\n server a 1.1.1.1:1\n");
    assert_eq!(
        errors(&loaded),
        [
            "t:1:1: error[LB0001]: `globl` does not start a section",
            "t:6:1: error[LB0001]: unknown keyword `bakend` in `frontend`",
        ]
    );
}

#[test]
fn a_file_may_hold_several_and_files_share_defaults() {
    let texts = [
        NamedText::new("a", "defaults\n timeout client 7s\n retries 9\n"),
        NamedText::new("b", "frontend f\n bind *:1\n default_backend x\n"),
        NamedText::new("c", "[[backend]]\nname = \"x\"\n"),
    ];
    let loaded = load(&texts, &|_| None, None);
    let plan = loaded.plan.expect("good");
    assert_eq!(
        plan.frontends[0].timeout_client,
        Some(std::time::Duration::from_secs(7))
    );
    assert_eq!(plan.backends[0].retries, 3, "TOML has its own defaults");
}

#[test]
fn what_would_believe_anybody_is_an_error() {
    let loaded = read(
        "frontend f\n bind :1 ssl crt /c.pem ca-file /ca.pem verify required crt-ignore-err 9,10 ca-ignore-err 10\n \
         bind :2 ssl crt /c.pem ca-file /ca.pem verify required crt-ignore-err 10,26\n default_backend b\n\
         backend b\n server s 10.0.0.1:443 check check-ssl verify required\n",
    );
    let errors = errors(&loaded);
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains(":3:") && errors[0].contains("`10,26` forgives more than dates"));
    assert!(errors[1].contains(":6:") && errors[1].contains("no authority is named"));
}

/// An agent is where `addr` says, and has no name there.
#[test]
fn the_address_of_checks_is_the_agents() {
    let server = |words: &str| {
        format!("listen l\n mode tcp\n bind :80\n server s 10.0.0.1:80 check agent-check agent-port 9 {words}\n")
    };
    let agent = |words: &str| {
        let plan = read(&server(words)).plan.expect("it is well formed");
        plan.backends[0].servers[0].agent.clone().and_then(|agent| agent.ip)
    };
    let ip = |last: u8| Some([10, 0, 0, last].into());
    assert_eq!(agent(""), None);
    assert_eq!(agent("addr 10.0.0.2"), ip(2));
    assert_eq!(agent("agent-addr 10.0.0.3 addr 10.0.0.2"), ip(3));
    assert_eq!(agent("addr localhost agent-addr 10.0.0.3"), ip(3));
    let wrong = errors(&read(&server("addr localhost")));
    let words = "the agent of server `s` is where `addr` says, which is a name; names are not looked up for agents";
    assert!(wrong.len() == 1 && wrong[0].ends_with(words), "{wrong:?}");
}

/// And where `port` says, unless it has a port of its own.
#[test]
fn the_port_of_checks_is_the_agents() {
    let read = |words: &str| {
        let text = format!("listen l\n mode tcp\n bind :80\n server s 10.0.0.1:80 check agent-check {words}\n");
        read(&text)
    };
    let port = |words: &str| {
        let plan = read(words).plan.expect("it is well formed");
        plan.backends[0].servers[0].agent.as_ref().map(|agent| agent.port)
    };
    assert_eq!(port("port 9"), Some(9));
    assert_eq!(port("agent-port 10 port 9"), Some(10));
    let wrong = errors(&read(""));
    assert!(
        wrong.len() == 1 && wrong[0].ends_with("server `s` has an agent, but not its port"),
        "{wrong:?}"
    );
}
