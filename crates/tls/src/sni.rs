//! Finding by name: which certificates are for a host.
//!
//! A name that is written out beats a wildcard, and `*` stands for one label (RFC 9525 section 6.3). `!name` takes a host
//! out of what the wildcards of the same certificate cover.

use std::collections::BTreeMap;

/// Places by the names that lead there. The first that was put in for a name comes first.
#[derive(Clone, Debug, Default)]
pub struct Index {
    exact: BTreeMap<String, Vec<usize>>,
    /// By what follows the `*`.
    wild: BTreeMap<String, Vec<usize>>,
    except: BTreeMap<String, Vec<usize>>,
}

impl Index {
    pub fn put(&mut self, name: &str, place: usize) {
        let name = name.to_ascii_lowercase();
        let (names, key) = match (name.strip_prefix('!'), name.strip_prefix('*')) {
            (Some(name), _) => (&mut self.except, name),
            (_, Some(rest)) => (&mut self.wild, rest),
            _ => (&mut self.exact, name.as_str()),
        };
        let places = names.entry(key.to_owned()).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// The places for a host; empty when no name fits.
    pub fn find(&self, host: &str) -> Vec<usize> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if let Some(places) = self.exact.get(&host) {
            return places.clone();
        }
        // A filter that is `*` alone takes every host.
        let parent = host.find('.').map_or("", |dot| &host[dot..]);
        let found = [parent, ""].into_iter().find_map(|rest| self.wild.get(rest));
        let except = self.except.get(&host);
        let is_excepted = |place: &&usize| except.is_some_and(|places| places.contains(place));
        let found = found.into_iter().flatten();
        found.filter(|place| !is_excepted(place)).copied().collect()
    }
}

/// Whether a name in a certificate, which may begin with `*`, is for this host.
pub fn is_for(name: &str, host: &str) -> bool {
    let mut index = Index::default();
    index.put(name, 0);
    name.strip_prefix('*').is_none_or(|rest| rest.starts_with('.')) && !index.find(host).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_beats_wild_and_wild_is_one_label() {
        let mut index = Index::default();
        for (place, name) in ["a.example", "*.Example", "*.b.example", "!c.example", "c.example"]
            .iter()
            .enumerate()
        {
            index.put(name, if *name == "!c.example" { 1 } else { place });
        }
        let cases: [(&str, &[usize]); 8] = [
            ("a.example", &[0]),
            ("A.EXAMPLE.", &[0]),
            ("x.example", &[1]),
            ("x.b.example", &[2]),
            ("x.y.example", &[]),
            ("example", &[]),
            ("c.example", &[4]),
            ("", &[]),
        ];
        for (host, places) in cases {
            assert_eq!(index.find(host), places, "{host}");
        }
    }

    #[test]
    fn what_is_excepted_is_nobodys_and_a_star_is_everybodys() {
        let mut index = Index::default();
        index.put("*.example", 0);
        index.put("!no.example", 0);
        assert!(index.find("no.example").is_empty());
        index.put("*", 1);
        assert_eq!(index.find("no.other.host"), [1]);
        assert_eq!(index.find("yes.example"), [0]);
    }
}
