//! Reading the configuration again: what changes, what stays, and what a mistake does.

mod fire;
mod kinds;
mod refused;
#[path = "../lb_socket/room.rs"]
mod room;
mod waiting;
