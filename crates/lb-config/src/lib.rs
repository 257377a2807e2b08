//! haproxy.cfg or TOML to a Plan.
