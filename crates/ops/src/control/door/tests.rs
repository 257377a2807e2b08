use std::cell::Cell;

use tokio::io::DuplexStream;
use tokio::runtime::{Builder, LocalOptions};

use super::super::{Call, Command, Reply};
use super::*;

/// Counts how often it was told to.
#[derive(Default)]
struct Counter(Cell<u32>);

const COMMANDS: [Command<Counter>; 3] = [
    Command {
        name: "show count",
        usage: "show count",
        about: "how often",
        level: Level::User,
        run: |counter, _| Reply::Output(counter.0.get().to_string()),
    },
    Command {
        name: "count",
        usage: "count [<n>]",
        about: "count on",
        level: Level::Admin,
        run: count,
    },
    Command {
        name: "show much",
        usage: "show much",
        about: "a megabyte",
        level: Level::Operator,
        run: |_, _| Reply::Pieces(Box::new((0..1024).map(|_| "x".repeat(1023) + "\n"))),
    },
];

fn count(counter: &Counter, call: &Call) -> Reply {
    let lines = call.payload().map_or(1, |p| p.lines().count() as u32);
    match call.arg(0) {
        "" => counter.0.set(counter.0.get() + lines),
        other => return Reply::error(format!("no number: {other}")),
    }
    Reply::Done
}

fn session(level: Level, patience: Duration) -> Session {
    Session {
        descriptor: None,
        level,
        severities: SeverityOutput::None,
        modes: Modes::default(),
        manner: Manner::default(),
        addressed: None,
        may_take_descriptors: false,
        patience,
    }
}

fn conversation(ours: DuplexStream, session: Session) -> Conversation<DuplexStream, Counter> {
    let sockets = vec![("unix@/run/x".to_owned(), Level::Admin)];
    let console = Rc::new(Console::new(&COMMANDS, Counter::default(), sockets));
    let place = Places::new(1).try_enter().expect("nobody is there");
    Conversation::new(ours, session, console, place)
}

/// What a client gets that sends this, and nothing after it.
fn told(level: Level, sent: &str) -> String {
    let (mut client, ours) = tokio::io::duplex(16);
    run(async {
        let lead = tokio::task::spawn_local(conversation(ours, session(level, Duration::from_secs(9))).lead());
        let mut answer = String::new();
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let send = async {
            // It may be left before it has sent everything.
            writer.write_all(sent.as_bytes()).await.ok();
            writer.shutdown().await.ok();
        };
        let (_, read) = tokio::join!(send, reader.read_to_string(&mut answer));
        read.expect("text");
        lead.await.expect("no panic").ok();
        answer
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(future)
}

#[test]
fn every_answer_is_followed_by_an_empty_line() {
    let table = [
        ("show count\n", "0\n\n"),
        ("show count\r\n", "0\n\n"),
        ("count;show count\n", "\n1\n\n"),
        ("count\ncount\nshow count\n", "\n\n2\n\n"),
        ("count <<\na\nb\n\nshow count\n", "\n2\n\n"),
        ("count <<END\n\nEND\nshow count\n", "\n1\n\n"),
        ("count x\n", "no number: x\n\n"),
        ("echo a  b\\;c\n", "a b;c\n\n"),
        ("quit;show count\n", ""),
        ("show count;quit;show count\n", "0\n\n"),
        ("show cli level\n", "admin\n\n"),
        (
            "show cli sockets\n",
            "# socket lvl processes\nunix@/run/x admin all\n\n",
        ),
        ("wait 1;show count\n", "\n0\n\n"),
        // Half a command is none: it may be the beginning of a worse one.
        ("count;show count;count", "\n1\n\n"),
    ];
    for (sent, expected) in table {
        assert_eq!(told(Level::Admin, sent), expected, "{sent}");
    }
}

#[test]
fn the_prompt_comes_after_each_answer() {
    let table = [
        ("prompt\n", "\n> "),
        ("prompt;show count\ncount\n", "\n> 0\n\n> \n> "),
        ("prompt\nprompt\nshow count\n", "\n> \n0\n\n"),
        ("prompt\ncount <<\na\n\n", "\n> + + \n> "),
        ("prompt i\nshow count\nshow count\n", "\n0\n\n0\n\n"),
        (
            "prompt x\n",
            "Expects 'n', 'i', 'p', 'timed', or nothing to switch.\n\n",
        ),
    ];
    for (sent, expected) in table {
        assert_eq!(told(Level::Admin, sent), expected, "{sent}");
    }
}

#[test]
fn a_prompt_with_the_time() {
    // Digits differ from run to run.
    let masked = |text: String| text.replace(|c: char| c.is_ascii_digit(), "0");
    let told = masked(told(Level::Admin, "prompt timed\nshow count\nprompt timed\nprompt\n"));
    assert_eq!(told, "\n[0:00:00:00]> 0\n\n[0:00:00:00]> \n> \n");
}

#[test]
fn levels() {
    assert_eq!(
        told(Level::Operator, "count;show count\n"),
        "Permission denied\n\n0\n\n"
    );
    assert_eq!(
        told(Level::Admin, "user;count;operator\n"),
        "\nPermission denied\n\nPermission denied\n\n"
    );
    assert_eq!(told(Level::User, "show much\n"), "Permission denied\n\n");
    assert_eq!(
        told(Level::Admin, "operator;show cli level;count\n"),
        "\noperator\n\nPermission denied\n\n"
    );
}

#[test]
fn settings_of_the_conversation() {
    let table = [
        ("set severity-output number;count x\n", "\n[3]: no number: x\n\n"),
        ("set severity-output string;show cli level\n", "\n[info]: admin\n\n"),
        (
            "set severity-output x\n",
            "one of 'none', 'number', 'string' is a required argument\n\n",
        ),
        ("set timeout cli 5;set timeout cli x\n", "\nInvalid timeout value.\n\n"),
        ("set timeout\n", "'set timeout' only supports 'cli'.\n\n"),
        ("set timeout cli\n", "Expects an integer value.\n\n"),
    ];
    for (sent, expected) in table {
        assert_eq!(told(Level::Admin, sent), expected, "{sent}");
    }
}

#[test]
fn unknown_commands_show_what_there_is() {
    let unknown = told(Level::Admin, "show countt\n");
    let expected = "Unknown command, but maybe one of the following ones is a better match:\n  \
        show cli level                          : display the level of the current CLI session\n";
    assert!(unknown.starts_with(expected), "{unknown}");
    assert!(
        unknown.ends_with("  quit                                    : disconnect\n\n"),
        "{unknown}"
    );
    let help = told(Level::Admin, "help count\n");
    let expected = "The following commands are valid at this level:\n  \
        count [<n>]                             : count on\n  \
        help [<command>]                        : list matching or all commands\n";
    assert!(help.starts_with(expected), "{help}");
}

#[test]
fn much_output_waits_for_the_client() {
    assert_eq!(told(Level::Admin, "show much\n").len(), 1024 * 1024 + 1);
}

#[test]
fn a_line_without_end_is_refused() {
    let answer = told(Level::Admin, &"x".repeat(100_000));
    assert_eq!(answer, "The command is too long.\n\n");
}

#[test]
fn clients_that_do_nothing_or_take_nothing_are_left() {
    let patience = Duration::from_millis(20);
    for sent in ["", "show cou", "show much\n"] {
        let (mut client, ours) = tokio::io::duplex(64);
        let ended = run(async {
            client.write_all(sent.as_bytes()).await.expect("it fits");
            conversation(ours, session(Level::Admin, patience)).lead().await
        });
        assert_eq!(
            ended.map(|_| ()).map_err(|e| e.kind()),
            Err(io::ErrorKind::TimedOut),
            "{sent}"
        );
    }
}
