//! What this thread may do. Capabilities belong to a thread, not to a process.

use std::io;

use rustix::thread::CapabilitySet;

/// The capabilities that anything here asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    SysAdmin,
    NetAdmin,
    NetRaw,
    SysNice,
    IpcLock,
    SetUid,
}

impl Capability {
    fn set(self) -> CapabilitySet {
        match self {
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysNice => CapabilitySet::SYS_NICE,
            Self::IpcLock => CapabilitySet::IPC_LOCK,
            Self::SetUid => CapabilitySet::SETUID,
        }
    }
}

/// Whether the calling thread holds the capability effectively. Inside a user namespace this says what it holds there.
pub fn holds(capability: Capability) -> io::Result<bool> {
    Ok(rustix::thread::capabilities(None)?.effective.contains(capability.set()))
}
