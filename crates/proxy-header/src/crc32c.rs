//! CRC-32C (RFC 3720, appendix B.4): the checksum of a PROXY header, and a converter of the balancer. Both are of few bytes, so bit by
//! bit will do.

/// The Castagnoli polynomial, its lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

pub fn crc32c(bytes: impl IntoIterator<Item = u8>) -> u32 {
    let all = bytes.into_iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(crc & 1))
        })
    });
    !all
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// RFC 3720, appendix B.4; it shows the numbers with their lowest byte first.
    #[test]
    fn of_the_standard() {
        assert_eq!(crc32c([0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c([0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(0..32), 0x46dd_794e);
        assert_eq!(crc32c(*b"123456789"), 0xe306_9283);
    }
}
