//! What an operator or the configuration demands of a server, whatever its checks say (reference 2.9).

/// The demands as HAProxy's bits; each comes and goes on its own.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Admin(u8);

/// What an operator may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminChange {
    /// Use it: takes back what was forced. What the name resolution or a tracked server says stays.
    Ready,
    /// No new clients but those who know it.
    Drain,
    /// No clients, no checks.
    Maint,
    /// One demand alone, as HAProxy's older words have it; the other stays as it is.
    BeginDrain,
    EndDrain,
    BeginMaint,
    EndMaint,
}

impl Admin {
    pub const NONE: Admin = Admin(0);
    /// Maintenance asked for at run time.
    pub const FORCED_MAINT: Admin = Admin(0x01);
    /// Maintenance of the server that this one tracks.
    pub const INHERITED_MAINT: Admin = Admin(0x02);
    /// `disabled` in the configuration; gone with the first `ready`, and never set again.
    pub const CONFIG_MAINT: Admin = Admin(0x04);
    pub const FORCED_DRAIN: Admin = Admin(0x08);
    pub const INHERITED_DRAIN: Admin = Admin(0x10);
    /// Its name has no address.
    pub const RESOLUTION_MAINT: Admin = Admin(0x20);

    const MAINT: Admin = Admin(0x01 | 0x02 | 0x04 | 0x20);
    const DRAIN: Admin = Admin(0x08 | 0x10);

    pub const fn with(self, other: Admin) -> Admin {
        Admin(self.0 | other.0)
    }

    pub const fn without(self, other: Admin) -> Admin {
        Admin(self.0 & !other.0)
    }

    /// From the number in the `srv_admin_state` field; bits without a meaning are dropped.
    pub const fn from_bits(bits: u8) -> Admin {
        Admin(bits & (Admin::MAINT.0 | Admin::DRAIN.0))
    }

    /// The number in the `srv_admin_state` field of saved states.
    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn only(self, those: Admin) -> Admin {
        Admin(self.0 & those.0)
    }

    pub const fn has(self, any_of: Admin) -> bool {
        self.0 & any_of.0 != 0
    }

    pub const fn in_maint(self) -> bool {
        self.has(Admin::MAINT)
    }

    pub const fn in_drain(self) -> bool {
        self.has(Admin::DRAIN)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Admin({:#04x})", self.0)
    }
}
