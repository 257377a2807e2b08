//! What a kind of diagnostic means: said by `tandem check --explain CODE`, and in `docs/codes.md`.

use crate::diagnostic::Code;
use crate::{haproxy, keepalived};

/// One kind, with an example that is tried by a test. An empty one cannot be shown in a few lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    pub code: Code,
    pub means: &'static str,
    pub matters: &'static str,
    pub wrong: &'static str,
    pub right: &'static str,
}

/// The kinds that are about text alone.
pub const EXPLAINED: &[Explained] = &[
    Explained {
        code: haproxy::BAD_TEXT,
        means: "A word, a quote or a variable of haproxy.cfg cannot be read.",
        matters: "The line is left out, and the configuration refused.",
        wrong: "global\n    log-tag \"lb\n",
        right: "global\n    log-tag \"lb\"\n",
    },
    Explained {
        code: haproxy::TOO_LONG,
        means: "There is more of something than the language allows: 64 words in a line, 64 KiB for a line.",
        matters: "HAProxy has the same limit of words; beyond it a file is not what it was meant to be.",
        wrong: "",
        right: "",
    },
    Explained {
        code: haproxy::CUT_SHORT,
        means: "The last line has no line end.",
        matters: "The file may have been cut while it was written or copied.",
        wrong: "global\n    maxconn 100",
        right: "global\n    maxconn 100\n",
    },
    Explained {
        code: keepalived::BAD_TEXT,
        means: "A quote, a brace or a repetition of keepalived.conf cannot be read.",
        matters: "The line is passed over, or the block has another end than was meant.",
        wrong: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
    Explained {
        code: keepalived::TOO_MUCH,
        means: "There is more of something than is honest: files that include files, repetitions, parameters.",
        matters: "A file that includes itself would never end.",
        wrong: "",
        right: "",
    },
    Explained {
        code: keepalived::NO_FILE,
        means: "A file to be included is not there or cannot be read.",
        matters: "What it says is missing. `include` passes over it, `includea` and its like make it a mistake.",
        wrong: "include /nowhere/instances.conf\nvrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
        right: "vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.10/24\n    }\n}\n",
    },
];
