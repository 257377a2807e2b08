//! What an agent on a server says, beside HAProxy.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tandem_tests::{Room, Server, both, until};

/// A line, and what the server's cells then are.
struct Turn {
    line: &'static str,
    /// `status`, `uweight`, `slim`, `agent_status`, `agent_health`, `last_agt`.
    cells: [&'static str; 6],
}

const fn turn(line: &'static str, cells: [&'static str; 6]) -> Turn {
    Turn { line, cells }
}

const COLUMNS: [&str; 6] = ["status", "uweight", "slim", "agent_status", "agent_health", "last_agt"];

const TURNS: [Turn; 12] = [
    turn("up\n", ["UP", "50", "7", "L7OK", "1", "via agent : up"]),
    turn("50%\n", ["UP", "25", "7", "CHECKED", "1", ""]),
    turn(
        "75%,maxconn:30,maint,down\n",
        ["MAINT", "37", "30", "L7STS", "0", "via agent : down"],
    ),
    turn("ready\n", ["DOWN (agent)", "37", "30", "CHECKED", "0", ""]),
    turn("up\n", ["UP", "37", "30", "L7OK", "1", "via agent : up"]),
    turn(
        "down #because\n",
        ["DOWN (agent)", "37", "30", "L7STS", "0", "via agent : down (because)"],
    ),
    turn("ready up 100%\n", ["UP", "50", "30", "L7OK", "1", "via agent : up"]),
    turn(
        "stopped #x y\n",
        ["DOWN (agent)", "50", "30", "L7STS", "0", "via agent : stopped (x y)"],
    ),
    turn(
        "garbage\n",
        [
            "DOWN (agent)",
            "50",
            "30",
            "CHECKED",
            "0",
            "agent reports an error : garbage",
        ],
    ),
    turn("maxconn:3\tup\n", ["UP", "50", "3", "L7OK", "1", "via agent : up"]),
    turn("drain\n", ["DRAIN (agent)", "50", "3", "CHECKED", "1", ""]),
    turn("ready maxconn:0\n", ["UP", "50", "", "CHECKED", "1", ""]),
];

#[test]
fn words_of_an_agent() {
    let server = Server::echo();
    let line = Arc::new(Mutex::new(TURNS[0].line));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let agent = Server::start({
        let (line, asked) = (line.clone(), asked.clone());
        move |mut stream| {
            let mut question = [0; 6];
            if stream.read_exact(&mut question).is_ok() {
                asked.lock().unwrap_or_else(PoisonError::into_inner).push(question);
            }
            let line = *line.lock().unwrap_or_else(PoisonError::into_inner);
            stream.write_all(line.as_bytes()).ok();
        }
    });
    let config = |room: &Room| {
        format!(
            "{}listen l\n bind {}\n server s {} check inter 100 weight 50 maxconn 7 agent-check agent-port {} agent-inter 150 \
             agent-send \"hello\\n\"\n",
            room.head(),
            room.at(0),
            server.address(),
            agent.address().port()
        )
    };
    both(1, config, |room| {
        for turn in &TURNS {
            *line.lock().unwrap_or_else(PoisonError::into_inner) = turn.line;
            let cells = || COLUMNS.map(|column| room.cell("l", "s", column).trim_start_matches("* ").to_owned());
            until(
                &format!("{}: {:?} after {:?}", room.name, turn.cells, turn.line),
                || (cells() == turn.cells).then_some(()),
            );
        }
        let heard = asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(
            heard.iter().all(|question| question == b"hello\n"),
            "{}: {heard:?}",
            room.name
        );
        let lines = room.lines();
        for part in [
            "Server l/s is DOWN/READY (leaving forced maintenance).",
            "Server l/s is UP, reason: Layer7 check passed, code: 0, info: \"via agent : up\", check duration: ",
            "Server l/s is DOWN, reason: Layer7 wrong status, code: 0, info: \"via agent : down (because)\", check duration: ",
        ] {
            assert!(
                lines.iter().any(|line| line.starts_with(part)),
                "{}: {part}\n{lines:#?}",
                room.name
            );
        }
        // An operator in the agent's place, and then nobody is asked any more.
        *line.lock().unwrap_or_else(PoisonError::into_inner) = "50%\n";
        room.order("set server l/s agent down");
        until("down", || {
            (room.cell("l", "s", "status") == "DOWN (agent)").then_some(())
        });
        room.order("set server l/s agent up");
        until("up", || room.cell("l", "s", "status").starts_with("UP").then_some(()));
        let state = room.order("show servers state l");
        let row = state
            .lines()
            .find(|row| row.contains(" s "))
            .unwrap_or_default()
            .to_owned();
        assert!(
            row.ends_with(&format!(" - {}", agent.address().port())),
            "{}: {row}",
            room.name
        );
        room.order("disable agent l/s");
        assert_eq!(room.cell("l", "s", "agent_status"), "", "{}", room.name);
        // The next one hears the first line first.
        *line.lock().unwrap_or_else(PoisonError::into_inner) = TURNS[0].line;
    });
}
