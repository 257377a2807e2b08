//! What this thread may do. Capabilities belong to a thread, not to a process.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};

/// The capabilities that anything here asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    SysAdmin,
    SysPtrace,
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
            Self::SysPtrace => CapabilitySet::SYS_PTRACE,
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysNice => CapabilitySet::SYS_NICE,
            Self::IpcLock => CapabilitySet::IPC_LOCK,
            Self::SetUid => CapabilitySet::SETUID,
        }
    }
}

/// To open ports below 1024 after root's rights are gone. It spans the change of the user, and the calling thread only.
#[derive(Debug)]
#[must_use = "the kernel forgets it at the change of the user unless it is settled"]
pub struct LowPorts(bool);

impl LowPorts {
    /// Before the user changes.
    pub fn keep() -> LowPorts {
        let holds = rustix::thread::capabilities(None)
            .is_ok_and(|sets| sets.permitted.contains(CapabilitySet::NET_BIND_SERVICE));
        LowPorts(holds && rustix::thread::set_keep_capabilities(true).is_ok())
    }

    /// Afterwards: this right, and no other.
    pub fn settle(self) -> io::Result<()> {
        if !self.0 {
            return Ok(());
        }
        let only = CapabilitySet::NET_BIND_SERVICE;
        let sets = CapabilitySets {
            effective: only,
            permitted: only,
            inheritable: CapabilitySet::empty(),
        };
        rustix::thread::set_capabilities(None, sets)?;
        Ok(rustix::thread::set_keep_capabilities(false)?)
    }
}

/// Whether the calling thread holds the capability effectively. Inside a user namespace this says what it holds there.
pub fn holds(capability: Capability) -> io::Result<bool> {
    Ok(rustix::thread::capabilities(None)?.effective.contains(capability.set()))
}

/// No program that is started from here on has these, whoever starts it. Makes system calls and nothing else.
pub fn forgo(capabilities: &[Capability]) -> io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    for capability in capabilities {
        rustix::thread::remove_capability_from_bounding_set(capability.set())?;
        sets.inheritable.remove(capability.set());
    }
    Ok(rustix::thread::set_capabilities(None, sets)?)
}
