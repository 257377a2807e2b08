//! What configurations mean.
