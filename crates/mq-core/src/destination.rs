//! `/queue/a`, `/topic/a` and plain names, as ActiveMQ, Artemis and RabbitMQ spell them.

use crate::Kind;
use crate::broker::Target;

/// How the names begin that we give to queues of one connection alone.
pub(crate) const GENERATED: &str = "amq.gen-";
pub(crate) const DYNAMIC: &str = "amqp.dynamic-";
pub(crate) const TEMPORARY: &str = "stomp.temp-";

/// Whether we have given a queue this name, or could have. It is gone with its connection, and nobody else makes it.
pub(crate) fn is_ours(name: &str) -> bool {
    [GENERATED, DYNAMIC, TEMPORARY]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Where `text` leads, or why nowhere.
pub(crate) fn target(text: &str) -> Result<Target, &'static str> {
    let (kind, name) = match text.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
        Some(("queue", name)) => (Kind::Anycast, name),
        Some(("topic", name)) => (Kind::Multicast, name),
        Some(("amq", rest)) if rest.starts_with("queue/") => (Kind::Anycast, &rest["queue/".len()..]),
        // What others call a temporary queue where they are told to answer.
        Some(("reply-queue" | "remote-temp-queue", name)) => (Kind::Anycast, name),
        Some(("temp-queue", _)) => return Err("temporary queues are for STOMP: use a dynamic source"),
        Some(("temp-topic", _)) => return Err("there are no temporary topics: use /temp-queue/ or /topic/"),
        Some(("exchange", _)) => return Err("there are no exchanges here: use /queue/ or /topic/"),
        Some(_) => return Err("a destination begins with /queue/ or /topic/"),
        // ActiveMQ and Artemis take a plain name for a queue.
        None => (Kind::Anycast, text),
    };
    match name {
        "" => Err("the name of the destination is empty"),
        name => Ok(Target {
            address: name.into(),
            kind,
        }),
    }
}

/// The other way.
pub(crate) fn text(kind: Kind, address: &str) -> String {
    match kind {
        Kind::Anycast => format!("/queue/{address}"),
        Kind::Multicast => format!("/topic/{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_leads_somewhere_or_says_why_not() {
        for (spelled, kind, name) in [
            ("/queue/a", Kind::Anycast, "a"),
            ("/queue/a/b", Kind::Anycast, "a/b"),
            ("/topic/a.*", Kind::Multicast, "a.*"),
            ("/amq/queue/a", Kind::Anycast, "a"),
            ("/reply-queue/a", Kind::Anycast, "a"),
            ("/remote-temp-queue/a", Kind::Anycast, "a"),
            ("a.b", Kind::Anycast, "a.b"),
        ] {
            let found = target(spelled).unwrap();
            assert_eq!((found.kind, &*found.address), (kind, name), "{spelled}");
        }
        for wrong in ["", "/queue/", "/nowhere/a", "/exchange/amq.topic/x", "/temp-queue/x"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
        assert_eq!(text(Kind::Multicast, "a"), "/topic/a");
    }
}
