use super::*;

#[test]
fn known_values() {
    // The check value of CRC-32/ISO-HDLC, and the definitions of the other two worked by hand.
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(djb2(b"a"), 5381 * 33 + 97);
    assert_eq!(sdbm(b"ab"), 97 * 65_599 + 98);
    assert_eq!(crc32(b""), 0);
    assert_eq!(djb2(b""), 5381);
    assert_eq!(sdbm(b""), 0);
}

#[test]
fn bytes_count_as_unsigned() {
    assert_eq!(sdbm(&[0xff]), 255);
    assert_eq!(djb2(&[0xff]), 5381 * 33 + 255);
}

#[test]
fn folding_is_big_endian_and_cancels_equal_words() {
    assert_eq!(fold(&[10, 0, 0, 1]), 0x0a00_0001);
    assert_eq!(fold(&[1, 2, 3, 4, 1, 2, 3, 4]), 0);
    assert_eq!(fold(&[]), 0);
}

#[test]
fn functions_differ() {
    let all = [
        HashFunction::Sdbm,
        HashFunction::Djb2,
        HashFunction::Wt6,
        HashFunction::Crc32,
        HashFunction::None,
    ];
    let mut values: Vec<u32> = all.iter().map(|f| f.apply(&[192, 168, 1, 1])).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), all.len());
}

#[test]
fn avalanche_keeps_numbers_apart() {
    let mut spread: Vec<u32> = (0..50_000).map(avalanche).collect();
    spread.sort_unstable();
    spread.dedup();
    assert_eq!(spread.len(), 50_000);
}
