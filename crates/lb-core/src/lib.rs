//! Everything the balancer decides: balancing, health, stick tables, connections.
