//! Hosts as network namespaces: build, run, cut, drop, capture, always clean up.
