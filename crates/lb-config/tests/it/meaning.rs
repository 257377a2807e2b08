//! What a configuration means as a whole: names, numbers, what is missing, what contradicts.

use std::time::Duration;

use tandem_lb_config::{NamedText, Plan, Service, World, load_in};
use tandem_lb_core::balance::{Algorithm, HashFunction, HashMethod, HashType};
use tandem_lb_core::conn::Redispatch;

use crate::{complaints, errors, read};

const HEAD: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";

/// Behind four lines that leave nothing to warn about.
fn plan(text: &str) -> Plan {
    let loaded = read(&format!("{HEAD}{text}"));
    assert_eq!(complaints(&loaded), [""; 0], "{text}");
    loaded.plan.expect("nothing was reported")
}

/// Without a section of that name, `default` is whom the host asks, where somebody wants to know.
#[test]
fn the_usual_name_servers_need_no_section() {
    let asked = |text: &str, system: Result<&str, &str>| {
        let file = |_: &str| system.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned);
        let texts = [NamedText::new("t", format!("{HEAD}{text}"))];
        let loaded = load_in(&texts, World::new(&|_| None, &file), None);
        let plan = loaded.plan?;
        let sections = plan.resolvers.iter();
        let of = |nameserver: &tandem_lb_config::Nameserver| nameserver.address.to_string();
        Some(
            sections
                .map(|section| {
                    (
                        section.name.to_string(),
                        section.nameservers.iter().map(of).collect::<Vec<_>>(),
                    )
                })
                .collect::<Vec<_>>(),
        )
    };
    const NAMED: &str = "backend b\n server s gone.test:1 init-addr none resolvers default\n";
    const RULE: &str = "frontend f\n bind :1\n tcp-request content do-resolve(txn.a,default) str(a.test)\n";
    let usual = Some(vec![("default".to_owned(), vec!["192.0.2.53:53".to_owned()])]);
    let system = Ok("# ours\nnameserver 192.0.2.53\n");
    assert_eq!(asked(NAMED, system), usual);
    assert_eq!(asked(RULE, system), usual);
    assert_eq!(asked("backend b\n server s 192.0.2.1:1\n", system), Some(vec![]));
    assert_eq!(asked(NAMED, Err("there is none")), None);
    let own = format!("resolvers default\n nameserver a 192.0.2.1:53\n{NAMED}");
    assert_eq!(
        asked(&own, system),
        Some(vec![("default".to_owned(), vec!["192.0.2.1:53".to_owned()])])
    );
    let of_toml = "[[backend]]\nname = \"b\"\nserver = [{ name = \"s\", address = \"gone.test:1\", lookup.by = \"default\", init-address = [\"none\"] }]\n";
    let file = |_: &str| Ok(b"nameserver 192.0.2.53\n".to_vec());
    let loaded = load_in(&[NamedText::new("t", of_toml)], World::new(&|_| None, &file), None);
    assert_eq!(loaded.plan.map(|plan| plan.resolvers.len()), Some(1));
}

#[test]
fn what_is_wrong_as_a_whole() {
    for (text, complaint) in [
        (
            "backend b\nbackend b\n",
            "t:6:9: error[LB0010]: a backend named `b` exists already",
        ),
        (
            "listen b\n bind *:1\nbackend b\n",
            "t:7:9: error[LB0010]: a listen named `b` exists already",
        ),
        (
            "backend b\n server s 1.1.1.1:1\n server s 1.1.1.1:2\n",
            "t:7:9: error[LB0010]: another server of `b` is named `s`",
        ),
        (
            "backend b\n id 3\nbackend c\n id 3\n",
            "t:8:5: error[LB0010]: another proxy already has the id 3",
        ),
        (
            "backend b\n server s 1.1.1.1:1 id 3\n server t 1.1.1.1:2 id 3\n",
            "t:7:24: error[LB0010]: another server already has the id 3",
        ),
        (
            "listen l\n bind :1 id 3\n bind :2 id 3\n server s 1.1.1.1:1\n",
            "t:7:2: error[LB0010]: another listener already has the id 3",
        ),
        (
            "listen l\n bind :1-2 id 3\n server s 1.1.1.1:1\n",
            "t:6:2: error[LB0010]: another listener already has the id 3",
        ),
        (
            "frontend f\n mode http\n bind :1\n acl a src 1.1.1.1\n stats http-request deny if a\n acl a payload(0,1) -m found\n",
            "t:9:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            "frontend f\n mode http\n bind :1\n acl a src 1.1.1.1\n stats admin unless a\n acl a payload(0,1) -m found\n",
            "t:9:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            "frontend f\n bind *:1\n default_backend nowhere\n",
            "t:7:18: error[LB0011]: there is no backend `nowhere`",
        ),
        (
            "frontend f from x\n bind *:1\n",
            "t:5:17: error[LB0011]: there is no `defaults x` before this line",
        ),
        (
            "backend b\n stick on src\n",
            "t:6:2: error[LB0011]: backend `b` has no stick-table",
        ),
        (
            "backend b\n stick-table type ip size 1k\n",
            "t:6:2: warning[LB0012]: no rule uses this table",
        ),
        (
            "backend b\n server s 1.1.1.1 check\n",
            "t:6:9: error[LB0005]: server `s` is checked, but has no port to check",
        ),
        ("listen l\n", "t:5:8: warning[LB0012]: listen `l` listens nowhere"),
        (
            "frontend f\n bind *:1\n",
            "t:5:10: warning[LB0012]: frontend `f` leads nowhere: its connections are closed at once",
        ),
        (
            "backend b\n mode http\n",
            "t:5:9: error[LB0002]: `mode http` is only supported for a statistics page",
        ),
        (
            "listen l\n bind *:1\n mode http\n stats enable\n server s 1.1.1.1:1\n",
            "t:5:8: error[LB0002]: HTTP is not relayed: only the statistics page is answered",
        ),
        (
            "listen l\n bind *:1\n mode http\n stats enable\n use_backend b if { src 1.1.1.1 }\nbackend b\n",
            "t:9:2: error[LB0002]: `use_backend` means nothing to the statistics page `l`",
        ),
        (
            "listen l\n bind *:1\n mode http\n stats enable\n tcp-response content accept\n",
            "t:9:2: warning[LB0003]: `tcp-response` means nothing to the statistics page `l`",
        ),
        (
            "listen l\n bind *:1\n mode http\n stats enable\n stick on src table t\nbackend t\n stick-table type ip size 1k\n",
            "t:9:2: warning[LB0003]: `stick` means nothing to the statistics page `l`",
        ),
        (
            "listen l\n bind *:1\n mode http\n stats enable\n use-server %[src] if { src 1.1.1.1 }\n",
            "t:9:2: warning[LB0003]: `use-server` means nothing to the statistics page `l`",
        ),
        (
            "frontend f\n bind *:1\n mode http\n stats enable\n filter bwlim-in a default-limit 1k default-period 1s\n",
            "t:9:2: error[LB0002]: `filter bwlim` means nothing to the statistics page `f`",
        ),
        (
            "backend b\n no option transparent\n option transparent\n",
            "t:7:2: error[LB0002]: `option transparent` is known to HAProxy, but not supported",
        ),
        (
            "backend b\n stats uri /x\n",
            "t:6:2: warning[LB0013]: the statistics page needs `mode http`; it is left out",
        ),
        (
            "defaults d\n timeout connect 1s\n timeout server 1s\nbackend b from d\nbackend c\n",
            "t:9:1: warning[LB0013]: `defaults d` is taken here because it came last, and elsewhere by its name",
        ),
        (
            "defaults d\n timeout connect 1s\n timeout server 1s\nbackend b\nbackend c from d\n",
            "t:9:1: warning[LB0013]: `defaults d` is taken by its name here, and elsewhere because it came last",
        ),
        (
            "backend b\n timeout server 0\n server s 1.1.1.1:1\n",
            "t:5:9: warning[LB0012]: backend `b` has no timeout for: server",
        ),
        (
            "listen l\n bind *:1\n timeout client 0\n timeout connect 0\n server s 1.1.1.1:1\n",
            "t:5:8: warning[LB0012]: listen `l` has no timeout for: client, connect",
        ),
        (
            "backend b\n default-server set-proxy-v2-tlv-fmt(7) %[src]\n server s 1.1.1.1:1\n server t 1.1.1.1:2 send-proxy\n",
            "t:6:41: warning[LB0013]: only a PROXY header of version 2 has values: this one is not sent",
        ),
    ] {
        assert_eq!(complaints(&read(&format!("{HEAD}{text}"))), [complaint], "{text}");
    }
}

/// What all servers inherit is meant for those that can tell it.
#[test]
fn values_that_one_of_the_servers_tells_are_no_mistake() {
    let text = "backend b\n default-server set-proxy-v2-tlv-fmt(7) %[src]\n server s 1.1.1.1:1\n \
                server t 1.1.1.1:2 send-proxy-v2\n";
    assert_eq!(complaints(&read(&format!("{HEAD}{text}"))), Vec::<String>::new());
}

/// Whichever backends they are in; and what nobody tells is said once.
#[test]
fn values_that_all_backends_inherit_are_complained_of_once() {
    let text = |header| {
        format!(
            "{HEAD} default-server set-proxy-v2-tlv-fmt(7) %[src]\nbackend a\n server s 1.1.1.1:1\n\
             backend b\n server s 1.1.1.1:1\nbackend c\n server s 1.1.1.1:1 {header}\n"
        )
    };
    assert_eq!(complaints(&read(&text("send-proxy-v2"))), Vec::<String>::new());
    assert_eq!(
        complaints(&read(&text("send-proxy"))),
        ["t:5:41: warning[LB0013]: only a PROXY header of version 2 has values: this one is not sent"]
    );
}

#[test]
fn nothing_is_asked_of_what_is_not_started() {
    let plan =
        plan("frontend f\n disabled\n mode http\n default_backend nowhere\nbackend b\n disabled\n stick on src\n");
    assert!(plan.frontends[0].disabled && plan.backends[0].disabled);
}

#[test]
fn a_listen_is_a_frontend_and_a_backend_of_one_name_and_number() {
    let plan =
        plan("backend a\nlisten l\n bind *:1,*:2\n server s 1.1.1.1:1\nfrontend f\n bind *:3\n default_backend l\n");
    let names: Vec<_> = plan
        .backends
        .iter()
        .map(|backend| (&*backend.name, backend.id))
        .collect();
    assert_eq!(names, [("a", 1), ("l", 2)]);
    let names: Vec<_> = plan
        .frontends
        .iter()
        .map(|frontend| (&*frontend.name, frontend.id))
        .collect();
    assert_eq!(names, [("l", 2), ("f", 3)]);
    assert_eq!(plan.frontends[0].binds.len(), 2);
    for frontend in &plan.frontends {
        assert_eq!(frontend.service, Service::Tcp { backend: Some(1) });
    }
}

/// The numbers that HAProxy 2.6 shows for the same file.
#[test]
fn numbers_follow_positions() {
    let plan = plan(
        "backend b1\n server a 1.1.1.1:1\n server b 1.1.1.1:1 id 7\n server c 1.1.1.1:1 id 2\n server d 1.1.1.1:1\n\
         backend b2\n id 9\nbackend b3\n",
    );
    let ids: Vec<u32> = plan.backends[0].servers.iter().map(|server| server.id.0).collect();
    assert_eq!(ids, [1, 7, 2, 4]);
    let ids: Vec<u32> = plan.backends.iter().map(|backend| backend.id).collect();
    assert_eq!(ids, [1, 9, 3]);
    // HAProxy counts its own proxy of the stats socket first.
    for global in ["stats socket /s", "stats timeout 1s"] {
        let plan = self::plan(&format!("global\n {global}\nbackend b\n"));
        assert_eq!(plan.backends[0].id, 2, "{global}");
    }
}

#[test]
fn defaults_are_haproxys() {
    let plan = plan("backend b\n server s 1.1.1.1:1 check\n");
    let backend = &plan.backends[0];
    assert_eq!((backend.retries, backend.redispatch), (3, Redispatch::Never));
    assert_eq!(backend.policy.algorithm, Algorithm::RoundRobin);
    assert_eq!(backend.policy.hash, HashType::default());
    assert_eq!(
        backend.timeout_queue, backend.timeout_connect,
        "a queue waits as long as a connection"
    );
    let server = &backend.servers[0];
    assert_eq!(
        (server.weight, server.maxconn, server.backup, server.disabled),
        (1, 0, false, false)
    );
    let check = &server.check.as_ref().expect("checked").settings;
    assert_eq!((check.inter, check.rise, check.fall), (Duration::from_secs(2), 2, 3));
    assert_eq!((check.fastinter, check.downinter), (None, None));
}

#[test]
fn a_check_may_connect_as_long_as_the_timeouts_say() {
    for (timeouts, millis) in [
        ("timeout connect 1s", 2_000),
        ("timeout connect 1s\n timeout check 10s", 1_000),
        ("timeout connect 9s\n timeout check 10s", 2_000),
        ("timeout connect 0\n timeout check 10s", 2_000),
    ] {
        let loaded = read(&format!("backend b\n {timeouts}\n server s 1.1.1.1:1 check\n"));
        let plan = loaded.plan.expect("good");
        let check = plan.backends[0].servers[0].check.as_ref().expect("checked");
        assert_eq!(
            check.settings.connect_timeout,
            Duration::from_millis(millis),
            "{timeouts}"
        );
    }
}

#[test]
fn defaults_are_inherited_and_named_ones_on_request() {
    let text = "defaults one\n retries 1\n default-server weight 11 check\n option tcplog\n\
                defaults two from one\n retries 2\n no option dontlognull\n\
                frontend f from one\n bind *:1\n timeout client 1s\n default_backend a\n\
                backend a\n server s 1.1.1.1:1 no-check\n\
                backend b from one\n default-server weight 12\n server s 1.1.1.1:1\n\
                defaults\nbackend c\n";
    let plan = read(text).plan.expect("good");
    let retries: Vec<u32> = plan.backends.iter().map(|backend| backend.retries).collect();
    assert_eq!(retries, [2, 1, 3], "the last defaults before, the named ones, none");
    assert!(plan.frontends[0].log_rule.format.is_some());
    let (a, b) = (&plan.backends[0].servers[0], &plan.backends[1].servers[0]);
    assert_eq!(
        (a.weight, a.check.is_some(), b.weight, b.check.is_some()),
        (11, false, 12, true)
    );
}

#[test]
fn consistent_alone_brings_the_avalanche() {
    for (words, function, avalanche) in [
        ("consistent", HashFunction::Sdbm, true),
        ("consistent djb2", HashFunction::Djb2, false),
        ("consistent wt6 avalanche", HashFunction::Wt6, true),
    ] {
        let plan = plan(&format!("backend b\n hash-type {words}\n"));
        let method = HashMethod::Consistent;
        assert_eq!(
            plan.backends[0].policy.hash,
            HashType {
                method,
                function,
                avalanche
            },
            "{words}"
        );
    }
}

#[test]
fn repeated_global_sections_are_one() {
    let plan = plan("global\n maxconn 3\n log stdout local0\nglobal\n maxconn 4\n log stderr local0\n");
    assert_eq!((plan.global.maxconn, plan.global.logs.len()), (Some(4), 2));
}

#[test]
fn a_setting_of_the_other_side_is_ignored_with_a_warning() {
    let loaded = read(
        "defaults\n timeout client 1s\nfrontend f\n bind *:1\n default_backend b\n retries 2\nbackend b\n maxconn 3\n",
    );
    assert_eq!(
        complaints(&loaded),
        [
            "t:6:2: warning[LB0004]: `retries` has no effect in a frontend and is ignored",
            "t:8:2: warning[LB0004]: `maxconn` has no effect in a backend and is ignored",
        ]
    );
    assert!(loaded.plan.is_some());
}

#[test]
fn what_haproxy_knows_is_refused_unless_it_changes_nothing() {
    let loaded = read(
        "global\n tune.maxaccept 10\n master-worker\n zero-warning\nmailers m\n mailer a 1.1.1.1:1\n\
         frontend f\n bind *:1 ssl crt /x npn x allow-0rtt shards 4\n monitor-net 1.1.1.1\n option splice-auto\n",
    );
    let expected = [
        "t:2:2: warning[LB0003]: `tune.maxaccept` is ignored",
        "t:3:2: warning[LB0003]: `master-worker` is ignored",
        "t:4:2: error[LB0002]: `zero-warning` is known to HAProxy, but not supported",
        "t:5:1: error[LB0002]: the section `mailers` is known to HAProxy, but not supported",
        "t:8:22: error[LB0002]: `npn` is known to HAProxy, but not supported",
        "t:8:28: error[LB0002]: `allow-0rtt` is known to HAProxy, but not supported",
        "t:8:39: warning[LB0003]: `shards` is ignored",
        "t:9:2: error[LB0002]: `monitor-net` is known to HAProxy, but not supported",
        "t:10:2: warning[LB0003]: `option splice-auto` is ignored",
    ];
    let found = complaints(&loaded);
    for line in expected {
        assert!(found.iter().any(|found| found == line), "{line} in {found:#?}");
    }
    assert_eq!(errors(&loaded).len(), 5);
}

#[test]
fn only_the_branch_that_holds_counts() {
    let text = "global\n setenv A one\n presetenv A two\n presetenv B two\n.if streq(\"$A$B\",onetwo) && !defined(NONE)\n maxconn 7\n.elif 1\n \
                nonsense\n.else\n nonsense\n.endif\n.if 0\n nonsense\n.if 1\n nonsense\n.endif\n.elif defined(A)\n.warning \"A is $A\"\n.endif\n \
                unsetenv A\n.if defined(A)\n nonsense\n.endif\n.if\n nonsense\n.endif\n";
    let loaded = read(text);
    assert_eq!(complaints(&loaded), ["t:18:1: warning[LB0016]: A is one"]);
    assert_eq!(loaded.plan.and_then(|plan| plan.global.maxconn), Some(7));
}

#[test]
fn what_is_wrong_with_blocks() {
    for (text, complaint) in [
        (".if 1\n", "t:1:1: error[LB0005]: this block is not closed"),
        (".endif\n", "t:1:1: error[LB0004]: `.endif` without an `.if` before it"),
        (".else\n", "t:1:1: error[LB0004]: `.else` without an `.if` before it"),
        (
            ".if 1\n.else\n.elif 1\n.endif\n",
            "t:3:1: error[LB0004]: `.elif` cannot stand behind `.else`",
        ),
        (
            ".if 1\n.else x\n.endif\n",
            "t:2:7: error[LB0006]: `x` is too much after `.else`",
        ),
        (
            ".if nonsense(1)\n.endif\n",
            "t:1:5: error[LB0007]: `nonsense` is no predicate",
        ),
        (".alert \"no way\"\n", "t:1:1: error[LB0016]: no way"),
        (
            "global\n setenv A\n",
            "t:2:9: error[LB0005]: a value is missing after this",
        ),
        (
            "global\n setenv A=1 x\n",
            "t:2:9: error[LB0007]: `A=1` is no name of a variable",
        ),
    ] {
        assert_eq!(errors(&read(text)), [complaint], "{text}");
    }
}

/// What is out of scope is an error that says what to do instead, and so is what is about HTTP.
#[test]
fn what_is_out_of_scope_says_what_to_do_instead() {
    for (text, help) in [
        ("global\n lua-load /x.lua\n", "Lua is out of scope"),
        ("global\n lua-prepend-path /x\n", "Lua is out of scope"),
        ("mailers m\n mailer a 1.1.1.1:1\n", "log-health-checks"),
        ("backend b\n email-alert mailers m\n", "log-health-checks"),
        (
            "backend b\n filter spoe engine e config /x\n",
            "agents are out of scope",
        ),
        ("frontend f\n bind quic4@:443\n", "QUIC is out of scope"),
        ("backend b\n cookie A insert\n", "`stick on src`"),
        ("backend b\n retry-on all-retryable-errors\n", "`retries`"),
    ] {
        let said = read(text);
        let helps = said
            .diagnostics
            .iter()
            .filter(|one| one.is_error())
            .filter_map(|one| one.help.as_deref());
        assert!(
            helps.clone().any(|said| said.contains(help)),
            "{text}: {:?}",
            helps.collect::<Vec<_>>()
        );
    }
}

/// As HAProxy gives them: a number of its own is no other's, and each line uses up a position.
#[test]
fn listeners_have_numbers_of_their_own() {
    let loaded = read("listen l\n bind :1\n bind :2 id 1\n bind :3\n bind :4 id 7\n bind :5\n server s 1.1.1.1:1\n");
    let plan = loaded.plan.expect("it is whole");
    let binds = &plan.frontends[0].binds;
    assert_eq!(binds.iter().map(|bind| bind.id).collect::<Vec<_>>(), [2, 1, 4, 7, 6]);
}

#[test]
fn a_comment_that_stands_alone_is_that_of_what_follows() {
    let comments = |text: &str| -> Vec<Option<String>> {
        let plan = read(text).plan.expect("it is whole");
        let check = plan.backends[0].servers[0].check.as_ref();
        let script = check.and_then(|check| check.script.clone()).expect("it asks something");
        let of = |step: &tandem_lb_core::probe::Step| step.comment.as_deref().map(str::to_owned);
        script.steps.iter().map(of).collect()
    };
    let tcp = "backend b\n option tcp-check\n tcp-check connect\n tcp-check comment one\n tcp-check send a\n \
               tcp-check expect string b comment own\n tcp-check send c\n tcp-check set-var(check.x) int(1)\n \
               tcp-check send d\n tcp-check comment two\n tcp-check send e\n server s 1.1.1.1:1 check\n";
    let wanted = [None, Some("one"), Some("own"), Some("one"), None, None, Some("two")];
    assert_eq!(comments(tcp), wanted.map(|comment| comment.map(str::to_owned)));
    let http = "backend b\n option httpchk\n http-check comment one\n http-check send uri /a\n http-check expect status 200\n \
                server s 1.1.1.1:1 check\n";
    let all = comments(http);
    assert!(
        all.iter().flatten().all(|comment| comment == "one") && all.iter().flatten().count() == 2,
        "{all:?}"
    );
}

/// They come first, and ask ACLs that the section does not see.
#[test]
fn rules_of_named_defaults_come_before_those_of_who_takes_them() {
    let text = "defaults guard\n timeout client 1s\n acl a src 10.0.0.1\n tcp-request content reject if !a\n\
                tcp-request connection reject if a { src_port 1 }\ndefaults\n\
                frontend f from guard\n bind *:1\n acl a src 10.0.0.2\n tcp-request content accept if a\n default_backend b\n\
                backend b\n server s 1.1.1.1:1\n";
    let plan = read(text).plan.expect("good");
    let requests = &plan.frontends[0].requests;
    let lines = |rules: &tandem_lb_core::rules::Ruleset| {
        let lines = rules.rules.iter().map(|rule| rule.spot.0.to_string());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(lines(&requests.connection), ["t:5"]);
    assert_eq!(lines(&requests.content), ["t:4", "t:10"]);
    let asked: Vec<usize> = requests
        .content
        .rules
        .iter()
        .map(|rule| rule.when.as_ref().expect("it asks").any[0][0].acl)
        .collect();
    let tests = |at: usize| format!("{:?}", requests.acls.0[at].tests);
    assert!(
        tests(asked[0]).contains("167772161") && tests(asked[1]).contains("167772162"),
        "{} {}",
        tests(asked[0]),
        tests(asked[1])
    );
    assert_eq!(
        requests.acls.0[asked[1]].tests.len(),
        1,
        "they are two of one name, not two tests of one"
    );
}
