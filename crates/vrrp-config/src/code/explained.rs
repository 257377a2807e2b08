//! What each kind means, why it matters, and how it is written right: `tandem check --explain CODE`, and `docs/codes.md`.

use tandem_text::Explained;

use crate::code;

pub const EXPLAINED: &[Explained] = &[
    Explained {
        code: code::UNKNOWN,
        means: "No version of the language has this word here. It is passed over, as Keepalived does; `--strict` makes it fatal.",
        matters: "A mistyped setting is one that does not hold.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    prioritty 120\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    advert_int 1\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::UNSUPPORTED,
        means: "Keepalived knows this, the router does not, and leaving it out would change what happens.",
        matters: "It is an error, because who holds the address must not depend on a setting that is silently left out.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    use_ipvlan\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    use_vmac\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::IGNORED,
        means: "Keepalived knows this; here it is without effect.",
        matters: "Nothing changes by leaving it out.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    debug 3\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::MISSING,
        means: "A value is missing behind this.",
        matters: "What was meant cannot be guessed, and the default holds.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    advert_int\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    advert_int 1\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::EXTRA,
        means: "There are more words than the keyword takes.",
        matters: "They have no effect.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    advert_int 1 2\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    advert_int 1\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::BAD_VALUE,
        means: "A value has the wrong form, or is out of range.",
        matters: "It is not used; the default holds, as in Keepalived.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    state BACKUPP\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    state BACKUP\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::BAD_ADDRESS,
        means: "An address, a route or a rule cannot be read.",
        matters: "It is left out, so clients would find nothing there.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    mcast_src_ip 192.0.2\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    mcast_src_ip 192.0.2.2\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::DUPLICATE,
        means: "Two things have one name, number or address.",
        matters: "The second is not used, or two routers of one host would answer to the same number.",
        wrong: "global_defs {\n    enable_script_security\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "global_defs {\n    enable_script_security\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::UNDEFINED,
        means: "A name is used that nothing carries.",
        matters: "A check that does not exist is not tracked: the address would stay on a host that cannot serve.",
        wrong: "global_defs {\n    enable_script_security\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chkk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "global_defs {\n    enable_script_security\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::INCOMPLETE,
        means: "Something that belongs there is missing: an interface, a router id, a command.",
        matters: "An instance without them cannot take part and is left out.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::CONFLICT,
        means: "Two settings contradict each other.",
        matters: "One of them holds, which may not be the one that was meant: with `state MASTER`, `nopreempt` is not heeded.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    state MASTER\n    nopreempt\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    state BACKUP\n    nopreempt\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::ADJUSTED,
        means: "A value was changed to what the protocol can say.",
        matters: "The other router has to be told the same: a password is 8 bytes, an interval in version 2 is whole seconds.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    authentication {\n        auth_type PASS\n        auth_pass 123456789\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    authentication {\n        auth_type PASS\n        auth_pass 12345678\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::NOT_SENT,
        means: "Mail is configured, and something that it needs is missing.",
        matters: "Nobody would be told of a change.",
        wrong: "global_defs {\n    notification_email {\n        ops@example.com\n    }\n    smtp_server 192.0.2.25\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::SKIPPED,
        means: "A block of Keepalived's other half, the load balancer (IPVS).",
        matters: "It is skipped: `tandem-lb` balances, and this daemon holds the addresses.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\nvirtual_server 192.0.2.10 80 {\n    delay_loop 3\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::SECURITY,
        means: "Scripts would run with more rights than they need.",
        matters: "A script that others may write is theirs to run as root.",
        wrong: "vrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "global_defs {\n    enable_script_security\n}\nvrrp_script chk {\n    script /usr/bin/true\n}\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    track_script {\n        chk\n    }\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::DOUBTFUL,
        means: "It works as written, but hardly as meant.",
        matters: "The message says what will happen.",
        wrong: "global_defs {\n    router_id lb1\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: code::SYNTAX,
        means: "The file is not what its dialect can read.",
        matters: "Nothing behind this place is understood.",
        wrong: "[[instance]]\nname = = \"VI_1\"\n",
        right: "[[instance]]\nname = \"VI_1\"\ninterface = \"eth0\"\nvirtual-router-id = 51\nvirtual-ipaddress = [\"192.0.2.10/24\"]\n",
    },
];
