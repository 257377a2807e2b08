//! The local time zone's distance from UTC, asked of the C library because only it knows the rules in `/etc/localtime`.

use libc::{localtime_r, time_t, tm};

/// Seconds that local clocks are ahead of UTC at `unix_seconds`; 0 when the C library cannot say.
#[allow(unsafe_code)]
pub fn utc_offset(unix_seconds: i64) -> i32 {
    let time: time_t = unix_seconds;
    // SAFETY: `tm` is a plain C struct of integers and one pointer; all zeroes is a valid value of it.
    let mut parts: tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; `localtime_r` writes only to `parts` and is safe in threads. It reads
    // the environment variable TZ, which nothing in these programs changes once threads run.
    let filled = unsafe { localtime_r(&raw const time, &raw mut parts) };
    if filled.is_null() {
        return 0;
    }
    i32::try_from(parts.tm_gmtoff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_less_than_a_day() {
        for seconds in [0, 1_795_000_000, 4_102_444_800] {
            assert!(utc_offset(seconds).abs() < 86_400);
        }
    }

    #[test]
    fn a_year_beyond_the_calendar_is_utc() {
        assert_eq!(utc_offset(i64::MAX), 0);
    }
}
