use clap::CommandFactory;

use super::*;

fn read(line: &str) -> Result<Args, ArgsError> {
    Args::read(
        std::iter::once("tandem-lb")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

fn args(line: &str) -> Args {
    read(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

#[test]
fn the_parser_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn each_flag_of_haproxy() {
    type Holds = fn(&Args) -> bool;
    let table: &[(&str, Holds)] = &[
        ("-f a.cfg -f b", |a| a.files == ["a.cfg", "b"].map(PathBuf::from)),
        ("-c -f a", |a| a.check),
        ("-cc !defined(A)", |a| a.condition.as_deref() == Some("!defined(A)")),
        ("-f a -C /etc", |a| a.chdir == Some("/etc".into())),
        ("-D -f a", |a| a.daemon && !a.foreground),
        ("-db -f a", |a| a.foreground),
        ("-d -f a", |a| a.debug),
        ("-W -f a", |a| a.master_worker && !a.notify),
        ("-Ws -f a", |a| a.notify),
        ("-q -f a", |a| a.quiet),
        ("-V -f a", |a| a.verbose),
        ("-v", |a| a.version),
        ("-vv", |a| a.build_options && !a.version),
        ("-n 7 -N 3 -f a", |a| {
            (a.maxconn, a.frontend_maxconn) == (Some(7), Some(3))
        }),
        ("-L me -f a", |a| a.local_peer.as_deref() == Some("me")),
        ("-p /run/x -f a", |a| a.pidfile == Some("/run/x".into())),
        ("-dM -dM0x50 -dI -dG -f a", |a| a.files == [PathBuf::from("a")]),
        ("-dW -c -f a", |a| a.zero_warning),
        ("-f a -sf", |a| a.files == [PathBuf::from("a")]),
        ("-f a -x /run/s -sf 12 13 -q", |a| {
            a.take_over == Some("/run/s".into()) && a.finish == [12, 13] && a.quiet
        }),
        ("-f a -S /run/m,mode,600", |a| a.master_socket.is_some()),
        ("-f a -S 127.0.0.1:9", |a| a.master_socket.is_some()),
        ("-f a -st 7", |a| a.terminate == [7] && a.finish.is_empty()),
        ("-q -- a b", |a| a.files == ["a", "b"].map(PathBuf::from)),
        ("-f a --dialect haproxy", |a| a.dialect == Some(Dialect::Haproxy)),
    ];
    for (line, holds) in table {
        assert!(holds(&args(line)), "{line}: {:?}", args(line));
    }
}

#[test]
fn what_is_not_there_says_so() {
    for (line, text) in [
        ("-f a -S here", "the master socket has no place"),
        ("-m 100 -f a", "-m: "),
        ("-f a -Q", "unexpected argument '-Q'"),
        ("-f a --nonsense", "unexpected argument '--nonsense'"),
        ("-f a stray", "unexpected argument 'stray'"),
        ("-f a -n many", "invalid value 'many'"),
        ("-D -db -f a", "cannot be used with"),
    ] {
        let said = read(line).expect_err(line).to_string();
        assert!(said.contains(text), "{line}: {said}");
    }
}
