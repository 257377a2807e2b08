//! What expressions, log lines and headers know of TLS.

use super::*;

/// What expressions know of TLS, one name with one value each: `name=value`. Where it is `bin`, in digits.
const FACTS: &str = "fc=%[ssl_fc] early=%[ssl_fc_has_early] resumed=%[ssl_fc_is_resumed] sni=%[ssl_fc_sni] version=%[ssl_fc_protocol] \
    cipher=%[ssl_fc_cipher] key=%[ssl_fc_use_keysize] crt=%[ssl_fc_has_crt] used=%[ssl_c_used] verify=%[ssl_c_verify] \
    of=%[ssl_c_s_dn] rfc=%[ssl_c_s_dn(,0,rfc2253)] one=%[ssl_c_s_dn(CN,1,rfc2253)] by=%[ssl_c_i_dn(,0,rfc2253)] \
    serial=%[ssl_c_serial,hex] sha1=%[ssl_c_sha1,hex] alg=%[ssl_c_key_alg],%[ssl_c_sig_alg],%[ssl_c_version] \
    chain=%[ssl_c_chain_der,sha1,hex] shown=%[ssl_f_s_dn],%[ssl_f_key_alg],%[ssl_f_sha1,hex] server=%[var(sess.server)] bc=%[var(sess.bc)]";

#[test]
fn expressions_and_headers_know_what_haproxys_know() {
    let papers = Papers::new();
    let (own, ca) = (papers.issue("own.pem", &["own.example"]), papers.path("ca.pem"));
    let (friend, strange) = (papers.pem(&["friend"]), Papers::new().pem(&["bob, x"]));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    let recorder = Server::start(move |mut stream| {
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes).unwrap_or(0);
        ear.lock().expect("nobody panics with it").push(bytes[..count].to_vec());
        stream.write_all(b"hello").ok();
    });
    let config = |room: &Room| {
        format!(
            "{} no log\n log {} len 4096 local1\n log-format \"B=%B {FACTS}\"\n\
             frontend f\n bind {} ssl crt {own} ca-file {ca} verify optional ca-ignore-err all crt-ignore-err all\n default_backend b\n\
             backend b\n tcp-response inspect-delay 3s\n tcp-response content set-var(sess.bc) ssl_bc_protocol\n \
             tcp-response content set-var(sess.server) ssl_s_chain_der,sha1,hex\n tcp-response content set-var(sess.server) ssl_s_key_alg,concat(-,sess.server)\n \
             tcp-response content set-var(sess.server) ssl_s_sig_alg,concat(-,sess.server)\n server s {} ssl verify none no-ssl-reuse\n\
             listen inner\n bind {} ssl crt {own}\n no log\n server s {}\n\
             listen told\n bind {} ssl crt {own} ca-file {ca} verify optional ca-ignore-err all crt-ignore-err all\n no log\n \
             server s {} send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority\n",
            room.head(),
            room.syslog.address(),
            room.at(0),
            room.at(1),
            room.at(1),
            recorder.address(),
            room.at(2),
            recorder.address(),
        )
    };
    let told = RefCell::new(Vec::new());
    both(3, config, |room| {
        let mut headers = Vec::new();
        for shows in [None, Some(&friend), Some(&strange)] {
            let mut stream = client(room.at(0), "own.example", shows.map(String::as_str));
            assert_eq!(
                ask(&mut stream, b"hello").as_deref(),
                Ok(&b"hello"[..]),
                "{}",
                room.name
            );
            drop(stream);
            heard.lock().expect("nobody panics with it").clear();
            let mut stream = client(room.at(2), "own.example", shows.map(String::as_str));
            assert_eq!(
                ask(&mut stream, b"hello").as_deref(),
                Ok(&b"hello"[..]),
                "{}",
                room.name
            );
            // Behind the addresses and ports, of which one is another each time.
            let header = heard.lock().expect("nobody panics with it").concat();
            let all = 16 + usize::from(u16::from_be_bytes([header[14], header[15]]));
            headers.push(header[28..all].escape_ascii().to_string());
        }
        let lines = until("a line for each", || {
            let lines = room
                .lines()
                .into_iter()
                .filter_map(|line| Some(line.split_once(" fc=")?.1.to_owned()));
            let long = lines.filter(|line| line.contains(" bc="));
            Some(long.collect::<Vec<_>>()).filter(|lines| lines.len() == 3)
        });
        told.borrow_mut().push((headers, lines));
    });
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
}
