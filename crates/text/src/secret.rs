//! What is known to few, beside what somebody says it is.

/// In a time that depends on the lengths alone.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    // Each step is hidden from the compiler, which might otherwise stop at the first that differs.
    let differences = pairs.fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn every_byte_and_the_length_count() {
        assert!(same(b"", b"") && same(b"secret", b"secret"));
        for other in [&b"secreu"[..], b"tecret", b"secre", b"secrets", b""] {
            assert!(!same(b"secret", other) && !same(other, b"secret"));
        }
    }
}
