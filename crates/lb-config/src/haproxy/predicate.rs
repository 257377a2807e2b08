//! The conditions of `.if` and `.elif`: what is known when the file is read.

use crate::expr::World;

/// The release that a configuration may count on: what we do was measured on it.
const RELEASE: [u32; 3] = [2, 6, 12];

/// What HAProxy calls its build options, as far as we read the lines that stand behind them. One that is missing here
/// takes those lines away without a word, so whatever we would at least complain of belongs here.
const FEATURES: &[&str] = &[
    "ACCEPT4",
    "CPU_AFFINITY",
    "CRYPT_H",
    "EPOLL",
    "GETADDRINFO",
    "LIBCRYPT",
    "LINUX_SPLICE",
    "LINUX_TPROXY",
    "OPENSSL",
    "PCRE2",
    "PCRE2_JIT",
    "POLL",
    "PRCTL",
    "PROMEX",
    "RT",
    "SYSTEMD",
    "TFO",
    "THREAD",
    "TPROXY",
];

/// How the TLS library of HAProxy calls itself that can what ours can: TLS 1.3, and names and files as there.
const TLS_LIBRARY: &str = "OpenSSL 3.0.0";
const TLS_RELEASE: [u32; 3] = [3, 0, 0];

/// What may be switched off there at start, and is on here.
const ENABLED: &[&str] = &["EPOLL", "GETADDRINFO", "POLL", "REUSEPORT"];

/// Evaluates a condition. An empty one is false; what cannot be read is said with its place.
pub(super) fn holds(text: &str, world: World<'_>) -> Result<bool, (usize, String)> {
    let mut input = Input { text, at: 0, world };
    input.blanks();
    if input.rest().is_empty() {
        return Ok(false);
    }
    let value = input.any()?;
    match input.rest() {
        "" => Ok(value),
        _ => Err((input.at, "the condition should end before this".to_owned())),
    }
}

/// The same for whoever asks on a command line.
pub fn condition(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<bool, String> {
    let no_file = |_: &str| Err("no file is read for a condition".to_owned());
    let held = holds(text, World::new(env, &no_file));
    held.map_err(|(at, why)| format!("{why} (character {})", at + 1))
}

struct Input<'a> {
    text: &'a str,
    at: usize,
    world: World<'a>,
}

type Outcome<T> = Result<T, (usize, String)>;

/// A condition is one line; more parentheses than this are a mistake.
const DEEPEST: usize = 64;

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes this, and the blanks behind it.
    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
            self.blanks();
        }
        found
    }

    fn any(&mut self) -> Outcome<bool> {
        self.any_within(0)
    }

    fn any_within(&mut self, depth: usize) -> Outcome<bool> {
        let mut value = self.all(depth)?;
        while self.accept("||") {
            value |= self.all(depth)?;
        }
        Ok(value)
    }

    fn all(&mut self, depth: usize) -> Outcome<bool> {
        let mut value = self.term(depth)?;
        while self.accept("&&") {
            value &= self.term(depth)?;
        }
        Ok(value)
    }

    fn term(&mut self, depth: usize) -> Outcome<bool> {
        if depth > DEEPEST {
            return Err((self.at, "too many parentheses".to_owned()));
        }
        let mut negated = false;
        while self.accept("!") {
            negated = !negated;
        }
        let start = self.at;
        let value = if self.accept("(") {
            let value = self.any_within(depth + 1)?;
            if !self.accept(")") {
                return Err((self.at, "`)` is missing here".to_owned()));
            }
            value
        } else {
            let word = self.word();
            match word.parse::<i64>() {
                Ok(number) => number != 0,
                Err(_) if self.accept("(") => {
                    let arguments = self.arguments()?;
                    predicate(word, &arguments, self.world).map_err(|why| (start, why))?
                }
                Err(_) => return Err((start, format!("`{}` is no condition", self.text[start..].trim()))),
            }
        };
        Ok(value != negated)
    }

    fn word(&mut self) -> &'a str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let rest = self.rest();
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += length;
        self.blanks();
        &rest[..length]
    }

    /// What stands in the parentheses; quotes protect commas and parentheses.
    fn arguments(&mut self) -> Outcome<Vec<String>> {
        let (start, mut quote) = (self.at, None);
        let mut arguments = vec![String::new()];
        for (place, letter) in self.rest().char_indices() {
            match (quote, letter) {
                (Some(open), close) if open == close => quote = None,
                (None, '"' | '\'') => quote = Some(letter),
                (None, ',') => arguments.push(String::new()),
                (None, ')') => {
                    self.at += place + 1;
                    self.blanks();
                    return Ok(arguments);
                }
                (_, letter) => {
                    if let Some(last) = arguments.last_mut() {
                        last.push(letter);
                    }
                }
            }
        }
        Err((start, "`)` is missing behind this".to_owned()))
    }
}

fn predicate(name: &str, arguments: &[String], world: World<'_>) -> Result<bool, String> {
    let wants = match name {
        "streq" | "strneq" | "strstr" => 2,
        "defined" | "feature" | "enabled" | "version_atleast" | "version_before" => 1,
        "openssl_version_atleast" | "openssl_version_before" | "ssllib_name_startswith" => 1,
        "awslc_api_atleast" | "awslc_api_before" => 1,
        _ => return Err(format!("`{name}` is no predicate")),
    };
    let is_empty = arguments.len() == 1 && arguments[0].is_empty();
    if arguments.len() != wants || is_empty {
        let plural = if wants == 1 { "" } else { "s" };
        return Err(format!("`{name}` takes {wants} argument{plural}"));
    }
    let first = arguments[0].as_str();
    let second = arguments.get(1).map_or("", String::as_str);
    Ok(match name {
        "defined" => (world.env)(first).is_some(),
        "feature" => FEATURES.contains(&first),
        "enabled" => ENABLED.contains(&first),
        "streq" => first == second,
        "strneq" => first != second,
        "strstr" => first.contains(second),
        "version_atleast" => RELEASE >= release(first)?,
        "version_before" => RELEASE < release(first)?,
        "openssl_version_atleast" => TLS_RELEASE >= tls_release(first)?,
        "openssl_version_before" => TLS_RELEASE < tls_release(first)?,
        "ssllib_name_startswith" => TLS_LIBRARY.starts_with(first),
        // `awslc_api_*`: it is another library's.
        _ => false,
    })
}

/// `3.0.0`, and with the letter of a patch as it was before: `1.1.1k`.
fn tls_release(text: &str) -> Result<[u32; 3], String> {
    release(text.trim_end_matches(|letter: char| letter.is_ascii_lowercase()))
        .map_err(|_| format!("`{text}` is not a version"))
}

/// `2.6`, `2.6.12`, `2.6-dev3`: what is left out is 0, and a development release comes before its release.
fn release(text: &str) -> Result<[u32; 3], String> {
    let bad = || format!("`{text}` is not a version");
    let (numbers, _) = text.split_once('-').unwrap_or((text, ""));
    let mut parts = [0; 3];
    for (part, number) in parts.iter_mut().zip(numbers.split('.')) {
        *part = number.parse().map_err(|_| bad())?;
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `haproxy -cc` of 2.6.12 says it: 0 is true, 1 is false, 2 is a mistake.
    #[test]
    fn as_haproxy_decides() {
        let world = World::new(&|name| (name == "X").then(String::new), &|_| Err(String::new()));
        for (text, expected) in [
            ("", 1),
            ("0", 1),
            ("1", 0),
            ("2", 0),
            ("-1", 0),
            ("!0", 0),
            ("!!1", 0),
            ("foo", 2),
            ("x", 2),
            ("x=1", 2),
            ("1 &&", 2),
            ("not 1", 2),
            ("1 and 1", 2),
            ("(1 && 0) || 1", 0),
            ("1 || 0 && 0", 0),
            ("defined(X)", 0),
            ("defined(Y)", 1),
            ("! defined(Y)", 0),
            ("defined(", 2),
            ("defined(X) defined(Y)", 2),
            ("streq(a,b)", 1),
            ("streq(a,a)", 0),
            ("strneq('a,b',\"a,b\")", 1),
            ("streq(a)", 2),
            ("feature(NOPE)", 1),
            ("feature(THREAD)", 0),
            ("feature(OPENSSL)", 0),
            ("feature(CRYPT_H)", 0),
            ("feature(LINUX_SPLICE)", 0),
            ("feature(LINUX_TPROXY) && feature(TFO)", 0),
            ("feature(QUIC)", 1),
            ("openssl_version_atleast(1.1.1)", 0),
            ("openssl_version_atleast(1.1.1k)", 0),
            ("openssl_version_before(1.1.0)", 1),
            ("openssl_version_before(4.0.0)", 0),
            ("ssllib_name_startswith(OpenSSL)", 0),
            ("ssllib_name_startswith(AWS-LC)", 1),
            ("version_atleast(2.6.12)", 0),
            ("version_atleast(2.6.13)", 1),
            ("version_before(2.7)", 0),
            ("version_before(2.6)", 1),
            ("version_atleast(x)", 2),
        ] {
            let found = holds(text, world).map_or(2, |holds| i32::from(!holds));
            assert_eq!(found, expected, "{text}");
        }
        let deep = "(".repeat(100_000);
        assert!(holds(&deep, world).is_err());
    }
}
