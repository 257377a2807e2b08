//! Names that become addresses while the balancer runs (`resolvers`): what is asked of name servers, what their answers
//! mean, and which server gets which address. Sockets and clocks are the runtime's.

mod assign;
mod message;
mod resolver;

pub use assign::{Preference, Target, addresses, targets};
pub use message::{Fault, Found, Kind, Name, Service};
pub use resolver::{Counters, Hold, Input, Output, QuestionId, Reason, Resolver, Settings, Status, Way};
