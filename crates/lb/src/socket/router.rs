//! `show router`: what `tandem-vrrp` beside us says of this host's virtual addresses, as the page shows it.

use std::fmt::Write;

use tandem_ops::control::{Call, Reply};

use super::Room;
use crate::router::Instance;

/// A row for each virtual router; none where no router answers.
pub(super) fn show(room: &Room, _: &Call) -> Reply {
    Reply::Output(table(&room.router.instances()))
}

fn table(instances: &[Instance]) -> String {
    let mut text = String::from("# name,state,vrid,interface,priority,base_priority,since,split,addresses\n");
    for instance in instances {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{:.0},{},{}",
            cell(&instance.name),
            cell(&instance.state),
            instance.vrid,
            cell(instance.interface.as_deref().unwrap_or_default()),
            instance.priority,
            instance.base_priority,
            instance.since_seconds,
            u8::from(instance.split),
            cell(&instance.addresses.join(" "))
        );
    }
    text
}

/// Names are whatever the router's file calls them.
fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"").replace('\n', " ")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_virtual_router() {
        let head = "# name,state,vrid,interface,priority,base_priority,since,split,addresses\n";
        assert_eq!(table(&[]), head);
        let instance = Instance {
            name: "VI, \"1\"".into(),
            state: "MASTER".into(),
            interface: Some("eth0".into()),
            vrid: 51,
            priority: 90,
            base_priority: 150,
            since_seconds: 12.4,
            addresses: vec!["192.0.2.1/24".into(), "192.0.2.2/24".into()],
            split: true,
        };
        let unbound = Instance {
            name: "W".into(),
            interface: None,
            split: false,
            ..instance.clone()
        };
        assert_eq!(
            table(&[instance, unbound]),
            format!(
                "{head}\"VI, \"\"1\"\"\",MASTER,51,eth0,90,150,12,1,192.0.2.1/24 192.0.2.2/24\n\
                 W,MASTER,51,,90,150,12,0,192.0.2.1/24 192.0.2.2/24\n"
            )
        );
    }
}
