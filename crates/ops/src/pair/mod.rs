//! The pair link: what the two hosts of a pair tell each other, beside VRRP and authenticated.
//!
//! ```text
//!    0  'T' 'P' 'L'  version     4  kind   5  0   6  length of the body
//!    8  session of the sender: drawn at its start
//!   16  counter: rises with every frame of a session
//!   24  challenge of the sender: the other has to repeat it
//!   32  echo: the last challenge of the other that the sender knows
//!   40  body, at most 1,152 bytes
//!   ..  HMAC-SHA256 over all of that, 32 bytes
//! ```
//!
//! One frame is one UDP datagram. A frame counts when its digest is right, it repeats our challenge and its counter rises:
//! then the other made it after it had heard us, and we have not seen it. Nothing else is believed, so a recording of
//! yesterday does nothing. A session that takes the place of another gets a new challenge to repeat, so the old one stays
//! dead. What kinds a version does not know it ignores; pins are to come as a kind of
//! their own.

mod drive;
mod frame;
mod link;
mod message;
mod secret;

pub use drive::{Command, Ends, News, Shown, run};
pub use frame::{FRAME, Refusal};
pub use link::{Input, Link, Outcome, Output, Statistics};
pub use message::{Entry, Key, Lodging, Message, Position, Wish};
pub use secret::Secret;
