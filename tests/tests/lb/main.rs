//! The balancer on loopback, a subject a file. They are one program, so that they are linked once and the long ones run beside
//! the short ones; what measures time, or takes all of the machine, has a program of its own beside this folder.

mod agent;
mod answers;
mod attack;
mod bad_input;
mod bandwidth;
mod bound;
mod brokers;
mod cells;
mod conduct;
mod corpus;
mod csv;
mod drain;
mod external;
mod failures;
mod form;
mod haproxy;
mod language;
mod learned;
mod limits;
mod locked_in;
mod log_format;
mod master;
mod metrics;
mod page;
mod peers;
mod places;
mod priority;
mod proxy_header;
mod queue;
mod resolvers;
#[path = "../lb_socket/room.rs"]
mod room;
mod rules;
mod signals;
mod sockets;
mod source;
mod start;
mod state;
mod stick;
mod tables;
mod timeouts;
mod track;
mod traffic;
mod tuning;
mod userlist;
