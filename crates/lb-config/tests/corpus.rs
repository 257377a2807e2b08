//! The inputs that fuzz programs found interesting, on every run.

#[path = "../fuzz/src/check.rs"]
mod check;
#[path = "../../fuzz-corpus.rs"]
mod corpus;
#[path = "../fuzz/src/evaluate.rs"]
mod evaluate;

#[path = "../fuzz/src/header.rs"]
mod header;
#[path = "../fuzz/src/hello.rs"]
mod hello;
#[path = "../fuzz/src/name_server.rs"]
mod name_server;
#[path = "../fuzz/src/peer_bytes.rs"]
mod peer_bytes;

use corpus::every_input_holds;

#[test]
fn every_configuration_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "haproxy", check::check);
}

#[test]
fn every_expression_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "expression", evaluate::check);
}

#[test]
fn every_proxy_header_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "proxy_header", header::check);
}

#[test]
fn every_word_of_a_peer_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "peers", peer_bytes::check);
}

#[test]
fn every_datagram_of_a_name_server_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "dns", name_server::check);
}

#[test]
fn every_hello_of_a_tls_client_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "client_hello", hello::check);
}
