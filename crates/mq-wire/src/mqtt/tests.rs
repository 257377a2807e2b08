//! Wire tests follow.
