//! What is said of the whole, in the words of this form.
//!
//! Whoever looks at the whole does not know in which form it was written, and speaks that of `haproxy.cfg`.

use tandem_text::Diagnostic;

/// What is replaced by what. Longer ones come before those that they begin with.
const PHRASES: &[(&str, &str)] = &[
    ("`default_backend`", "`default-backend`"),
    ("`mode http`", "`mode = \"http\"`"),
    ("`mode tcp`", "`mode = \"tcp\"`"),
    ("`stats enable`", "a table `stats`"),
    (
        "`stats http-request` and `stats admin`",
        "`stats-rules` and `stats.admin`",
    ),
    ("`accept-proxy`", "`accept-proxy = true`"),
    ("`agent-port N`", "`agent-port = N`"),
    ("`port N`", "`check-port = N`"),
    ("add `check`", "add `check = true`"),
    ("`external-check` to `global`", "`external-checks = true` to `[global]`"),
    ("`external-check command PATH`", "`external-command = \"PATH\"`"),
    ("`hash-balance-factor`", "`hash.balance-factor`"),
    ("`hash-type consistent`", "`hash.type = \"consistent\"`"),
    ("`send-proxy-v2`", "`send-proxy = \"v2\"`"),
    ("`set-proxy-v2-tlv-fmt`", "`proxy-v2-values`"),
    (
        "`stick-table type ip size 200k`",
        "`stick-table = \"type ip size 200k\"`",
    ),
    ("`stick on src`", "`stick-rules = [\"on src\"]`"),
    ("`shards N`", "`shards = N`"),
    ("a section `backend ", "a `[[backend]]` named `"),
    ("a section `peers ", "a `[[peers]]` named `"),
    ("a section `resolvers ", "a `[[resolvers]]` named `"),
];

/// Says it as the file was written.
pub(crate) fn say(diagnostic: &mut Diagnostic) {
    for (theirs, ours) in PHRASES {
        for text in std::iter::once(&mut diagnostic.message).chain(&mut diagnostic.help) {
            if text.contains(theirs) {
                *text = text.replace(theirs, ours);
            }
        }
    }
}
