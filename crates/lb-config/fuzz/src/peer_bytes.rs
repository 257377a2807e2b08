//! Any bytes are what a peer might send: first a greeting or none, then messages one after the other. None of them panics,
//! none takes more than there is, and what was read reads the same when it is written again. Then a machine hears them in
//! two pieces, as a stranger and as a peer, and goes on as if they were its peer's.

use tandem_lb_core::peers::{
    ConnId, Definition, Hello, Input, Message, Names, Output, Peer, Section, Settings, Shared, Status, hash_seed, next,
};
use tandem_lb_core::stick::{Changes, DataType, KeyType, TableSettings};
use tandem_time::{Mono, Seed};

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
    heard(data, b"");
    heard(data, b"HAProxyS 2.1\na\nb 1 1\n");
}

fn again(message: &Message, table: Option<&Definition>) {
    let mut bytes = Vec::new();
    message.write(&mut Names::default(), &mut bytes);
    match next(&bytes, table, &mut Names::default()) {
        Ok(Some((Some(same), taken))) => assert_eq!((&same, taken), (message, bytes.len())),
        other => panic!("{message:?} became {other:?}"),
    }
}

fn settings() -> Settings {
    let mut table = TableSettings::new(KeyType::Text { most: 5 }, 10);
    table.is_shared = true;
    [DataType::ServerId, DataType::Gpc0, DataType::ServerKey]
        .into_iter()
        .for_each(|data| table.also(data));
    let peer = |name: &str| Peer {
        name: name.into(),
        place: "".into(),
        is_local: name == "a",
        shard: 0,
    };
    Settings {
        local: "a".into(),
        pid: 1,
        shards: 0,
        peers: vec![peer("a"), peer("b")],
        tables: vec![Shared {
            name: "t".into(),
            settings: table,
            hash_seed: hash_seed("t"),
        }],
    }
}

fn heard(data: &[u8], before: &[u8]) {
    let (now, conn) = (Mono::from_millis(1), ConnId(1));
    let mut section = Section::new(settings(), Seed::new(1), now);
    section.handle(Input::Accepted(conn), now);
    let (first, second) = data.split_at(data.len() / 2);
    for bytes in [before, first, second] {
        section.handle(Input::Bytes { conn, bytes }, now);
        carry_out(&mut section, now);
    }
    // Whatever it was, a peer that comes then is welcome.
    let other = ConnId(2);
    section.handle(Input::Accepted(other), now);
    section.handle(
        Input::Bytes {
            conn: other,
            bytes: b"HAProxyS 2.1\na\nb 1 1\n",
        },
        now,
    );
    assert!(carry_out(&mut section, now).starts_with(b"200\n"));
}

fn carry_out(section: &mut Section, now: Mono) -> Vec<u8> {
    let mut said = Vec::new();
    while let Some(output) = section.poll_output() {
        match output {
            Output::Read { conn, table, .. } => {
                let changes = Changes::default();
                section.handle(
                    Input::Entries {
                        conn,
                        table,
                        changes,
                        last: 0,
                    },
                    now,
                );
            }
            Output::Send { bytes, .. } => said.extend(bytes),
            Output::Learn { table, .. } => assert_eq!(table, 0),
            _ => {}
        }
    }
    said
}
