//! The real binaries on hosts made of network namespaces.
