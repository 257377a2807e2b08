//! Numbers that this system has names for: routing tables, who makes routes, realms, IP protocols.

use std::fs;

/// Where distributions keep them; the administrator's come first.
const FOLDERS: [&str; 3] = ["/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"];

/// The three that every system has, and what /etc/iproute2/rt_tables names.
pub(crate) fn table(name: &str) -> Option<u32> {
    const OWN: [(&str, u32); 3] = [("main", 254), ("default", 253), ("local", 255)];
    number(name, &OWN, "rt_tables")
}

/// Who makes routes.
pub(crate) fn protocol(name: &str) -> Option<u8> {
    const OWN: [(&str, u32); 6] = [
        ("redirect", 1),
        ("kernel", 2),
        ("boot", 3),
        ("static", 4),
        ("ra", 9),
        ("keepalived", 18),
    ];
    number(name, &OWN, "rt_protos").and_then(|number| u8::try_from(number).ok())
}

pub(crate) fn realm(name: &str) -> Option<u16> {
    number(name, &[], "rt_realms").and_then(|number| u16::try_from(number).ok())
}

pub(crate) fn ip_protocol(name: &str) -> Option<u8> {
    const OWN: [(&str, u32); 6] = [
        ("icmp", 1),
        ("igmp", 2),
        ("tcp", 6),
        ("udp", 17),
        ("ipv6-icmp", 58),
        ("sctp", 132),
    ];
    let known = written(name).or_else(|| among(name, &OWN));
    // There the name stands first.
    let known = known.or_else(|| {
        let text = fs::read_to_string("/etc/protocols").ok()?;
        find(&text, |words| (words[0] == name).then_some(words[1]))
    });
    known.and_then(|number| u8::try_from(number).ok())
}

fn number(name: &str, own: &[(&str, u32)], file: &str) -> Option<u32> {
    let listed = || {
        let texts = FOLDERS
            .iter()
            .map(|folder| fs::read_to_string(format!("{folder}/{file}")));
        let texts: Vec<String> = texts.filter_map(Result::ok).collect();
        let found = |text: &String| find(text, |words| (words[1] == name).then_some(words[0]));
        texts.iter().find_map(found)
    };
    written(name).or_else(|| among(name, own)).or_else(listed)
}

fn among(name: &str, own: &[(&str, u32)]) -> Option<u32> {
    own.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// In any base that such files have.
fn written(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The number of the first line that has what is looked for.
fn find<'a>(text: &'a str, pick: impl Fn(&[&'a str]) -> Option<&'a str>) -> Option<u32> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter(|words| words.len() >= 2)
        .find_map(|words| pick(&words))
        .and_then(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        assert_eq!(
            (table("main"), table("77"), table("0x10")),
            (Some(254), Some(77), Some(16))
        );
        assert_eq!(table("no-such-table"), None);
        assert_eq!(
            (protocol("keepalived"), protocol("18"), protocol("300")),
            (Some(18), Some(18), None)
        );
        assert_eq!((ip_protocol("udp"), ip_protocol("no-such")), (Some(17), None));
        assert_eq!(realm("5"), Some(5));
    }

    #[test]
    fn files_have_remarks_and_blanks() {
        let text = "#\n# reserved\n\n0x64\tspecial # ours\n200 other\n";
        let named = |name: &'static str| find(text, |words| (words[1] == name).then_some(words[0]));
        assert_eq!(
            (named("special"), named("other"), named("none")),
            (Some(100), Some(200), None)
        );
    }
}
