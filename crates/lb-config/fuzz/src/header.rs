//! Any bytes are a PROXY header, the beginning of one, or none; and what they are does not change when more come, except
//! that a beginning may turn out as either.

use tandem_lb_core::proxy_header::{Client, Details, LONGEST, Progress, Version, Write, read};

pub fn check(data: &[u8]) {
    let whole = read(data);
    for cut in 0..data.len().min(256) {
        let early = read(&data[..cut]);
        assert!(early == Ok(Progress::Begun) || early == whole, "{cut}");
    }
    let Ok(Progress::Complete(header, length)) = whole else {
        return;
    };
    assert!(length <= data.len() && length <= LONGEST);
    assert_eq!(read(&data[..length]), Ok(Progress::Complete(header.clone(), length)));
    let details = Details {
        crc32c: true,
        authority: true,
        ssl: true,
        ..Details::default()
    };
    for version in [Version::V1, Version::V2] {
        let again = Write { version, details }.for_client(&Client {
            ends: header.ends,
            authority: header.authority.as_deref(),
            ..Client::default()
        });
        match read(&again) {
            Ok(Progress::Complete(_, length)) => assert_eq!(length, again.len()),
            other => panic!("what is written is no header: {other:?}"),
        }
    }
}
