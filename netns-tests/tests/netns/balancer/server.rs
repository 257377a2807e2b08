//! A TCP server that says its name and then echoes.

use std::io::{Write, copy};
use std::net::TcpListener;

use anyhow::Result;
use tandem_netns_tests::Options;

/// Its name, from the environment.
pub(crate) const NAME: &str = "NAMED_ECHO_NAME";
/// Where it listens, from the environment.
pub(crate) const LISTEN: &str = "NAMED_ECHO_LISTEN";

pub(crate) fn named_echo(_: &Options) -> Result<()> {
    let name = std::env::var(NAME)?;
    let listener = TcpListener::bind(std::env::var(LISTEN)?)?;
    writeln!(std::io::stdout(), "listening")?;
    loop {
        let (mut stream, _) = listener.accept()?;
        let greeting = format!("{name}\n");
        std::thread::spawn(move || -> std::io::Result<()> {
            stream.write_all(greeting.as_bytes())?;
            copy(&mut stream.try_clone()?, &mut stream)?;
            Ok(())
        });
    }
}
