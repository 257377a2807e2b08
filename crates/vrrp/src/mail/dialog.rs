//! A client's side of SMTP (RFC 5321) for one letter, as a machine: the server's lines in, ours out.

use super::letter::Letter;

/// What has been said, and is now to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connected,
    Hello,
    From,
    To(usize),
    Data,
    Text,
    Quit,
}

impl Stage {
    /// As Keepalived calls them in its log.
    const fn word(self) -> &'static str {
        match self {
            Stage::Connected => "CONNECT",
            Stage::Hello => "HELO",
            Stage::From => "MAIL",
            Stage::To(_) => "RCPT",
            Stage::Data => "DATA",
            Stage::Text => "BODY",
            Stage::Quit => "QUIT",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The answer goes on.
    Listen,
    Say(String),
    /// It has the letter; this is good-bye.
    Sent(String),
    /// Nothing is left to be said.
    Over,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Answer {
        stage: &'static str,
        code: u16,
    },
    /// What was heard is no answer.
    NoAnswer,
}

impl Refusal {
    /// As Keepalived says it.
    pub(super) fn of(&self, server: &str) -> String {
        match self {
            Refusal::Answer { stage, code } => {
                format!("Error processing {stage} cmd on SMTP server {server}. SMTP status code = {code}")
            }
            Refusal::NoAnswer => format!("SMTP server {server} does not speak SMTP"),
        }
    }
}

#[derive(Debug)]
pub(super) struct Dialog<'a> {
    letter: &'a Letter,
    stage: Stage,
    /// So many recipients were taken.
    taken: usize,
    /// What the server said of the others.
    refused: Vec<(&'a str, u16)>,
}

impl<'a> Dialog<'a> {
    pub(super) const fn new(letter: &'a Letter) -> Dialog<'a> {
        Dialog {
            letter,
            stage: Stage::Connected,
            taken: 0,
            refused: Vec::new(),
        }
    }

    /// Those who were not taken, with the reasons.
    pub(super) fn refused(&self) -> &[(&'a str, u16)] {
        &self.refused
    }

    /// A line of the server's, without its end.
    pub(super) fn hear(&mut self, line: &str) -> Result<Step, Refusal> {
        let (code, is_last) = reply(line).ok_or(Refusal::NoAnswer)?;
        if !is_last {
            return Ok(Step::Listen);
        }
        self.answered(code)
    }

    fn answered(&mut self, code: u16) -> Result<Step, Refusal> {
        let good = match self.stage {
            Stage::Connected => code == 220,
            Stage::Data => code == 354,
            Stage::Quit => return Ok(Step::Over),
            Stage::To(place) => return self.recipient(place, code),
            Stage::Hello | Stage::From | Stage::Text => code / 100 == 2,
        };
        if !good {
            return Err(self.refusal(code));
        }
        Ok(match self.stage {
            Stage::Connected => self.say(Stage::Hello, format!("HELO {}\r\n", self.letter.helo)),
            Stage::Hello => self.say(Stage::From, format!("MAIL FROM:<{}>\r\n", self.letter.from)),
            Stage::From => return self.next(0, code),
            Stage::Data => self.say(Stage::Text, text(&self.letter.text)),
            _ => {
                self.stage = Stage::Quit;
                Step::Sent("QUIT\r\n".to_owned())
            }
        })
    }

    /// One who is not known is no reason not to write to the others.
    fn recipient(&mut self, place: usize, code: u16) -> Result<Step, Refusal> {
        if code / 100 == 2 {
            self.taken += 1;
        } else if let Some(to) = self.letter.to.get(place) {
            self.refused.push((to, code));
        }
        self.next(place + 1, code)
    }

    fn next(&mut self, place: usize, code: u16) -> Result<Step, Refusal> {
        match self.letter.to.get(place) {
            Some(to) => Ok(self.say(Stage::To(place), format!("RCPT TO:<{to}>\r\n"))),
            None if self.taken == 0 => Err(self.refusal(code)),
            None => Ok(self.say(Stage::Data, "DATA\r\n".to_owned())),
        }
    }

    fn say(&mut self, stage: Stage, words: String) -> Step {
        self.stage = stage;
        Step::Say(words)
    }

    const fn refusal(&self, code: u16) -> Refusal {
        Refusal::Answer {
            stage: self.stage.word(),
            code,
        }
    }
}

/// The code, and whether this is the answer's last line (RFC 5321 section 4.2.1).
fn reply(line: &str) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let is_code = digits.bytes().all(|byte| byte.is_ascii_digit());
    let code = digits.parse().ok().filter(|_| is_code)?;
    match rest.bytes().next() {
        Some(b'-') => Some((code, false)),
        None | Some(b' ') => Some((code, true)),
        Some(_) => None,
    }
}

/// With a dot before each that begins a line, and one alone at the end (RFC 5321 section 4.5.2).
fn text(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(if line.starts_with('.') { "." } else { "" });
        text.push_str(line);
        text.push_str("\r\n");
    }
    text + ".\r\n"
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tandem_vrrp_config::MailServer;

    use super::*;

    fn letter() -> Letter {
        Letter {
            server: MailServer {
                host: "h".into(),
                port: 25,
            },
            at: Instant::now(),
            patience: Duration::from_secs(1),
            helo: "me".into(),
            from: "a@x".into(),
            to: vec!["b@x".into(), "c@x".into()],
            text: vec!["Subject: s".into(), String::new(), ".dot".into()],
        }
    }

    /// What was said, whether the letter was sent, and who was refused.
    type Talk = (Vec<String>, Result<bool, Refusal>, Vec<(String, u16)>);

    fn talk(answers: &[&str]) -> Talk {
        let letter = letter();
        let mut dialog = Dialog::new(&letter);
        let (mut said, mut sent) = (Vec::new(), false);
        let mut outcome = Ok(());
        for answer in answers {
            match dialog.hear(answer) {
                Ok(Step::Say(words)) => said.push(words),
                Ok(Step::Sent(words)) => {
                    sent = true;
                    said.push(words);
                }
                Ok(Step::Listen | Step::Over) => {}
                Err(refusal) => outcome = Err(refusal),
            }
        }
        let refused = dialog.refused().iter().map(|(to, code)| ((*to).to_owned(), *code));
        let refused = refused.collect();
        (said, outcome.map(|()| sent), refused)
    }

    #[test]
    fn a_letter_is_taken() {
        let answers = [
            "220-welcome",
            "220 here",
            "250 ok",
            "250 ok",
            "250 ok",
            "251 elsewhere",
            "354 go",
            "250 ok",
            "221 bye",
        ];
        let (said, outcome, refused) = talk(&answers);
        let words = [
            "HELO me\r\n",
            "MAIL FROM:<a@x>\r\n",
            "RCPT TO:<b@x>\r\n",
            "RCPT TO:<c@x>\r\n",
            "DATA\r\n",
            "Subject: s\r\n\r\n..dot\r\n.\r\n",
            "QUIT\r\n",
        ];
        assert_eq!(said, words);
        assert_eq!((outcome, refused), (Ok(true), Vec::new()));
    }

    #[test]
    fn one_unknown_recipient_is_not_all() {
        let (said, outcome, refused) = talk(&["220", "250", "250", "550 who", "250", "354", "250"]);
        assert_eq!(said.len(), 7);
        assert_eq!((outcome, refused), (Ok(true), vec![("b@x".to_owned(), 550)]));
        let (_, outcome, _) = talk(&["220", "250", "250", "550 who", "553 who"]);
        let refused = Refusal::Answer {
            stage: "RCPT",
            code: 553,
        };
        assert_eq!(outcome, Err(refused), "with nobody left there is nothing to send");
    }

    #[test]
    fn a_refusal_at_each_stage_says_which() {
        let good = ["220", "250", "250", "250", "250", "354", "250"];
        for (place, stage) in ["CONNECT", "HELO", "MAIL"].into_iter().enumerate() {
            let mut answers = good[..place].to_vec();
            answers.push("421 not now");
            assert_eq!(talk(&answers).1, Err(Refusal::Answer { stage, code: 421 }));
        }
        for (place, stage) in [(5, "DATA"), (6, "BODY")] {
            let mut answers = good[..place].to_vec();
            answers.push("452 full");
            assert_eq!(talk(&answers).1, Err(Refusal::Answer { stage, code: 452 }));
        }
    }

    #[test]
    fn who_does_not_speak_smtp_is_left() {
        for line in ["", "22", "HTTP/1.1 400 Bad Request", "2200", "22 0", "+OK", "22é"] {
            assert_eq!(talk(&[line]).1, Err(Refusal::NoAnswer), "{line:?}");
        }
    }
}
