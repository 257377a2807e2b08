//! The states of an instance, with Keepalived's names and numbers.

use std::fmt;

/// The numbers appear in JSON, SNMP and D-Bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    #[default]
    Init = 0,
    Backup = 1,
    Master = 2,
    Fault = 3,
}

impl State {
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Init => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
        })
    }
}

/// What notify scripts and FIFOs are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    Master,
    Backup,
    Fault,
    Stop,
    Deleted,
    MasterRxLowerPriority,
    MasterPriority,
    BackupPriority,
    /// Both hosts are master and do not hear each other, and this one stays.
    SplitBrain,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Notice::Master => "MASTER",
            Notice::Backup => "BACKUP",
            Notice::Fault => "FAULT",
            Notice::Stop => "STOP",
            Notice::Deleted => "DELETED",
            Notice::MasterRxLowerPriority => "MASTER_RX_LOWER_PRI",
            Notice::MasterPriority => "MASTER_PRIORITY",
            Notice::BackupPriority => "BACKUP_PRIORITY",
            Notice::SplitBrain => "SPLIT_BRAIN",
        })
    }
}
