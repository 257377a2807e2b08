//! The rows of the page.

/// All that a row of the page may be called, which is also what its colour is called.
pub const ROW_CLASSES: [&str; 18] = [
    "frontend",
    "socket",
    "backend",
    "active_down",
    "active_going_up",
    "active_going_down",
    "active_up",
    "active_nolb",
    "active_draining",
    "active_no_check",
    "backup_down",
    "backup_going_up",
    "backup_going_down",
    "backup_up",
    "backup_nolb",
    "backup_draining",
    "backup_no_check",
    "maintain",
];
