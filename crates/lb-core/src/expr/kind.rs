//! The types of values, and which becomes which.

/// The type of a value before it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not known before run time: a variable.
    Any,
    Bool,
    Int,
    /// An address of either family.
    Ip,
    V4,
    V6,
    Text,
    Binary,
}

impl Kind {
    /// Whether a value of this type may stand where the other is wanted.
    pub const fn becomes(self, wanted: Kind) -> bool {
        use Kind::{Any, Binary, Bool, Int, Ip, Text, V4, V6};
        matches!(
            (self, wanted),
            (Any | Text, _)
                | (_, Any | Text)
                | (Bool, Bool | Int)
                | (Binary, Binary)
                | (Int, Bool | Int | Ip | V4 | V6 | Binary)
                | (Ip | V4, Int | Ip | V4 | V6 | Binary)
                | (V6, Ip | V4 | V6 | Binary)
        )
    }

    pub const fn word(self) -> &'static str {
        match self {
            Kind::Any => "any",
            Kind::Bool => "boolean",
            Kind::Int => "integer",
            Kind::Ip => "address",
            Kind::V4 => "IPv4 address",
            Kind::V6 => "IPv6 address",
            Kind::Text => "string",
            Kind::Binary => "binary",
        }
    }
}
