//! A virtual LAN and clock on which any number of cores run.
