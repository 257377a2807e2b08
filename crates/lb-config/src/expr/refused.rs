//! What HAProxy has beside these fetches and converters, and why it is not here.

/// A name, or with `*` at the end how names begin; and why none of them is here.
pub(crate) type Refused = (&'static str, &'static str);

pub(super) fn why(table: &[Refused], name: &str) -> Option<&'static str> {
    let is_it = |words: &str| match words.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == words,
    };
    table.iter().find(|(words, _)| is_it(words)).map(|(_, why)| *why)
}

const HTTP: &str = "it is about HTTP, and this relays TCP";
const HTX: &str = "it shows how HAProxy keeps a message of HTTP";
const HTTP_COUNTS: &str = "requests of HTTP are not counted, so it would stay 0";
const TASKS: &str = "it is about the tasks of HAProxy's scheduler; there are none";
const SECRETS: &str = "the keys of a connection are shown to nobody";
const SESSION: &str = "TLS 1.3 has no such number, and rustls tells none; `ssl_fc_is_resumed` says who came back";
const UNIQUE: &str = "TLS 1.3 has none (RFC 8446 appendix C.5), and rustls does not tell that of TLS 1.2";
const RANDOM: &str = "rustls does not tell what was drawn by lot for a handshake";
const HELLO: &str =
    "a client's hello is not kept once it is answered; where TLS is not ended here, `req.ssl_…` reads it";
const NPN: &str = "it is no part of TLS any more; `ssl_fc_alpn` and `ssl_bc_alpn` say what was agreed";
const OPENSSL: &str = "its numbers are OpenSSL's; `fc_err` and `fc_err_str` say why a handshake failed";
const GRPC: &str = "gRPC is spoken over HTTP/2";
const LUA: &str = "there is no Lua";

pub(crate) const FETCHES: &[Refused] = &[
    ("base*", HTTP),
    ("bc_glitches", HTTP),
    ("bc_http_major", HTTP),
    ("bc_settings_*", HTTP),
    ("capture.req.method", HTTP),
    ("capture.req.uri", HTTP),
    ("capture.req.ver", HTTP),
    ("capture.res.*", HTTP),
    ("cook*", HTTP),
    ("cpu_*", TASKS),
    ("distcc_*", "distcc is not read"),
    ("fc_glitches", HTTP),
    ("fc_http_major", HTTP),
    ("fc_settings_*", HTTP),
    ("fcgi.*", "FastCGI is spoken for HTTP"),
    ("fe_req_rate", HTTP_COUNTS),
    ("hdr*", HTTP),
    ("http_auth_bearer", HTTP),
    ("http_auth_pass", HTTP),
    ("http_auth_type", HTTP),
    ("http_auth_user", HTTP),
    ("http_first_req", HTTP),
    ("internal.*", HTX),
    ("lat_*", TASKS),
    ("lua.*", LUA),
    ("meth*", HTTP),
    ("path*", HTTP),
    ("query", HTTP),
    ("quic_enabled", "there is no QUIC"),
    ("req.body*", HTTP),
    ("req.cook*", HTTP),
    ("req.fhdr*", HTTP),
    ("req.hdr*", HTTP),
    ("req.ver", HTTP),
    ("req_ver", HTTP),
    ("res.body*", HTTP),
    ("res.cache_*", "nothing is cached"),
    ("res.comp*", "nothing is compressed"),
    ("res.cook*", HTTP),
    ("res.fhdr*", HTTP),
    ("res.hdr*", HTTP),
    ("res.ver", HTTP),
    ("resp_ver", HTTP),
    ("sc0_http_*", HTTP_COUNTS),
    ("sc1_http_*", HTTP_COUNTS),
    ("sc2_http_*", HTTP_COUNTS),
    ("sc_http_*", HTTP_COUNTS),
    ("scook*", HTTP),
    ("shdr*", HTTP),
    ("src_http_*", HTTP_COUNTS),
    ("ssl_bc_client_random", RANDOM),
    ("ssl_bc_err*", OPENSSL),
    ("ssl_bc_npn", NPN),
    ("ssl_bc_server_random", RANDOM),
    ("ssl_bc_session_id", SESSION),
    ("ssl_bc_session_key", SECRETS),
    ("ssl_bc_unique_id", UNIQUE),
    (
        "ssl_c_ca_err*",
        "rustls does not tell which certificate of a chain is at fault; `ssl_c_verify` says the fault",
    ),
    (
        "ssl_c_err",
        "rustls does not tell which certificate of a chain is at fault; `ssl_c_verify` says the fault",
    ),
    ("ssl_fc_cipherlist_*", HELLO),
    ("ssl_fc_client_early_traffic_secret", SECRETS),
    ("ssl_fc_client_handshake_traffic_secret", SECRETS),
    ("ssl_fc_client_random", RANDOM),
    ("ssl_fc_client_traffic_secret_0", SECRETS),
    ("ssl_fc_early_exporter_secret", SECRETS),
    ("ssl_fc_ecformats_bin", HELLO),
    ("ssl_fc_eclist_bin", HELLO),
    ("ssl_fc_err*", OPENSSL),
    ("ssl_fc_exporter_secret", SECRETS),
    ("ssl_fc_extlist_bin", HELLO),
    ("ssl_fc_npn", NPN),
    ("ssl_fc_protocol_hello_id", HELLO),
    ("ssl_fc_server_handshake_traffic_secret", SECRETS),
    ("ssl_fc_server_random", RANDOM),
    ("ssl_fc_server_traffic_secret_0", SECRETS),
    ("ssl_fc_session_id", SESSION),
    ("ssl_fc_session_key", SECRETS),
    ("ssl_fc_unique_id", UNIQUE),
    ("status", HTTP),
    ("url*", HTTP),
];

pub(crate) const CONVERTERS: &[Refused] = &[
    (
        "capture-req",
        "it is about a header of HTTP; write `tcp-request content capture … len …`",
    ),
    ("capture-res", "it is about a header of HTTP"),
    (
        "debug",
        "`show events` has changes of state only; a variable, and `%[var(…)]` in a line, show what a value is",
    ),
    ("jwt_verify", "tokens are read, and nobody vouches for them here"),
    ("language", "it is about a header of HTTP"),
    ("lua.*", LUA),
    ("table_http_*", HTTP_COUNTS),
    ("ungrpc", GRPC),
    (
        "x509_*",
        "of a certificate, what rules may ask for is asked by `ssl_c_…` and `ssl_f_…`",
    ),
];
