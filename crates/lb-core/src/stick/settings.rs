//! What a table may hold.

use std::sync::Arc;
use std::time::Duration;

use super::DataType;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSettings {
    pub key: KeyType,
    /// The most entries there will ever be.
    pub size: u32,
    pub expire: Option<Duration>,
    /// A full table refuses new keys instead of dropping old ones.
    pub nopurge: bool,
    /// What each entry holds, in the order of the types' numbers.
    pub store: Vec<Stored>,
    /// Peers are told of changes, which are noted for them.
    pub is_shared: bool,
    /// `recv-only`: what others count of the present is learned too, since nothing of it is counted here.
    pub learns_present: bool,
    /// `srvkey addr`: servers are known by their addresses, and not by their names.
    pub by_address: bool,
    /// `brates-factor`: so many bytes are counted as one in rates.
    pub bytes_unit: u16,
    /// `write-to`: what peers say here is said there, too.
    pub write_to: Option<Arc<str>>,
}

/// One thing that each entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub data: DataType,
    /// How many of them, where it is an array; otherwise 1.
    pub count: u16,
    /// Over how many milliseconds a rate is taken; otherwise 0.
    pub period: u32,
}

/// What a table is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `ip` and `ipv4`: an IPv4 address.
    Ipv4,
    Ipv6,
    /// 32 bits.
    Integer,
    /// The first so many bytes of a text.
    Text {
        most: u16,
    },
    /// So many bytes; what is shorter is filled up with zeros.
    Binary {
        length: u16,
    },
}

impl KeyType {
    /// What HAProxy calls it.
    pub const fn word(self) -> &'static str {
        match self {
            KeyType::Ipv4 => "ip",
            KeyType::Ipv6 => "ipv6",
            KeyType::Integer => "integer",
            KeyType::Text { .. } => "string",
            KeyType::Binary { .. } => "binary",
        }
    }

    /// How many bytes a key takes.
    pub const fn width(self) -> usize {
        match self {
            KeyType::Ipv4 | KeyType::Integer => 4,
            KeyType::Ipv6 => 16,
            KeyType::Text { most } => most as usize,
            KeyType::Binary { length } => length as usize,
        }
    }
}

impl TableSettings {
    /// One that stores nothing yet.
    pub const fn new(key: KeyType, size: u32) -> TableSettings {
        TableSettings {
            key,
            size,
            expire: None,
            nopurge: false,
            store: Vec::new(),
            is_shared: false,
            learns_present: false,
            by_address: false,
            bytes_unit: 1,
            write_to: None,
        }
    }

    /// Stores this, too, unless it is stored already.
    pub fn also(&mut self, data: DataType) {
        if let Err(place) = self.store.binary_search_by_key(&data, |stored| stored.data) {
            let stored = Stored {
                data,
                count: 1,
                period: 0,
            };
            self.store.insert(place, stored);
        }
    }

    pub fn stores(&self, data: DataType) -> bool {
        self.store.iter().any(|stored| stored.data == data)
    }

    /// How much of a value is counted as one.
    pub(super) const fn unit(&self, data: DataType) -> u64 {
        match data {
            DataType::BytesInRate | DataType::BytesOutRate => self.bytes_unit as u64,
            _ => 1,
        }
    }

    /// How many entries a full table drops at once, so that not every store after that has to.
    pub(crate) const fn purge_batch(&self) -> u32 {
        (self.size >> 8) + 1
    }
}
