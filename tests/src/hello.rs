//! What TLS clients say first.

/// The first message of a TLS client that wants this server and offers these protocols.
pub fn hello(server: &str, protocols: &[&str]) -> Vec<u8> {
    let vector = |size: usize, bytes: &[u8]| {
        let length = (bytes.len() as u32).to_be_bytes();
        [&length[4 - size..], bytes].concat()
    };
    let name = vector(2, &[&[0][..], &vector(2, server.as_bytes())].concat());
    let list: Vec<u8> = protocols.iter().flat_map(|p| vector(1, p.as_bytes())).collect();
    let extensions = [&[0, 0][..], &vector(2, &name), &[0, 16], &vector(2, &vector(2, &list))].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &vector(2, &[0x13, 1]),
        &vector(1, &[0]),
        &vector(2, &extensions),
    ]
    .concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    [&[22, 3, 1][..], &vector(2, &message)].concat()
}
