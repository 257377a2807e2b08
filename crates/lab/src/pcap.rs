//! Captured frames as a file that tcpdump and Wireshark read (pcap, nanosecond form).

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use crate::capture::Frame;

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const LONGEST: u32 = 262_144;

pub(crate) fn write(mut to: impl Write, frames: &[Frame]) -> io::Result<()> {
    to.write_all(&NANOSECOND_MAGIC.to_le_bytes())?;
    to.write_all(&2u16.to_le_bytes())?;
    to.write_all(&4u16.to_le_bytes())?;
    for word in [0, 0, LONGEST, ETHERNET] {
        to.write_all(&word.to_le_bytes())?;
    }
    for frame in frames {
        let since = frame
            .at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let length = u32::try_from(frame.bytes.len()).map_err(io::Error::other)?;
        // The format has 32 bits for the seconds; they last until 2106.
        for word in [since.as_secs() as u32, since.subsec_nanos(), length, length] {
            to.write_all(&word.to_le_bytes())?;
        }
        to.write_all(&frame.bytes)?;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Origin;

    #[test]
    fn one_frame_byte_for_byte() -> io::Result<()> {
        let at = SystemTime::UNIX_EPOCH + Duration::new(1, 2);
        let mut file = Vec::new();
        write(
            &mut file,
            &[Frame {
                at,
                origin: Origin::Host,
                bytes: vec![0xaa, 0xbb],
            }],
        )?;
        let header = [
            0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ];
        let frame = [1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0xaa, 0xbb];
        assert_eq!(file, [&header[..], &frame[..]].concat());
        Ok(())
    }
}
