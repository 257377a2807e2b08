//! A descriptor that takes whole lines and never makes the writer wait.
//!
//! Setting `O_NONBLOCK` on stdout would set it for the terminal's other users too, since the flag belongs to the open file
//! description. So a pipe or a terminal is opened again through `/proc/self/fd`, which gives a description of our own;
//! a socket (the journal's) is asked each time with `MSG_DONTWAIT`; a regular file does not wait anyway.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::fcntl::OFlag;
use nix::sys::socket::MsgFlags;
use socket2::Socket;
use tandem_sys::descriptor::duplicate;

#[derive(Debug)]
pub(super) enum Outlet {
    Socket(Socket),
    File(File),
}

impl Outlet {
    pub(super) fn open(number: i32) -> io::Result<Outlet> {
        let path = format!("/proc/self/fd/{number}");
        let kind = std::fs::metadata(&path)?.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
            let opened = OpenOptions::new().append(true).custom_flags(flags).open(&path)?;
            return Ok(Outlet::File(opened));
        }
        let own = duplicate(number)?;
        if kind.is_socket() {
            Ok(Outlet::Socket(own.into()))
        } else {
            Ok(Outlet::File(own.into()))
        }
    }

    /// Whole or not at all, as far as the kernel can say: what is at most a page goes into a pipe in one piece.
    pub(super) fn put(&self, line: &[u8]) -> io::Result<()> {
        let taken = match self {
            Outlet::Socket(socket) => {
                socket.send_with_flags(line, (MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).bits())?
            }
            Outlet::File(file) => (&*file).write(line)?,
        };
        if taken == line.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }
}
