//! What configurations mean.

use crate::{complaints, read};

const EXAMPLE: &str = include_str!("../../../../etc/keepalived-example.conf");

#[test]
fn the_example() {
    let loaded = read(EXAMPLE);
    assert_eq!(complaints(&loaded), [""; 0]);
    println!("{:#?}", loaded.plan);
    assert!(loaded.plan.is_some());
}
