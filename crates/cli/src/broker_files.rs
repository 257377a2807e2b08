//! ActiveMQ's and Artemis's files, read with what is here: the environment, the addresses of names, hashes of passwords.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, ToSocketAddrs};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, Salt};
use tandem_mq_convert::{File as Text, Refused, World, convert};
use tandem_text::Converted;

pub(crate) use tandem_mq_convert::is_brokers;

/// As `tandem convert` writes them.
pub(crate) fn converted(files: Vec<(String, Vec<u8>)>) -> Result<Converted, Box<Refused>> {
    with(files, &hash)
}

/// As `tandem check` looks at them: a hash takes a while, and nobody sees it.
pub(crate) fn looked_at(files: Vec<(String, Vec<u8>)>) -> Result<Converted, Box<Refused>> {
    with(files, &|_| Some(String::new()))
}

fn with(files: Vec<(String, Vec<u8>)>, hash: &dyn Fn(&str) -> Option<String>) -> Result<Converted, Box<Refused>> {
    let files: Vec<Text> = files
        .into_iter()
        .map(|(name, bytes)| Text {
            name: name.into(),
            bytes,
        })
        .collect();
    let world = World {
        variable: &variable,
        address: &address,
        hash,
    };
    convert(&files, world)
}

/// `activemq.data` is ACTIVEMQ_DATA in the environment, as in ActiveMQ's own scripts.
fn variable(name: &str) -> Option<String> {
    let upper: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    let said = [name, &upper].into_iter().find_map(|name| std::env::var(name).ok());
    said.filter(|value| !value.is_empty())
}

fn address(name: &str) -> Option<IpAddr> {
    let found = (name, 0).to_socket_addrs().ok()?.next();
    found.map(|address| address.ip())
}

/// As `tandem-mq --hash-password` makes it.
fn hash(password: &str) -> Option<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").ok()?.read_exact(&mut bytes).ok()?;
    let salt: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let salt = Salt::from_b64(&salt).ok()?;
    let hash = Argon2::default().hash_password(password.as_bytes(), salt).ok()?;
    Some(hash.to_string())
}
