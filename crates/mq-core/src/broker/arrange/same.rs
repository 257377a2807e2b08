//! Whether what is declared again is what is there.

use super::Declared;
use crate::broker::{Refusal, Thing};
use crate::queue::Queue;
use crate::{ExchangeRecord, Value};

pub(super) fn same_exchange(known: &ExchangeRecord, wanted: &ExchangeRecord) -> Result<(), Refusal> {
    let name = || (Thing::Exchange, known.name.clone());
    let different = |argument: &str, received: String, current: String| {
        let (thing, name) = name();
        Err(Refusal::Different {
            thing,
            name,
            argument: argument.into(),
            received: format!("received '{received}'").into(),
            current: format!("'{current}'").into(),
        })
    };
    if known.kind != wanted.kind {
        return different("type", wanted.kind.name().into(), known.kind.name().into());
    }
    for (argument, received, current) in [
        ("durable", wanted.durable, known.durable),
        ("auto_delete", wanted.auto_delete, known.auto_delete),
        ("internal", wanted.internal, known.internal),
    ] {
        if received != current {
            return different(argument, received.to_string(), current.to_string());
        }
    }
    let of = |record: &ExchangeRecord| record.alternate().map(|text| Value::Text(text.into()));
    same_argument("alternate-exchange", of(wanted).as_ref(), of(known).as_ref(), name)
}

pub(super) fn same_queue(queue: &Queue, wanted: &Declared) -> Result<(), Refusal> {
    let name = || (Thing::Queue, queue.name.clone());
    let usual = Declared {
        durable: true,
        ..Declared::default()
    };
    let known = queue.terms.as_ref().map_or(&usual, |terms| &terms.declared);
    for (argument, received, current) in [
        ("durable", wanted.durable, known.durable),
        ("auto_delete", wanted.auto_delete, known.auto_delete),
    ] {
        if received != current {
            return Err(Refusal::Different {
                thing: Thing::Queue,
                name: queue.name.clone(),
                argument: argument.into(),
                received: format!("received '{received}'").into(),
                current: format!("'{current}'").into(),
            });
        }
    }
    if wanted.exclusive != known.exclusive {
        return Err(Refusal::Locked(queue.name.clone()));
    }
    let names = known.arguments.iter().chain(&wanted.arguments).map(|(name, _)| name);
    for argument in names.filter(|name| name.starts_with("x-")) {
        same_argument(argument, wanted.argument(argument), known.argument(argument), name)?;
    }
    Ok(())
}

fn same_argument(
    argument: &str,
    wanted: Option<&Value>,
    known: Option<&Value>,
    name: impl Fn() -> (Thing, Box<str>),
) -> Result<(), Refusal> {
    if wanted == known {
        return Ok(());
    }
    let (thing, name) = name();
    Err(Refusal::Different {
        thing,
        name,
        argument: argument.into(),
        received: match wanted {
            Some(value) => format!("received {}", described(Some(value))).into(),
            None => "received none".into(),
        },
        current: described(known).into(),
    })
}

fn described(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "none".to_owned();
    };
    let kind = match value {
        Value::Text(_) => "longstr",
        Value::Int(_) => "signedint",
        Value::Float(_) => "double",
        Value::Bool(_) => "bool",
        Value::Bytes(_) => "binary",
        Value::Other(_) | Value::Typed(_) => "table",
    };
    format!("the value '{}' of type '{kind}'", value.to_text())
}
