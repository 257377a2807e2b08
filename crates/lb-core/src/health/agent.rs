//! What an agent on a server says: one line of words (reference 2.3).
//!
//! `75%,maxconn:30,ready up`: any of a share of the weight, a limit, what an operator could demand, and whether the
//! server serves. What follows `#` is for people.

use super::AdminChange;

/// An agent's line, as far as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    pub admin: Option<AdminChange>,
    /// Percent of the weight in the configuration.
    pub weight: Option<u32>,
    pub maxconn: Option<u32>,
    pub service: Option<Service>,
    /// The first word that means nothing.
    pub odd: Option<Box<str>>,
}

/// Whether the server serves, in the agent's word, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub is_up: bool,
    pub word: &'static str,
    pub why: Option<Box<str>>,
}

/// Words that say whether the server serves.
const SERVICES: [(&str, bool); 4] = [("up", true), ("down", false), ("stopped", false), ("fail", false)];

/// The longest line that is listened to.
pub const LONGEST: usize = 1024;

impl Advice {
    /// The first line of an answer; `None` when it says nothing at all.
    pub fn read(answer: &[u8]) -> Option<Advice> {
        let end = answer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let line = String::from_utf8_lossy(&answer[..end.unwrap_or(answer.len())]);
        let (words, why) = match line.split_once('#') {
            Some((words, why)) => (words, Some(why.trim())),
            None => (&*line, None),
        };
        let mut advice = Advice::default();
        let mut said = false;
        for word in words.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
            said = true;
            advice.hear(word, why);
        }
        said.then_some(advice)
    }

    /// Whether an answer is complete.
    pub fn is_over(answer: &[u8]) -> bool {
        answer.len() >= LONGEST || answer.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
    }

    fn hear(&mut self, word: &str, why: Option<&str>) {
        if let Some((word, is_up)) = SERVICES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) {
            let why = why.filter(|why| !why.is_empty()).map(Into::into);
            self.service = Some(Service { is_up, word, why });
            return;
        }
        let demand = [
            ("ready", AdminChange::Ready),
            ("drain", AdminChange::Drain),
            ("maint", AdminChange::Maint),
        ];
        if let Some((_, change)) = demand.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(word)) {
            self.admin = Some(change);
        } else if let Some(percent) = word.strip_suffix('%').and_then(number) {
            self.weight = Some(percent);
        } else if let Some(most) = word.strip_prefix("maxconn:").and_then(number) {
            self.maxconn = Some(most);
        } else {
            self.odd.get_or_insert_with(|| word.into());
        }
    }
}

impl Service {
    /// As statistics and logs show it.
    pub fn info(&self) -> String {
        match &self.why {
            Some(why) => format!("via agent : {} ({why})", self.word),
            None => format!("via agent : {}", self.word),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let Some(Advice {
            admin,
            weight,
            maxconn,
            service,
            odd,
        }) = Advice::read(line.as_bytes())
        else {
            return "nothing".to_owned();
        };
        let parts = [
            admin.map(|change| format!("{change:?}")),
            weight.map(|percent| format!("{percent}%")),
            maxconn.map(|most| format!("max {most}")),
            service.map(|service| format!("{} {}", service.is_up, service.info())),
            odd.map(|word| format!("odd {word}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn lines() {
        for (line, meaning) in [
            ("up\n", "true via agent : up"),
            ("down #because of\r\nup", "false via agent : down (because of)"),
            (
                "75%,maxconn:30,maint,DOWN\n",
                "Maint, 75%, max 30, false via agent : down",
            ),
            ("ready\tup 100%", "Ready, 100%, true via agent : up"),
            ("stopped #\n", "false via agent : stopped"),
            ("fail", "false via agent : fail"),
            ("weight:20 up\n", "true via agent : up, odd weight:20"),
            ("maxconn:x -5% %", "odd maxconn:x"),
            ("\nup", "nothing"),
            ("", "nothing"),
            (" ,\t#up", "nothing"),
        ] {
            assert_eq!(shown(line), meaning, "{line:?}");
        }
        assert!(Advice::is_over(b"up\r") && !Advice::is_over(b"up") && Advice::is_over(&[b'x'; LONGEST]));
    }
}
