//! Being a daemon: signals, sd_notify, logging.
