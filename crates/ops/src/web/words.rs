//! Numbers for people.

/// Two units at most, as HAProxy writes them: `37s`, `1m54s`, `3d4h`.
pub fn duration(seconds: i128) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (1.., _, _) => format!("{days}d{}h", hours % 24),
        (0, 1.., _) => format!("{hours}h{}m", minutes % 60),
        (0, _, 1..) => format!("{minutes}m{}s", seconds % 60),
        _ => format!("{seconds}s"),
    }
}

/// In groups of three, with a narrow space that does not break.
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// Three digits and a unit: `1.23 MB`.
pub fn bytes(number: i128) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return number.to_string();
    }
    let (mut scaled, mut unit) = (number as f64 / 1000.0, 0);
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let decimals = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    format!("{scaled:.decimals$}\u{202f}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_read() {
        let times = [
            (0, "0s"),
            (37, "37s"),
            (114, "1m54s"),
            (7_260, "2h1m"),
            (273_600, "3d4h"),
            (-1, "0s"),
        ];
        times.iter().for_each(|(n, text)| assert_eq!(duration(*n), *text));
        let numbers = [
            (0, "0"),
            (999, "999"),
            (1000, "1\u{202f}000"),
            (-1_234_567, "-1\u{202f}234\u{202f}567"),
        ];
        numbers.iter().for_each(|(n, text)| assert_eq!(grouped(*n), *text));
        let sizes = [
            (999, "999"),
            (1000, "1.00\u{202f}kB"),
            (12_345, "12.3\u{202f}kB"),
            (999_499, "999\u{202f}kB"),
            (999_500, "1.00\u{202f}MB"),
            (123_456_789_000, "123\u{202f}GB"),
        ];
        sizes.iter().for_each(|(n, text)| assert_eq!(bytes(*n), *text));
    }
}
