//! What holds in a process that has followed a new Plan as far as a running process can.

use super::compare::same_bind;
use crate::plan::{Bind, Plan, StatsSocket};

/// The new Plan with what the running process cannot change as it was. So what waits for a restart is a difference to the
/// file for as long as it waits.
pub fn in_force(mut new: Plan, running: &Plan) -> Plan {
    let (global, was) = (&mut new.global, &running.global);
    global.daemon = was.daemon;
    global.threads = was.threads;
    global.files = was.files;
    global.open_files = was.open_files;
    global.lenient_limits = was.lenient_limits;
    global.accept = was.accept;
    global.pidfile.clone_from(&was.pidfile);
    global.user.clone_from(&was.user);
    global.group.clone_from(&was.group);
    global.chroot.clone_from(&was.chroot);
    global.state.clone_from(&was.state);
    for socket in &mut global.stats_sockets {
        if let Some(was) = was.stats_sockets.iter().find(|was| was.address == socket.address) {
            keep_socket(socket, was);
        }
    }
    for frontend in &mut new.frontends {
        let was = running.frontends.iter().find(|was| was.name == frontend.name);
        let after = frontend.binds.clone();
        for bind in &mut frontend.binds {
            let was = was.and_then(|was| same_bind(bind, &was.binds, &after));
            was.into_iter().for_each(|was| keep_bind(bind, was));
        }
    }
    for backend in &mut new.backends {
        if let Some(was) = running.backends.iter().find(|was| was.name == backend.name) {
            backend.server_states.clone_from(&was.server_states);
        }
    }
    new
}

fn keep_socket(socket: &mut StatsSocket, was: &StatsSocket) {
    socket.file.clone_from(&was.file);
}

fn keep_bind(bind: &mut Bind, was: &Bind) {
    bind.interface.clone_from(&was.interface);
    bind.v6only = was.v6only;
    bind.transparent = was.transparent;
    bind.user_timeout = was.user_timeout;
    bind.segment = was.segment;
    bind.defer_accept = was.defer_accept;
    bind.file.clone_from(&was.file);
}
