//! The stats socket: the protocol on the real binary, its commands beside HAProxy's, and clients that others wrote.

mod ask;
mod backends;
mod certificates;
mod checks;
mod clients;
mod commands;
mod events;
mod haproxy;
mod info;
mod naming;
mod patterns;
mod protocol;
mod responses;
mod rings;
mod room;
mod tickets;
