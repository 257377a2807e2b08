//! A service manager, as far as a balancer under test needs one.

use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use crate::PATIENCE;

/// Hears everything at once, and keeps no descriptor that it is given: one that waits here would stay open.
pub(crate) struct Manager {
    socket: UnixDatagram,
    told: Receiver<String>,
    ear: Option<JoinHandle<()>>,
}

impl Manager {
    /// `name` is for an abstract socket.
    pub(crate) fn new(name: &str) -> Manager {
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        let socket = UnixDatagram::bind_addr(&address).expect("the name is ours");
        let (tell, told) = channel();
        let ear = socket.try_clone().expect("a descriptor is left");
        let ear = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = ear.recv(&mut buffer) {
                if tell.send(String::from_utf8_lossy(&buffer[..n]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Manager {
            socket,
            told,
            ear: Some(ear),
        }
    }

    /// The next message with these words; those before it are forgotten.
    pub(crate) fn hear(&self, words: &str) -> Result<String, String> {
        loop {
            let told = self.told.recv_timeout(PATIENCE).map_err(|error| error.to_string())?;
            if told.contains(words) {
                return Ok(told);
            }
        }
    }
}

impl Manager {
    /// What it was told since it was last asked.
    pub(crate) fn rest(&self) -> String {
        const END: &str = "the end";
        // Behind whatever is on its way.
        let own = self.socket.local_addr().expect("it is bound");
        let last = self.socket.send_to_addr(END.as_bytes(), &own);
        last.expect("somebody reads");
        let told = std::iter::from_fn(|| self.told.recv_timeout(PATIENCE).ok());
        told.take_while(|text| text != END).collect()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.socket.shutdown(Shutdown::Both).ok();
        if let Some(ear) = self.ear.take() {
            ear.join().ok();
        }
    }
}
