//! The life of a question, against name servers that answer what a test says.

use std::net::IpAddr;

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Rtype};
use domain::rdata::{A, Aaaa, Cname, Srv};
use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn settings(nameservers: usize) -> Settings {
    Settings {
        nameservers: vec![Way::Datagram; nameservers],
        payload: 512,
        tries: 3,
        resolve: MS * 1000,
        retry: MS * 100,
        hold: Hold {
            valid: MS * 10_000,
            no_name: MS * 500,
            timeout: MS * 2000,
            ..Hold::default()
        },
    }
}

fn at(ms: u64) -> Mono {
    Mono::from_millis(ms)
}

/// The questions that wait to be sent.
fn sent(resolver: &mut Resolver) -> Vec<(usize, Vec<u8>)> {
    let mut sent = Vec::new();
    while let Some(output) = resolver.poll_output() {
        match output {
            Output::Send { nameserver, bytes, .. } => sent.push((nameserver, bytes)),
            other => panic!("{other:?}"),
        }
    }
    sent
}

fn told(resolver: &mut Resolver) -> Vec<Status> {
    std::iter::from_fn(|| resolver.poll_output())
        .filter_map(|output| match output {
            Output::Answer { status, .. } => Some(status),
            Output::Send { .. } => None,
        })
        .collect()
}

fn kind(question: &[u8]) -> Rtype {
    let message = Message::from_octets(question).expect("ours is well formed");
    message.sole_question().expect("one question").qtype()
}

/// An answer to this question with these addresses, behind an alias.
fn answer(question: &[u8], code: Rcode, addresses: &[&str], ttl: u32) -> Vec<u8> {
    let message = Message::from_octets(question).expect("ours is well formed");
    let mut answer = MessageBuilder::new_vec().start_answer(&message, code).expect("room");
    let name = message.sole_question().expect("one question").qname().to_owned();
    let alias: domain::base::Name<Vec<u8>> = "alias.test".parse().expect("a name");
    if !addresses.is_empty() {
        answer.push((&name, ttl, Cname::new(alias.clone()))).expect("room");
    }
    for address in addresses {
        match address.parse().expect("an address") {
            IpAddr::V4(v4) => answer.push((&alias, ttl, A::new(v4))).expect("room"),
            IpAddr::V6(v6) => answer.push((&alias, ttl, Aaaa::new(v6))).expect("room"),
        }
    }
    answer.finish()
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn asked(nameservers: usize, first: Kind) -> (Resolver, Vec<(usize, Vec<u8>)>) {
    let mut resolver = Resolver::new(settings(nameservers), Seed::new(7));
    resolver.handle(
        Input::Ask {
            name: name("brokers.test"),
            first,
        },
        at(0),
    );
    let questions = sent(&mut resolver);
    (resolver, questions)
}

fn hear(resolver: &mut Resolver, nameserver: usize, bytes: &[u8], ms: u64) {
    heard(resolver, nameserver, Way::Datagram, bytes, ms);
}

fn heard(resolver: &mut Resolver, nameserver: usize, way: Way, bytes: &[u8], ms: u64) {
    resolver.handle(Input::Heard { nameserver, way, bytes }, at(ms));
}

fn valid(addresses: &[&str], nameserver: usize) -> Status {
    let addresses = addresses.iter().map(|text| text.parse().expect("an address"));
    Status::Valid {
        found: Found::Addresses(addresses.collect()),
        nameserver,
    }
}

#[test]
fn the_first_good_answer_counts_and_holds() {
    let (mut resolver, questions) = asked(2, Kind::V4);
    assert_eq!(questions.len(), 2, "all name servers are asked");
    let good = answer(&questions[1].1, Rcode::NOERROR, &["10.0.0.1", "10.0.0.2"], 60);
    hear(&mut resolver, 1, &good, 5);
    assert_eq!(told(&mut resolver), [valid(&["10.0.0.1", "10.0.0.2"], 1)]);
    // The second one comes too late, and the next question when the answer is old.
    hear(&mut resolver, 0, &good, 6);
    assert_eq!(told(&mut resolver), []);
    assert_eq!(resolver.counters()[0].outdated, 1);
    assert_eq!(resolver.poll_deadline(), Some(at(10_005)));
    resolver.on_deadline(at(10_005));
    assert_eq!(sent(&mut resolver).len(), 2);
}

#[test]
fn a_short_life_is_asked_again_sooner() {
    for (ttl, next) in [(3, 3000), (0, 1000), (100, 10_000)] {
        let (mut resolver, questions) = asked(1, Kind::V4);
        hear(
            &mut resolver,
            0,
            &answer(&questions[0].1, Rcode::NOERROR, &["10.0.0.1"], ttl),
            0,
        );
        assert_eq!(resolver.poll_deadline(), Some(at(next)), "{ttl} s");
    }
}

#[test]
fn the_other_kind_is_asked_when_there_is_none_of_the_first() {
    let (mut resolver, questions) = asked(1, Kind::V6);
    assert_eq!(kind(&questions[0].1), Rtype::AAAA);
    hear(&mut resolver, 0, &answer(&questions[0].1, Rcode::NOERROR, &[], 0), 5);
    let questions = sent(&mut resolver);
    assert_eq!(kind(&questions[0].1), Rtype::A);
    hear(
        &mut resolver,
        0,
        &answer(&questions[0].1, Rcode::NOERROR, &["10.0.0.1"], 60),
        9,
    );
    assert_eq!(told(&mut resolver), [valid(&["10.0.0.1"], 0)]);
}

#[test]
fn silence_is_borne_as_long_as_the_hold_says() {
    let (mut resolver, _) = asked(1, Kind::V4);
    let mut gone = None;
    // Three tries for each kind, 100 ms each, and a second between the rounds.
    for ms in (0..5000).step_by(50) {
        resolver.on_deadline(at(ms));
        if let Some(status) = told(&mut resolver).pop() {
            assert_eq!(gone.replace(ms), None, "said once");
            assert_eq!(status, Status::Gone(Reason::Timeout));
        }
    }
    // The rounds end at 600, 2200 and so on; the second is the first behind two seconds.
    assert_eq!(gone, Some(2200));
}

#[test]
fn all_have_to_say_no() {
    let (mut resolver, questions) = asked(2, Kind::V4);
    for round in 0..2 {
        let questions = if round == 0 {
            questions.clone()
        } else {
            sent(&mut resolver)
        };
        for (nameserver, question) in &questions {
            assert_eq!(told(&mut resolver), []);
            let refusal = answer(question, Rcode::NXDOMAIN, &[], 0);
            hear(&mut resolver, *nameserver, &refusal, 600);
            if round == 0 && *nameserver == 0 {
                // Saying it twice is not two.
                hear(&mut resolver, 0, &refusal, 600);
            }
            if round == 0 && *nameserver == 1 {
                break;
            }
        }
    }
    assert_eq!(told(&mut resolver), [Status::Gone(Reason::NoName)]);
    // It comes back.
    resolver.on_deadline(at(1600));
    let questions = sent(&mut resolver);
    hear(
        &mut resolver,
        0,
        &answer(&questions[0].1, Rcode::NOERROR, &["10.0.0.3"], 60),
        1601,
    );
    assert_eq!(told(&mut resolver), [valid(&["10.0.0.3"], 0)]);
}

/// When a name is given up that is answered so each time, and why.
fn given_up(code: Rcode, hold: Hold) -> Option<(u64, Status)> {
    let settings = Settings { hold, ..settings(1) };
    let mut resolver = Resolver::new(settings, Seed::new(7));
    let (name, first) = (name("brokers.test"), Kind::V4);
    resolver.handle(Input::Ask { name, first }, at(0));
    for ms in (0..5000).step_by(50) {
        resolver.on_deadline(at(ms));
        while let Some(output) = resolver.poll_output() {
            match output {
                Output::Send { nameserver, bytes, .. } => {
                    hear(&mut resolver, nameserver, &answer(&bytes, code, &[], 0), ms);
                }
                Output::Answer { status, .. } => return Some((ms, status)),
            }
        }
    }
    None
}

/// The rounds are a second apart.
#[test]
fn each_refusal_is_borne_as_long_as_its_own_hold_says() {
    let (short, long) = (MS * 1500, MS * 3_600_000);
    let all = |hold| Hold {
        no_name: hold,
        refused: hold,
        timeout: hold,
        other: hold,
        ..Hold::default()
    };
    type With = fn(Hold, Duration) -> Hold;
    let table: [(Rcode, With, Reason); 3] = [
        (
            Rcode::NXDOMAIN,
            |hold, no_name| Hold { no_name, ..hold },
            Reason::NoName,
        ),
        (
            Rcode::REFUSED,
            |hold, refused| Hold { refused, ..hold },
            Reason::Refused,
        ),
        (Rcode::SERVFAIL, |hold, other| Hold { other, ..hold }, Reason::Other),
    ];
    for (code, with, reason) in table {
        let alone = given_up(code, with(all(long), short));
        assert_eq!(alone, Some((2000, Status::Gone(reason))), "{code}");
        assert_eq!(given_up(code, with(all(short), long)), None, "{code}");
    }
}

#[test]
fn services_with_their_addresses() {
    let mut resolver = Resolver::new(settings(1), Seed::new(7));
    let service = name("_stomp._tcp.brokers.test");
    resolver.handle(
        Input::Ask {
            name: service,
            first: Kind::V4,
        },
        at(0),
    );
    let questions = sent(&mut resolver);
    assert_eq!(kind(&questions[0].1), Rtype::SRV);
    let message = Message::from_octets(&questions[0].1[..]).expect("ours");
    let owner = message.sole_question().expect("one").qname().to_owned();
    let host: domain::base::Name<Vec<u8>> = "one.test".parse().expect("a name");
    let mut answer = MessageBuilder::new_vec()
        .start_answer(&message, Rcode::NOERROR)
        .expect("room");
    answer
        .push((&owner, 9, Srv::new(1, 512, 61613, host.clone())))
        .expect("room");
    let mut additional = answer.additional();
    additional.push((&host, 9, A::new([10, 0, 0, 1].into()))).expect("room");
    hear(&mut resolver, 0, &additional.finish(), 1);
    let found = Found::Services(vec![message::Service {
        host: name("one.test"),
        port: 61613,
        weight: 512,
        addresses: vec![IpAddr::from([10, 0, 0, 1])],
    }]);
    assert_eq!(told(&mut resolver), [Status::Valid { found, nameserver: 0 }]);
}

#[test]
fn odd_messages_are_counted_and_change_nothing() {
    let (mut resolver, questions) = asked(1, Kind::V4);
    let good = answer(&questions[0].1, Rcode::NOERROR, &["10.0.0.1"], 60);
    let mut of_another_number = good.clone();
    of_another_number[0] ^= 0xff;
    let mut truncated = good.clone();
    truncated[2] |= 0b10;
    hear(&mut resolver, 0, b"short", 1);
    hear(&mut resolver, 0, &of_another_number, 1);
    hear(&mut resolver, 0, &questions[0].1, 1);
    hear(&mut resolver, 0, &[0; 513], 1);
    hear(&mut resolver, 9, &good, 1);
    let seen = resolver.counters()[0];
    assert_eq!((seen.invalid, seen.outdated, seen.too_big), (1, 2, 1));
    assert_eq!(told(&mut resolver), []);
    hear(&mut resolver, 0, &truncated, 1);
    assert_eq!(resolver.counters()[0].truncated, 1);
}

#[test]
fn what_does_not_fit_is_asked_for_by_a_stream() {
    let (mut resolver, questions) = asked(2, Kind::V4);
    let long: Vec<String> = (0..100).map(|last| format!("10.0.0.{last}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let good = answer(&questions[0].1, Rcode::NOERROR, &long, 60);
    let mut truncated = answer(&questions[0].1, Rcode::NOERROR, &[], 0);
    truncated[2] |= 0b10;
    // Saying it twice is not two.
    hear(&mut resolver, 0, &truncated, 1);
    hear(&mut resolver, 0, &truncated, 1);
    let asked_again = Output::Send {
        nameserver: 0,
        way: Way::Stream,
        bytes: questions[0].1.clone(),
    };
    assert_eq!(resolver.poll_output(), Some(asked_again));
    assert_eq!(resolver.poll_output(), None);
    // That the other one has nothing does not end it.
    hear(&mut resolver, 1, &answer(&questions[1].1, Rcode::NXDOMAIN, &[], 0), 2);
    assert_eq!(told(&mut resolver), []);
    assert!(good.len() > 512, "the length counts for datagrams only");
    heard(&mut resolver, 0, Way::Stream, &good, 3);
    assert_eq!(told(&mut resolver), [valid(&long, 0)]);
    // And on a stream nothing more can be done about it.
    resolver.on_deadline(at(10_003));
    let questions = sent(&mut resolver);
    for (nameserver, question) in &questions {
        let mut truncated = answer(question, Rcode::NOERROR, &[], 0);
        truncated[2] |= 0b10;
        heard(&mut resolver, *nameserver, Way::Stream, &truncated, 10_004);
    }
    let next = sent(&mut resolver);
    assert_eq!(
        next.iter().map(|(_, bytes)| kind(bytes)).collect::<Vec<_>>(),
        [Rtype::AAAA; 2]
    );
    assert_eq!(resolver.counters()[0].truncated, 3);
}

#[test]
fn a_name_server_may_be_asked_by_a_stream_always() {
    let ways = vec![Way::Stream, Way::Datagram];
    let settings = Settings {
        nameservers: ways.clone(),
        ..settings(2)
    };
    let mut resolver = Resolver::new(settings, Seed::new(7));
    let (name, first) = (name("brokers.test"), Kind::V4);
    resolver.handle(Input::Ask { name, first }, at(0));
    let all = std::iter::from_fn(|| resolver.poll_output());
    let asked: Vec<Way> = all
        .map(|output| match output {
            Output::Send { way, .. } => way,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, ways);
}

fn ask_once(resolver: &mut Resolver, text: &str, ms: u64) -> QuestionId {
    let question = resolver.next_question();
    let (name, first) = (name(text), Kind::V4);
    resolver.handle(Input::AskOnce { name, first }, at(ms));
    question
}

#[test]
fn whoever_asks_once_is_told_once() {
    let mut resolver = Resolver::new(settings(1), Seed::new(7));
    let brokers = name("brokers.test");
    let question = ask_once(&mut resolver, "brokers.test", 0);
    assert_eq!(resolver.once(&brokers, Kind::V4), Some((question, None)));
    assert_eq!(resolver.once(&brokers, Kind::V6), None);
    let asked = sent(&mut resolver);
    hear(
        &mut resolver,
        0,
        &answer(&asked[0].1, Rcode::NOERROR, &["10.0.0.1"], 3),
        1,
    );
    assert_eq!(told(&mut resolver), [valid(&["10.0.0.1"], 0)]);
    // It is known for as long as it holds, and is not asked for again by itself.
    assert!(
        resolver
            .once(&brokers, Kind::V4)
            .is_some_and(|(_, found)| found.is_some())
    );
    resolver.on_deadline(at(3001));
    assert_eq!(
        (resolver.once(&brokers, Kind::V4), resolver.poll_deadline()),
        (None, None)
    );
    assert_eq!(resolver.poll_output(), None);
    // A no is told at once, however long servers would be left where they are.
    let question = ask_once(&mut resolver, "brokers.test", 4000);
    for code in [Rcode::NXDOMAIN, Rcode::REFUSED] {
        let asked = sent(&mut resolver);
        hear(&mut resolver, 0, &answer(&asked[0].1, code, &[], 0), 4001);
    }
    let status = Status::Gone(Reason::Refused);
    assert_eq!(resolver.poll_output(), Some(Output::Answer { question, status }));
    assert_eq!((resolver.poll_output(), resolver.poll_deadline()), (None, None));
}

#[test]
fn there_is_room_for_so_many_who_ask_once() {
    let mut resolver = Resolver::new(settings(1), Seed::new(7));
    let first = ask_once(&mut resolver, "n0.test", 0);
    let asked = sent(&mut resolver);
    hear(
        &mut resolver,
        0,
        &answer(&asked[0].1, Rcode::NOERROR, &["10.0.0.1"], 60),
        1,
    );
    for number in 1..MOST_ONCE {
        ask_once(&mut resolver, &format!("n{number}.test"), 1);
    }
    assert_eq!(
        resolver.once(&name("n0.test"), Kind::V4).map(|(question, _)| question),
        Some(first)
    );
    while resolver.poll_output().is_some() {}
    // An answer makes room; where all wait, one more is told no.
    ask_once(&mut resolver, "new.test", 1);
    assert_eq!(resolver.once(&name("n0.test"), Kind::V4), None);
    assert_eq!(sent(&mut resolver).len(), 1);
    ask_once(&mut resolver, "newer.test", 1);
    assert_eq!(told(&mut resolver), [Status::Gone(Reason::Other)]);
}

#[test]
fn what_is_forgotten_is_asked_no_more() {
    let (mut resolver, _) = asked(1, Kind::V4);
    resolver.handle(Input::Forget(QuestionId(0)), at(1));
    assert_eq!(resolver.poll_deadline(), None);
}

proptest! {
    /// Whatever comes, nothing panics, and the question goes on.
    #[test]
    fn noise(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20), seed: u64) {
        let (mut resolver, questions) = asked(1, Kind::V4);
        let good = answer(&questions[0].1, Rcode::NOERROR, &["10.0.0.1"], 60);
        let mut chance = Seed::new(seed);
        for (ms, noise) in messages.into_iter().enumerate() {
            hear(&mut resolver, 0, &noise, ms as u64);
            // Close to good ones, too.
            let mut spoilt = good.clone();
            let place = chance.below(spoilt.len() as u64) as usize;
            spoilt[place] = chance.next_u64() as u8;
            spoilt.truncate(chance.below(spoilt.len() as u64 + 1) as usize);
            hear(&mut resolver, 0, &spoilt, ms as u64);
        }
        prop_assert!(resolver.poll_deadline().is_some());
    }
}
