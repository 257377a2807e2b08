//! What each kind means, why it matters, and how it is written right: `tandem check --explain CODE`, and `docs/codes.md`.

use tandem_text::Explained;

use crate::code;

pub const EXPLAINED: &[Explained] = &[
    Explained {
        code: code::UNKNOWN,
        means: "No version of the language has this word here.",
        matters: "A mistyped setting is one that does not hold. HAProxy refuses to start, and so does the balancer.",
        wrong: "global\n    maxcon 100\n",
        right: "global\n    maxconn 100\n",
    },
    Explained {
        code: code::UNSUPPORTED,
        means: "HAProxy knows this, the balancer does not, and leaving it out would change what happens to connections.",
        matters: "It is an error and not a warning, because a setting that is silently left out is found out in the night. The help says what to write instead, where there is something.",
        wrong: "backend b\n    cookie SRV insert\n    server s 10.0.0.1:61616\n",
        right: "backend b\n    stick-table type ip size 200k\n    stick on src\n    server s 10.0.0.1:61616\n",
    },
    Explained {
        code: code::IGNORED,
        means: "HAProxy knows this; here it is without effect, so nothing changes by leaving it out.",
        matters: "Nothing is lost: it tunes what is built otherwise, or is about HTTP. The help says which.",
        wrong: "global\n    nbproc 1\n",
        right: "global\n    nbthread 1\n",
    },
    Explained {
        code: code::MISPLACED,
        means: "A known word in a section or rule that it does not belong to.",
        matters: "It has no effect there. Settings of the other side are passed over with a warning, as HAProxy does; what carries traffic is refused.",
        wrong: "frontend f\n    timeout connect 5s\n",
        right: "backend b\n    timeout connect 5s\n",
    },
    Explained {
        code: code::MISSING,
        means: "A value is missing behind this.",
        matters: "What was meant cannot be guessed. A variable that is not set reads as nothing and may be why.",
        wrong: "backend b\n    timeout connect\n",
        right: "backend b\n    timeout connect 5s\n",
    },
    Explained {
        code: code::EXTRA,
        means: "There are more words than the keyword takes.",
        matters: "A word too many is mostly a forgotten line end, or a value that belongs to another keyword.",
        wrong: "global\n    maxconn 100 200\n",
        right: "global\n    maxconn 100\n",
    },
    Explained {
        code: code::BAD_VALUE,
        means: "A value has the wrong form, or is out of range.",
        matters: "A time without a unit is milliseconds, so a slip here is a thousand times too short; units and ranges are therefore checked.",
        wrong: "backend b\n    timeout connect 5x\n",
        right: "backend b\n    timeout connect 5s\n",
    },
    Explained {
        code: code::BAD_ADDRESS,
        means: "An address cannot be read.",
        matters: "A listener needs an address with a port, a server an address or a name. `*` is every address of this host.",
        wrong: "frontend f\n    bind 10.0.0.1\n",
        right: "frontend f\n    bind 10.0.0.1:61616\n",
    },
    Explained {
        code: code::NO_ADDRESS,
        means: "A server has a name and no address.",
        matters: "An option in the place of the address is taken for one that was forgotten.",
        wrong: "backend b\n    server broker1 check\n",
        right: "backend b\n    server broker1 10.0.0.1:61616 check\n",
    },
    Explained {
        code: code::DUPLICATE,
        means: "Two things have one name or one number.",
        matters: "Statistics, stick tables and the socket's commands go by these names, and would mean either.",
        wrong: "backend b\nbackend b\n",
        right: "backend b\nbackend c\n",
    },
    Explained {
        code: code::UNDEFINED,
        means: "A name is used that nothing carries.",
        matters: "Connections would be sent to a backend, a table or an ACL that does not exist.",
        wrong: "frontend f\n    bind *:61616\n    default_backend c\nbackend b\n    server s 10.0.0.1:61616\n",
        right: "frontend f\n    bind *:61616\n    default_backend b\nbackend b\n    server s 10.0.0.1:61616\n",
    },
    Explained {
        code: code::INCOMPLETE,
        means: "It can run, but something that belongs there is missing: a timeout, a listener, a server.",
        matters: "Without `timeout client` and `timeout server`, connections of clients that are gone stay until the process has no more of them.",
        wrong: "frontend f\n    bind *:61616\n    default_backend b\nbackend b\n    server s 10.0.0.1:61616\n",
        right: "defaults\n    timeout client 1h\n    timeout connect 5s\n    timeout server 1h\nfrontend f\n    bind *:61616\n    default_backend b\nbackend b\n    server s 10.0.0.1:61616\n",
    },
    Explained {
        code: code::CONFLICT,
        means: "Two settings contradict each other.",
        matters: "One of them would win, and it is not to be seen which. A rule that asks for the client's words before there are any never fits.",
        wrong: "frontend f\n    bind *:61616\n    tcp-request connection reject if { req.len gt 0 }\n",
        right: "frontend f\n    bind *:61616\n    tcp-request content reject if { req.len gt 0 }\n",
    },
    Explained {
        code: code::SYNTAX,
        means: "The file is not what its dialect can read.",
        matters: "Nothing behind this place is understood. The dialect is told by the first line that says something; `--dialect` overrides.",
        wrong: "[global]\nmaxconn = = 3\n",
        right: "[global]\nmaxconn = 3\n",
    },
    Explained {
        code: code::SAID,
        means: "The file itself says this (`.notice`, `.warning`, `.alert`).",
        matters: "Whoever wrote the file wanted it to be seen; `.alert` keeps it from being used.",
        wrong: "global\n    .alert \"set the address first\"\n",
        right: "global\n    .if defined(HOME)\n    maxconn 100\n    .endif\n",
    },
];
