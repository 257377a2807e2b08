//! Every raw system call, each with a safe signature.
