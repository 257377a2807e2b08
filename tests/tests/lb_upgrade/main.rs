//! Replacing the running binary: listeners, connections and counters go to the successor, and the old process ends.

mod carried;
mod death;
mod fire;
mod haproxy;
mod heir;
mod legacy;
mod listeners;
mod moves;
mod orders;
mod others;
mod socket;
mod start;
mod store;
mod tls;
