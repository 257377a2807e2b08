//! What the page says of the form that was sent before.

/// What came of it.
pub(super) struct Flash {
    pub(super) class: &'static str,
    pub(super) text: &'static str,
}

impl Flash {
    /// By the code in the page's address.
    pub(super) fn of(code: &str) -> Flash {
        let (class, text) = match code {
            "DONE" => ("good", "Done."),
            "NONE" => ("neutral", "Nothing has changed."),
            "PART" => ("part", "Done in part: some of the servers are unknown."),
            "ERRP" => ("wrong", "Not done: the action, the backend or the servers are unknown."),
            "EXCD" => (
                "wrong",
                "Not done: that was too much at once. Try again with fewer servers.",
            ),
            "DENY" => (
                "wrong",
                "Not done: this is not allowed here, or the form was older than the process. Try again from this page.",
            ),
            "BUSY" => (
                "wrong",
                "Not done: another process takes over at this moment. Try again in a few seconds.",
            ),
            "IVAL" => ("wrong", "Not done: the request was not valid."),
            _ => ("neutral", "Nobody knows what came of it."),
        };
        Flash { class, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of HAProxy, and one of ours.
    #[test]
    fn every_code_has_words_of_its_own() {
        let codes = ["DONE", "NONE", "PART", "ERRP", "EXCD", "DENY", "IVAL", "BUSY", "UNKN"];
        let mut texts = codes.map(|code| Flash::of(code).text).to_vec();
        assert_eq!(Flash::of("anything").text, Flash::of("UNKN").text);
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), codes.len());
        for code in ["ERRP", "EXCD", "DENY", "IVAL", "BUSY"] {
            assert_eq!(Flash::of(code).class, "wrong", "{code}");
        }
    }
}
