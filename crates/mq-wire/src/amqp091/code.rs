//! Why a channel or a connection is closed: numbers and their names (section 1.2, "AMQP defined constants").

use std::fmt::{self, Display};

macro_rules! codes {
    ($($name:ident = $number:literal $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($name,)*
        }

        impl Code {
            pub fn number(self) -> u16 {
                match self {
                    $(Code::$name => $number,)*
                }
            }
        }

        impl Display for Code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Code::$name => $text,)*
                })
            }
        }
    };
}

codes! {
    NoRoute = 312 "NO_ROUTE",
    ConnectionForced = 320 "CONNECTION_FORCED",
    AccessRefused = 403 "ACCESS_REFUSED",
    NotFound = 404 "NOT_FOUND",
    ResourceLocked = 405 "RESOURCE_LOCKED",
    PreconditionFailed = 406 "PRECONDITION_FAILED",
    FrameError = 501 "FRAME_ERROR",
    SyntaxError = 502 "SYNTAX_ERROR",
    CommandInvalid = 503 "COMMAND_INVALID",
    ChannelError = 504 "CHANNEL_ERROR",
    UnexpectedFrame = 505 "UNEXPECTED_FRAME",
    ResourceError = 506 "RESOURCE_ERROR",
    NotAllowed = 530 "NOT_ALLOWED",
    NotImplemented = 540 "NOT_IMPLEMENTED",
    InternalError = 541 "INTERNAL_ERROR",
}
