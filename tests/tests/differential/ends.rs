//! How connections end: half-closes, breaks, silence.

use tandem_tests::Scenario;

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "half-closes",
        story: "the client ends first and still hears; the server ends first; both at once",
        config: "listen l\n bind {0}\n server s {echo}\nlisten m\n bind {1}\n server s {bye}\nlisten n\n bind {2}\n server s {ear}\n",
        play: |s| {
            s.talk(0, 1, b"");
            s.talk(0, 1, b"hello");
            let mut ends_later = s.enter(1, 2);
            s.note(ends_later.rest());
            drop(ends_later);
            s.settle();
            s.talk(1, 3, b"x");
            s.talk(2, 4, b"everything");
            s.ear(|bytes| bytes.escape_ascii().to_string());
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "broken off",
        story: "the client resets before and after its first word; the server's process dies",
        config: "listen l\n bind {0}\n server s {a}\n",
        play: |s| {
            let mut client = s.stay(0, 1);
            s.note(client.ask(b"x"));
            client.break_off();
            s.settle();
            let mut client = s.stay(0, 1);
            s.note(client.ask(b"y"));
            s.kill("a");
            s.note(client.rest());
            drop(client);
            s.settle();
            s.revive("a");
            s.pick(0, 1);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "timeouts of client and server",
        story: "who is silent is named by the line, before and after a first exchange",
        config: "listen client\n bind {0}\n timeout client 150ms\n server s {a}\nlisten server\n bind {1}\n timeout server 150ms\n server s {mute}\n\
                 listen tunnel\n bind {2}\n timeout tunnel 150ms\n server s {a}\n",
        play: |s| {
            for (listener, word) in [(0, ""), (1, "anybody?"), (2, "x")] {
                let mut visitor = s.enter(listener, 1);
                visitor.say(word.as_bytes());
                s.note(visitor.rest());
                s.leave([visitor]);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "what is written shows nothing",
        story: "option independent-streams, at the frontend and at the backend: only what is read keeps a side's timer off",
        config: " timeout server 400ms\n timeout client 5s\nlisten with\n bind {0}\n option independent-streams\n server s {mute}\n\
                 listen without\n bind {1}\n server s {mute}\n\
                 frontend f\n bind {2}\n default_backend b\nbackend b\n option independent-streams\n server s {mute}\n",
        play: |s| {
            for listener in 0..3 {
                let mut visitor = s.enter(listener, 1);
                for _ in 0..5 {
                    visitor.say(b"x");
                    std::thread::sleep(std::time::Duration::from_millis(160));
                }
                let is_there = visitor.hears_nothing(std::time::Duration::from_millis(1));
                s.note(format!("{listener} is there: {is_there}"));
                s.leave([visitor]);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "timeouts of a half-closed connection",
        story: "client-fin and server-fin, each with a peer that goes on in silence",
        config: "listen server\n bind {0}\n timeout server-fin 150ms\n server s {mute}\n\
                 listen client\n bind {1}\n timeout client-fin 150ms\n server s {bye}\n",
        play: |s| {
            let mut first = s.enter(0, 1);
            first.say(b"that is all");
            first.shut();
            s.note(first.rest());
            drop(first);
            s.settle();
            let mut second = s.enter(1, 2);
            s.note(second.hear(3));
            s.note(second.rest());
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "much, both ways",
        story: "a megabyte through an echo, with splice and without, and the bytes that are counted",
        config: "listen l\n bind {0}\n server s {echo}\nlisten m\n bind {1}\n option splice-auto\n option tcp-smart-accept\n option tcpka\n server s {echo}\n",
        play: |s| {
            for listener in [0, 1] {
                let mut client = s.enter(listener, 1);
                for _ in 0..64 {
                    client.ask(&[b'x'; 16 * 1024]);
                }
                client.shut();
                s.note(client.rest());
                drop(client);
                s.settle();
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "who connects and says nothing",
        story: "with and without dontlognull, to a server that speaks first and one that waits",
        config: "listen l\n bind {0}\n option dontlognull\n server s {a}\nlisten m\n bind {1}\n option dontlognull\n server s {echo}\n\
                 listen n\n bind {2}\n server s {echo}\nlisten o\n bind {3}\n option dontlognull\n server s {dead}\n retries 0\n",
        play: |s| {
            for listener in 0..4 {
                s.talk(listener, 1, b"");
                s.talk(listener, 1, b"word");
            }
        },
        ..Scenario::EMPTY
    },
];
