//! One server of the demo: says its name in one byte, then sends back every byte it gets.
//!
//! On loopback it ends when its standard input closes, so that it cannot outlive the demo, however that dies; in a
//! namespace the lab sees to that.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;

use anyhow::Context;

#[derive(clap::Args)]
pub struct Args {
    /// The byte it says first
    #[arg(long)]
    name: char,
    /// Where it listens
    #[arg(long)]
    listen: SocketAddr,
    /// End when standard input does
    #[arg(long)]
    tied: bool,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(args.listen).with_context(|| args.listen.to_string())?;
    let name = u8::try_from(args.name).context("--name takes one ASCII letter")?;
    let serve = move || {
        for stream in listener.incoming().flatten() {
            // A thread that cannot be had is this client's loss only.
            let _ = std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || echo(stream, name));
        }
    };
    writeln!(std::io::stdout(), "serving")?;
    if !args.tied {
        serve();
        return Ok(ExitCode::FAILURE);
    }
    std::thread::spawn(serve);
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
