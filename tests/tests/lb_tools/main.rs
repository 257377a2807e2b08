//! Programs that others wrote for HAProxy, unchanged, at HAProxy and at us: the same configuration and the same traffic
//! must give the same output, field by field. What is not installed is skipped with its name.

mod ansible;
mod collectd;
mod exporter;
mod hatop;
mod munin;
mod parsers;
#[path = "../lb_socket/room.rs"]
mod room;
mod screen;
mod stage;
