//! Packets that switches lose: between two hosts, or a share of them at random.
//!
//! Ports at a switch are told apart, not addresses, so that ARP, multicast and packets for addresses that wander between
//! hosts are lost alike.

use std::fmt::Write;

/// Names one fault, to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultId(u64);

/// Ports are named as the switch knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing gets from one of these to one of those.
    Drop { from: Vec<String>, to: Vec<String> },
    /// Of a thousand packets that enter or leave here, this many are lost.
    Lose { port: String, per_mille: u16 },
}

#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<(FaultId, Fault)>,
    last: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.list.push((id, fault));
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) {
        self.list.retain(|(each, _)| *each != id);
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// All faults as one script that replaces what was there.
    pub(crate) fn script(&self) -> String {
        let mut rules = String::new();
        for (_, fault) in &self.list {
            // Writing to a String cannot fail.
            let _ = match fault {
                Fault::Drop { from, to } => writeln!(rules, "iifname {} oifname {} drop", set(from), set(to)),
                Fault::Lose { port, per_mille } => {
                    let share = share(*per_mille);
                    writeln!(rules, "iifname \"{port}\" {share}drop\noifname \"{port}\" {share}drop")
                }
            };
        }
        format!(
            "table bridge lab\ndelete table bridge lab\ntable bridge lab {{\nchain forward {{\n\
             type filter hook forward priority 0; policy accept;\n{rules}}}\n}}\n"
        )
    }
}

/// nft refuses a comparison that every number passes, so all packets are no share.
fn share(per_mille: u16) -> String {
    match per_mille {
        ..1000 => format!("numgen random mod 1000 < {per_mille} "),
        1000.. => String::new(),
    }
}

fn set(ports: &[String]) -> String {
    let quoted: Vec<String> = ports.iter().map(|port| format!("\"{port}\"")).collect();
    format!("{{ {} }}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mended_fault_leaves_the_script() {
        let mut faults = Faults::default();
        let empty = faults.script();
        let drop = faults.add(Fault::Drop {
            from: vec!["p0".into()],
            to: vec!["p1".into(), "p2".into()],
        });
        let lose = faults.add(Fault::Lose {
            port: "p0".into(),
            per_mille: 100,
        });
        assert!(
            faults
                .script()
                .contains("iifname { \"p0\" } oifname { \"p1\", \"p2\" } drop")
        );
        faults.remove(drop);
        assert!(!faults.script().contains("\"p1\""));
        assert!(faults.script().contains("numgen random mod 1000 < 100 drop"));
        faults.remove(lose);
        assert_eq!(faults.script(), empty);
    }

    #[test]
    fn all_packets_are_lost_without_a_lot() {
        let mut faults = Faults::default();
        faults.add(Fault::Lose {
            port: "p0".into(),
            per_mille: 1000,
        });
        let script = faults.script();
        assert!(script.contains("iifname \"p0\" drop\noifname \"p0\" drop"), "{script}");
    }
}
