//! The files that HAProxy keeps: states of servers, and counters.

use super::*;

const SERVER_STATE: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
    srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
    srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr \
    srv_agent_addr srv_agent_port\n\
    3 be 1 s1 127.0.0.1 0 1 3 3 1 8 2 0 14 0 0 0 - 17101 - 0 0 - - 0\n\
    3 be 2 s2 127.0.0.1 2 8 5 10 7 1 0 2 0 0 0 0 name.test 17102 - 0 0 - - 0\n\
    broken line\n\
    4 b2 1 s3 127.0.0.1 2 4 1 1 0 6 3 4 6 0 0 0 - 17103 - 0 0 - - 0\n\
    4 b2 2 s4 127.0.0.1 2 0 1 1 0 6 3 4 6 22 0 0 - 17103 - 0 17772 127.0.0.2 - 17775\n";

#[test]
fn haproxys_server_states() {
    let (read, wrong) = Snapshot::from_server_state(SERVER_STATE).expect("it is one");
    assert_eq!(wrong, [5]);
    let server = |backend: &str, name: &str| read.backend(backend).and_then(|b| b.server(name)).cloned();
    let saved = |backend, name| server(backend, name).and_then(|s| s.health).expect("it has a state");
    let s1 = saved("be", "s1");
    assert_eq!((s1.operation, s1.admin), (Operation::Down, Admin::FORCED_MAINT));
    assert_eq!(
        s1.check.map(|c| (c.health, c.last.status)),
        Some((0, CheckStatus::L4Connection))
    );
    let s2 = saved("be", "s2");
    assert_eq!(
        (s2.weight, s2.age),
        (Tuned { now: 5, configured: 10 }, Duration::from_secs(7))
    );
    assert_eq!((s2.admin, s2.check), (Admin::FORCED_DRAIN, None));
    let moved = server("be", "s2").and_then(|s| s.moved).expect("it has an address");
    assert_eq!((&*moved.from, moved.port), ("name.test", Some(17102)));
    let s4 = server("b2", "s4").expect("it has a line");
    let check = s4.check_moved.map(|at| (at.ip, at.port));
    assert_eq!(check, Some((Some([127, 0, 0, 2].into()), Some(17772))));
    let agent = s4.agent_moved.map(|agent| (agent.at.ip, agent.at.port, agent.send));
    assert_eq!(agent, Some((None, Some(17775), None)));
    assert_eq!(server("be", "s2").and_then(|s| s.check_moved), None);
    // Disabled by the configuration, and made ready since.
    let s3 = saved("b2", "s3");
    assert_eq!((s3.was_disabled, s3.admin), (true, Admin::NONE));
}

#[test]
fn what_is_no_server_state() {
    for (text, why) in [
        ("", ServerStateError::Version),
        ("2\n# be_id\n", ServerStateError::Version),
        ("1\n", ServerStateError::Columns),
        ("1\n3 be 1\n", ServerStateError::Columns),
    ] {
        assert_eq!(Snapshot::from_server_state(text), Err(why), "{text}");
    }
}

/// In the form of HAProxy's own example: what cannot be used is passed over in silence.
const STATS: &str = "#fe guid,stot,\n\n// a comment\nfe-1,1024,\nfe-1,abc,\nfe-2,7\nbe-1,1024\n\
    #odd guid,other,\nodd,0,0,\n#be guid,unknown,stot,\nbe-1,512,1024,\nsrv-1,512,1025,\n";

#[test]
fn haproxys_stats_file() {
    let file = StatsFile::read(STATS);
    assert!(StatsFile::is_one(STATS) && !StatsFile::is_one("root:x:0:0\n#odd guid,other\n"));
    let stot = |counters: Option<&Counters>| counters.map(|c| c.count(Field::Stot));
    assert_eq!(stot(file.frontend("fe-1")), Some(1024));
    assert_eq!(stot(file.frontend("fe-2")), Some(7));
    assert_eq!(
        (stot(file.backend("be-1")), stot(file.backend("srv-1"))),
        (Some(1024), Some(1025))
    );
    assert_eq!((stot(file.backend("fe-1")), stot(file.backend("odd"))), (None, None));
}

#[test]
fn our_stats_file_reads_back() {
    let mut row = Row::new(Kind::Server, "be", "s", 3, 1);
    row.set(Field::Stot, 5u64);
    row.set(Field::Scur, 9u32);
    let text = stats_file::write([("g", &row)]);
    let file = StatsFile::read(&text);
    let counters = file.backend("g").expect("it is there");
    assert_eq!((counters.count(Field::Stot), counters.count(Field::Scur)), (5, 0));
    assert!(text.starts_with("#fe guid,smax,stot,bin,bout,"), "{text}");
}
