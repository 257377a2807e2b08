use clap::CommandFactory;

use super::*;

fn read(line: &str) -> Result<Args, clap::Error> {
    let words = std::iter::once("tandem-vrrp").chain(line.split_whitespace());
    Args::read(words.map(OsString::from))
}

fn args(line: &str) -> Args {
    read(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

#[test]
fn the_parser_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn each_flag_of_keepalived() {
    type Holds = fn(&Args) -> bool;
    let table: &[(&str, Holds)] = &[
        ("", |a| a.file.as_os_str() == "/etc/keepalived/keepalived.conf"),
        ("-f a", |a| a.file.as_os_str() == "a"),
        ("--use-file=a", |a| a.file.as_os_str() == "a"),
        ("--use-file a", |a| a.file.as_os_str() == "a"),
        ("--dont-fork", |a| a.dont_fork),
        ("-n -l -D", |a| a.dont_fork && a.log_console && a.log_detail),
        ("-nlD", |a| a.dont_fork && a.log_console && a.log_detail),
        ("--log-console --log-detail", |a| a.log_console && a.log_detail),
        ("-d", |a| a.dump_conf),
        ("-S 3", |a| a.log_facility == Some(19)),
        ("-S local7", |a| a.log_facility == Some(23)),
        ("--log-facility=daemon", |a| a.log_facility == Some(3)),
        ("-p a -r b -c c -b d", |a| {
            a.pid.as_os_str() == "a" && a.vrrp_pid == Some("b".into())
        }),
        ("--pid=a --vrrp_pid=b --checkers_pid=c --bfd_pid=d", |a| {
            a.vrrp_pid == Some("b".into())
        }),
        ("-P -x -R -I -m", |_| true),
        ("--debug -n", |a| a.dont_fork),
        ("--debug=Dv -n", |a| a.dont_fork),
        ("-t", |a| a.config_test == Some(None)),
        ("--config-test", |a| a.config_test == Some(None)),
        ("-t=log", |a| a.config_test == Some(Some("log".into()))),
        ("--config-test=log", |a| a.config_test == Some(Some("log".into()))),
        ("-t -f a", |a| a.config_test == Some(None) && a.file.as_os_str() == "a"),
        ("-s ns", |a| a.namespace.as_deref() == Some("ns")),
        ("-i one", |a| a.config_id.as_deref() == Some("one")),
        ("-V", |a| a.dont_release_vrrp),
        ("-X", |a| a.release_vips),
        ("-a -G -g file", |a| {
            a.address_monitoring && a.no_syslog && a.log_file == Some("file".into())
        }),
        ("-u 027", |a| a.umask == Some(0o27)),
        ("-u 0x1f", |a| a.umask == Some(0x1f)),
        ("-v", |a| a.version),
        ("--signum=JSON", |a| a.signum == Some(SignalName::Json)),
        ("--signum=TDATA", |a| a.signum == Some(SignalName::Tdata)),
        ("--signum=stats_clear", |a| a.signum == Some(SignalName::StatsClear)),
    ];
    for (line, holds) in table {
        assert!(holds(&args(line)), "{line}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for line in ["-S 8", "-u 1000", "--signum=HUP", "-V -X", "--nonsense", "stray"] {
        assert!(read(line).is_err(), "{line}");
    }
}

#[test]
fn the_numbers_of_signals_are_keepalived_s() {
    let numbers = SignalName::value_variants().iter().map(|name| name.number());
    assert_eq!(numbers.collect::<Vec<_>>(), [15, 1, 10, 12, 63, 36, 64]);
}
