//! This host's name, as configurations mean it.

/// Up to the first dot, as Keepalived has it.
pub fn short_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    let name = name.to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
