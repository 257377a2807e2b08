//! Limits of bandwidth that would have no effect, or never end, are refused.

use crate::{errors, read};

fn with(lines: &str) -> Vec<String> {
    let text = format!(
        "defaults\n mode tcp\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten l\n \
         bind 127.0.0.1:1\n server s 127.0.0.1:2\n stick-table type ip size 100 store bytes_in_rate(1s)\n{lines}"
    );
    errors(&read(&text))
}

#[test]
fn a_limit_of_nothing_is_none() {
    assert_eq!(
        with(" filter bwlim-in up default-limit 1 default-period 1ms\n"),
        [""; 0]
    );
    assert_eq!(with(" filter bwlim-in up limit 1 key src\n"), [""; 0]);
    for line in [
        "bwlim-in up default-limit 0 default-period 1s",
        "bwlim-in up default-limit 0k default-period 1s",
        "bwlim-in up limit 0 key src",
    ] {
        let found = with(&format!(" filter {line}\n"));
        assert!(
            found.len() == 1 && found[0].contains("must be more than 0"),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn what_connections_share_is_the_same_for_each() {
    let shared = " filter bwlim-in up limit 1k key src\n tcp-request content set-bandwidth-limit up";
    assert_eq!(with(&format!("{shared}\n")), [""; 0]);
    for more in ["limit 1", "period 1s"] {
        let found = with(&format!("{shared} {more}\n"));
        assert!(
            found.len() == 1 && found[0].contains("filter `up`"),
            "{more}: {found:?}"
        );
    }
    let own = " filter bwlim-in up default-limit 1k default-period 1s\n";
    let rule = " tcp-request content set-bandwidth-limit up limit 1 period 1s\n";
    assert_eq!(with(&format!("{own}{rule}")), [""; 0]);
}
