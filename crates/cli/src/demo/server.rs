//! One server of the demo: says its name in one byte, then sends back every byte it gets.
//!
//! It ends when its standard input closes, so that it cannot outlive the demo, however that dies.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

use anyhow::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The byte it says first
    #[arg(long)]
    name: char,
    /// The port on 127.0.0.1
    #[arg(long)]
    port: u16,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(("127.0.0.1", args.port)).with_context(|| format!("port {}", args.port))?;
    let name = u8::try_from(args.name).context("--name takes one ASCII letter")?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A thread that cannot be had is this client's loss only.
            let _ = std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || echo(stream, name));
        }
    });
    let mut parent = std::io::stdin().lock();
    while parent.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
    Ok(ExitCode::SUCCESS)
}

/// Until the client has finished. Errors end the connection; the client is the one who counts.
fn echo(mut stream: TcpStream, name: u8) {
    let _ = stream.set_nodelay(true);
    if stream.write_all(&[name]).is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        if n == 0 || stream.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}
