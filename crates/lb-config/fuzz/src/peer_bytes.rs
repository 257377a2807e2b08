//! Any bytes are what a peer might send: first a greeting or none, then messages one after the other. None of them panics,
//! none takes more than there is, and what was read reads the same when it is written again.

use tandem_lb_core::peers::{Definition, Hello, Message, Names, Status, next};

pub fn check(data: &[u8]) {
    if let Ok(Some((hello, length))) = Hello::read(data) {
        assert!(length <= data.len());
        assert!(matches!(Hello::read(&hello.to_bytes()), Ok(Some((again, _))) if again == hello));
    }
    let _any = Status::read(data);
    let (mut names, mut rest) = (Names::default(), data);
    let mut table: Option<Definition> = None;
    while let Ok(Some((message, taken))) = next(rest, table.as_ref(), &mut names) {
        assert!(taken > 0 && taken <= rest.len());
        rest = &rest[taken..];
        if let Some(message) = message {
            again(&message, table.as_ref());
            if let Message::Define(definition) = message {
                table = Some(definition);
            }
        }
    }
}

fn again(message: &Message, table: Option<&Definition>) {
    let mut bytes = Vec::new();
    message.write(&mut Names::default(), &mut bytes);
    match next(&bytes, table, &mut Names::default()) {
        Ok(Some((Some(same), taken))) => assert_eq!((&same, taken), (message, bytes.len())),
        other => panic!("{message:?} became {other:?}"),
    }
}
