//! The kinds of diagnostics about a balancer's configuration. A code keeps its meaning for good.

mod explained;

use tandem_text::Code;

pub use explained::EXPLAINED;

/// A word that no version of the language knows here.
pub const UNKNOWN: Code = Code("LB0001");
/// Known to HAProxy, but not to us, and it would change what happens.
pub const UNSUPPORTED: Code = Code("LB0002");
/// Known to HAProxy and without effect here, so nothing changes by leaving it out.
pub const IGNORED: Code = Code("LB0003");
/// A known keyword in a section that it does not belong to.
pub const MISPLACED: Code = Code("LB0004");
/// A value is missing.
pub const MISSING: Code = Code("LB0005");
/// More values than the keyword takes.
pub const EXTRA: Code = Code("LB0006");
/// A value of the wrong form or out of range.
pub const BAD_VALUE: Code = Code("LB0007");
/// An address that cannot be read.
pub const BAD_ADDRESS: Code = Code("LB0008");
/// A server without an address.
pub const NO_ADDRESS: Code = Code("LB0009");
/// Two things with one name or number.
pub const DUPLICATE: Code = Code("LB0010");
/// A name that nothing carries.
pub const UNDEFINED: Code = Code("LB0011");
/// It can run, but something that belongs there is missing: timeouts, listeners, servers.
pub const INCOMPLETE: Code = Code("LB0012");
/// Two settings that contradict each other.
pub const CONFLICT: Code = Code("LB0013");
/// The file is not what its dialect can read: TOML that does not parse, a value of another type.
pub const SYNTAX: Code = Code("LB0015");
/// What the file itself has to say (`.notice`, `.warning`, `.alert`).
pub const SAID: Code = Code("LB0016");
