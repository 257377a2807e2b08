//! The kinds of diagnostics about a broker's files. A code keeps its meaning for good.

use tandem_text::{Code, Explained};

/// A name that neither ActiveMQ nor Artemis is known to have there.
pub const UNKNOWN: Code = Code("MQ0001");
/// Known to the broker, but `tandem-mq` does not have it, and leaving it out changes what happens.
pub const UNSUPPORTED: Code = Code("MQ0002");
/// A value of the wrong form or out of range.
pub const BAD_VALUE: Code = Code("MQ0003");
/// The file is not what can be read.
pub const SYNTAX: Code = Code("MQ0004");
/// There is nothing that clients could connect to.
pub const NOBODY: Code = Code("MQ0005");

pub const EXPLAINED: &[Explained] = &[
    Explained {
        code: UNKNOWN,
        means: "An element, an attribute or an option of a broker's file that is not known there.",
        matters: "It is left out. The broker would refuse the file, or be a newer one than is known here.",
        wrong: "<broker><transportConnectors>\n    <transportConnector url=\"stomp://0.0.0.0:61613\"/>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883\"/>\n</transportConnectors></broker>\n",
        right: "<broker><transportConnectors>\n    <transportConnector uri=\"stomp://0.0.0.0:61613\"/>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883\"/>\n</transportConnectors></broker>\n",
    },
    Explained {
        code: UNSUPPORTED,
        means: "Something that the broker has and `tandem-mq` has not.",
        matters: "`tandem convert` leaves it out, and what happens may be another: the message says why.",
        wrong: "<broker><transportConnectors>\n    <transportConnector uri=\"ws://0.0.0.0:61614\"/>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883\"/>\n</transportConnectors></broker>\n",
        right: "<broker><transportConnectors>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883\"/>\n</transportConnectors></broker>\n",
    },
    Explained {
        code: BAD_VALUE,
        means: "A value that cannot be read: a number with letters, a port that is none, a `${name}` without a value here.",
        matters: "The setting is left out. A name gets its value from the environment: `${activemq.data}` from ACTIVEMQ_DATA.",
        wrong: "<broker><transportConnectors>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883?maximumConnections=many\"/>\n</transportConnectors></broker>\n",
        right: "<broker><transportConnectors>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883?maximumConnections=1000\"/>\n</transportConnectors></broker>\n",
    },
    Explained {
        code: SYNTAX,
        means: "The file is no XML, or XML with a document type (`<!DOCTYPE>`), or of another broker than the files before it.",
        matters: "Nothing of it is read. A document type could name other files, which are never opened.",
        wrong: "<!DOCTYPE broker [<!ENTITY port \"1883\">]>\n<broker><transportConnectors>\n    <transportConnector uri=\"mqtt://0.0.0.0:&port;\"/>\n</transportConnectors></broker>\n",
        right: "<broker><transportConnectors>\n    <transportConnector uri=\"mqtt://0.0.0.0:1883\"/>\n</transportConnectors></broker>\n",
    },
    Explained {
        code: NOBODY,
        means: "No connector or acceptor of the file can be kept, or it has none.",
        matters: "`tandem-mq` refuses to start without a listener. `jetty.xml` alone is such a file.",
        wrong: "<broker><transportConnectors>\n    <transportConnector uri=\"vm://localhost\"/>\n</transportConnectors></broker>\n",
        right: "<broker><transportConnectors>\n    <transportConnector uri=\"stomp://127.0.0.1:61613\"/>\n</transportConnectors></broker>\n",
    },
];
