//! Every raw system call, each with a safe signature.

pub mod limits;
pub mod listen;
pub mod localtime;
pub mod relay;
pub mod sockopt;
