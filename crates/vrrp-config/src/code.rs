//! The kinds of diagnostics about a router's configuration. A code keeps its meaning for good.

mod explained;

use tandem_text::Code;

pub use explained::EXPLAINED;

/// A word that no version of the language knows here. It is passed over.
pub const UNKNOWN: Code = Code("VR0001");
/// Known to Keepalived, but not to us, and leaving it out would change what happens.
pub const UNSUPPORTED: Code = Code("VR0002");
/// Known to Keepalived and without effect here, so nothing changes by leaving it out.
pub const IGNORED: Code = Code("VR0003");
/// A value is missing.
pub const MISSING: Code = Code("VR0004");
/// More values than the keyword takes.
pub const EXTRA: Code = Code("VR0005");
/// A value of the wrong form or out of range.
pub const BAD_VALUE: Code = Code("VR0006");
/// An address, route or rule that cannot be read.
pub const BAD_ADDRESS: Code = Code("VR0007");
/// Two things with one name, number or address.
pub const DUPLICATE: Code = Code("VR0008");
/// A name that nothing carries.
pub const UNDEFINED: Code = Code("VR0009");
/// Something that belongs there is missing: an interface, a router id, a script.
pub const INCOMPLETE: Code = Code("VR0010");
/// Two settings that contradict each other.
pub const CONFLICT: Code = Code("VR0011");
/// A value that was changed to what the protocol can say: a cut password, a rounded interval.
pub const ADJUSTED: Code = Code("VR0012");
/// Mail is spoken of, but none is sent.
pub const NOT_SENT: Code = Code("VR0013");
/// A block of Keepalived's other half, the load balancer.
pub const SKIPPED: Code = Code("VR0014");
/// Scripts would run with more rights than they need.
pub const SECURITY: Code = Code("VR0015");
/// It works as written, but hardly as meant.
pub const DOUBTFUL: Code = Code("VR0016");
/// The file is not what its dialect can read.
pub const SYNTAX: Code = Code("VR0017");

/// Kinds about which Keepalived says nothing, or nothing that changes its exit status.
const ADVICE: [Code; 6] = [EXTRA, IGNORED, NOT_SENT, SKIPPED, SECURITY, DOUBTFUL];

/// Whether a warning of this kind makes the configuration a wrong one (`-t` exits 5, `--strict` refuses it).
pub(crate) fn is_mistake(code: Code) -> bool {
    !ADVICE.contains(&code)
}
