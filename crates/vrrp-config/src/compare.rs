//! Two Plans that are to work as a pair.

use crate::plan::Plan;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub message: String,
}

pub fn compare(_a: &Plan, _b: &Plan) -> Vec<Finding> {
    Vec::new()
}
